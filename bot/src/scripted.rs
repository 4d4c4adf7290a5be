//! A store that does as a test tells it, and a memory over it.

use std::future::{pending, ready};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use llm::{Chat, ChatError, Request};
use memory::store::{
    Change, Export, Filter, Forget, Forgotten, LastTalk, Learnt, Listed, Profile, Store,
    StoreError, Words,
};
use memory::{
    Asker, Audience, Calibration, Company, Entry, Id, Kind, Memory, Parts, Person, Place, Settings,
    Turn, Who,
};

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

const MINUTE: Duration = Duration::from_secs(60);

/// How the store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Well,
    /// It says that it is away.
    Away,
    /// It says nothing.
    Silent,
}

/// What the store holds, and what it was told.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) mood: Mood,
    pub(crate) profile: Option<Profile>,
    /// What was learnt of a person.
    pub(crate) learnt: Vec<Entry>,
    /// Reminders that are due.
    pub(crate) due: Vec<Entry>,
    /// Reminders that were told.
    pub(crate) told: Vec<Id>,
    /// What it was to forget.
    pub(crate) forgotten: Vec<Forget>,
}

/// The store; a clone is the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scripted(Arc<Mutex<Shelf>>);

impl Scripted {
    /// Does something with what it holds.
    pub(crate) fn with<T>(&self, what: impl FnOnce(&mut Shelf) -> T) -> T {
        what(&mut self.0.lock().unwrap())
    }

    /// A memory over it, whose list and journal lie in this folder. It has no index, no cache and
    /// no model.
    pub(crate) fn memory(&self, folder: &Path) -> Memory {
        let parts = Parts {
            store: Arc::new(self.clone()),
            ..Parts::none(Arc::new(Mute))
        };
        let settings = Settings {
            short_term: 10,
            long_term: 10,
            threshold: 0.7,
            calibration: Calibration::default(),
            idle_after: 30 * MINUTE,
            again_within: 10 * MINUTE,
            retention: None,
            time_zone: TimeZone::UTC,
            folder: folder.to_owned(),
            journal_max: 1 << 20,
            reading: llm::Options::default(),
        };
        Memory::new(parts, settings)
    }

    fn answer<'a, T: Send + 'a>(&self, found: impl FnOnce(&mut Shelf) -> T) -> Answer<'a, T> {
        match self.with(|shelf| shelf.mood) {
            Mood::Well => Box::pin(ready(Ok(self.with(found)))),
            Mood::Away => Box::pin(ready(Err(away()))),
            Mood::Silent => Box::pin(pending()),
        }
    }
}

/// Ann, alone with the assistant in its channel.
pub(crate) fn ann() -> Asker {
    Asker {
        who: Who::Known(person()),
        name: "Ann".to_owned(),
        place: Place::Channel(0),
        company: Company::Alone,
    }
}

pub(crate) fn person() -> Person {
    Person::new("a1")
}

/// Something that was learnt of Ann when nobody else heard it.
pub(crate) fn entry(text: &str) -> Entry {
    Entry {
        id: Id::new(),
        person: person(),
        kind: Kind::Fact,
        text: text.to_owned(),
        at: Timestamp::now(),
        audience: Audience::Private,
        turn: None,
        slot: None,
        importance: Entry::ORDINARY,
        due: None,
        all_day: false,
        ended: None,
        told: None,
    }
}

fn away() -> StoreError {
    StoreError::Unavailable {
        reason: "nobody is there".to_owned(),
    }
}

/// What these tests never ask for.
fn unasked<'a, T: Send + 'a>() -> Answer<'a, T> {
    Box::pin(ready(Err(away())))
}

impl Store for Scripted {
    fn record<'a>(&'a self, _: &'a Turn) -> Answer<'a, ()> {
        unasked()
    }

    fn last_talk<'a>(&'a self, _: &'a Place, _: Timestamp, _: usize) -> Answer<'a, LastTalk> {
        self.answer(|_| LastTalk { turns: Vec::new() })
    }

    fn search<'a>(&'a self, _: Words<'a>) -> Answer<'a, Vec<(Entry, f32)>> {
        self.answer(|_| Vec::new())
    }

    fn entries<'a>(&'a self, _: &'a [Id]) -> Answer<'a, Vec<Entry>> {
        unasked()
    }

    fn list<'a>(&'a self, filter: Filter<'a>) -> Answer<'a, Vec<Entry>> {
        self.answer(|shelf| match filter.due_from {
            Some(_) => Vec::new(),
            None => shelf.learnt.clone(),
        })
    }

    fn around<'a>(
        &'a self,
        _: &'a Person,
        _: Timestamp,
        _: Timestamp,
        _: usize,
    ) -> Answer<'a, Vec<Entry>> {
        unasked()
    }

    fn unread(&self, _: Timestamp, _: usize) -> Answer<'_, Vec<Turn>> {
        unasked()
    }

    fn unsummarised(&self, _: Timestamp, _: usize) -> Answer<'_, Vec<Turn>> {
        unasked()
    }

    fn learn<'a>(&'a self, _: &'a Learnt) -> Answer<'a, ()> {
        unasked()
    }

    fn due(&self, _: Timestamp, _: usize) -> Answer<'_, Vec<Entry>> {
        self.answer(|shelf| {
            let Shelf { due, told, .. } = shelf;
            let untold = due.iter().filter(|entry| !told.contains(&entry.id));
            untold.cloned().collect()
        })
    }

    fn told<'a>(&'a self, ids: &'a [Id], _: Timestamp) -> Answer<'a, ()> {
        self.answer(|shelf| shelf.told.extend(ids))
    }

    fn profile<'a>(&'a self, _: &'a Person) -> Answer<'a, Option<Profile>> {
        self.answer(|shelf| shelf.profile.clone())
    }

    fn save_profile<'a>(&'a self, profile: &'a Profile) -> Answer<'a, ()> {
        self.answer(|shelf| shelf.profile = Some(profile.clone()))
    }

    fn forget<'a>(&'a self, what: &'a Forget) -> Answer<'a, Forgotten> {
        self.answer(|shelf| {
            shelf.forgotten.push(what.clone());
            Forgotten::default()
        })
    }

    fn outbox(&self, _: usize) -> Answer<'_, Vec<Change>> {
        unasked()
    }

    fn settled<'a>(&'a self, _: &'a [i64]) -> Answer<'a, ()> {
        unasked()
    }

    fn relearn(&self) -> Answer<'_, u64> {
        unasked()
    }

    fn people(&self) -> Answer<'_, Vec<Listed>> {
        unasked()
    }

    fn export<'a>(&'a self, _: &'a Person) -> Answer<'a, Export> {
        unasked()
    }

    fn check(&self) -> Answer<'_, ()> {
        self.answer(|_| ())
    }
}

/// A model that never answers.
#[derive(Debug)]
struct Mute;

impl Chat for Mute {
    fn chat(&self, _: Request) -> BoxStream<'static, Result<String, ChatError>> {
        stream::pending().boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        Box::pin(ready(Ok(())))
    }
}
