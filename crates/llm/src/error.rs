//! What can go wrong with a model server, in one line that says what to do.

use std::path::PathBuf;
use std::time::Duration;

use crate::{DIALECTS, embed};

/// Why there is no answer, or only a part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// The dialect is not in [`DIALECTS`].
    #[error("there is no model dialect `{name}`; there are {}", dialects())]
    UnknownDialect {
        /// What was asked for.
        name: String,
    },
    /// The dialect is not in [`embed::DIALECTS`].
    #[error(
        "there is no embedding dialect `{name}`; there are {}",
        embed_dialects()
    )]
    UnknownEmbedding {
        /// What was asked for.
        name: String,
    },
    /// The dialect is known, but this program was built without it.
    #[error(
        "this program was built without the embedding dialect `{name}`; \
         build it with `--features {name}`, or choose another"
    )]
    NotBuiltIn {
        /// What was asked for; the cargo feature is called the same.
        name: &'static str,
    },
    /// A file of a model that runs in this process is not there, or is not one.
    #[error(
        "{}: {reason}; the folder of the embedding model must hold model.safetensors, \
         tokenizer.json and config.json", path.display()
    )]
    NoFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The address is not one.
    #[error("`{url}` is not an address of a model server; expected http://HOST:PORT")]
    BadAddress {
        /// What was given.
        url: String,
    },
    /// No connection, or it broke before the server answered.
    #[error("no answer from the model server at {url}: {reason}; is it running there?")]
    Unreachable {
        /// Where the server should be.
        url: String,
        /// What the connection said.
        reason: String,
    },
    /// The server wants another key, or none was given.
    #[error("the model server at {url} does not accept the API key (HTTP {status})")]
    KeyRefused {
        /// Where the server is.
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// The server does not have the model.
    #[error("the model server at {url} has no model `{model}`; {help}")]
    UnknownModel {
        /// Where the server is.
        url: String,
        /// The model that was asked for.
        model: String,
        /// What to do about it.
        help: String,
    },
    /// The server answered with an error of HTTP.
    #[error("the model server at {url} answered HTTP {status}: {reason}")]
    Status {
        /// The full address that was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of what it said.
        reason: String,
    },
    /// The server broke off with an error of its own in the middle of the answer.
    #[error("the model server gave up: {reason}")]
    Failed {
        /// What it said.
        reason: String,
    },
    /// What came is not of the dialect.
    #[error("what answers at {url} is not a model server of this dialect: {reason}")]
    Garbage {
        /// The full address that was asked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The connection ended before the answer did.
    #[error("the model server broke off in the middle of the answer ({reason})")]
    HalfAnswer {
        /// What the connection said.
        reason: String,
    },
    /// The answer ended without a word. Given by whoever uses an engine, never by an engine.
    #[error("the model answered with nothing")]
    Empty,
    /// No token in time. Given by what is put around an engine, never by an engine.
    #[error("the model sent no token within {0:?}; a smaller model or a larger deadline helps")]
    Late(Duration),
    /// Not asked, because it failed before. Given by what is put around an engine, never by an
    /// engine.
    #[error("the model is left alone for a while after failures: {reason}")]
    Unavailable {
        /// The last failure.
        reason: String,
    },
}

impl ChatError {
    /// Whether the settings must be changed before another try can succeed.
    #[must_use]
    pub fn needs_a_person(&self) -> bool {
        matches!(
            self,
            Self::UnknownDialect { .. }
                | Self::UnknownEmbedding { .. }
                | Self::NotBuiltIn { .. }
                | Self::NoFile { .. }
                | Self::BadAddress { .. }
                | Self::KeyRefused { .. }
                | Self::UnknownModel { .. }
        )
    }
}

fn dialects() -> String {
    let names: Vec<&str> = DIALECTS.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

fn embed_dialects() -> String {
    let names: Vec<&str> = embed::DIALECTS.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}
