//! Text to speech: the trait that every synthesiser implements, and the table of dialects.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use audio::Pcm;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use secrecy::SecretString;
use thiserror::Error;

use crate::ServerError;

mod piper;
mod openai;
mod api_tts;
mod auto;
mod sound;

/// The dialects, in the order in which [`open`] tries them for `auto`: Piper comes last because
/// its older servers take a POST at `/`, which proves little. A further one is a file and a line
/// here.
pub const DIALECTS: &[(&str, Open)] = &[
    ("openai", openai::open),
    ("api-tts", api_tts::open),
    ("piper", piper::open),
];

/// Makes the client of one dialect.
pub type Open = fn(Server) -> Result<Arc<dyn Tts>, TtsError>;

/// Where a synthesiser's server is, and how it shall speak. What is `None` or empty is left to
/// the server; what a dialect does not know is left out.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// Base address such as `http://127.0.0.1:5001`, with or without a slash at its end.
    pub url: String,
    /// Sent as a bearer token, if the server asks for one.
    pub api_key: Option<SecretString>,
    /// The synthesiser's model; only the openai dialect names one.
    pub model: String,
    /// The voice.
    pub voice: Option<String>,
    /// How slowly to speak: 1 is the voice's own pace, more is slower.
    pub length_scale: Option<f32>,
    /// How lively to speak: 0 is flat, 1 is uneven. Only Piper takes it.
    pub noise_scale: Option<f32>,
}

/// Opens a synthesiser by the name of its dialect, or by `auto`, which finds out at the first
/// request. No connection is made yet.
///
/// # Errors
///
/// When there is no such dialect, or the address is not one of HTTP.
///
/// # Panics
///
/// When the process has not installed a rustls provider before.
pub fn open(dialect: &str, server: Server) -> Result<Arc<dyn Tts>, TtsError> {
    if dialect == "auto" {
        return auto::open(server);
    }
    match DIALECTS.iter().find(|(name, _)| *name == dialect) {
        Some((_, open)) => open(server),
        None => Err(TtsError::UnknownDialect {
            name: dialect.to_owned(),
        }),
    }
}

/// A synthesiser.
pub trait Tts: Send + Sync + fmt::Debug {
    /// Speaks `text`.
    ///
    /// Yields the sound piece by piece, in order and at the synthesiser's own rate, and ends
    /// after the last one; an error is the last item. Text without anything to say gives no
    /// sound and asks no server. Dropping the stream drops the request.
    fn speak(&self, text: &str) -> BoxStream<'static, Result<Pcm, TtsError>>;

    /// Asks the server whether it is there, without speaking anything.
    fn check(&self) -> BoxFuture<'_, Result<(), TtsError>>;
}

/// Why there is no sound, or only a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TtsError {
    /// The server failed.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The dialect is not in [`DIALECTS`].
    #[error(
        "there is no synthesiser dialect `{name}`; there are auto, {}",
        dialects()
    )]
    UnknownDialect {
        /// What was asked for.
        name: String,
    },
    /// The server answers, but to no path of any dialect.
    #[error(
        "what answers at {url} is no synthesiser that is known ({})",
        dialects()
    )]
    NoDialect {
        /// The base address.
        url: String,
    },
    /// The server answered without any sound.
    #[error("the speech server at {url} gave no sound for a text; is its voice installed?")]
    EmptyAudio {
        /// The full address that was asked.
        url: String,
    },
    /// No sound in time. Given by what is put around an engine, never by an engine.
    #[error(
        "the synthesiser did not answer within {0:?}; a smaller voice or a larger deadline helps"
    )]
    Late(Duration),
    /// Not asked, because it failed before. Given by what is put around an engine, never by an
    /// engine.
    #[error("the synthesiser is left alone for a while after failures: {reason}")]
    Unavailable {
        /// The last failure.
        reason: String,
    },
}

impl TtsError {
    /// Whether the settings must be changed before another try can succeed.
    #[must_use]
    pub fn needs_a_person(&self) -> bool {
        match self {
            Self::Server(error) => error.needs_a_person(),
            Self::UnknownDialect { .. } | Self::NoDialect { .. } => true,
            Self::EmptyAudio { .. } | Self::Late(_) | Self::Unavailable { .. } => false,
        }
    }
}

fn dialects() -> String {
    DIALECTS
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(", ")
}
