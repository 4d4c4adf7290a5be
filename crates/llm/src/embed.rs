//! Text as vectors: what lies near in meaning lies near in space.
//!
//! One file per dialect and a line in [`DIALECTS`], as with the models that answer. As there,
//! engines fail honestly; what is put around them is put there where they are wired.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::Server;
use crate::error::ChatError;

#[cfg(feature = "minilm")]
mod minilm;
mod ollama;
mod openai;
mod texts;
mod vectors;

/// The dialects, in the order in which they are shown to people.
pub const DIALECTS: &[(&str, Open)] = &[
    ("ollama", ollama::open),
    ("openai", openai::open),
    #[cfg(feature = "minilm")]
    ("minilm", minilm::open),
    #[cfg(not(feature = "minilm"))]
    ("minilm", |_| Err(ChatError::NotBuiltIn { name: "minilm" })),
];

/// Makes the client of one dialect.
pub type Open = fn(Source) -> Result<Arc<dyn Embed>, ChatError>;

/// Where vectors come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The server, and the name of the model; of `minilm` the name alone counts.
    pub server: Server,
    /// Where the files of a model are that runs in this process; only `minilm` has one.
    pub folder: PathBuf,
    /// How long the model stays loaded after a call (`30m`, or seconds; `-1` is for ever); `None`
    /// leaves it to the server. Only Ollama takes it.
    pub keep_alive: Option<String>,
}

/// Opens what makes vectors, by the name of its dialect. No connection is made and no model is
/// loaded yet.
///
/// The process must have installed a rustls provider before.
///
/// # Errors
/// When there is no such dialect or it was not built in, the address is not one of HTTP, or a file
/// of the model is not there.
pub fn open(dialect: &str, source: Source) -> Result<Arc<dyn Embed>, ChatError> {
    match DIALECTS.iter().find(|(name, _)| *name == dialect) {
        Some((_, open)) => open(source),
        None => Err(ChatError::UnknownEmbedding {
            name: dialect.to_owned(),
        }),
    }
}

/// What a text is made into a vector for. Some models want to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To be found later.
    Document,
    /// To find others.
    Question,
}

/// Makes texts into vectors.
pub trait Embed: Send + Sync + fmt::Debug {
    /// One vector of length 1 for each text, in their order. All have the same number of
    /// dimensions. Of a long text only the beginning counts: 2000 characters at most, or what the
    /// model's window holds of them.
    ///
    /// # Errors
    /// When the server cannot be reached, does not know the model, or answers with something else.
    fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
    ) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ChatError>>;

    /// Whether it is there and knows the model, without making any vector.
    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>>;

    /// The model's name. Vectors of different models cannot be compared.
    fn model(&self) -> &str;
}
