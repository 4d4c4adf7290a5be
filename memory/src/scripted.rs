//! Parts for tests of what is kept and forgotten: a store that is there, away or refuses, as told.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{self, BoxFuture};
use futures::stream::{self, BoxStream, StreamExt as _};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use llm::{Chat, ChatError, Embed, Purpose, Request};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cache::Cache;
use crate::calibration::Calibration;
use crate::entry::Entry;
use crate::index::{Hit, Index, Near, Point};
use crate::memory::{Memory, Parts, Settings};
use crate::person::{Person, Place, Who};
use crate::store::{
    Change, Export, Filter, Forget, Forgotten, LastTalk, Learnt, Listed, Profile, Store,
    StoreError, Words,
};
use crate::turn::{Audience, Id, Turn};

/// How the store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Well,
    Away,
    /// It is there, and refuses this turn for ever.
    Refuses(Id),
}

/// A store that keeps turns in the order in which it was told of them, and every part else.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    mood: Mutex<Mood>,
    turns: Mutex<Vec<Turn>>,
    forgotten: Mutex<Vec<Forget>>,
    emptied: Mutex<u32>,
}

impl Scripted {
    pub(crate) fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// What it was told that is remembered still, in order.
    pub(crate) fn said(&self) -> Vec<String> {
        let turns = self.turns.lock().unwrap();
        turns.iter().map(|turn| turn.said.clone()).collect()
    }

    pub(crate) fn forgotten(&self) -> Vec<Forget> {
        self.forgotten.lock().unwrap().clone()
    }

    /// How often the cache was emptied.
    pub(crate) fn emptied(&self) -> u32 {
        *self.emptied.lock().unwrap()
    }

    /// As a restored backup does.
    pub(crate) fn bring_back(&self, turn: Turn) {
        self.turns.lock().unwrap().push(turn);
    }

    fn answer(&self) -> Result<(), StoreError> {
        match *self.mood.lock().unwrap() {
            Mood::Well | Mood::Refuses(_) => Ok(()),
            Mood::Away => Err(StoreError::Unavailable {
                reason: "it is away".to_owned(),
            }),
        }
    }

    fn take(&self, turn: &Turn) -> Result<(), StoreError> {
        self.answer()?;
        if *self.mood.lock().unwrap() == Mood::Refuses(turn.id) {
            return Err(StoreError::Refused {
                reason: "it has no room for this".to_owned(),
            });
        }
        let mut turns = self.turns.lock().unwrap();
        if !turns.iter().any(|other| other.id == turn.id) {
            turns.push(turn.clone());
        }
        Ok(())
    }

    fn drop_turns(&self, what: &Forget) -> Result<Forgotten, StoreError> {
        self.answer()?;
        self.forgotten.lock().unwrap().push(what.clone());
        let mut turns = self.turns.lock().unwrap();
        let before = turns.len();
        turns.retain(|turn| {
            let by = |person: &Person| turn.who.person() == Some(person);
            !match what {
                Forget::Turns(person, ids) => by(person) && ids.contains(&turn.id),
                Forget::Since(person, from, to) => by(person) && (*from..=*to).contains(&turn.at),
                Forget::Person(person, until) => by(person) && turn.at <= *until,
                Forget::Everything(until) => turn.at <= *until,
                Forget::Before(moment) => turn.at < *moment,
                Forget::Entries(..) => false,
            }
        });
        Ok(Forgotten {
            turns: (before - turns.len()) as u64,
            ..Forgotten::default()
        })
    }
}

/// Memory over a scripted store in this folder, with a journal of so many bytes at most.
pub(crate) fn memory(folder: &Path, journal_max: u64) -> (Memory, Arc<Scripted>) {
    let all = Arc::new(Scripted::default());
    (again(&all, settings(folder, journal_max)), all)
}

/// Another memory over the same, as after a restart.
pub(crate) fn again(all: &Arc<Scripted>, settings: Settings) -> Memory {
    let parts = Parts {
        store: all.clone(),
        index: all.clone(),
        cache: all.clone(),
        embed: all.clone(),
        chat: all.clone(),
    };
    Memory::new(parts, settings)
}

pub(crate) fn settings(folder: &Path, journal_max: u64) -> Settings {
    const MINUTE: Duration = Duration::from_secs(60);
    Settings {
        short_term: 10,
        long_term: 10,
        threshold: 0.7,
        calibration: Calibration::new(vec![(0.0, 0.0), (1.0, 1.0)]).unwrap(),
        idle_after: 30 * MINUTE,
        again_within: 10 * MINUTE,
        retention: None,
        time_zone: TimeZone::UTC,
        folder: folder.to_owned(),
        journal_max,
        reading: llm::Options::default(),
    }
}

/// A memory whose workers run until this is dropped.
pub(crate) struct Running {
    pub(crate) memory: Memory,
    shutdown: CancellationToken,
    workers: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(memory: Memory) -> Self {
        let shutdown = CancellationToken::new();
        let (other, stop) = (memory.clone(), shutdown.clone());
        let workers = tokio::spawn(async move { other.write(&stop).await });
        Self {
            memory,
            shutdown,
            workers,
        }
    }

