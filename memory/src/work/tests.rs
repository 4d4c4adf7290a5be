//! The work in the background over a real database, with a model that does as it is told.

use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{self, BoxStream};
use jiff::ToSpan as _;
use llm::{Chat, ChatError, Embed, Purpose};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::entry::Entry;
use crate::memory::Parts;
use crate::scripted::{settings, turn};
use crate::store::Where;
use crate::{cache, index, store};

const ANN: &str = "a1";

/// A test waits so long for what must happen: far more than it can take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at what must happen.
const LOOK: Duration = Duration::from_millis(5);

/// Longer than any work waits for.
const CALM_FOR_LONG: Duration = Duration::from_secs(60);

/// No rule reads anything in it, and a model does.
const SAID: &str = "The heating in the cabin failed again.";

const READ: &str = r#"{"items":[{"kind":"fact","text":"the heating in the cabin failed",
    "slot":"none","importance":6,"when":null}]}"#;

/// What the model does with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// Nothing, for ever.
    Nothing,
    /// It says this.
    Says(&'static str),
    /// It says this, but of turns with the word "poison" it says nonsense.
    Chokes(&'static str),
    /// It is away, and says so.
    IsAway,
}

#[derive(Debug)]
struct Model {
    does: Mutex<Does>,
    /// What it was asked to read, and how many of those questions were hung up on.
    asked: Mutex<Vec<String>>,
    hung_up: Arc<Mutex<usize>>,
}

impl Model {
    fn is_to(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Notices that nobody waits for the answer any more.
struct Line(Arc<Mutex<usize>>);

impl Drop for Line {
    fn drop(&mut self) {
        *self.0.lock().unwrap() += 1;
    }
}

impl Chat for Model {
    fn chat(&self, request: Request) -> BoxStream<'static, Result<String, ChatError>> {
        let question = request.messages.last().unwrap().content.clone();
        self.asked.lock().unwrap().push(question.clone());
        let answer = match *self.does.lock().unwrap() {
            Does::Nothing => {
                let line = Line(self.hung_up.clone());
                return stream::pending()
                    .inspect(move |_: &Result<_, _>| {
                        let _ = &line;
                    })
                    .boxed();
            }
            Does::Chokes(_) if question.contains("poison") => Ok("Sure! Here it is: {".to_owned()),
            Does::Says(answer) | Does::Chokes(answer) => Ok(answer.to_owned()),
            Does::IsAway => Err(ChatError::Empty),
        };
        stream::iter([answer]).boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        let away = *self.does.lock().unwrap() == Does::IsAway;
        std::future::ready(if away { Err(ChatError::Empty) } else { Ok(()) }).boxed()
    }
}

/// Every text has the same vector.
#[derive(Debug)]
struct OneVector;

impl Embed for OneVector {
    fn embed(
        &self,
        texts: Vec<String>,
        _: Purpose,
    ) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ChatError>> {
        std::future::ready(Ok(vec![vec![1.0, 0.0]; texts.len()])).boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        std::future::ready(Ok(())).boxed()
    }

    fn model(&self) -> &str {
        "one"
    }
}

/// A memory at work, in which somebody speaks or nobody does.
struct House {
    memory: Memory,
    model: Arc<Model>,
    calm: watch::Sender<Option<Instant>>,
    shutdown: CancellationToken,
    work: JoinHandle<()>,
    folder: TempDir,
}

impl House {
    /// Somebody speaks in it.
    fn new(does: Does) -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), does)
    }

    fn in_folder(folder: TempDir, does: Does) -> Self {
        let model = Arc::new(Model {
            does: Mutex::new(does),
            asked: Mutex::default(),
            hung_up: Arc::default(),
        });
        let exact = index::exact::Settings {
            file: folder.path().join("vectors.db"),
            model: "one".to_owned(),
            held: index::exact::Settings::HELD,
        };
        let bytes = cache::LOCAL_BYTES;
        let parts = Parts {
            store: store::open(&Where::File(folder.path().join("memory.db"))).unwrap(),
            index: index::open(index::Settings::Exact(exact)).unwrap(),
            cache: cache::open(cache::Settings::Local { bytes }).unwrap(),
            embed: Arc::new(OneVector),
            chat: model.clone(),
        };
        let memory = Memory::new(parts, settings(folder.path(), 1 << 20));
        let (calm, told) = watch::channel(None);
        let shutdown = CancellationToken::new();
        let work = tokio::spawn({
            let (memory, until) = (memory.clone(), shutdown.clone());
            async move { memory.run(told, until).await }
        });
        Self {
            memory,
            model,
            calm,
            shutdown,
            work,
            folder,
        }
    }

    fn somebody_speaks(&self) {
        self.calm.send_replace(None);
    }

    fn nobody_speaks(&self) {
        self.somebody_speaks();
        let since = Instant::now().checked_sub(CALM_FOR_LONG).unwrap();
        self.calm.send_replace(Some(since));
    }

    /// Has this said, and waits until the store has it.
    async fn hears(&self, said: &str) {
        let turn = turn(ANN, said);
        let [id, _] = turn.id.sides();
        self.memory.remember(turn);
        self.until(async || {
            let found = self.memory.parts().store.entries(&[id]).await.unwrap();
            !found.is_empty() && self.memory.backlog().waiting == 0
        })
        .await;
    }

    /// Waits until this is so.
    async fn until(&self, so: impl AsyncFn() -> bool) {
        let search = async {
            while !so().await {
                sleep(LOOK).await;
            }
        };
        timeout(PATIENCE, search).await.expect("it comes to that");
    }

    async fn unread(&self) -> usize {
        let store = &self.memory.parts().store;
        store.unread(Timestamp::MAX, 100).await.unwrap().len()
    }

    /// What was taken out of turns.
    async fn learnt(&self) -> Vec<Entry> {
        let person = Person::new(ANN);
        let filter = Filter {
            person: &person,
            kinds: &LEARNT,
            ended_too: true,
            due_from: None,
            due_until: None,
            limit: 100,
        };
        self.memory.parts().store.list(filter).await.unwrap()
    }

    /// As the program ends; the next one finds what it left.
    async fn starts_again(self, does: Does) -> Self {
        self.shutdown.cancel();
        self.work.await.unwrap();
        Self::in_folder(self.folder, does)
    }
}

