//! An assistant with scripted engines on a Mumble server of its own.

use std::f64::consts::TAU;
use std::time::Duration;

use audio::Pcm;
use bot::sounds::Sound;
use serde_json::Value;

use crate::scripted::{self, Reply, Scripted, SttDialect, TtsDialect};
use crate::{Assistant, Caller, MumbleOptions, MumbleServer, SMALL_MODEL, Urls};

/// Rate of the scripted voice, in Hz; not the one of Mumble, so that it must be changed.
const VOICE_HZ: u32 = 22_050;

/// Everything that a test with scripted engines needs.
#[derive(Debug)]
pub struct Stage {
    /// The recogniser.
    pub stt: Scripted<String>,
    /// The model.
    pub chat: Scripted<Reply>,
    /// The synthesiser.
    pub tts: Scripted<Pcm>,
    /// Who is tried.
    pub assistant: Assistant,
    /// Where it talks.
    pub server: MumbleServer,
}

impl Stage {
    /// The recogniser understands `question`, the model answers `answer`, and each sentence of
    /// it sounds for `sentence`.
    pub fn set(
        question: &str,
        answer: &str,
        sentence: Duration,
        settings: &[(&str, &str)],
    ) -> Self {
        let server = MumbleServer::start(MumbleOptions::default());
        Self::set_on(server, question, answer, sentence, settings)
    }

    /// The same on this server.
    pub fn set_on(
        server: MumbleServer,
        question: &str,
        answer: &str,
        sentence: Duration,
        settings: &[(&str, &str)],
    ) -> Self {
        Self::set_with(server, question, answer, sentence, settings, |_| {})
    }

    /// The same with the assistant's engines changed: wrapped in others, say.
    pub fn set_with(
        server: MumbleServer,
        question: &str,
        answer: &str,
        sentence: Duration,
        settings: &[(&str, &str)],
        change: impl FnOnce(&mut bot::Engines),
    ) -> Self {
        let stt = scripted::stt(SttDialect::OpenAi, question);
        let chat = scripted::chat(SMALL_MODEL, answer);
        let tts = scripted::tts(TtsDialect::Piper, tone(sentence));
        let urls = Urls {
            whisper: stt.url(),
            ollama: chat.url(),
            piper: tts.url(),
        };
        let assistant = Assistant::start_with(&server, &urls, settings, change);
        Self {
            stt,
            chat,
            tts,
            assistant,
            server,
        }
    }

    /// A caller in the same channel as the assistant.
    pub async fn caller(&self, name: &str) -> Caller {
        let caller = Caller::join(&self.server, name).await;
        caller.meets(Assistant::NAME).await;
        caller
    }

    /// The questions that the model was asked since the assistant warmed it up, oldest first:
    /// each the last message of its prompt.
    pub fn questions(&self) -> Vec<String> {
        let prompts = self.prompts();
        let last = prompts.iter().filter_map(|messages| messages.last());
        last.map(|(_, content)| content.clone()).collect()
    }

    /// The prompts of the same questions: role and content of each message.
    pub fn prompts(&self) -> Vec<Vec<(String, String)>> {
        let text = |value: &Value| value.as_str().expect("it is text").to_owned();
        let message = |m: &Value| (text(&m["role"]), text(&m["content"]));
        let seen = self.chat.seen();
        // Warming the model up is no question.
        let asked = seen.iter().filter(|seen| !seen.warms_up());
        let prompts = asked.map(|seen| {
            seen.json["messages"]
                .as_array()
                .expect("a prompt has messages")
        });
        prompts
            .map(|messages| messages.iter().map(message).collect())
            .collect()
    }

    /// The texts of answers that the synthesiser was given, oldest first.
    pub fn spoken(&self) -> Vec<String> {
        let seen = self.tts.seen();
        let texts = seen.iter().map(|request| request.json["text"].as_str());
        // In a quiet hour the prepared sentences are made in the present voice: no answers.
        let prepared = |text: &str| Sound::ALL.iter().any(|sound| sound.sentence() == text);
        texts
            .map(|text| text.expect("it is to say something").to_owned())
            .filter(|text| !prepared(text))
            .collect()
    }
}

/// A tone of 440 Hz, well below full scale.
pub fn tone(duration: Duration) -> Pcm {
    let samples = (duration.as_secs_f64() * f64::from(VOICE_HZ)) as usize;
    let wave = |n: usize| (n as f64 * 440.0 * TAU / f64::from(VOICE_HZ)).sin() * 8_000.0;
    Pcm::new(VOICE_HZ, (0..samples).map(|n| wave(n) as i16).collect())
}
