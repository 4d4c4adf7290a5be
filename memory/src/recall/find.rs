//! The two ways to find an entry: by its meaning and by its words.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use llm::Purpose;

use crate::entry::Entry;
use crate::index::Near;
use crate::memory::Memory;
use crate::person::{Asker, Person};
use crate::store::{StoreError, Words};
use crate::turn::Id;

/// Entries that each way finds at most. Several times what a prompt takes, because what is found
/// by both ways may stand far down in each.
const CANDIDATES: usize = 50;

/// Terms of a question that are searched for at most; nobody asks with more.
const MOST_TERMS: usize = 32;

/// Characters of a question that are made into a vector at most: the models read no further.
const MOST_CHARACTERS: usize = 1_000;

/// What the ways have found, each best first.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// By meaning, with the cosine.
    pub(super) near: Vec<(Entry, f32)>,
    /// By words.
    pub(super) same: Vec<Entry>,
}

impl Memory {
    /// What lies near in meaning, with its cosine, nearest first.
    pub(super) async fn near(
        &self,
        asker: &Asker,
        person: &Person,
        question: &str,
        terms: &[String],
        allowed: impl Future<Output = bool>,
    ) -> Result<Vec<(Entry, f32)>, StoreError> {
        // Without a word that means something everything is equally near.
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        let (vector, private_too) = tokio::join!(self.vector(question), allowed);
        let near = Near {
            person,
            company: asker.company,
            private_too,
            vector: &vector?,
            limit: CANDIDATES,
        };
        let hits = self.parts().index.nearest(near).await?;
        let ids: Vec<Id> = hits.iter().map(|hit| hit.id).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let entries = self.parts().store.entries(&ids).await?;
        let mut entries: HashMap<Id, Entry> =
            entries.into_iter().map(|entry| (entry.id, entry)).collect();
        // What the store does not know any more was forgotten, and the index has yet to learn it.
        Ok(hits
            .into_iter()
            .filter_map(|hit| Some((entries.remove(&hit.id)?, hit.cosine)))
            .collect())
    }

    /// What holds some of the words, best first.
    pub(super) async fn same_words(
        &self,
        asker: &Asker,
        person: &Person,
        terms: &[String],
        allowed: impl Future<Output = bool>,
    ) -> Result<Vec<Entry>, StoreError> {
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        let words = Words {
            person,
            company: asker.company,
            private_too: allowed.await,
            terms: &terms[..terms.len().min(MOST_TERMS)],
            limit: CANDIDATES,
        };
        let found = self.parts().store.search(words).await?;
        Ok(found.into_iter().map(|(entry, _)| entry).collect())
    }

    /// The question as a vector, from the last few questions or made now.
    pub(crate) async fn vector(&self, question: &str) -> Result<Arc<[f32]>, StoreError> {
        let question: String = question.trim().chars().take(MOST_CHARACTERS).collect();
        if let Some(vector) = self.desk().questions.get(&question) {
            return Ok(vector);
        }
        let made = self
            .parts()
            .embed
            .embed(vec![question.clone()], Purpose::Question)
            .await
            .map_err(|error| StoreError::Unavailable {
                reason: format!("no vector: {error}"),
            })?;
        let vector: Arc<[f32]> = made
            .into_iter()
            .next()
            .ok_or_else(|| StoreError::Refused {
                reason: "no vector: the model answered with none".to_owned(),
            })?
            .into();
        self.desk().questions.insert(question, Arc::clone(&vector));
        Ok(vector)
    }
}
