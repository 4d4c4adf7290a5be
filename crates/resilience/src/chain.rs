//! Engines that can stand in for each other: the first that is well is asked, and a spare in the same call.

use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use crate::breaker::State;
use crate::dependency::{Call, Dependency, Refused};

/// The part of an attempt's deadline by which the budget may be overdrawn, so that two deadlines
/// fit into a budget of two, and below which an attempt is not worth its beginning: a tenth.
const GRACE: u32 = 10;

/// One engine of a chain, with what guards it.
#[derive(Clone, Debug)]
pub struct Link<T> {
    /// The engine.
    pub engine: T,
    /// Its breaker and places.
    pub dependency: Dependency,
}

/// How far to go for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How long one engine may take; a later answer counts against it.
    pub deadline: Duration,
    /// How long all of it may take, waiting for a place included. An attempt that this cuts short
    /// before its own deadline counts against nobody.
    pub budget: Duration,
    /// How many engines are tried at most, each once. 0 is taken for 1.
    pub attempts: usize,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The engine's: it counts, and a spare is tried.
    Engine,
    /// The request's, such as a sound without any speech: every engine would say so, and it
    /// counts against nobody.
    Request,
    /// Nobody's who could be asked again: the engine is there, and as it is set up it cannot be
    /// used. It counts against nobody, no spare is tried, and it is shown until a request
    /// succeeds.
    Setup,
}

/// An error that knows whose fault it is.
pub trait Blame {
    /// Whose fault it is.
    fn fault(&self) -> Fault;

    /// The reason as it may be logged and shown: without anything that people said.
    fn reason(&self) -> String;
}

/// Why a chain gave no answer.
#[derive(Debug, Error)]
pub enum Failure<E> {
    /// The last engine that was tried failed like this.
    #[error("{0}")]
    Failed(E),
    /// The last engine that was tried did not answer within this time.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// No engine could be asked.
    #[error("{reason}")]
    Unavailable {
        /// What is the matter with each.
        reason: String,
    },
}

/// Engines in the order in which they are preferred.
#[derive(Clone, Debug)]
pub struct Chain<T> {
    links: Vec<Link<T>>,
}

impl<T> Chain<T> {
    /// The engines in the order of preference.
    pub fn new(links: Vec<Link<T>>) -> Self {
        Self { links }
    }

    /// The engines with what guards them, in order.
    pub fn links(&self) -> &[Link<T>] {
        &self.links
    }

    /// Whether any engine would take a request without waiting.
    pub fn has_room(&self) -> bool {
        self.links.iter().any(|link| link.dependency.has_room())
    }

    /// The present outage of the whole chain, by a number that no other has: `None` while there
    /// is an engine whose last word was good.
    pub fn outage(&self) -> Option<u64> {
        // The chain is away since the last of its engines is.
        self.links
            .iter()
            .map(|link| link.dependency.outage())
            .try_fold(0, |last, outage| Some(last.max(outage?)))
            .filter(|_| !self.links.is_empty())
    }

    /// Asks for a whole answer: `attempt` with one engine after another until one gives it.
    ///
    /// # Errors
    /// When no engine answered within the plan.
    pub async fn call<'chain, R, E, F>(
        &'chain self,
        plan: Plan,
        attempt: impl Fn(&'chain T) -> F,
    ) -> Result<R, Failure<E>>
    where
        E: Blame,
        F: Future<Output = Result<R, E>>,
    {
        let (answer, call) = self.begin(plan, attempt).await?;
        call.succeeded();
        Ok(answer)
    }

    /// Asks for the first of an answer that goes on, and gives it with the call that is open:
    /// whoever takes the rest says how it ended. (Dropped, it counts as answered.)
    ///
    /// # Errors
    /// When no engine answered within the plan.
    pub async fn begin<'chain, R, E, F>(
        &'chain self,
        plan: Plan,
        attempt: impl Fn(&'chain T) -> F,
    ) -> Result<(R, Call), Failure<E>>
    where
        E: Blame,
        F: Future<Output = Result<R, E>>,
    {
        let begun = Instant::now();
        let end = begun.checked_add(plan.budget).unwrap_or(begun);
        let grace = plan.deadline / GRACE;
        let mut tried = vec![false; self.links.len()];
        let (mut failure, mut now) = (None, begun);
        for _ in 0..plan.attempts.max(1) {
            if end - now <= grace {
                break;
            }
            let Some((link, mut call)) = self.admitted(now, end, &mut tried).await else {
                break;
            };
            now = call.begun_at().into();
            let left = end - now;
            let (time, whole) = if left + grace >= plan.deadline {
                (plan.deadline, true)
            } else {
                (left, false)
            };
            let until = now.checked_add(time).unwrap_or(end);
            match timeout_at(until, attempt(&link.engine)).await {
                Ok(Ok(answer)) => {
                    call.answered();
                    return Ok((answer, call));
                }
                Ok(Err(error)) if error.fault() == Fault::Request => {
                    return Err(Failure::Failed(error));
                }
                Ok(Err(error)) if error.fault() == Fault::Setup => {
                    call.unfit(&error.reason());
                    return Err(Failure::Failed(error));
                }
                Ok(Err(error)) => {
                    call.failed(&error.reason());
                    failure = Some(Failure::Failed(error));
                }
                Err(_) => {
                    if whole {
                        call.failed(&format!("no answer within {time:?}"));
                    }
                    failure = Some(Failure::Late(time));
                }
            }
            now = Instant::now();
        }
        Err(failure.unwrap_or_else(|| Failure::Unavailable {
            reason: self.complaint(),
        }))
    }

    /// The next engine that admits this request before `end`, among those not yet tried.
    async fn admitted(
        &self,
        now: Instant,
        end: Instant,
        tried: &mut [bool],
    ) -> Option<(&Link<T>, Call)> {
        loop {
            let at = self.next(tried)?;
            tried[at] = true;
            let link = &self.links[at];
            let admitted = match link.dependency.admit_at_once(now.into()) {
                Some(admitted) => admitted,
                None => timeout_at(end, link.dependency.admit()).await.ok()?,
            };
            match admitted {
                Ok(call) => return Some((link, call)),
                Err(Refused::Open | Refused::Busy) => {}
            }
        }
    }

    /// The first that is closed, unless it is busy and a later one is less so.
    fn next(&self, tried: &[bool]) -> Option<usize> {
        let loads = self.links.iter().map(|link| link.dependency.load());
        loads
            .zip(tried)
            .enumerate()
            .filter_map(|(at, (load, tried))| load.filter(|_| !tried).map(|load| (load, at)))
            .min()
            .map(|(_, at)| at)
    }

    /// Why no engine could be asked.
    fn complaint(&self) -> String {
        if self.links.is_empty() {
            return "there is no such engine".to_owned();
        }
        let complaints: Vec<String> = self
            .links
            .iter()
            .map(|Link { dependency, .. }| {
                let words = match dependency.state() {
                    State::Closed => None,
                    State::HalfOpen | State::Open => Some(dependency.last_words()),
                };
                let words = match words {
                    None => "too many requests are waiting for it already".to_owned(),
                    Some(None) => "it is away".to_owned(),
                    Some(Some(reason)) => reason,
                };
                format!("{}: {words}", dependency.name())
            })
            .collect();
        complaints.join("; ")
    }
}

#[cfg(test)]
mod tests;
