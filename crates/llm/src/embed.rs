//! Text as vectors: what lies near in meaning lies near in space.

use std::fmt;

use futures::future::BoxFuture;

use crate::error::ChatError;

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
    /// dimensions.
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
