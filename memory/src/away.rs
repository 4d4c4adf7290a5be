//! Stores of which there are none: nothing is kept beyond a visit.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, ready};
use jiff::Timestamp;
use llm::{Chat, ChatError, Embed, Purpose};

use crate::cache::Cache;
use crate::entry::Entry;
use crate::index::{Hit, Index, Near, Point};
use crate::memory::Parts;
use crate::person::{Person, Place};
use crate::store::{
    Change, Export, Filter, Forget, Forgotten, LastTalk, Learnt, Listed, Profile, Store,
    StoreError, Words,
};
use crate::turn::{Id, Turn};

/// Why nothing is kept.
const NONE: &str = "there is no store: memory is switched off";

/// Every store and the embedding model, none of which is there.
#[derive(Clone, Copy, Debug)]
struct Away;

impl Parts {
    /// Memory that stands on nothing but the model, and so has the sessions of this process alone.
    #[must_use]
    pub fn none(chat: Arc<dyn Chat>) -> Self {
        Self {
            store: Arc::new(Away),
            index: Arc::new(Away),
            cache: Arc::new(Away),
            embed: Arc::new(Away),
            chat,
        }
    }
}

/// What each of them answers.
fn away<'a, T: Send + 'a>() -> BoxFuture<'a, Result<T, StoreError>> {
    let reason = NONE.to_owned();
    Box::pin(ready(Err(StoreError::Unavailable { reason })))
}

impl Store for Away {
    fn around<'a>(
        &'a self,
        _: &'a Person,
        _: Timestamp,
        _: Timestamp,
        _: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        away()
    }

    fn record<'a>(&'a self, _: &'a Turn) -> BoxFuture<'a, Result<(), StoreError>> {
        away()
    }

    fn last_talk<'a>(
        &'a self,
        _: &'a Place,
        _: Timestamp,
        _: usize,
    ) -> BoxFuture<'a, Result<LastTalk, StoreError>> {
        away()
    }

    fn search<'a>(&'a self, _: Words<'a>) -> BoxFuture<'a, Result<Vec<(Entry, f32)>, StoreError>> {
        away()
    }

    fn entries<'a>(&'a self, _: &'a [Id]) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        away()
    }

    fn list<'a>(&'a self, _: Filter<'a>) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        away()
    }

    fn unread(&self, _: Timestamp, _: usize) -> BoxFuture<'_, Result<Vec<Turn>, StoreError>> {
        away()
    }

    fn unsummarised(&self, _: Timestamp, _: usize) -> BoxFuture<'_, Result<Vec<Turn>, StoreError>> {
        away()
    }

    fn learn<'a>(&'a self, _: &'a Learnt) -> BoxFuture<'a, Result<(), StoreError>> {
        away()
    }

    fn due(&self, _: Timestamp, _: usize) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        away()
    }

    fn told<'a>(&'a self, _: &'a [Id], _: Timestamp) -> BoxFuture<'a, Result<(), StoreError>> {
        away()
    }

    fn profile<'a>(&'a self, _: &'a Person) -> BoxFuture<'a, Result<Option<Profile>, StoreError>> {
        away()
    }

    fn save_profile<'a>(&'a self, _: &'a Profile) -> BoxFuture<'a, Result<(), StoreError>> {
        away()
    }

    fn forget<'a>(&'a self, _: &'a Forget) -> BoxFuture<'a, Result<Forgotten, StoreError>> {
        away()
    }

    fn outbox(&self, _: usize) -> BoxFuture<'_, Result<Vec<Change>, StoreError>> {
        away()
    }

    fn settled<'a>(&'a self, _: &'a [i64]) -> BoxFuture<'a, Result<(), StoreError>> {
        away()
    }

    fn relearn(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        away()
    }

    fn people(&self) -> BoxFuture<'_, Result<Vec<Listed>, StoreError>> {
        away()
    }

    fn export<'a>(&'a self, _: &'a Person) -> BoxFuture<'a, Result<Export, StoreError>> {
        away()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        away()
    }
}

impl Index for Away {
    fn upsert(&self, _: Vec<Point>) -> BoxFuture<'_, Result<(), StoreError>> {
        away()
    }

    fn nearest<'a>(&'a self, _: Near<'a>) -> BoxFuture<'a, Result<Vec<Hit>, StoreError>> {
        away()
    }

    fn delete<'a>(&'a self, _: &'a Person, _: &'a [Id]) -> BoxFuture<'a, Result<(), StoreError>> {
        away()
    }

    fn delete_person<'a>(&'a self, _: &'a Person) -> BoxFuture<'a, Result<(), StoreError>> {
        away()
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        away()
    }

    fn count<'a>(&'a self, _: Option<&'a Person>) -> BoxFuture<'a, Result<u64, StoreError>> {
        away()
    }

    fn warm<'a>(&'a self, _: &'a Person) -> BoxFuture<'a, Result<(), StoreError>> {
        away()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        away()
    }
}

impl Cache for Away {
    fn get<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        away()
    }

    fn put<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Vec<u8>,
        _: Duration,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        away()
    }

    fn empty<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        away()
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        away()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        away()
    }
}

/// Texts are not made into vectors either.
fn no_vectors<'a, T: Send + 'a>() -> BoxFuture<'a, Result<T, ChatError>> {
    let reason = NONE.to_owned();
    Box::pin(ready(Err(ChatError::Unavailable { reason })))
}

impl Embed for Away {
    fn embed(
        &self,
        _: Vec<String>,
        _: Purpose,
    ) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ChatError>> {
        no_vectors()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        no_vectors()
    }

    fn model(&self) -> &str {
        "none"
    }
}
