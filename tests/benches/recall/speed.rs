//! The time of recall among many remembered turns, and of remembering one more.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use jiff::Timestamp;
use llm::{Embed, Message, Options, Purpose, Request, Role};
use memory::{Asker, Audience, Company, Id, Memory, Place, Turn, Who};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use world::SMALL_MODEL;
use world::remembered::{self, Set};

use crate::filled::{self, Meant, Size};
use crate::stores::{Opened, Stores};
use crate::table;

/// Ten times as many each time, of the person and of all; in the last all that come are theirs.
const SIZES: [Size; 3] = [
    Size {
        own: 1_000,
        all: 10_000,
    },
    Size {
        own: 10_000,
        all: 100_000,
    },
    Size {
        own: 100_000,
        all: 190_000,
    },
];

/// Questions of one measurement: those of the fixed set, and so many long ones that they are these.
const QUESTIONS: usize = 200;

/// Questions before the first that counts: whoever begins to speak is met, and their vectors are
/// read in, seconds before recall.
const FIRST: usize = 10;

/// Turns that are remembered while the time of it is taken.
const REMEMBERED: usize = 500;

/// Longer than any recall takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// What else the machine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engines {
    Idle,
    Generating,
}

/// One measurement.
#[derive(Debug)]
pub(crate) struct Speed {
    pub(crate) stores: Stores,
    pub(crate) engines: Engines,
    pub(crate) size: Size,
    pub(crate) recall: Vec<Duration>,
    pub(crate) embedding: Vec<Duration>,
    pub(crate) remember: Vec<Duration>,
}

/// Every size, or the one of so many turns of the person; a row is told when it is there.
pub(crate) async fn measure(ollama: &str, all: &[Stores], turns: Option<usize>) -> Vec<Speed> {
    let embed = remembered::packaged(ollama);
    let real = filled::real(&embed).await;
    let questions = questions(&real);
    let now = Timestamp::now();
    let mut speeds = Vec::new();
    for &stores in all {
        let opened = stores.open(Arc::clone(&embed));
        opened.hurry().await;
        let mut held = Size::default();
        for size in SIZES {
            if turns.is_some_and(|turns| turns != size.own) {
                continue;
            }
            filled::fill(stores, &opened, &real, held, size, now).await;
            held = size;
            opened.settle().await;
            for engines in [Engines::Idle, Engines::Generating] {
                let busy = match engines {
                    Engines::Idle => None,
                    Engines::Generating => Some(generating(ollama).await),
                };
                let embedding = embedded(ollama, &embed, &questions).await;
                let memory = memory(&opened);
                let speed = Speed {
                    stores,
                    engines,
                    size,
                    recall: recalled(&memory, &questions).await,
                    embedding,
                    remember: remember(memory).await,
                };
                if let Some(busy) = busy {
                    busy.abort();
                }
                eprintln!("{}", table::row(&speed));
                speeds.push(speed);
            }
        }
    }
    speeds
}

/// What people ask, and what somebody asks who says much at once.
fn questions(real: &[Meant]) -> Vec<String> {
    let set = Set::fixed();
    let asked = set.conversations.iter().flat_map(|one| &one.questions);
    let mut questions: Vec<String> = asked.map(|question| question.ask.clone()).collect();
    let long = QUESTIONS.saturating_sub(questions.len()).max(1);
    // Towards the end they are two sentences each.
    let texts = real.iter().rev().step_by(real.len() / long).take(long);
    questions.extend(texts.map(|(text, _)| format!("What did I say about this: {text}")));
    questions
}

/// How long each question takes to become a vector. Afterwards `known` has them all.
async fn embedded(ollama: &str, known: &Arc<dyn Embed>, questions: &[String]) -> Vec<Duration> {
    // What has embedded nothing yet asks the model for each.
    let fresh = remembered::packaged(ollama);
    let mut took = Vec::new();
    for question in questions {
        let begin = Instant::now();
        let vector = fresh.embed(vec![question.clone()], Purpose::Question).await;
        vector.expect("the model makes vectors");
        took.push(begin.elapsed());
    }
    let vectors = known.embed(questions.to_vec(), Purpose::Question).await;
    vectors.expect("the model makes vectors");
    took
}

/// A memory that has nothing at hand yet.
fn memory(opened: &Opened) -> Memory {
    let settings = remembered::settings(opened.folder.path());
    Memory::new(opened.parts.clone(), settings)
}

/// How long recall takes for each question, whose vector costs nothing.
async fn recalled(memory: &Memory, questions: &[String]) -> Vec<Duration> {
    let asker = Asker {
        who: Who::Known(remembered::person(0)),
        name: "Ann".to_owned(),
        place: Place::Channel(1),
        company: Company::Alone,
    };
    memory.meet(&asker.who);
    let first = questions.iter().rev().take(FIRST);
    let mut took = Vec::new();
    for question in first.chain(questions) {
        let begin = Instant::now();
        let recalled = memory.recall(&asker, question, begin + DEADLINE).await;
        took.push(begin.elapsed());
        assert_eq!(recalled.missing, [], "all of recall is there");
    }
    took.split_off(FIRST)
}

/// How long the spoken turn waits to be remembered, while turns are written behind it.
async fn remember(memory: Memory) -> Vec<Duration> {
    let shutdown = CancellationToken::new();
    // Somebody speaks all the time: the model is not to read.
    let (_speaking, calm) = watch::channel(None);
    let run = memory.run(calm, shutdown.clone());
    let turns = async {
        let mut took = Vec::new();
        for number in 0..REMEMBERED {
            let turn = Turn {
                id: Id::new(),
                who: Who::Known(remembered::person(1)),
                name: "Ben".to_owned(),
                place: Place::Channel(2),
                at: Timestamp::now(),
                said: format!("Tell me something about the number {number}."),
                heard: format!("The number {number} is one more than the one before it."),
                audience: Audience::Shared,
                witnesses: Vec::new(),
            };
            let begin = Instant::now();
            memory.remember(turn);
            took.push(begin.elapsed());
            // Whoever writes gets their turn in between, as they do between two spoken ones.
            tokio::task::yield_now().await;
        }
        memory.flush().await;
        shutdown.cancel();
        took
    };
    let ((), took) = tokio::join!(run, turns);
    took
}

/// Keeps the model at work, from its first word on, until this is aborted.
async fn generating(ollama: &str) -> tokio::task::JoinHandle<()> {
    let server = llm::Server {
        url: ollama.to_owned(),
        api_key: None,
        model: SMALL_MODEL.to_owned(),
    };
    let chat = llm::open("ollama", server).expect("it is an address");
    let (speaks, spoken) = oneshot::channel();
    let mut speaks = Some(speaks);
    let busy = tokio::spawn(async move {
        loop {
            let mut tokens = chat.chat(Request {
                messages: vec![Message::new(Role::User, "Tell me a very long story.")],
                options: Options {
                    model: SMALL_MODEL.to_owned(),
                    num_predict: Some(400),
                    ..Options::default()
                },
            });
            while tokens.next().await.is_some() {
                if let Some(speaks) = speaks.take() {
                    let _ = speaks.send(());
                }
            }
        }
    });
    spoken.await.expect("the model speaks");
    busy
}
