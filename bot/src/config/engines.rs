//! Where the engines are and how they are asked: the rooms of recogniser, model and synthesiser.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use super::Circuit;
use service::settings::limits::{
    THRESHOLD, addresses, filled, fraction, liveliness, millis, number, pace, share, some_words,
    within,
};

/// Room `[whisper]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whisper {
    /// Base addresses: the first, and its spares.
    #[serde(deserialize_with = "addresses")]
    pub url: Vec<String>,
    /// A name of [`speech::stt::DIALECTS`], or `auto` for all addresses, or one for each.
    #[serde(deserialize_with = "some_words")]
    pub dialect: Vec<String>,
    /// Two-letter code; `None` lets the recogniser find out.
    pub language: Option<String>,
    /// The recogniser's model.
    pub model: String,
    /// Deadline of a transcription, to which half the utterance is added.
    #[serde(rename = "deadline_ms", deserialize_with = "millis")]
    pub deadline: Duration,
    /// Failures in a row after which it is left alone.
    #[serde(deserialize_with = "number::<_, 1, THRESHOLD, _>")]
    pub circuit_threshold: u32,
    /// The longest wait before it is tried again.
    #[serde(rename = "circuit_timeout_s", deserialize_with = "fraction")]
    pub circuit_timeout: Duration,
}

impl Whisper {
    /// When its breaker opens.
    #[must_use]
    pub fn circuit(&self) -> Circuit {
        Circuit {
            threshold: self.circuit_threshold,
            timeout: self.circuit_timeout,
        }
    }

    /// Each address with its dialect, in order.
    pub fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        paired(&self.url, &self.dialect)
    }
}

/// Room `[ollama]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ollama {
    /// Base addresses: the first, and its spares.
    #[serde(deserialize_with = "addresses")]
    pub url: Vec<String>,
    /// A name of [`llm::DIALECTS`] for all addresses, or one for each.
    #[serde(deserialize_with = "some_words")]
    pub dialect: Vec<String>,
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
    #[serde(deserialize_with = "share")]
    pub top_p: f32,
    /// Makes answers repeatable.
    pub seed: Option<i64>,
    /// Deadline to the first token.
    #[serde(rename = "first_token_ms", deserialize_with = "millis")]
    pub first_token: Duration,
    /// Deadline between tokens.
    #[serde(rename = "next_token_ms", deserialize_with = "millis")]
    pub next_token: Duration,
    /// Failures in a row after which it is left alone.
    #[serde(deserialize_with = "number::<_, 1, THRESHOLD, _>")]
    pub circuit_threshold: u32,
    /// The longest wait before it is tried again.
    #[serde(rename = "circuit_timeout_s", deserialize_with = "fraction")]
    pub circuit_timeout: Duration,
}

impl Ollama {
    /// When its breaker opens.
    #[must_use]
    pub fn circuit(&self) -> Circuit {
        Circuit {
            threshold: self.circuit_threshold,
            timeout: self.circuit_timeout,
        }
    }

    /// Each address with its dialect, in order.
    pub fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        paired(&self.url, &self.dialect)
    }
}

/// Room `[piper]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piper {
    /// Base addresses: the first, and its spares.
    #[serde(deserialize_with = "addresses")]
    pub url: Vec<String>,
    /// A name of [`speech::tts::DIALECTS`], or `auto` for all addresses, or one for each.
    #[serde(deserialize_with = "some_words")]
    pub dialect: Vec<String>,
    /// The voice; `None` is the server's default.
    pub voice: Option<String>,
    /// The synthesiser's model, where the dialect has one.
    pub model: String,
    /// 1 is the voice's own pace, more is slower.
    #[serde(default, deserialize_with = "pace")]
    pub length_scale: Option<f32>,
    /// Liveliness.
    #[serde(default, deserialize_with = "liveliness")]
    pub noise_scale: Option<f32>,
    /// Deadline for each piece of sound.
    #[serde(rename = "deadline_ms", deserialize_with = "millis")]
    pub deadline: Duration,
    /// Failures in a row after which it is left alone.
    #[serde(deserialize_with = "number::<_, 1, THRESHOLD, _>")]
    pub circuit_threshold: u32,
    /// The longest wait before it is tried again.
    #[serde(rename = "circuit_timeout_s", deserialize_with = "fraction")]
    pub circuit_timeout: Duration,
}

impl Piper {
    /// When its breaker opens.
    #[must_use]
    pub fn circuit(&self) -> Circuit {
        Circuit {
            threshold: self.circuit_threshold,
            timeout: self.circuit_timeout,
        }
    }

    /// Each address with its dialect, in order.
    pub fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        paired(&self.url, &self.dialect)
    }
}

/// Each address with its dialect; the last dialect goes for all further ones.
fn paired<'a>(
    urls: &'a [String],
    dialects: &'a [String],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let last = dialects.last().map_or("", String::as_str);
    let dialects = dialects
        .iter()
        .map(String::as_str)
        .chain(std::iter::repeat(last));
    urls.iter().map(String::as_str).zip(dialects)
}
