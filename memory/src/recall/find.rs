//! The two ways to find an entry: by its meaning and by its words.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;

use llm::Purpose;
use tokio::time::{Instant, timeout_at};

use super::Recollection;
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
    /// What was learnt about the person, ended things among it.
    pub(super) learnt: Vec<Entry>,
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

    /// A question that was asked before is answered by what was heard then, and an answer means
    /// little without its question: the other side of a turn comes along.
    pub(super) async fn add_other_sides(
        &self,
        entries: &mut Vec<Recollection>,
        present: &HashSet<Id>,
        deadline: Instant,
    ) {
        let known: HashSet<Id> = entries.iter().map(|known| known.entry.id).collect();
        let wanted: Vec<Id> = entries
            .iter()
            .take(self.settings().long_term)
            .filter(|known| known.entry.kind.is_side())
            .filter_map(|known| known.entry.turn)
            .filter(|turn| !present.contains(turn))
            .flat_map(Id::sides)
            .filter(|side| !known.contains(side))
            .collect();
        if wanted.is_empty() {
            return;
        }
        let Ok(Ok(sides)) = timeout_at(deadline, self.parts().store.entries(&wanted)).await else {
            return;
        };
        let mut sides: HashMap<Id, Entry> = sides
            .into_iter()
            .filter_map(|side| Some((side.turn?, side)))
            .collect();
        let alone = std::mem::take(entries);
        for known in alone {
            let other = known
                .entry
                .turn
                .filter(|_| known.entry.kind.is_side())
                .and_then(|turn| sides.remove(&turn));
            let (nearness, ended) = (known.nearness, known.entry.ended);
            entries.push(known);
            entries.extend(other.map(|entry| Recollection {
                entry: Entry { ended, ..entry },
                nearness,
            }));
        }
    }
}
