//! The model behind its breakers.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _, join_all};
use futures::stream::{BoxStream, Stream, StreamExt as _, TryStreamExt as _, once};
use llm::{Chat, ChatError, Request};
use resilience::{Chain, Dependency, Link};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::blame::{Blamed, Complaint as _};
use super::checkup::Think;
use super::piecemeal::{Pieces, first, going_on};
use super::{Patience, Tuned, any_there, dependencies, tend_each};
use crate::discreet::Discreet as _;

/// How long a server may take to load a model from a slow disk. Nobody waits for it, and a load
/// that is broken off would have to begin anew.
const LOADING: Duration = Duration::from_secs(300);

/// The model with its spares; a clone is the same one.
///
/// The first token must come within one deadline, each further one within another. A spare is
/// tried while no token was given on, and two deadlines of the first kind have not passed.
#[derive(Clone, Debug)]
pub struct GuardedChat {
    chain: Arc<Chain<Arc<dyn Chat>>>,
    patience: Tuned<ChatPatience>,
}

/// How patient the chain is with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChatPatience {
    /// Until the first token.
    pub(crate) first: Patience,
    /// Between two tokens.
    pub(crate) next_token: Duration,
}

impl GuardedChat {
    pub(crate) fn new(chain: Chain<Arc<dyn Chat>>, patience: ChatPatience) -> Self {
        Self {
            chain: Arc::new(chain),
            patience: Tuned::new(patience),
        }
    }

    /// The breakers of its addresses, in order.
    #[must_use]
    pub fn dependencies(&self) -> Vec<Dependency> {
        dependencies(&self.chain)
    }

    /// The number of the present outage, while no address is well.
    #[must_use]
    pub fn outage(&self) -> Option<u64> {
        self.chain.outage()
    }

    /// Changes its patience, and the breakers of all addresses.
    pub(crate) fn tune(&self, breaker: &resilience::Settings, patience: ChatPatience) {
        self.patience.set(patience);
        for link in self.chain.links() {
            link.dependency.tune(breaker.clone());
        }
    }

    /// Looks after every address until `shutdown`. A probe is the first token of an answer to
    /// `prompt`, which must have the options of real requests: another length of the context
    /// would make the server load the model anew.
    pub(crate) fn tend(
        &self,
        prompt: &Request,
        tasks: &mut JoinSet<()>,
        shutdown: &CancellationToken,
    ) {
        let deadline = self.patience.get().first.deadline;
        let checkup = |chat: &Arc<dyn Chat>| Think::new(Arc::clone(chat), prompt.clone(), deadline);
        tend_each(&self.chain, checkup, tasks, shutdown);
    }

    async fn begun(
        self,
        request: Request,
    ) -> Result<impl Stream<Item = Result<String, ChatError>>, ChatError> {
        let ChatPatience {
            first: patience,
            next_token,
        } = self.patience.get();
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
        any_there(&self.chain, |chat| chat.check()).boxed()
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
}
