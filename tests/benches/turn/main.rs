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

use std::time::{Duration, Instant};

use audio::{MUMBLE_HZ, Pcm};
use bot::{Report, Stages};
use mumble::{Event, Pin};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use world::{Engines, MumbleOptions, MumbleServer, question};

use caller::{Caller, Microphone};
use plain::Plain;
use table::Row;

mod caller;
mod plain;
mod table;

/// Questions with short answers, as they are asked of a voice assistant.
const QUESTIONS: &[&str] = &[
    "What is the capital of France?",
    "How many days are there in a week?",
    "What color is the sky on a clear day?",
    "Who wrote Romeo and Juliet?",
    "What is the largest planet in the solar system?",
    "How many legs does a spider have?",
    "What is the opposite of hot?",
    "Which animal is known as man's best friend?",
    "What do bees make?",
    "In which country is the city of Rome?",
];

/// Each question is asked so often of each bot with each microphone.
const ROUNDS: usize = 2;

/// Sound below this is not part of a question: it ends with its last word.
const QUIET: u16 = 300;

/// The models, and what the table says of them.
const MODELS: &[(&str, &str)] = &[
    ("qwen2.5-coder:0.5b", "Qwen2.5-Coder-0.5B"),
    ("smollm2:135m", "SmolLM2-135M"),
];

#[tokio::main]
async fn main() {
    // `cargo test --benches` asks only whether this compiles.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    service::tls::install();
    let log_level = std::env::var("LOG_LEVEL").unwrap_or_else(|_| "warn".to_owned());
    let logging = service::config::Config {
        state_dir: std::env::temp_dir(),
        log_level,
        log_format: service::config::LogFormat::Text,
    };
    service::logging::start(&logging).expect("the log level is right");
    let engines = Engines::shared();
    let mut questions = Vec::new();
    for text in QUESTIONS {
        questions.push(to_its_last_word(
            &question::spoken(text).await.resampled(MUMBLE_HZ),
        ));
    }
    let mut rows = Vec::new();
    for (model, title) in MODELS {
        rows.extend(measure(engines, model, title, &questions).await);
    }
    let text = table::render(&rows);
    eprintln!("{text}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../benchmarks/turn.md");
    std::fs::write(path, text).expect("benchmarks/ can be written");
}

/// Both bots with one model, one after the other at every question.
async fn measure(engines: &Engines, model: &str, title: &str, questions: &[Pcm]) -> Vec<Row> {
    let end = CancellationToken::new();
    let (reports, mut reported) = mpsc::channel(8);
    let ours = MumbleServer::start(MumbleOptions::default());
    let theirs = MumbleServer::start(MumbleOptions::default());
    let state = tempfile::tempdir().expect("there is room for temporary files");
    let config = config(engines, &ours, model, state.path());
    let plain = plain(&config);
    let (client, mut events) = join(&theirs, "Plain-Bot", state.path(), &end);
    joined(&mut events).await;
    tokio::spawn(plain.run(client, events));
    let warm = tokio::spawn(bot::run(config, end.child_token(), Some(reports)));

    let mut asks_ours = caller(&ours, "Caller", state.path(), &end).await;
    let mut asks_theirs = caller(&theirs, "Caller", state.path(), &end).await;
    // Both have the model loaded and every connection open before the first turn that counts.
    settle(&asks_ours).await;
    for microphone in [Microphone::TalkKey, Microphone::Open] {
        asks_ours.ask(&questions[0], microphone).await;
        asks_theirs.ask(&questions[0], microphone).await;
        reported.recv().await;
    }

    let mut rows = Vec::new();
    for microphone in [Microphone::TalkKey, Microphone::Open] {
        let (mut fast, mut slow, mut stages) = (Vec::new(), Vec::new(), Vec::<Stages>::new());
        for (n, question) in (0..ROUNDS).flat_map(|_| questions).enumerate() {
            fast.push(asks_ours.ask(question, microphone).await);
            slow.push(asks_theirs.ask(question, microphone).await);
            let Report {
                stages: of_turn, ..
            } = reported.recv().await.expect("the bot reports");
            stages.extend(of_turn);
            eprintln!(
                "{title}, {microphone:?}: turn {}, ours {:?}, plain {:?}",
                n + 1,
                fast[n],
                slow[n]
            );
        }
        rows.push(Row {
            title: title.to_owned(),
            microphone,
            ours: fast,
            plain: slow,
            stages,
        });
    }
    end.cancel();
    warm.await
        .expect("the bot does not panic")
        .expect("the settings are right");
    rows
}

