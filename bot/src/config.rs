//! The assistant's settings: one struct for each room of `config/assistant.toml`.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use service::settings::{Settings, SettingsError};

use crate::address::Answer;

/// Everything the assistant is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The Mumble server and who to be there.
    pub mumble: Mumble,
    /// The recogniser.
    pub whisper: Whisper,
    /// The model.
    pub ollama: Ollama,
    /// The synthesiser.
    pub piper: Piper,
    /// Turns, and who is answered.
    pub turn: Turn,
    /// What the assistant is.
    pub assistant: Assistant,
    /// Folder of its certificate and of the servers it knows.
    pub state_dir: PathBuf,
}

impl Config {
    /// Reads the rooms of `settings` that the assistant uses.
    ///
    /// # Errors
    /// When a value does not make sense; the message is one line that names it.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            mumble: settings.room("mumble")?,
            whisper: settings.room("whisper")?,
            ollama: settings.room("ollama")?,
            piper: settings.room("piper")?,
            turn: settings.room("turn")?,
            assistant: settings.room("assistant")?,
            state_dir: settings
                .room::<service::config::Config>("service")?
                .state_dir,
        })
    }
}

/// Room `[mumble]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mumble {
    /// Host name or address.
    #[serde(deserialize_with = "filled")]
    pub host: String,
    /// TCP and UDP port.
    #[serde(deserialize_with = "number::<_, 1, 65_535, _>")]
    pub port: u16,
    /// The assistant's name on the server.
    #[serde(deserialize_with = "filled")]
    pub username: String,
    /// The server's password.
    pub password: Option<SecretString>,
    /// Channel path; `None` is the server's default channel.
    pub channel: Option<String>,
    /// How the server's certificate is recognised.
    #[serde(deserialize_with = "parsed")]
    pub pin: mumble::Pin,
    /// Whether voice may travel over UDP.
    pub udp: bool,
    /// Bits per second of the assistant's own voice.
    #[serde(deserialize_with = "number::<_, 8_000, 510_000, _>")]
    pub bitrate: u32,
    /// What it tells about itself on the server; empty for nothing.
    pub comment: String,
    /// Access tokens for channels.
    pub tokens: Vec<SecretString>,
}

/// Room `[whisper]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whisper {
    /// Base address.
    #[serde(deserialize_with = "address")]
    pub url: String,
    /// A name of [`speech::stt::DIALECTS`], or `auto`.
    pub dialect: String,
    /// Two-letter code; `None` lets the recogniser find out.
    pub language: Option<String>,
    /// The recogniser's model.
    pub model: String,
    /// Deadline of a transcription, to which half the utterance is added.
    #[serde(rename = "deadline_ms", deserialize_with = "millis")]
    pub deadline: Duration,
}

/// Room `[ollama]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ollama {
    /// Base address.
    #[serde(deserialize_with = "address")]
    pub url: String,
    /// A name of [`llm::DIALECTS`].
    pub dialect: String,
    /// The model's name.
    #[serde(deserialize_with = "filled")]
    pub model: String,
    /// Bearer token.
    pub api_key: Option<SecretString>,
    /// How long the server keeps the model loaded, in Ollama's notation.
    pub keep_alive: String,
    /// Context length in tokens.
    #[serde(deserialize_with = "number::<_, 128, 1_048_576, _>")]
    pub num_ctx: u32,
    /// Longest answer in tokens.
    #[serde(deserialize_with = "number::<_, 1, 100_000, _>")]
    pub num_predict: u32,
    /// 0 is always the likeliest word.
    #[serde(deserialize_with = "within::<_, 0, 2>")]
    pub temperature: f32,
    /// Share of likely words chosen among.
    #[serde(deserialize_with = "within::<_, 0, 1>")]
    pub top_p: f32,
    /// Makes answers repeatable.
    pub seed: Option<i64>,
    /// Deadline to the first token.
    #[serde(rename = "first_token_ms", deserialize_with = "millis")]
    pub first_token: Duration,
    /// Deadline between tokens.
    #[serde(rename = "next_token_ms", deserialize_with = "millis")]
    pub next_token: Duration,
}

