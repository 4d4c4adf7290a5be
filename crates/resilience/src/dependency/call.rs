//! One call of an engine, from its admission to its outcome.

use std::time::Instant;

use super::{Dependency, now};
use crate::breaker::{Outcome, Ticket};

/// Leave to call the engine once; it holds a place until it ends.
///
/// Dropped without a word it was cancelled, which says nothing about the engine, unless it had
/// [`Call::answered`] already.
#[must_use = "a call that is dropped was cancelled"]
#[derive(Debug)]
pub struct Call {
    dependency: Dependency,
    /// Until it has ended.
    ticket: Option<Ticket>,
    begun: Instant,
    answered: Option<Instant>,
}

impl Call {
    pub(super) fn begun(dependency: &Dependency, ticket: Ticket, begun: Instant) -> Self {
        Self {
            dependency: dependency.clone(),
            ticket: Some(ticket),
            begun,
            answered: None,
        }
    }

    /// The answer is complete and came in time.
    pub fn succeeded(mut self) {
        self.end(Outcome::Succeeded, "");
    }

    /// The engine failed, or was late. `reason` is logged and shown in /health: it must not
    /// hold what people said.
    pub fn failed(mut self, reason: &str) {
        self.end(Outcome::Failed, reason);
    }

    /// The engine is there, but cannot be used as it is set up. That is no failure that trying
    /// again could mend: it is shown until a call succeeds, and counts nothing. `reason` is shown
    /// as in [`Call::failed`].
    pub fn unfit(mut self, reason: &str) {
        self.dependency.observe(|record| {
            record.bad(now(), reason);
            record.unfit = true;
        });
        self.end(Outcome::Cancelled, "");
    }

    /// The first of the answer has come in time. That counts as success if the call is dropped
    /// before its end, as when somebody interrupts an answer; and it is this moment that the
    /// engine's latency is measured to.
    pub fn answered(&mut self) {
        self.answered.get_or_insert_with(now);
    }

    pub(crate) fn begun_at(&self) -> Instant {
        self.begun
    }

    /// The engine that is called.
    pub fn dependency(&self) -> &Dependency {
        &self.dependency
    }

    fn end(&mut self, outcome: Outcome, reason: &str) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let now = now();
        self.dependency.observe(|record| {
            record.breaker.ended(ticket, outcome, now);
            match outcome {
                Outcome::Succeeded => {
                    record.good(now);
                    record.unfit = false;
                    let answered = self.answered.unwrap_or(now);
                    let latency = answered.saturating_duration_since(self.begun);
                    record.latencies.push(latency);
                }
                Outcome::Failed => {
                    record.failures += 1;
                    record.bad(now, reason);
                }
                Outcome::Cancelled => {}
            }
        });
        self.dependency.0.places.add_permits(1);
        if outcome == Outcome::Failed {
            self.dependency.0.rearranged.notify_one();
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let outcome = match self.answered {
            Some(_) => Outcome::Succeeded,
            None => Outcome::Cancelled,
        };
        self.end(outcome, "");
    }
}
