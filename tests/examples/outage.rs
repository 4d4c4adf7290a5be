//! Ends and starts each real server in turn while somebody goes on asking: `make outage`.
//!
//! The executable runs on its default settings. A line for each question says how long the
//! channel was silent after it, what was heard and read, and what /health said then. The program
//! fails when somebody waited longer than [`LONGEST_SILENCE`] for a sign, or when /health did not
//! tell the truth in time.

#![expect(clippy::print_stdout, reason = "people read it")]

use std::time::{Duration, Instant};

use audio::Pcm;
use serde_json::Value;
use tokio::time::{sleep, timeout};
use world::program::Program;
use world::question::{self, CAPITAL_OF_FRANCE};
use world::{Assistant, Caller, Engines, Instance, MumbleOptions, MumbleServer, SMALL_MODEL};

/// After the end of a question, until something is heard or read.
const LONGEST_SILENCE: Duration = Duration::from_millis(1_500);

/// An ended server is seen at the first call that fails, or at the next check of an idle one:
/// `HEALTH_CHECK_INTERVAL`, and a moment. One that is back, by the checks every two seconds.
const TRUTH_WITHIN: Duration = Duration::from_secs(33);

/// How long to wait for what must happen.
const PATIENCE: Duration = Duration::from_secs(90);

/// Between two looks at something that changes.
const LOOK: Duration = Duration::from_millis(50);

/// What is heard within this after the end of a turn belongs to it.
const LAST_WORDS: Duration = Duration::from_millis(1_500);

/// Questions while a server is away: the first is the one that finds out.
const QUESTIONS: usize = 3;

/// Everything that this takes.
struct Scene {
    http: reqwest::Client,
    pages: String,
    caller: Caller,
    question: Pcm,
    complaints: Vec<String>,
}

/// Which service is to be away, by its name in /health; `None` for none.
type Away = Option<&'static str>;

#[tokio::main]
async fn main() {
    // Speaks the questions and understands the answers, apart from the engines that are ended.
    Engines::shared();
    let (mut whisper, mut ollama, mut piper) = (
        Instance::start("whisper"),
        Instance::start("ollama"),
        Instance::start("piper"),
    );
    let mut server = MumbleServer::start(MumbleOptions::default());
    let program = Program::new(&[
        ("MUMBLE_PORT", &server.port().to_string()),
        ("WHISPER_URL", &whisper.url()),
        ("WHISPER_LANGUAGE", "en"),
        ("OLLAMA_URL", &ollama.url()),
        ("OLLAMA_MODEL", SMALL_MODEL),
        ("OLLAMA_NUM_PREDICT", "30"),
        ("PIPER_URL", &piper.url()),
    ]);
    let running = program.start(&["bot"]);
    let caller = Caller::join(&server, "Ann").await;
    caller.meets(Assistant::NAME).await;
    let mut scene = Scene {
        http: reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("TLS is installed"),
        pages: program.health(),
        question: question::spoken(CAPITAL_OF_FRANCE).await,
        caller,
        complaints: Vec::new(),
    };
    println!("{:26} {:>9}  heard and read", "", "silent");
    scene.becomes(None, "all servers are there").await;
    scene.ask("all is well").await;

    for (name, engine) in [
        ("whisper", &mut whisper),
        ("ollama", &mut ollama),
        ("piper", &mut piper),
    ] {
        engine.end();
        for _ in 0..QUESTIONS {
            scene.ask(&format!("{name} is ended")).await;
        }
        scene.becomes(Some(name), &format!("{name} is ended")).await;
        engine.start_again();
        scene.becomes(None, &format!("{name} is back")).await;
        scene.ask(&format!("{name} is back")).await;
    }

    // Nobody asks: it is seen all the same.
    piper.end();
    scene
        .becomes(Some("piper"), "piper is ended, nobody asks")
        .await;
    piper.start_again();
    scene.becomes(None, "piper is back").await;

    server.stop();
    scene.becomes(Some("mumble"), "mumble is ended").await;
    server.start_again();
    scene.becomes(None, "mumble is back").await;
    scene.caller.meets(Assistant::NAME).await;
    scene.ask("mumble is back").await;

    running.terminate().await;
    let ran = running.ends().await;
    println!("the assistant left with exit code {:?}", ran.code);
    assert!(
        scene.complaints.is_empty(),
        "{}",
        scene.complaints.join("\n")
    );
}

impl Scene {
    /// Asks once and shows what came of it.
    async fn ask(&mut self, when: &str) {
        let turns = self.ended_turns().await;
        self.caller.listens_anew();
        let before = self.caller.heard_of(Assistant::NAME).len();
        let over = self.caller.say(&self.question).await;
        let first = timeout(PATIENCE, self.caller.hears_after(Assistant::NAME, over)).await;
        let silent = first.map_or(PATIENCE, |first| first.duration_since(over));
        let until = Instant::now() + PATIENCE;
        while self.ended_turns().await <= turns && Instant::now() < until {
            sleep(LOOK).await;
        }
        sleep(LAST_WORDS).await;
        let mut said = Vec::new();
        for heard in self.caller.heard_of(Assistant::NAME).iter().skip(before) {
            said.push(question::understood(&heard.sound).await);
        }
        while let Ok(text) = timeout(LOOK, self.caller.reads()).await {
            said.push(format!("(written) {}", text.text));
        }
        let health = self.health().await;
        println!(
            "{when:26} {silent:>9.2?}  {} [{}]",
            said.join(" | "),
            health["status"]
        );
        if silent > LONGEST_SILENCE {
            self.complaints
                .push(format!("{when}: silent for {silent:?}"));
        }
    }

    /// Waits until /health says that this service, and no other, is away.
    async fn becomes(&mut self, away: Away, what: &str) {
        let begun = Instant::now();
        loop {
            let health = self.health().await;
            let ill: Option<Vec<&String>> = health["services"].as_object().map(|services| {
                let ill = services.iter().filter(|(_, well)| **well == false);
                ill.map(|(name, _)| name).collect()
            });
            let so = ill.as_ref().is_some_and(|ill| ill.iter().eq(&away));
            let waited = begun.elapsed();
            if so {
                println!("{what:26} {waited:>9.2?}  until /health said so");
            } else if waited < PATIENCE {
                sleep(LOOK).await;
                continue;
            }
            if waited > TRUTH_WITHIN {
                self.complaints
                    .push(format!("{what}: /health took {waited:?}, and says {ill:?}"));
            }
            return;
        }
    }

    async fn ended_turns(&self) -> usize {
        let page = self.page("/turns").await;
        let turns = page["turns"].as_array().or_else(|| page.as_array());
        turns.map_or(0, Vec::len)
    }

    async fn health(&self) -> Value {
        self.page("/health").await
    }

    /// What the assistant answers; nothing while it is starting.
    async fn page(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.pages)).send().await;
        match answer {
            Ok(answer) => answer.json().await.unwrap_or_default(),
            Err(_) => Value::Null,
        }
    }
}
