//! Stores that answer with what they were given, whatever they are asked and for whom.

use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use llm::{Chat, ChatError, Embed, Purpose, Request};

use crate::cache::Cache;
use crate::calibration::Calibration;
use crate::entry::Entry;
use crate::index::{Hit, Index, Near, Point};
use crate::memory::{Memory, Parts, Settings};
use crate::person::{Person, Place};
use crate::store::{
    Change, Export, Filter, Forget, Forgotten, LastTalk, Learnt, Listed, Profile, Store,
    StoreError, Words,
};
use crate::turn::{Id, Turn};

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// How somebody answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Manner {
    /// At once.
    #[default]
    Ready,
    /// Never.
    Silent,
    /// That it is away.
    Away,
}

/// What everybody finds, and how they answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Careless {
    pub(super) near: Vec<(Entry, f32)>,
    pub(super) same: Vec<Entry>,
    pub(super) learnt: Vec<Entry>,
    pub(super) due: Vec<Entry>,
    pub(super) around: Vec<Entry>,
    pub(super) profile: Option<Profile>,
    pub(super) store: Manner,
    pub(super) index: Manner,
    pub(super) cache: Manner,
}

/// Memory over them, with a threshold of a cosine of 0.5.
pub(super) fn memory(careless: Careless) -> Memory {
    let all = Arc::new(careless);
    let parts = Parts {
        store: all.clone(),
        index: all.clone(),
        cache: all.clone(),
        embed: all.clone(),
        chat: all,
    };
    Memory::new(
        parts,
        Settings {
            short_term: 10,
            long_term: 10,
            threshold: 0.7,
            calibration: Calibration::default(),
            idle_after: Duration::from_secs(1_800),
            again_within: Duration::from_secs(600),
            retention: None,
            time_zone: TimeZone::UTC,
            folder: PathBuf::from("/nonexistent/memory"),
            journal_max: 1,
            reading: llm::Options::default(),
        },
    )
}

impl Manner {
    fn answer<'a, T: Send + 'a>(self, found: T) -> Answer<'a, T> {
        match self {
            Self::Ready => Box::pin(async { Ok(found) }),
            Self::Silent => Box::pin(pending()),
            Self::Away => Box::pin(async { Err(away()) }),
        }
    }
}

fn away() -> StoreError {
    StoreError::Unavailable {
        reason: "nobody is there".to_owned(),
    }
}

/// What recall never asks for.
fn never<'a, T: Send + 'a>() -> Answer<'a, T> {
    Box::pin(async { Err(away()) })
}

impl Store for Careless {
    fn record<'a>(&'a self, _: &'a Turn) -> Answer<'a, ()> {
        never()
    }

    fn last_talk<'a>(&'a self, _: &'a Place, _: Timestamp, _: usize) -> Answer<'a, LastTalk> {
        self.store.answer(LastTalk { turns: Vec::new() })
    }

    fn search<'a>(&'a self, _: Words<'a>) -> Answer<'a, Vec<(Entry, f32)>> {
        let scored = self.same.iter().map(|entry| (entry.clone(), 1.0));
        self.store.answer(scored.collect())
    }

    fn entries<'a>(&'a self, _: &'a [Id]) -> Answer<'a, Vec<Entry>> {
        let entries = self.near.iter().map(|(entry, _)| entry.clone());
        self.store.answer(entries.collect())
    }

    fn list<'a>(&'a self, filter: Filter<'a>) -> Answer<'a, Vec<Entry>> {
        self.store.answer(match filter.due_from {
            Some(_) => self.due.clone(),
            None => self.learnt.clone(),
        })
    }

    fn around<'a>(
        &'a self,
        _: &'a Person,
        _: Timestamp,
        _: Timestamp,
        _: usize,
    ) -> Answer<'a, Vec<Entry>> {
        self.store.answer(self.around.clone())
    }

    fn unread(&self, _: Timestamp, _: usize) -> Answer<'_, Vec<Turn>> {
        never()
    }

    fn unsummarised(&self, _: Timestamp, _: usize) -> Answer<'_, Vec<Turn>> {
        never()
    }

    fn learn<'a>(&'a self, _: &'a Learnt) -> Answer<'a, ()> {
        never()
    }

    fn due(&self, _: Timestamp, _: usize) -> Answer<'_, Vec<Entry>> {
        never()
    }

    fn told<'a>(&'a self, _: &'a [Id], _: Timestamp) -> Answer<'a, ()> {
        never()
    }

    fn profile<'a>(&'a self, _: &'a Person) -> Answer<'a, Option<Profile>> {
        self.store.answer(self.profile.clone())
    }

    fn save_profile<'a>(&'a self, _: &'a Profile) -> Answer<'a, ()> {
        never()
    }

    fn forget<'a>(&'a self, _: &'a Forget) -> Answer<'a, Forgotten> {
        never()
    }

    fn outbox(&self, _: usize) -> Answer<'_, Vec<Change>> {
        never()
    }

    fn settled<'a>(&'a self, _: &'a [i64]) -> Answer<'a, ()> {
        never()
    }

    fn relearn(&self) -> Answer<'_, u64> {
        never()
    }

    fn people(&self) -> Answer<'_, Vec<Listed>> {
        never()
    }

    fn export<'a>(&'a self, _: &'a Person) -> Answer<'a, Export> {
        never()
    }

    fn check(&self) -> Answer<'_, ()> {
        never()
    }
}

impl Index for Careless {
    fn upsert(&self, _: Vec<Point>) -> Answer<'_, ()> {
        never()
    }

    fn nearest<'a>(&'a self, _: Near<'a>) -> Answer<'a, Vec<Hit>> {
        let hit = |(entry, cosine): &(Entry, f32)| Hit {
            id: entry.id,
            cosine: *cosine,
        };
        self.index.answer(self.near.iter().map(hit).collect())
    }

    fn delete<'a>(&'a self, _: &'a Person, _: &'a [Id]) -> Answer<'a, ()> {
        never()
    }

    fn delete_person<'a>(&'a self, _: &'a Person) -> Answer<'a, ()> {
        never()
    }

    fn clear(&self) -> Answer<'_, ()> {
        never()
    }

    fn count<'a>(&'a self, _: Option<&'a Person>) -> Answer<'a, u64> {
        never()
    }

    fn warm<'a>(&'a self, _: &'a Person) -> Answer<'a, ()> {
        never()
    }

    fn check(&self) -> Answer<'_, ()> {
        never()
    }
}

impl Cache for Careless {
    fn get<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        self.cache.answer(None)
    }

    fn put<'a>(&'a self, _: &'a str, _: &'a str, _: Vec<u8>, _: Duration) -> Answer<'a, ()> {
        self.cache.answer(())
    }

    fn empty<'a>(&'a self, _: &'a str) -> Answer<'a, ()> {
        self.cache.answer(())
    }

    fn clear(&self) -> Answer<'_, ()> {
        self.cache.answer(())
    }

    fn check(&self) -> Answer<'_, ()> {
        never()
    }
}

impl Embed for Careless {
    fn embed(
        &self,
        texts: Vec<String>,
        _: Purpose,
    ) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ChatError>> {
        Box::pin(async move { Ok(texts.iter().map(|_| vec![1.0]).collect()) })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        Box::pin(async { Ok(()) })
    }

    fn model(&self) -> &'static str {
        "careless"
    }
}

impl Chat for Careless {
    fn chat(&self, _: Request) -> BoxStream<'static, Result<String, ChatError>> {
        Box::pin(futures::stream::empty())
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        Box::pin(async { Ok(()) })
    }
}