fn config(
    engines: &Engines,
    server: &MumbleServer,
    model: &str,
    state: &std::path::Path,
) -> bot::Config {
    let env = |name: &str| {
        let value = match name {
            "MUMBLE_HOST" => server.host().to_owned(),
            "MUMBLE_PORT" => server.port().to_string(),
            "WHISPER_URL" => engines.whisper().to_owned(),
            "WHISPER_LANGUAGE" => "en".to_owned(),
            "OLLAMA_URL" => engines.ollama().to_owned(),
            "OLLAMA_MODEL" => model.to_owned(),
            "OLLAMA_TEMPERATURE" => "0".to_owned(),
            "OLLAMA_SEED" => "1".to_owned(),
            "OLLAMA_NUM_PREDICT" => "100".to_owned(),
            // Each turn stands for itself, so that all of them ask the model for the same work.
            "HISTORY_TURNS" => "0".to_owned(),
            "PIPER_URL" => engines.piper().to_owned(),
            "STATE_DIR" => state.join("ours").display().to_string(),
            _ => return None,
        };
        Some(value)
    };
    let defaults = include_str!("../../../config/assistant.toml");
    let settings =
        service::settings::Settings::load(defaults, None, &env).expect("the settings are right");
    bot::Config::from_settings(&settings).expect("the settings are right")
}

fn plain(config: &bot::Config) -> Plain {
    let fits = "the settings are right";
    Plain {
        stt: bot::engines::stt(&config.whisper).expect(fits),
        chat: bot::engines::chat(&config.ollama).expect(fits),
        tts: bot::engines::tts(&config.piper).expect(fits),
        options: bot::engines::options(&config.ollama),
        system: format!(
            "{}\nYour name is {}.",
            config.assistant.persona, config.mumble.username
        ),
    }
}

fn join(
    server: &MumbleServer,
    name: &str,
    state: &std::path::Path,
    end: &CancellationToken,
) -> (mumble::Client, mumble::Events) {
    let state = state.join(format!("{name}-{}", server.port()));
    let mut config = mumble::Config::new(server.host(), server.port(), name, state);
    config.pin = Pin::Off;
    mumble::join(config, end.child_token())
}

async fn caller(
    server: &MumbleServer,
    name: &str,
    state: &std::path::Path,
    end: &CancellationToken,
) -> Caller {
    let (client, mut events) = join(server, name, state, end);
    joined(&mut events).await;
    Caller { client, events }
}

async fn joined(events: &mut mumble::Events) {
    loop {
        match events.next().await.expect("the user lives") {
            Event::Joined { .. } => return,
            Event::Lost { error, .. } => panic!("{error}"),
            _ => {}
        }
    }
}

/// Waits until the assistant is in the channel and UDP has had time to answer.
async fn settle(caller: &Caller) {
    let began = Instant::now();
    while caller.client.roster().others_in_my_channel().count() == 0 {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "the assistant joins"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(6)).await;
}

fn to_its_last_word(question: &Pcm) -> Pcm {
    let end = question
        .samples()
        .iter()
        .rposition(|s| s.unsigned_abs() > QUIET)
        .map_or(0, |at| at + 1);
    Pcm::new(question.rate(), question.samples()[..end].to_vec())
}
