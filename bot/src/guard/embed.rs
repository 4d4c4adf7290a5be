//! What makes vectors, behind its breaker.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use llm::{ChatError, Embed, Purpose};
use resilience::{Dependency, State};

use super::Guarded;
use super::blame::{Blamed, Complaint as _};
use super::checkup::Tended;
use crate::discreet::{Discreet as _, hushed};

/// What a model is given to make a vector of.
const WORD: &str = "Yes.";

/// What makes vectors; a clone is the same one.
///
/// At the address of the model that answers it heeds that one's breaker as well: while that is
/// open nobody is asked. Nothing that goes wrong here counts against that breaker, and nothing
/// takes its places: no vector is worth an answer.
#[derive(Clone, Debug)]
pub struct GuardedEmbed {
    pub(super) guarded: Guarded<dyn Embed>,
    model: String,
    /// The breaker of the model that answers at the same address.
    chat: Option<Dependency>,
}

impl GuardedEmbed {
    /// `chats` are the breakers of the model that answers, each named for its address.
    pub(crate) fn new(guarded: Guarded<dyn Embed>, chats: Vec<Dependency>) -> Self {
        let links = guarded.chain.links();
        let model = links.first().map(|link| link.engine.model().to_owned());
        let beside = |chat: &Dependency| {
            let mut here = links.iter().map(|link| link.dependency.name());
            here.any(|name| name == chat.name())
        };
        let chat = chats.into_iter().find(beside);
        Self {
            model: model.unwrap_or_default(),
            chat,
            guarded,
        }
    }

    async fn vectors(
        self,
        texts: Vec<String>,
        purpose: Purpose,
    ) -> Result<Vec<Vec<f32>>, ChatError> {
        if let Some(chat) = &self.chat
            && chat.state() != State::Closed
        {
            let reason = format!("the model at {} is left alone", chat.name());
            return Err(ChatError::Unavailable { reason });
        }
        let plan = self.guarded.patience().plan(Duration::ZERO);
        let attempt = |embed: &Arc<dyn Embed>| {
            let vectors = embed.embed(texts.clone(), purpose);
            vectors.map(|vectors| vectors.map_err(Blamed::from))
        };
        let vectors = self.guarded.chain.call(plan, attempt).await;
        // Memory says what it is told.
        vectors.map_err(|failure| hushed(ChatError::out_of(failure)))
    }
}

impl Embed for GuardedEmbed {
    fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
    ) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ChatError>> {
        self.clone().vectors(texts, purpose).boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        self.guarded.any_there().boxed()
    }

    fn model(&self) -> &str {
        &self.model
    }
}

/// A probe is the vector of one word.
impl Tended for dyn Embed {
    type Error = ChatError;
    type Task = ();

    fn is_there(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        self.check()
    }

    fn work<'a>(&'a self, (): &'a ()) -> BoxFuture<'a, Result<(), String>> {
        let vector = self.embed(vec![WORD.to_owned()], Purpose::Question);
        let told = |result: Result<_, ChatError>| match result {
            Ok(_) => Ok(()),
            Err(error) => Err(error.for_the_log()),
        };
        vector.map(told).boxed()
    }
}
