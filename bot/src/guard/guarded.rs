//! What all guards share: a chain of engines behind their breakers, and how patient it is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use resilience::{Chain, Dependency, Limits, Link, tend};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::blame::Complaint as _;
use super::checkup::{Care, Tended};
use crate::engines::At;

/// A request may take so many deadlines in all: the first engine can use up its own and the spare
/// has as much again.
const BUDGET_IN_DEADLINES: u32 = 2;

/// Engines of one kind, each behind a breaker of its own; a clone is the same ones.
///
/// For each kind it implements the engine's own trait, so that whoever uses it need not know.
#[derive(Debug)]
pub struct Guarded<T: ?Sized, P = Patience> {
    pub(super) chain: Arc<Chain<Arc<T>>>,
    patience: Arc<Mutex<P>>,
}

/// How patient a chain is with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// With each engine.
    pub(crate) deadline: Duration,
    /// Engines that may be tried.
    pub(crate) attempts: usize,
}

/// A patience that tells how long one engine may take over a little work.
pub(crate) trait Patient: Copy {
    fn deadline(self) -> Duration;
}

impl<T: ?Sized, P: Copy> Guarded<T, P> {
    /// The engines in the order of preference, each behind a breaker that is named for its
    /// address.
    pub(crate) fn new(
        engines: Vec<At<T>>,
        breaker: &resilience::Settings,
        limits: Limits,
        patience: P,
    ) -> Self {
        let links = engines.into_iter().map(|At { address, engine }| Link {
            engine,
            dependency: Dependency::new(address, breaker.clone(), limits),
        });
        Self {
            chain: Arc::new(Chain::new(links.collect())),
            patience: Arc::new(Mutex::new(patience)),
        }
    }

    /// The breakers of its addresses, in order.
    #[must_use]
    pub fn dependencies(&self) -> Vec<Dependency> {
        let links = self.chain.links().iter();
        links.map(|link| link.dependency.clone()).collect()
    }

    /// The number of the present outage, while no address is well.
    #[must_use]
    pub fn outage(&self) -> Option<u64> {
        self.chain.outage()
    }

    /// Whether a request would begin at once.
    pub(crate) fn has_room(&self) -> bool {
        self.chain.has_room()
    }

    /// Changes its patience, and the breakers of all addresses. Requests that are under way keep
    /// theirs.
    pub(crate) fn tune(&self, breaker: &resilience::Settings, patience: P) {
        *self.patience.lock().unwrap_or_else(PoisonError::into_inner) = patience;
        for link in self.chain.links() {
            link.dependency.tune(breaker.clone());
        }
    }

    pub(super) fn patience(&self) -> P {
        *self.patience.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(
    private_bounds,
    reason = "only this crate makes guards and tends what they guard"
)]
impl<T: Tended + ?Sized, P: Patient> Guarded<T, P> {
    /// Looks after every address until `shutdown`; a probe is given `task`.
    pub(crate) fn tend(
        &self,
        task: &T::Task,
        tasks: &mut JoinSet<()>,
        shutdown: &CancellationToken,
    ) {
        let deadline = self.patience().deadline();
        for Link { engine, dependency } in self.chain.links() {
            let care = Care::new(Arc::clone(engine), task.clone(), deadline);
            tasks.spawn(tend(dependency.clone(), care, shutdown.clone()));
        }
    }

    /// Whether any engine is there; else what is the matter with the last.
    pub(super) async fn any_there(&self) -> Result<(), T::Error> {
        let mut result = Err(T::Error::unavailable("there is no address".to_owned()));
        for link in self.chain.links() {
            result = link.engine.is_there().await;
            if result.is_ok() {
                break;
            }
        }
        result
    }
}

impl<T: ?Sized, P> Clone for Guarded<T, P> {
    fn clone(&self) -> Self {
        Self {
            chain: Arc::clone(&self.chain),
            patience: Arc::clone(&self.patience),
        }
    }
}

impl Patience {
    /// The same with `more` time for each engine, as a plan for the chain.
    pub(super) fn plan(self, more: Duration) -> resilience::Plan {
        let deadline = self.deadline + more;
        resilience::Plan {
            deadline,
            budget: deadline * BUDGET_IN_DEADLINES,
            attempts: self.attempts,
        }
    }
}

impl Patient for Patience {
    fn deadline(self) -> Duration {
        self.deadline
    }
}
