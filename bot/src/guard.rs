//! The engines behind their breakers: whoever asks is answered in time, by a spare if need be, or told that nobody can.
//!
//! Each address of an engine has a breaker of its own, and the addresses of one kind are a chain.
//! A newtype over each chain is an engine again, so that whoever uses it need not know: it sets
//! the deadlines, tries the spares within the same request, and counts a late answer as a failed
//! one. All deadlines for engines stand in this room, and the wiring in [`crate::app`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use resilience::{Chain, Checkup, Dependency, Limits, Link, tend};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::engines::At;

mod blame;
mod chat;
mod checkup;
mod piecemeal;
mod stt;
mod tts;

pub(crate) use chat::ChatPatience;
pub use chat::GuardedChat;
pub use stt::GuardedStt;
pub use tts::GuardedTts;

use blame::Complaint;

/// Requests to one recogniser. Most work through requests one after another, so more than two at
/// once would only make each other late; the finished turns of a full house may wait.
pub(crate) const RECOGNISER: Limits = Limits {
    in_flight: 2,
    queue: 8,
};

/// Requests to one model: a spoken answer, a written one, and a load of the model beside them.
/// Who waits longer than for a few of these has waited too long.
pub(crate) const MODEL: Limits = Limits {
    in_flight: 3,
    queue: 4,
};

/// Requests to one synthesiser: an answer, and one prepared sound that is made anew beside it.
pub(crate) const VOICE: Limits = Limits {
    in_flight: 2,
    queue: 4,
};

/// A request may take so many deadlines in all: the first engine can use up its own and the spare
/// has as much again.
const BUDGET_IN_DEADLINES: u32 = 2;

/// Every engine of the assistant; a clone guards the same ones.
#[derive(Clone, Debug)]
pub struct Guards {
    /// The recogniser.
    pub whisper: GuardedStt,
    /// The model.
    pub ollama: GuardedChat,
    /// The synthesiser.
    pub piper: GuardedTts,
}

impl Guards {
    /// Each kind of engine with the breakers of its addresses, in order.
    #[must_use]
    pub fn dependencies(&self) -> [(&'static str, Vec<Dependency>); 3] {
        [
            ("whisper", self.whisper.dependencies()),
            ("ollama", self.ollama.dependencies()),
            ("piper", self.piper.dependencies()),
        ]
    }
}

/// A chain of engines, each behind a breaker that is named for the engine's address.
pub(crate) fn chain<T: ?Sized>(
    engines: Vec<At<T>>,
    breaker: &resilience::Settings,
    limits: Limits,
) -> Chain<Arc<T>> {
    let links = engines.into_iter().map(|At { address, engine }| Link {
        engine,
        dependency: Dependency::new(address, breaker.clone(), limits),
    });
    Chain::new(links.collect())
}

/// The breakers of a chain.
fn dependencies<T>(chain: &Chain<T>) -> Vec<Dependency> {
    let links = chain.links().iter();
    links.map(|link| link.dependency.clone()).collect()
}

/// Whether any engine of a chain is there; else what is the matter with the last.
async fn any_there<T, E: Complaint>(
    chain: &Chain<T>,
    check: impl for<'a> Fn(&'a T) -> BoxFuture<'a, Result<(), E>>,
) -> Result<(), E> {
    let mut result = Err(E::unavailable("there is no address".to_owned()));
    for link in chain.links() {
        result = check(&link.engine).await;
        if result.is_ok() {
            break;
        }
    }
    result
}

/// Looks after every engine of a chain until `shutdown`.
fn tend_each<T, C: Checkup + 'static>(
    chain: &Chain<T>,
    checkup: impl Fn(&T) -> C,
    tasks: &mut JoinSet<()>,
    shutdown: &CancellationToken,
) {
    for link in chain.links() {
        let checkup = checkup(&link.engine);
        tasks.spawn(tend(link.dependency.clone(), checkup, shutdown.clone()));
    }
}

/// How patient a chain is. It can be changed while requests are under way; they keep theirs.
#[derive(Clone, Debug)]
struct Tuned<P>(Arc<Mutex<P>>);

impl<P: Copy> Tuned<P> {
    fn new(patience: P) -> Self {
        Self(Arc::new(Mutex::new(patience)))
    }

    fn get(&self) -> P {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, patience: P) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = patience;
    }
}

/// How patient a chain is with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// With each engine.
    pub(crate) deadline: Duration,
    /// Engines that may be tried.
    pub(crate) attempts: usize,
}

impl Patience {
    /// The same with `more` time for each engine, as a plan for the chain.
    fn plan(self, more: Duration) -> resilience::Plan {
        let deadline = self.deadline + more;
        resilience::Plan {
            deadline,
            budget: deadline * BUDGET_IN_DEADLINES,
            attempts: self.attempts,
        }
    }
}

#[cfg(test)]
mod tests;
