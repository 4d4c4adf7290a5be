//! The model: chat as a stream of tokens, one file per server dialect.

use std::fmt;

use futures::future::BoxFuture;
use futures::stream::BoxStream;

/// A chat model.
pub trait Chat: Send + Sync + fmt::Debug {
    /// Answers a conversation.
    ///
    /// Yields the answer piece by piece and ends after the last one; an error is the last item.
    /// Dropping the stream closes the connection, which stops the server's work.
    fn chat(&self, request: Request) -> BoxStream<'static, Result<String, ChatError>>;

    /// Asks the server whether it is there and knows the model, without generating anything.
    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>>;
}

/// One question to the model: what was said before, oldest first, and the limits of the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The conversation, oldest first, beginning with the system message.
    pub messages: Vec<Message>,
    /// How the answer is drawn.
    pub options: Options,
}
