//! From the end of a spoken question to the first sound of its answer, measured from outside.
//!
//! A Mumble user asks recorded questions on a real server; the engines are real. Beside the
//! assistant, in the same run and on the same engines, works a bot in the plain way (see
//! [`plain`]); they take turns, so that noise on the machine meets both. The result goes to
//! `benchmarks/turn.md`.

#![expect(
    clippy::print_stderr,
    reason = "progress is for the person at the terminal"
)]

use std::path::Path;
use std::time::Duration;

use audio::{MUMBLE_HZ, Pcm};
use mumble::{Event, Pin};
use tempfile::tempdir;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use world::{Assistant, Caller, Engines, MumbleOptions, MumbleServer, Urls, question};

use plain::Plain;
use table::{Kind, Microphone, Row, Turn};

mod plain;
mod barge_in;
mod table;

/// Questions as they are asked of a voice assistant. Those with even places have an answer of one
/// sentence, the others want an explanation of several.
const QUESTIONS: &[&str] = &[
    "What is the capital of France?",
    "Why is the sky blue?",
    "Who wrote Romeo and Juliet?",
    "How do I boil an egg?",
    "What is the largest planet in the solar system?",
    "What is the difference between a cat and a dog?",
    "How many days are there in a week?",
    "Tell me something interesting about the moon.",
    "What is the opposite of hot?",
    "What should I pack for a trip to the beach?",
];

/// The longest answer, in tokens: two or three sentences.
const ANSWER_TOKENS: &str = "60";

/// Sound below this is not part of a question: it ends with its last word.
const QUIET: u16 = 300;

/// The models: what Ollama calls them, what the table calls them, how often each question is asked
/// of each bot, and with which microphones.
const MODELS: &[(&str, &str, usize, &[Microphone])] = &[
    (
        "qwen2.5-coder:0.5b",
        "Qwen2.5-Coder-0.5B",
        2,
        &[Microphone::TalkKey, Microphone::Open],
    ),
    ("smollm2:135m", "SmolLM2-135M", 1, &[Microphone::TalkKey]),
];

/// How long both bots are left alone before the first turn: UDP is alive by then on all sides.
const SETTLING: Duration = Duration::from_secs(6);

/// The bot in the plain way, as its callers see it.
const PLAIN: &str = "Plain-Bot";

#[tokio::main]
async fn main() {
    // `cargo test --benches` asks only whether this compiles.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let mut questions = Vec::new();
    for text in QUESTIONS {
        questions.push(to_its_last_word(
            &question::spoken(text).await.resampled(MUMBLE_HZ),
        ));
    }
    let mut rows = Vec::new();
    for (model, title, rounds, microphones) in MODELS {
        rows.extend(measure(model, title, *rounds, microphones, &questions).await);
    }
    let stops = barge_in::measure(MODELS[0].0).await;
    let text = table::render(&rows, &stops);
    eprintln!("{text}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benchmarks");
    std::fs::create_dir_all(&folder).expect("benchmarks/ can be made");
    std::fs::write(folder.join("turn.md"), text).expect("benchmarks/turn.md can be written");
}

/// Both bots with one model, one after the other at every question.
async fn measure(
    model: &'static str,
    title: &str,
    rounds: usize,
    microphones: &[Microphone],
    questions: &[Pcm],
) -> Vec<Row> {
    let (ours, theirs) = (server(), server());
    let mut assistant = Assistant::start(&ours, &Urls::real(), &settings(model));
    let end = CancellationToken::new();
    let plain = tokio::spawn(plain_bot(model, theirs.port(), end.clone()));
    let mut asks_ours = Caller::join(&ours, "Caller").await;
    let mut asks_theirs = Caller::join(&theirs, "Caller").await;
    asks_ours.meets(Assistant::NAME).await;
    asks_theirs.meets(PLAIN).await;
    sleep(SETTLING).await;

    let mut rows = Vec::new();
    for &microphone in microphones {
        let mut turns = Vec::new();
        // The first question does not count: it loads models and opens connections.
        let asked = (0..rounds).flat_map(|_| questions);
        for (n, question) in questions.iter().take(1).chain(asked).enumerate() {
            // Another question than ours just now, whose prompt the model would still have at hand.
            // It is of the same kind.
            let other = &questions[(n + 3) % questions.len()];
            let turn = Turn {
                kind: match n.checked_sub(1).map(|n| n % 2) {
                    Some(1) => Kind::Explanation,
                    _ => Kind::Short,
                },
                ours: ask(&mut asks_ours, Assistant::NAME, question, microphone).await,
                stages: assistant.reports().await.expect("every turn is answered"),
                plain: ask(&mut asks_theirs, PLAIN, other, microphone).await,
            };
            eprintln!("{title}, {microphone}, turn {n}: {turn}");
            turns.push(turn);
        }
        turns.remove(0);
        rows.push(Row {
            title: title.to_owned(),
            microphone,
            turns,
        });
    }
    end.cancel();
    plain.await.expect("the plain bot does not panic");
    assistant.ends().await;
    rows
}

/// Asks and listens to the whole answer. Gives the time from the end of the question to the
/// first packet of the answer.
async fn ask(caller: &mut Caller, of: &str, question: &Pcm, microphone: Microphone) -> Duration {
    let (ended, _open) = match microphone {
        Microphone::TalkKey => (caller.say(question).await, None),
        Microphone::Open => {
            let (ended, open) = caller.say_openly(question).await;
            (ended, Some(open))
        }
    };
    let answer = caller.hears(of).await;
    answer.began.saturating_duration_since(ended)
}

async fn plain_bot(model: &'static str, port: u16, end: CancellationToken) {
    let engines = Engines::shared();
    let state = tempdir().expect("there is room for temporary files");
    let mut config = mumble::Config::new("127.0.0.1", port, PLAIN, state.path());
    config.pin = Pin::Off;
    let (client, mut events) = mumble::join(config, end);
    while !matches!(events.next().await, Some(Event::Joined { .. })) {}
    Plain::new(engines, model).run(client, events).await;
}

/// What both bots are told, besides what every assistant of a test is.
fn settings(model: &'static str) -> [(&'static str, &'static str); 3] {
    [
        ("OLLAMA_MODEL", model),
        ("OLLAMA_NUM_PREDICT", ANSWER_TOKENS),
        // Each turn stands for itself, so that all of them ask the model for the same work.
        ("SHORT_TERM_MEMORY_LIMIT", "0"),
    ]
}

fn server() -> MumbleServer {
    MumbleServer::start(MumbleOptions::default())
}

fn to_its_last_word(question: &Pcm) -> Pcm {
    let samples = question.samples();
    let end = samples.iter().rposition(|s| s.unsigned_abs() > QUIET);
    Pcm::new(question.rate(), samples[..=end.unwrap_or(0)].to_vec())
}