fn texts(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| &*entry.text).collect()
}

#[tokio::test]
async fn a_reminder_is_due_although_the_model_never_answers_and_is_told_once() {
    let house = House::new(Does::Nothing);
    house.nobody_speaks();
    let said_at = Timestamp::now();
    house.hears("Remind me in 10 minutes to call Anna.").await;

    assert_eq!(house.memory.due(said_at + 9.minutes()).await, []);
    let due = house.memory.due(said_at + 11.minutes()).await;
    assert_eq!(texts(&due), ["call Anna"]);
    house
        .memory
        .told(&[due[0].id], said_at + 11.minutes())
        .await;
    assert_eq!(house.memory.due(said_at + 12.minutes()).await, []);

    // The model has read it too by now, and it is not due anew.
    house.model.is_to(Does::Says(r#"{"items":[]}"#));
    house.nobody_speaks();
    house.until(async || house.unread().await == 0).await;
    assert_eq!(house.memory.due(said_at + 12.minutes()).await, []);
}

#[tokio::test]
async fn a_reminder_missed_while_the_program_was_off_is_told_late_and_once() {
    let house = House::new(Does::Nothing);
    house.hears("Remind me in 10 minutes to call Anna.").await;
    let house = house.starts_again(Does::Nothing).await;
    let tomorrow = Timestamp::now() + 24.hours();
    let due = house.memory.due(tomorrow).await;
    assert_eq!(texts(&due), ["call Anna"]);
    house.memory.told(&[due[0].id], tomorrow).await;
    assert_eq!(house.memory.due(tomorrow).await, []);
    let house = house.starts_again(Does::Nothing).await;
    assert_eq!(house.memory.due(tomorrow).await, []);
}

#[tokio::test]
async fn reading_is_broken_off_by_speech_and_taken_up_again_in_the_next_calm() {
    let house = House::new(Does::Nothing);
    house.hears(SAID).await;
    assert_eq!(house.model.asked().len(), 0, "somebody speaks");
    house.nobody_speaks();
    house.until(async || house.model.asked().len() == 1).await;
    house.somebody_speaks();
    house
        .until(async || *house.model.hung_up.lock().unwrap() == 1)
        .await;
    assert_eq!((house.unread().await, house.learnt().await.len()), (1, 0));

    house.model.is_to(Does::Says(READ));
    house.nobody_speaks();
    house.until(async || house.unread().await == 0).await;
    assert_eq!(
        texts(&house.learnt().await),
        ["the heating in the cabin failed"]
    );
    assert_eq!(house.model.asked().len(), 2);
}

#[tokio::test]
async fn a_turn_that_the_model_always_fails_at_is_given_up_and_keeps_no_other_waiting() {
    let house = House::new(Does::Chokes(READ));
    house
        .hears("The poison in the cellar is for the rats.")
        .await;
    house.hears(SAID).await;
    house.nobody_speaks();
    house.until(async || house.unread().await == 0).await;
    let asked = house.model.asked();
    let bad: Vec<bool> = asked.iter().map(|asked| asked.contains("poison")).collect();
    // The other one comes before it is tried again.
    assert_eq!(bad, [true, false, true, true]);
    assert_eq!(texts(&house.learnt().await).len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_not_the_json_that_was_asked_for_changes_nothing() {
    for answer in ["", "Sure! They live in Paris.", "{", "[]", r#"{"items":7}"#] {
        let house = House::new(Does::Says(answer));
        house.hears(SAID).await;
        house.nobody_speaks();
        house.until(async || house.unread().await == 0).await;
        assert_eq!(house.learnt().await, [], "{answer}");
        assert_eq!(house.model.asked().len(), TRIES as usize, "{answer}");
    }
}

#[tokio::test]
async fn while_the_model_is_away_turns_wait_for_it() {
    let house = House::new(Does::IsAway);
    house.hears(SAID).await;
    for times in 1..=2 * TRIES as usize {
        house.nobody_speaks();
        house
            .until(async || house.model.asked().len() >= times)
            .await;
    }
    assert_eq!(house.unread().await, 1);
    house.model.is_to(Does::Says(READ));
    house.nobody_speaks();
    house.until(async || house.learnt().await.len() == 1).await;
}

#[tokio::test]
async fn the_index_learns_when_it_is_calm() {
    let house = House::new(Does::Nothing);
    house.hears(SAID).await;
    let parts = house.memory.parts();
    assert_eq!(parts.index.count(None).await, Ok(0));
    assert_eq!(parts.store.outbox(9).await.unwrap().len(), 2);
    house.nobody_speaks();
    house
        .until(async || parts.index.count(None).await == Ok(2))
        .await;
    house
        .until(async || parts.store.outbox(9).await.unwrap().is_empty())
        .await;
}

#[test]
fn a_turn_that_the_model_fails_at_comes_behind_others() {
    let (bad, good) = (Id::new(), Id::new());
    let mut tries = Tries::default();
    for attempt in 1..=TRIES {
        tries.begin(bad);
        assert!(tries.begun(bad) > tries.begun(good));
        assert_eq!(tries.fail(bad), attempt == TRIES);
    }
    tries.succeed(bad);
    assert_eq!(tries.begun(bad), 0);
}

#[test]
fn what_is_remembered_of_tries_is_bounded() {
    let mut tries = Tries::default();
    for _ in 0..3 * MOST_TRIED {
        tries.begin(Id::new());
    }
    assert!(tries.begun.len() <= MOST_TRIED);
}
