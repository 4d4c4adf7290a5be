//! Nothing is lost: an assistant that is killed (`kill -9`) at each step of a write, over a real
//! SQLite file.
//!
//! The assistant is this program once more, told by an environment variable to remember turns and
//! to stop at one step; it says where it is and is killed there.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use llm::{Chat, ChatError, Embed, Purpose, Request};
use memory::entry::Entry;
use memory::person::Place;
use memory::store::{
    Change, Export, Filter, Forget, Forgotten, LastTalk, Learnt, Listed, Profile, Store,
    StoreError, Where, Words,
};
use memory::{Audience, Calibration, Id, Memory, Parts, Person, Settings, Turn, Who};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Tells this program to be the assistant: the folder.
const FOLDER: &str = "NOTHING_LOST_FOLDER";

/// Where the assistant stops.
const STEP: &str = "NOTHING_LOST_STEP";

/// What the assistant says, one word a line, when it has stopped, or has written a turn.
const STOPPED: &str = "stopped";
const WRITTEN: &str = "written";

/// What is said, in order.
const SAID: [&str; 4] = ["one", "two", "three", "four"];

fn ann() -> Person {
    Person::new("a1")
}

/// A store that stops the whole assistant at a step: before or after the third turn.
#[derive(Debug)]
struct Stops {
    store: Arc<dyn Store>,
    step: String,
}

impl Stops {
    async fn at(&self, step: &str) {
        if self.step == step {
            say(STOPPED);
            std::future::pending::<()>().await;
        }
    }
}

/// Tells the one who started this process; what the harness prints stands on other lines.
fn say(word: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "\n{word}");
    let _ = out.flush();
}

macro_rules! passed_on {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $gives:ty;)*) => {
        $(fn $name<'a>(&'a self, $($arg: $kind),*) -> BoxFuture<'a, Result<$gives, StoreError>> {
            self.store.$name($($arg),*)
        })*
    };
}

