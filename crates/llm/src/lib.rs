//! The model: chat as a stream of tokens, one file per server dialect.
//!
//! A server is opened by the name of its dialect from the table [`DIALECTS`]; from then on only
//! the trait [`Chat`] is seen. What makes texts into vectors has a table of its own in [`embed`].
//! Engines fail honestly: no retry, no fallback and no deadline lives
//! here; those are put around an engine where it is wired. What people say is never logged here,
//! at any level.

use std::fmt;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use secrecy::SecretString;

pub mod embed;
mod ollama;
mod openai;
mod answer;
mod frames;
mod http;
mod error;

pub use embed::{Embed, Purpose};
pub use error::ChatError;

/// The dialects, in the order in which they are shown to people. A further one is a file and a
/// line here.
pub const DIALECTS: &[(&str, Open)] = &[("ollama", ollama::open), ("openai", openai::open)];

/// Makes the client of one dialect.
pub type Open = fn(Server) -> Result<Arc<dyn Chat>, ChatError>;

/// Where a model server is.
#[derive(Clone, Debug)]
pub struct Server {
    /// Base address such as `http://127.0.0.1:11434`, with or without a slash at its end.
    pub url: String,
    /// Sent as a bearer token, if the server asks for one.
    pub api_key: Option<SecretString>,
    /// The model that [`Chat::check`] looks for; requests name theirs themselves.
    pub model: String,
}

/// Opens a model server by the name of its dialect. No connection is made yet.
///
/// The process must have installed a rustls provider before.
///
/// # Errors
/// When there is no such dialect, or the address is not one of HTTP.
pub fn open(dialect: &str, server: Server) -> Result<Arc<dyn Chat>, ChatError> {
    match DIALECTS.iter().find(|(name, _)| *name == dialect) {
        Some((_, open)) => open(server),
        None => Err(ChatError::UnknownDialect {
            name: dialect.to_owned(),
        }),
    }
}

/// A chat model.
pub trait Chat: Send + Sync + fmt::Debug {
    /// Answers a conversation.
    ///
    /// Yields the answer piece by piece and ends after the last one; an error is the last item.
    /// Dropping the stream closes the connection, which stops the server's work.
    fn chat(&self, request: Request) -> BoxStream<'static, Result<String, ChatError>>;

    /// Asks the server whether it is there and knows the model, without generating anything.
    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>>;

    /// Makes the server load the model and read the beginning of a conversation, so that the
    /// first answer that begins the same way comes sooner: one token is made and thrown away.
    ///
    /// Give it the options of the real requests; another context length would load the model
    /// once more.
    fn warm(&self, request: Request) -> BoxFuture<'static, Result<(), ChatError>> {
        let options = Options {
            num_predict: Some(1),
            ..request.options
        };
        let mut pieces = self.chat(Request { options, ..request });
        Box::pin(async move {
            while let Some(piece) = pieces.next().await {
                piece?;
            }
            Ok(())
        })
    }

    /// Lets the server read how the next question's conversation will begin, while nobody waits
    /// for it: as [`Chat::warm`], but where there are several servers, by the one alone that is
    /// asked first.
    fn read_ahead(&self, request: Request) -> BoxFuture<'static, Result<(), ChatError>> {
        self.warm(request)
    }
}

/// One question to the model: what was said before, oldest first, and the limits of the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The conversation, oldest first, beginning with the system message.
    pub messages: Vec<Message>,
    /// How the answer is drawn.
    pub options: Options,
}

/// One thing that was said.
#[derive(Clone, PartialEq, Eq, serde::Serialize)]
pub struct Message {
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub content: String,
}

/// Who said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The house: who the assistant is and how it answers.
    System,
    /// A person.
    User,
    /// The assistant.
    Assistant,
}

/// How an answer is drawn. What is `None` is left to the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// The model's name at the server.
    pub model: String,
    /// 0 is always the likeliest word; more is freer.
    pub temperature: Option<f32>,
    /// Share of the likely words chosen among, 0 to 1.
    pub top_p: Option<f32>,
    /// Makes answers repeatable.
    pub seed: Option<i64>,
    /// Longest answer, in tokens.
    pub num_predict: Option<u32>,
    /// Context length, in tokens; only Ollama takes it.
    pub num_ctx: Option<u32>,
    /// How long the model stays loaded after the answer (`30m`, or seconds; `-1` is for ever);
    /// only Ollama takes it.
    pub keep_alive: Option<String>,
    /// Texts at which the answer ends.
    pub stop: Vec<String>,
    /// The form that the answer must have; without one it is free text.
    pub format: Option<Format>,
}

/// The form of an answer. Servers hold the model to it token by token; those that do not know
/// the field leave it alone, and small models run on until the longest answer: check what comes.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// Any JSON.
    Json,
    /// JSON of this schema (JSON Schema; an object at its root).
    Schema(serde_json::Value),
}

impl Message {
    /// A message of `role`.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
        }
    }
}

/// Shows the length alone: what people say must not reach a log by way of `{:?}`.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = format_args!("{} bytes", self.content.len());
        f.debug_struct("Message")
            .field("role", &self.role)
            .field("content", &content)
            .finish()
    }
}
