//! How the assistant begins, changes and ends: in whatever order its world appears, and never in
//! the middle of a sentence.

use std::time::{Duration, Instant};

use world::program::Program;
use world::question::{self, CAPITAL_OF_FRANCE};
use world::scripted::{self, Play, SttDialect, TtsDialect};
use world::{Assistant, Caller, MumbleOptions, MumbleServer, SMALL_MODEL};

use world::stage::{Stage, tone};

const QUESTION: &str = "What time is it?";

/// Three sentences, of which the first sounds when the end comes.
const ANSWER: &str = "It is noon. The sun is high. Lunch is ready.";

/// Each of them sounds for so long.
const SENTENCE: Duration = Duration::from_secs(2);

/// What resampling and the frames of 20 ms may add to a sentence or take from it.
const ABOUT: Duration = Duration::from_millis(200);

/// `docker stop` kills after so long.
const DOCKER_KILLS: Duration = Duration::from_secs(10);

async fn ask(caller: &Caller) {
    caller.say(&question::spoken(CAPITAL_OF_FRANCE).await).await;
}

#[tokio::test]
async fn the_sentence_that_sounds_at_the_end_is_finished_and_no_other_is_begun() {
    let stage = Stage::set(QUESTION, ANSWER, SENTENCE, &[]);
    let mut ann = stage.caller("Ann").await;
    ask(&ann).await;
    ann.hears_first(Assistant::NAME, SENTENCE / 4).await;
    stage.assistant.ends().await;
    let heard = ann.hears(Assistant::NAME).await.sound.duration();
    assert!(heard.abs_diff(SENTENCE) < ABOUT, "{heard:?}");
}

#[tokio::test]
async fn a_sentence_that_would_go_on_for_too_long_does_not_hold_up_the_end() {
    let stage = Stage::set(QUESTION, ANSWER, SENTENCE * 15, &[]);
    let ann = stage.caller("Ann").await;
    ask(&ann).await;
    ann.hears_first(Assistant::NAME, SENTENCE / 4).await;
    let asked = Instant::now();
    stage.assistant.ends().await;
    assert!(asked.elapsed() < DOCKER_KILLS, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn an_answer_that_has_not_begun_at_the_end_never_begins() {
    let stage = Stage::set(QUESTION, ANSWER, SENTENCE, &[("FILLER_AFTER_MS", "0")]);
    let ann = stage.caller("Ann").await;
    stage.chat.always(Play::Hang);
    ask(&ann).await;
    // The first was to load the model.
    stage.chat.asked(2).await;
    let asked = Instant::now();
    stage.assistant.ends().await;
    assert!(asked.elapsed() < SENTENCE, "{:?}", asked.elapsed());
    assert!(ann.heard_of(Assistant::NAME).is_empty());
}

/// The executable beside scripted engines, which are there or not, and a Mumble server.
struct House {
    stt: scripted::Scripted<String>,
    chat: scripted::Scripted<scripted::Reply>,
    tts: scripted::Scripted<audio::Pcm>,
    server: MumbleServer,
    program: Program,
}

impl House {
    fn build() -> Self {
        let stt = scripted::stt(SttDialect::OpenAi, QUESTION);
        let chat = scripted::chat(SMALL_MODEL, "It is noon.");
        let tts = scripted::tts(TtsDialect::Piper, tone(SENTENCE));
        let server = MumbleServer::start(MumbleOptions::default());
        let program = Program::new(&[
            ("MUMBLE_HOST", server.host()),
            ("MUMBLE_PORT", &server.port().to_string()),
            ("WHISPER_URL", &stt.url()),
            ("OLLAMA_URL", &chat.url()),
            ("OLLAMA_MODEL", SMALL_MODEL),
            ("PIPER_URL", &tts.url()),
            ("HEALTH_PORT", &world::free_port().to_string()),
        ]);
        Self {
            stt,
            chat,
            tts,
            server,
            program,
        }
    }

    /// The system message of the last question that the model was asked.
    fn persona(&self) -> String {
        let seen = self.chat.seen();
        let asked = |seen: &&scripted::Seen| {
            let last = seen.json["messages"].as_array().and_then(|all| all.last());
            last.is_some_and(|last| last["content"].as_str().unwrap().contains(QUESTION))
        };
        let question = seen.iter().rfind(asked).unwrap();
        let system = &question.json["messages"][0]["content"];
        system.as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn it_starts_with_nothing_there_and_comes_up_as_its_world_appears() {
    let mut house = House::build();
    house.stt.stop();
    house.chat.stop();
    house.tts.stop();
    house.server.stop();
    let running = house.program.start(&["up"]);
    for part in ["whisper", "ollama", "piper"] {
        running.says(&["mumble-ai: ", part, "127.0.0.1:"]).await;
    }
    running.says(&["not on the server"]).await;
    house.server.start_again();
    let mut ann = Caller::join(&house.server, "Ann").await;
    ann.meets(Assistant::NAME).await;
    house.chat.start_again();
    running.says(&["model is loaded"]).await;
    house.stt.start_again();
    house.tts.start_again();
    // Whatever is said before an engine is trusted again is an apology.
    loop {
        ask(&ann).await;
        ann.hears(Assistant::NAME).await;
        if running.log().contains("turn answered") {
            break;
        }
    }
    running.terminate().await;
    assert_eq!(running.ends().await.code, Some(0));
}

#[tokio::test]
async fn new_settings_are_taken_over_at_a_hangup_and_bad_ones_refused() {
    const OLD: &str = "[assistant]\npersona = \"You are a pirate.\"\n";
    const NEW: &str = "[assistant]\npersona = \"You are a monk.\"\n[mumble]\npassword = \"hush\"\n";
    let house = House::build();
    let file = house.program.file("own.toml", OLD);
    let running = house.program.start(&["bot", "--config", &file]);
    let mut ann = Caller::join(&house.server, "Ann").await;
    ann.meets(Assistant::NAME).await;
    ask(&ann).await;
    ann.hears(Assistant::NAME).await;
    assert!(house.persona().contains("pirate"));

    house.program.file("own.toml", "[turn]\nsilence_ms = -1\n");
    running.hang_up().await;
    let refused = running.says(&["refused", "turn.silence_ms", "-1"]).await;
    assert!(refused.contains("own.toml"), "{refused}");
    ask(&ann).await;
    ann.hears(Assistant::NAME).await;
    assert!(house.persona().contains("pirate"), "the old ones stay");

    house.program.file("own.toml", NEW);
    running.hang_up().await;
    running.says(&["read again", "assistant.persona"]).await;
    running.says(&["next start", "mumble.password"]).await;
    ask(&ann).await;
    ann.hears(Assistant::NAME).await;
    assert!(house.persona().contains("monk"));
    assert!(!running.log().contains("hush"), "a secret is not logged");
    running.terminate().await;
    assert_eq!(running.ends().await.code, Some(0));
}
