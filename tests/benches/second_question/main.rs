//! From the end of a second question to the first sound of its answer, with memory and without.
//!
//! The question is asked one second after the answer before has ended: what memory does in the
//! background must not be in its way. The engines are real, and so is the memory, in the stores
//! that are built in; it knows the caller from earlier. Two assistants take turns, so that noise
//! on the machine meets both, and only one of them is there at a time: what the one does in the
//! background cannot slow the other. The result goes to `benchmarks/second_question.md`.

#![expect(
    clippy::print_stderr,
    reason = "progress is for the person at the terminal"
)]

use std::path::Path;
use std::time::Duration;

use audio::{MUMBLE_HZ, Pcm};
use memory::store::{Learnt, Store, Where, open};
use memory::{Audience, Id, Person, Place, Turn, Who};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, sleep_until};
use world::{Assistant, Caller, MumbleOptions, MumbleServer, Urls, question};

use table::{Memory, Pair, Times};

mod table;

/// The model: what Ollama calls it, and what the table does.
const MODEL: (&str, &str) = ("qwen2.5-coder:0.5b", "Qwen2.5-Coder-0.5B");

/// How often each assistant is started, in turn with the other.
const ROUNDS: usize = 5;

/// From the end of an answer to the beginning of the next question.
const PAUSE: Duration = Duration::from_secs(1);

/// What is asked first; it does not count.
const FIRST: &str = "What is the capital of France?";

/// What is asked one second after an answer, and whether memory knows of it.
const SECOND: &[(&str, Memory)] = &[
    ("What instrument does my sister play?", Memory::Knows),
    ("Who wrote Romeo and Juliet?", Memory::HasNothing),
    ("What am I allergic to?", Memory::Knows),
    ("How many days are there in a week?", Memory::HasNothing),
];

/// What the caller said on earlier days, beside questions and what else there is: the second and
/// the third column count.
const EARLIER: &str = include_str!("../../examples/curve/pairs.tsv");

/// How long ago the last of it was, and how long before that each other one.
const DAYS: jiff::SignedDuration = jiff::SignedDuration::from_hours(72);
const APART: jiff::SignedDuration = jiff::SignedDuration::from_hours(6);

/// The longest answer, in tokens: a sentence or two.
const ANSWER_TOKENS: &str = "20";

/// How long an assistant is left alone before the first question: its model is loaded, UDP is
/// alive, and the calm is too short for anything to be read.
const SETTLING: Duration = Duration::from_secs(3);

/// Sound below this is not part of a question: it ends with its last word.
const QUIET: u16 = 300;

/// Between two looks at what the index has yet to learn.
const LOOK: Duration = Duration::from_millis(100);

/// How long it may take to learn all that the caller said earlier.
const TEACHING: Duration = Duration::from_secs(120);

#[tokio::main]
async fn main() {
    // `cargo test --benches` asks only whether this compiles.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let mut questions = Vec::new();
    let second = SECOND.iter().map(|(text, _)| text);
    for text in [FIRST].iter().chain(second) {
        let spoken = question::spoken(text).await.resampled(MUMBLE_HZ);
        questions.push(to_its_last_word(&spoken));
    }
    let server = MumbleServer::start(MumbleOptions::default());
    let mut caller = Caller::join(&server, "Caller").await;
    let state = TempDir::new().expect("there is room for temporary files");
    let known = get_known(&server, &mut caller, state.path(), &questions[0]).await;

    let mut pairs = Vec::new();
    for round in 0..ROUNDS {
        // The questions of a round before would be remembered in the next one.
        let state = copy_of(state.path());
        let with = [("MEMORY", "on"), ("STATE_DIR", text(state.path()))];
        let without = [("MEMORY", "off")];
        // Neither is always the first.
        let (on, off) = if round % 2 == 0 {
            let on = talk(&server, &mut caller, &with, &questions).await;
            (on, talk(&server, &mut caller, &without, &questions).await)
        } else {
            let off = talk(&server, &mut caller, &without, &questions).await;
            (talk(&server, &mut caller, &with, &questions).await, off)
        };
        for ((on, off), (_, memory)) in on.into_iter().zip(off).zip(SECOND) {
            let memory = *memory;
            let pair = Pair { memory, on, off };
            eprintln!("round {round}: {pair}");
            pairs.push(pair);
        }
    }
    let text = table::render(MODEL.1, known, &pairs);
    eprintln!("{text}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benchmarks");
    std::fs::create_dir_all(&folder).expect("benchmarks/ can be made");
    std::fs::write(folder.join("second_question.md"), text).expect("the table can be written");
}