/// Room `[piper]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piper {
    /// Base address.
    #[serde(deserialize_with = "address")]
    pub url: String,
    /// A name of [`speech::tts::DIALECTS`], or `auto`.
    pub dialect: String,
    /// The voice; `None` is the server's default.
    pub voice: Option<String>,
    /// The synthesiser's model, where the dialect has one.
    pub model: String,
    /// 1 is the voice's own pace, more is slower.
    pub length_scale: Option<f32>,
    /// Liveliness.
    pub noise_scale: Option<f32>,
    /// Deadline for each piece of sound.
    #[serde(rename = "deadline_ms", deserialize_with = "millis")]
    pub deadline: Duration,
}

/// Room `[turn]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Silence that ends a turn.
    #[serde(rename = "silence_ms", deserialize_with = "millis")]
    pub silence: Duration,
    /// Wait after the talk key was released, during which the speaker may go on.
    #[serde(rename = "release_ms", deserialize_with = "millis_or_none")]
    pub release: Duration,
    /// The longest turn.
    #[serde(rename = "max_ms", deserialize_with = "millis")]
    pub max: Duration,
    /// Who is answered.
    pub answer: Answer,
    /// How long a follow-up needs no name.
    #[serde(rename = "follow_up_s", deserialize_with = "seconds")]
    pub follow_up: Duration,
    /// Further names of the assistant.
    pub names: Vec<String>,
    /// Turns that may wait.
    #[serde(deserialize_with = "number::<_, 0, 100, _>")]
    pub queue_max: usize,
    /// How long each may wait.
    #[serde(rename = "queue_wait_s", deserialize_with = "seconds")]
    pub queue_wait: Duration,
}

/// Room `[assistant]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assistant {
    /// The system message.
    pub persona: String,
    /// Exchanges shown to the model.
    #[serde(deserialize_with = "number::<_, 0, 1_000, _>")]
    pub history_turns: usize,
    /// Silence after which a conversation is over, in minutes.
    #[serde(rename = "session_minutes", deserialize_with = "minutes")]
    pub session: Duration,
}

/// A day: longer waits in settings are slips of the keyboard.
const LONGEST_SECONDS: i64 = 86_400;

fn number<'de, D, const MIN: i64, const MAX: i64, N>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<i64>,
{
    let value = i64::deserialize(deserializer)?;
    let fits = (MIN..=MAX)
        .contains(&value)
        .then(|| N::try_from(value).ok())
        .flatten();
    fits.ok_or_else(|| {
        refused(format!(
            "expected a number from {MIN} to {MAX}, found {value}"
        ))
    })
}

fn within<'de, D, const MIN: i32, const MAX: i32>(deserializer: D) -> Result<f32, D::Error>
where
    D: Deserializer<'de>,
{
    let value = f32::deserialize(deserializer)?;
    let fits = value >= MIN as f32 && value <= MAX as f32;
    fits.then_some(value).ok_or_else(|| {
        refused(format!(
            "expected a number from {MIN} to {MAX}, found {value}"
        ))
    })
}

fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    number::<D, 1, { LONGEST_SECONDS * 1000 }, u64>(deserializer).map(Duration::from_millis)
}

fn millis_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    number::<D, 0, { LONGEST_SECONDS * 1000 }, u64>(deserializer).map(Duration::from_millis)
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    number::<D, 0, LONGEST_SECONDS, u64>(deserializer).map(Duration::from_secs)
}

fn minutes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    number::<D, 1, { 365 * 24 * 60 }, u64>(deserializer).map(|m| Duration::from_secs(m * 60))
}

fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        Err(refused("expected some text, found none"))
    } else {
        Ok(text)
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    if rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(refused(format!(
            "expected an address such as http://127.0.0.1:5000, found {text:?}"
        )))
    }
}

fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    String::deserialize(deserializer)?.parse().map_err(refused)
}

fn refused<E: serde::de::Error>(why: impl std::fmt::Display) -> E {
    E::custom(why)
}