    /// Ends it as the program does.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        (&mut self.workers).await.unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Waits until this is so.
pub(crate) async fn until(so: impl Fn() -> bool) {
    // A minute, of the clock or of the test's own.
    for _ in 0..12_000 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not come to that");
}

/// A turn of this person, now.
pub(crate) fn turn(person: &str, said: &str) -> Turn {
    Turn {
        id: Id::new(),
        who: Who::Known(Person::new(person)),
        name: "Ann".to_owned(),
        place: Place::Channel(0),
        at: Timestamp::now(),
        said: said.to_owned(),
        heard: "Good.".to_owned(),
        audience: Audience::Shared,
        witnesses: Vec::new(),
    }
}

/// What these tests never ask for.
fn unasked<'a, T: Send + 'a>() -> BoxFuture<'a, Result<T, StoreError>> {
    let reason = "nobody asks for this here".to_owned();
    future::ready(Err(StoreError::Refused { reason })).boxed()
}

impl Store for Scripted {
    fn record<'a>(&'a self, turn: &'a Turn) -> BoxFuture<'a, Result<(), StoreError>> {
        async { self.take(turn) }.boxed()
    }

    fn forget<'a>(&'a self, what: &'a Forget) -> BoxFuture<'a, Result<Forgotten, StoreError>> {
        async { self.drop_turns(what) }.boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async { self.answer() }.boxed()
    }

    fn last_talk<'a>(
        &'a self,
        _: &'a Place,
        _: Timestamp,
        _: usize,
    ) -> BoxFuture<'a, Result<LastTalk, StoreError>> {
        unasked()
    }

    fn search<'a>(&'a self, _: Words<'a>) -> BoxFuture<'a, Result<Vec<(Entry, f32)>, StoreError>> {
        unasked()
    }

    fn entries<'a>(&'a self, _: &'a [Id]) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        unasked()
    }

    fn list<'a>(&'a self, _: Filter<'a>) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        unasked()
    }

    fn around<'a>(
        &'a self,
        _: &'a Person,
        _: Timestamp,
        _: Timestamp,
        _: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        unasked()
    }

    fn unread(&self, _: Timestamp, _: usize) -> BoxFuture<'_, Result<Vec<Turn>, StoreError>> {
        unasked()
    }

    fn unsummarised(&self, _: Timestamp, _: usize) -> BoxFuture<'_, Result<Vec<Turn>, StoreError>> {
        unasked()
    }

    fn learn<'a>(&'a self, _: &'a Learnt) -> BoxFuture<'a, Result<(), StoreError>> {
        unasked()
    }

    fn due(&self, _: Timestamp, _: usize) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        unasked()
    }

    fn told<'a>(&'a self, _: &'a [Id], _: Timestamp) -> BoxFuture<'a, Result<(), StoreError>> {
        unasked()
    }

    fn profile<'a>(&'a self, _: &'a Person) -> BoxFuture<'a, Result<Option<Profile>, StoreError>> {
        unasked()
    }

    fn save_profile<'a>(&'a self, _: &'a Profile) -> BoxFuture<'a, Result<(), StoreError>> {
        unasked()
    }

    fn outbox(&self, _: usize) -> BoxFuture<'_, Result<Vec<Change>, StoreError>> {
        unasked()
    }

    fn settled<'a>(&'a self, _: &'a [i64]) -> BoxFuture<'a, Result<(), StoreError>> {
        unasked()
    }

    fn relearn(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        unasked()
    }

    fn people(&self) -> BoxFuture<'_, Result<Vec<Listed>, StoreError>> {
        unasked()
    }

    fn export<'a>(&'a self, _: &'a Person) -> BoxFuture<'a, Result<Export, StoreError>> {
        unasked()
    }
}

impl Index for Scripted {
    fn upsert(&self, _: Vec<Point>) -> BoxFuture<'_, Result<(), StoreError>> {
        unasked()
    }

    fn nearest<'a>(&'a self, _: Near<'a>) -> BoxFuture<'a, Result<Vec<Hit>, StoreError>> {
        unasked()
    }

    fn delete<'a>(&'a self, _: &'a Person, _: &'a [Id]) -> BoxFuture<'a, Result<(), StoreError>> {
        future::ready(Ok(())).boxed()
    }

    fn delete_person<'a>(&'a self, _: &'a Person) -> BoxFuture<'a, Result<(), StoreError>> {
        future::ready(Ok(())).boxed()
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        future::ready(Ok(())).boxed()
    }

    fn count<'a>(&'a self, _: Option<&'a Person>) -> BoxFuture<'a, Result<u64, StoreError>> {
        unasked()
    }

    fn warm<'a>(&'a self, _: &'a Person) -> BoxFuture<'a, Result<(), StoreError>> {
        unasked()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        future::ready(Ok(())).boxed()
    }
}

impl Cache for Scripted {
    fn get<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        future::ready(Ok(None)).boxed()
    }

    fn put<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Vec<u8>,
        _: Duration,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        future::ready(Ok(())).boxed()
    }

    fn empty<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        unasked()
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        *self.emptied.lock().unwrap() += 1;
        future::ready(Ok(())).boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        future::ready(Ok(())).boxed()
    }
}

impl Embed for Scripted {
    fn embed(
        &self,
        _: Vec<String>,
        _: Purpose,
    ) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ChatError>> {
        future::pending().boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        future::ready(Ok(())).boxed()
    }

    fn model(&self) -> &str {
        "none"
    }
}

impl Chat for Scripted {
    fn chat(&self, _: Request) -> BoxStream<'static, Result<String, ChatError>> {
        stream::pending().boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        future::ready(Ok(())).boxed()
    }
}