impl Store for Stops {
    fn record<'a>(&'a self, turn: &'a Turn) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            if self.step == "away" {
                let reason = "it is away".to_owned();
                return Err(StoreError::Unavailable { reason });
            }
            if turn.said == SAID[2] {
                self.at("before the store").await;
            }
            self.store.record(turn).await?;
            if turn.said == SAID[2] {
                self.at("after the store").await;
            }
            Ok(())
        })
    }

    fn forget<'a>(&'a self, what: &'a Forget) -> BoxFuture<'a, Result<Forgotten, StoreError>> {
        Box::pin(async move {
            self.at("before forgetting").await;
            let forgotten = self.store.forget(what).await?;
            self.at("after forgetting").await;
            Ok(forgotten)
        })
    }

    fn unread(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Turn>, StoreError>> {
        self.store.unread(before, limit)
    }

    fn unsummarised(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Turn>, StoreError>> {
        self.store.unsummarised(before, limit)
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        self.store.due(now, limit)
    }

    fn outbox(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Change>, StoreError>> {
        self.store.outbox(limit)
    }

    fn relearn(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.store.relearn()
    }

    fn people(&self) -> BoxFuture<'_, Result<Vec<Listed>, StoreError>> {
        self.store.people()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.check()
    }

    passed_on! {
        last_talk(place: &'a Place, since: Timestamp, limit: usize) -> LastTalk;
        search(words: Words<'a>) -> Vec<(Entry, f32)>;
        entries(ids: &'a [Id]) -> Vec<Entry>;
        list(filter: Filter<'a>) -> Vec<Entry>;
        around(person: &'a Person, from: Timestamp, until: Timestamp, limit: usize) -> Vec<Entry>;
        learn(learnt: &'a Learnt) -> ();
        told(ids: &'a [Id], at: Timestamp) -> ();
        profile(person: &'a Person) -> Option<Profile>;
        save_profile(profile: &'a Profile) -> ();
        settled(numbers: &'a [i64]) -> ();
        export(person: &'a Person) -> Export;
    }
}

/// No model: nothing is read, and nothing becomes a vector.
#[derive(Debug)]
struct NoModel;

impl Embed for NoModel {
    fn embed(
        &self,
        _: Vec<String>,
        _: Purpose,
    ) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ChatError>> {
        Box::pin(std::future::pending())
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn model(&self) -> &str {
        "none"
    }
}

impl Chat for NoModel {
    fn chat(&self, _: Request) -> BoxStream<'static, Result<String, ChatError>> {
        stream::pending().boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn store(folder: &Path) -> Arc<dyn Store> {
    memory::store::open(&Where::File(folder.join("memory.db"))).unwrap()
}

fn memory_in(folder: &Path, step: &str) -> Memory {
    let parts = Parts {
        store: Arc::new(Stops {
            store: store(folder),
            step: step.to_owned(),
        }),
        index: memory::index::open(memory::index::Settings::Exact(
            memory::index::exact::Settings {
                file: folder.join("vectors.db"),
                model: "none".to_owned(),
                held: 1 << 20,
            },
        ))
        .unwrap(),
        cache: memory::cache::open(memory::cache::Settings::Local { bytes: 1 << 20 }).unwrap(),
        embed: Arc::new(NoModel),
        chat: Arc::new(NoModel),
    };
    let settings = Settings {
        short_term: 10,
        long_term: 10,
        threshold: 0.7,
        calibration: Calibration::new(vec![(0.0, 0.0), (1.0, 1.0)]).unwrap(),
        idle_after: Duration::from_secs(1_800),
        again_within: Duration::from_secs(600),
        retention: None,
        time_zone: TimeZone::UTC,
        folder: folder.to_owned(),
        journal_max: 1 << 20,
        reading: llm::Options::default(),
    };
    Memory::new(parts, settings)
}

fn turn(said: &str) -> Turn {
    Turn {
        id: Id::new(),
        who: Who::Known(ann()),
        name: "Ann".to_owned(),
        place: Place::Channel(0),
        at: Timestamp::now(),
        said: said.to_owned(),
        heard: String::new(),
        audience: Audience::Shared,
        witnesses: Vec::new(),
    }
}

/// Starts the work of a memory until the token is cancelled.
fn run(memory: &Memory) -> (CancellationToken, tokio::task::JoinHandle<()>) {
    let shutdown = CancellationToken::new();
    let (memory, stop) = (memory.clone(), shutdown.clone());
    let (_, calm) = watch::channel(None);
    let work = tokio::spawn(async move { memory.run(calm, stop).await });
    (shutdown, work)
}

/// The assistant, until somebody kills it; without the variable there is nothing to be.
#[tokio::test]
async fn the_assistant() {
    let Ok(folder) = std::env::var(FOLDER) else {
        // Started with all other tests: it must remember by itself as well.
        let home = TempDir::new().unwrap();
        talk(home.path(), "").await;
        return assert_eq!(remembered(home.path(), 4).await, SAID);
    };
    let step = std::env::var(STEP).unwrap();
    let memory = talk(Path::new(&folder), &step).await;
    if step.ends_with("forgetting") {
        let _ = memory.forget(Forget::Person(ann(), Timestamp::now())).await;
    }
    say(STOPPED);
    std::future::pending::<()>().await;
}

/// Says everything, and waits for each to be on the disk.
async fn talk(folder: &Path, step: &str) -> Memory {
    let memory = memory_in(folder, step);
    let _work = run(&memory);
    for said in SAID {
        memory.remember(turn(said));
        memory.flush().await;
        say(WRITTEN);
    }
    memory
}

/// Starts the assistant, waits until it has written `turns` turns and has stopped, and kills it.
fn killed(folder: &Path, step: &str) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_assistant", "--nocapture"])
        .env(FOLDER, folder)
        .env(STEP, step)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut left: Vec<&str> = [[WRITTEN; 4].as_slice(), &[STOPPED]].concat();
    for line in lines {
        let line = line.unwrap();
        if let Some(at) = left.iter().position(|word| *word == line) {
            left.remove(at);
        }
        if left.is_empty() {
            break;
        }
    }
    kill(&mut child);
    assert!(left.is_empty(), "{step}: it ended by itself: {left:?}");
}

/// SIGKILL: nothing of the process is done any more.
fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// What is in the database after a restart, in the order in which it was said, once there are so
/// many.
async fn remembered(folder: &Path, turns: usize) -> Vec<String> {
    let memory = memory_in(folder, "");
    let (shutdown, work) = run(&memory);
    let store = store(folder);
    let mut found = Vec::new();
    for _ in 0..1_000 {
        let export = store.export(&ann()).await.unwrap();
        found = export.turns;
        memory.flush().await;
        if memory.backlog().waiting == 0 && found.len() == turns {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    shutdown.cancel();
    work.await.unwrap();
    let names: HashSet<Id> = found.iter().map(|turn| turn.id).collect();
    assert_eq!(names.len(), found.len(), "a turn is there twice");
    found.into_iter().map(|turn| turn.said).collect()
}

#[tokio::test]
async fn an_assistant_that_is_killed_has_lost_nothing_that_it_wrote() {
    for step in ["away", "before the store", "after the store", "at rest"] {
        let home = TempDir::new().unwrap();
        killed(home.path(), step);
        assert_eq!(remembered(home.path(), 4).await, SAID, "{step}");
    }
}

#[tokio::test]
async fn an_assistant_that_is_killed_while_it_forgets_has_forgotten_after_the_next_start() {
    for step in ["before forgetting", "after forgetting"] {
        let home = TempDir::new().unwrap();
        killed(home.path(), step);
        assert_eq!(remembered(home.path(), 0).await, [""; 0], "{step}");
    }
}