/// One assistant from its start to its end: a first question that does not count, and then each
/// other one a second after the answer before.
async fn talk(
    server: &MumbleServer,
    caller: &mut Caller,
    memory: &[(&str, &str)],
    questions: &[Pcm],
) -> Vec<Times> {
    let mut assistant = Assistant::start(server, &Urls::real(), &settings(memory));
    caller.meets(Assistant::NAME).await;
    sleep(SETTLING).await;
    let mut times = Vec::new();
    let mut before = None;
    for question in questions {
        if let Some(before) = before {
            sleep_until(Instant::from_std(before) + PAUSE).await;
        }
        let ended = caller.say(question).await;
        let answer = caller.hears(Assistant::NAME).await;
        let stages = assistant.reports().await.expect("every turn is answered");
        before = Some(answer.ended);
        times.push(Times {
            heard: answer.began.saturating_duration_since(ended),
            stages,
        });
    }
    assistant.ends().await;
    times.remove(0);
    times
}

/// Has the caller known to the memory in this folder, as if they had come for days: gives how many
/// things they said that the index has learnt.
async fn get_known(
    server: &MumbleServer,
    caller: &mut Caller,
    folder: &Path,
    question: &Pcm,
) -> usize {
    let memory = [("MEMORY", "on"), ("STATE_DIR", text(folder))];
    let mut assistant = Assistant::start(server, &Urls::real(), &settings(&memory));
    caller.meets(Assistant::NAME).await;
    sleep(SETTLING).await;
    caller.say(question).await;
    caller.hears(Assistant::NAME).await;
    assistant.reports().await;
    let file = Where::File(folder.join("memory/memory.db"));
    let store = open(&file).expect("the assistant made it");
    let taught = async {
        let person = loop {
            let people = store.people().await.expect("the store is there");
            match people.into_iter().next() {
                Some(listed) => break listed.profile.person,
                None => sleep(LOOK).await,
            }
        };
        let turns = said_earlier(&person);
        record(&*store, &turns).await;
        while !(store.outbox(1).await.expect("the store is there")).is_empty() {
            sleep(LOOK).await;
        }
        turns.len()
    };
    let taught = tokio::time::timeout(TEACHING, taught).await;
    assistant.ends().await;
    taught.expect("the index learns in time")
}

/// Puts turns into the store that need not be read any more.
async fn record(store: &dyn Store, turns: &[Turn]) {
    for turn in turns {
        store.record(turn).await.expect("the store takes it");
    }
    let learnt = Learnt {
        read: turns.iter().map(|turn| turn.id).collect(),
        ..Learnt::default()
    };
    store.learn(&learnt).await.expect("the store takes it");
}

fn said_earlier(person: &Person) -> Vec<Turn> {
    let last = jiff::Timestamp::now() - DAYS;
    let lines = EARLIER.lines().filter_map(|line| line.split('\t').nth(2));
    let turn = |(before, said): (i32, &str)| Turn {
        id: Id::new(),
        who: Who::Known(person.clone()),
        name: "Caller".to_owned(),
        place: Place::Channel(0),
        at: last - APART * before,
        said: said.to_owned(),
        heard: "I see.".to_owned(),
        audience: Audience::Private,
        witnesses: Vec::new(),
    };
    (0..).zip(lines).map(turn).collect()
}

/// What both assistants are told, besides what every assistant of a test is.
fn settings<'a>(memory: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut settings = vec![
        ("OLLAMA_MODEL", MODEL.0),
        ("OLLAMA_NUM_PREDICT", ANSWER_TOKENS),
        // Both begin each round with as much talk: the one that remembers would have more of it.
        ("SHORT_TERM_MEMORY_LIMIT", "1"),
    ];
    settings.extend(memory);
    settings
}

/// A folder with all that is in this one.
fn copy_of(folder: &Path) -> TempDir {
    let copy = TempDir::new().expect("there is room for temporary files");
    let mut left = vec![(folder.to_owned(), copy.path().to_owned())];
    while let Some((from, to)) = left.pop() {
        for entry in std::fs::read_dir(from).expect("it is a folder") {
            let path = entry.expect("it can be read").path();
            let to = to.join(path.file_name().expect("it has a name"));
            if path.is_dir() {
                std::fs::create_dir(&to).expect("there is nothing yet");
                left.push((path, to));
            } else if let Err(error) = std::fs::copy(&path, &to) {
                // A database that is closed takes its log with it.
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
            }
        }
    }
    copy
}

fn text(path: &Path) -> &str {
    path.to_str().expect("it is plain text")
}

fn to_its_last_word(question: &Pcm) -> Pcm {
    let samples = question.samples();
    let end = samples.iter().rposition(|s| s.unsigned_abs() > QUIET);
    Pcm::new(question.rate(), samples[..=end.unwrap_or(0)].to_vec())
}
