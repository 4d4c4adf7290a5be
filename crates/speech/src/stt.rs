//! Speech to text: the trait that every recogniser implements, and the table of dialects.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use audio::Pcm;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use secrecy::SecretString;
use thiserror::Error;

use crate::ServerError;

mod openai;
mod transcribe;
mod api_stt;
mod auto;
mod upload;

/// The dialects, in the order in which [`open`] tries them for `auto`. A further one is a file
/// and a line here.
pub const DIALECTS: &[(&str, Open)] = &[
    ("openai", openai::open),
    ("transcribe", transcribe::open),
    ("api-stt", api_stt::open),
];

/// Makes the client of one dialect.
pub type Open = fn(Server) -> Result<Arc<dyn Stt>, SttError>;

/// Where a recogniser's server is.
#[derive(Clone, Debug)]
pub struct Server {
    /// Base address such as `http://127.0.0.1:5000`, with or without a slash at its end.
    pub url: String,
    /// Sent as a bearer token, if the server asks for one.
    pub api_key: Option<SecretString>,
    /// The recogniser's model, for dialects that name one; empty leaves it to the server.
    pub model: String,
}

/// Opens a recogniser by the name of its dialect, or by `auto`, which finds out at the first
/// request. No connection is made yet.
///
/// # Errors
///
/// When there is no such dialect, or the address is not one of HTTP.
///
/// # Panics
///
/// When the process has not installed a rustls provider before.
pub fn open(dialect: &str, server: Server) -> Result<Arc<dyn Stt>, SttError> {
    if dialect == "auto" {
        return auto::open(server);
    }
    match DIALECTS.iter().find(|(name, _)| *name == dialect) {
        Some((_, open)) => open(server),
        None => Err(SttError::UnknownDialect {
            name: dialect.to_owned(),
        }),
    }
}

/// A recogniser.
///
/// The answer is a stream so that engines that understand while they listen can give partial
/// transcripts; a plain HTTP engine yields exactly one final item. Dropping the stream drops the
/// request.
pub trait Stt: Send + Sync + fmt::Debug {
    /// Transcribes one utterance: `speech` is mono at [`audio::SPEECH_HZ`].
    ///
    /// Yields any number of partial transcripts and at last one with `partial == false`, or one
    /// error.
    fn transcribe(
        &self,
        speech: Pcm,
        hints: &Hints,
    ) -> BoxStream<'static, Result<Transcript, SttError>>;

    /// Asks the server whether it is there, without transcribing anything.
    fn check(&self) -> BoxFuture<'_, Result<(), SttError>>;
}

/// Waits for the final transcript of [`Stt::transcribe`]; partial ones are passed over.
///
/// # Errors
///
/// The engine's error, or [`SttError::Unfinished`] when the stream ends without a final one.
pub async fn final_transcript(
    mut answer: BoxStream<'_, Result<Transcript, SttError>>,
) -> Result<Transcript, SttError> {
    while let Some(transcript) = answer.next().await {
        let transcript = transcript?;
        if !transcript.partial {
            return Ok(transcript);
        }
    }
    Err(SttError::Unfinished)
}

/// What a recogniser may know beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Two-letter code of the language spoken; `None` lets the recogniser find out.
    pub language: Option<String>,
    /// Words that are likely to come up, such as names; only some dialects take them.
    pub prompt: Option<String>,
}

/// What was understood.
#[derive(Clone, Default, PartialEq)]
pub struct Transcript {
    /// The words, without space around them; empty when nothing was understood.
    pub text: String,
    /// More will come, and this may change.
    pub partial: bool,
    /// The language that was heard or assumed, in the server's own notation.
    pub language: Option<String>,
    /// How sure the recogniser is of the language, 0 to 1.
    pub language_probability: Option<f32>,
    /// How likely nobody spoke at all, 0 to 1.
    pub no_speech: Option<f32>,
    /// How sure the recogniser is of the words: their mean probability, 0 to 1.
    pub confidence: Option<f32>,
}

/// Shows everything but the words.
impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transcript")
            .field("chars", &self.text.chars().count())
            .field("partial", &self.partial)
            .field("language", &self.language)
            .field("no_speech", &self.no_speech)
            .field("confidence", &self.confidence)
            .finish_non_exhaustive()
    }
}

/// Why there is no transcript.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SttError {
    /// The server failed.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The dialect is not in [`DIALECTS`].
    #[error(
        "there is no recogniser dialect `{name}`; there are auto, {}",
        dialects()
    )]
    UnknownDialect {
        /// What was asked for.
        name: String,
    },
    /// The server answers, but to no path of any dialect.
    #[error(
        "what answers at {url} is no recogniser that is known ({})",
        dialects()
    )]
    NoDialect {
        /// The base address.
        url: String,
    },
    /// No sound was given.
    #[error("there is no sound to transcribe")]
    EmptyAudio,
    /// The recogniser's stream ended without a final transcript.
    #[error("the recogniser ended without a final transcript")]
    Unfinished,
    /// No answer in time. Given by what is put around an engine, never by an engine.
    #[error(
        "the recogniser did not answer within {0:?}; a smaller model or a larger deadline helps"
    )]
    Late(Duration),
    /// Not asked, because it failed before. Given by what is put around an engine, never by an
    /// engine.
    #[error("the recogniser is left alone for a while after failures: {reason}")]
    Unavailable {
        /// The last failure.
        reason: String,
    },
}

impl SttError {
    /// Whether the settings must be changed before another try can succeed.
    #[must_use]
    pub fn needs_a_person(&self) -> bool {
        match self {
            Self::Server(error) => error.needs_a_person(),
            Self::UnknownDialect { .. } | Self::NoDialect { .. } => true,
            Self::EmptyAudio | Self::Unfinished | Self::Late(_) | Self::Unavailable { .. } => false,
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
