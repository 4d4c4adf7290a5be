//! The model behind its breakers.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _, join_all};
use futures::stream::{BoxStream, Stream, StreamExt as _, TryStreamExt as _, once};
use llm::{Chat, ChatError, Request};
use resilience::Link;
use tokio::time::timeout;

use super::blame::{Blamed, Complaint as _};
use super::checkup::Tended;
use super::guarded::Patient;
use super::piecemeal::{Pieces, first, going_on};
use super::{Guarded, Patience};
use crate::discreet::Discreet as _;

/// How long a server may take to load a model from a slow disk. Nobody waits for it, and a load
/// that is broken off would have to begin anew.
const LOADING: Duration = Duration::from_secs(300);

/// The model with its spares; a clone is the same one.
///
/// The first token must come within one deadline, each further one within another. A spare is
/// tried while no token was given on, and two deadlines of the first kind have not passed.
pub type GuardedChat = Guarded<dyn Chat, ChatPatience>;

/// How patient the chain is with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatPatience {
    /// Until the first token.
    pub(crate) first: Patience,
    /// Between two tokens.
    pub(crate) next_token: Duration,
}

impl Patient for ChatPatience {
    fn deadline(self) -> Duration {
        self.first.deadline
    }
}

impl GuardedChat {
    async fn begun(
        self,
        request: Request,
    ) -> Result<impl Stream<Item = Result<String, ChatError>>, ChatError> {
        let ChatPatience {
            first: patience,
            next_token,
        } = self.patience();
        let attempt = |chat: &Arc<dyn Chat>| opened(chat.chat(request.clone())).boxed();
        let begun = self.chain.begin(patience.plan(Duration::ZERO), attempt);
        let ((piece, rest), call) = begun.await.map_err(ChatError::out_of)?;
        // However many tokens come, the next one has its whole deadline.
        let worth = |_: &String| Duration::MAX;
        Ok(going_on(piece, rest, call, next_token, worth))
    }
}

/// The beginning of an answer.
async fn opened(
    answer: Pieces<String, ChatError>,
) -> Result<(String, Pieces<String, ChatError>), Blamed<ChatError>> {
    let opened = first(answer, |piece: &String| !piece.is_empty()).await?;
    opened.ok_or_else(|| ChatError::Empty.into())
}

/// Loads the model at one address.
async fn warmed(link: &Link<Arc<dyn Chat>>, request: Request) -> Result<(), ChatError> {
    let admitted = link.dependency.admit().await;
    let call = admitted.map_err(|refused| ChatError::unavailable(refused.to_string()))?;
    let result = timeout(LOADING, link.engine.warm(request)).await;
    let result = result.unwrap_or_else(|_| Err(ChatError::late(LOADING)));
    match result {
        Ok(()) => call.succeeded(),
        Err(ref error) => call.failed(&error.for_the_log()),
    }
    result
}

impl Chat for GuardedChat {
    fn chat(&self, request: Request) -> BoxStream<'static, Result<String, ChatError>> {
        once(self.clone().begun(request)).try_flatten().boxed()
    }

    /// Whether any address is there and knows the model.
    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        self.any_there().boxed()
    }

    /// Loads the model at every address, so that a spare is ready too.
    fn warm(&self, request: Request) -> BoxFuture<'static, Result<(), ChatError>> {
        let chain = Arc::clone(&self.chain);
        async move {
            let warmed = chain
                .links()
                .iter()
                .map(|link| warmed(link, request.clone()));
            join_all(warmed).await.into_iter().collect()
        }
        .boxed()
    }

    /// By the server alone that a question would be asked of now. It is a courtesy to whoever
    /// asks next, so that it counts neither for nor against the server.
    fn read_ahead(&self, request: Request) -> BoxFuture<'static, Result<(), ChatError>> {
        let links = self.chain.links();
        let next = links.iter().find(|link| link.dependency.has_room());
        let next = next.map(|link| Arc::clone(&link.engine));
        let deadline = self.patience().first.deadline;
        async move {
            let Some(engine) = next else {
                return Ok(());
            };
            let read = timeout(deadline, engine.read_ahead(request)).await;
            read.unwrap_or_else(|_| Err(ChatError::late(deadline)))
        }
        .boxed()
    }
}

/// A probe is the first token of an answer to a prompt, which must have the options of real
/// requests: another length of the context would make the server load the model anew.
impl Tended for dyn Chat {
    type Error = ChatError;
    type Task = Request;

    fn is_there(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        self.check()
    }

    fn work<'a>(&'a self, prompt: &'a Request) -> BoxFuture<'a, Result<(), String>> {
        let warmed = self.warm(prompt.clone());
        let told = |result: Result<(), ChatError>| result.map_err(|error| error.for_the_log());
        warmed.map(told).boxed()
    }
}
