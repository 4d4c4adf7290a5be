//! One errand to an engine, from its setting out to its coming back.

use std::time::{Duration, Instant};

use super::{Dependency, now};
use crate::breaker::{Errand, Outcome, State, Ticket};

/// How long a check of an engine that is away may take: whoever is there answers at once.
const CHECK_DEADLINE_OPEN: Duration = Duration::from_secs(1);

/// How long a check of an idle engine may take. Nobody waits for it, and a busy machine must
/// not make a well engine seem ill.
const CHECK_DEADLINE_CLOSED: Duration = Duration::from_secs(2);

impl Dependency {
    /// When an errand is due; `None` while one is away.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.record().breaker.deadline()
    }

    /// Ends when an errand may be due earlier than [`Self::deadline`] said before.
    pub(crate) async fn rearranged(&self) {
        self.0.rearranged.notified().await;
    }

    /// Begins the errand that is due.
    pub(crate) fn set_out(&self) -> Option<Away> {
        self.observe(|record| {
            let (errand, ticket) = record.breaker.set_out(now())?;
            record.probes += u64::from(errand == Errand::Probe);
            Some(Away {
                dependency: self.clone(),
                errand,
                ticket: Some(ticket),
            })
        })
    }
}

/// An errand on its way; dropped, it was cancelled.
pub(crate) struct Away {
    dependency: Dependency,
    pub(crate) errand: Errand,
    ticket: Option<Ticket>,
}

impl Away {
    /// How long a check may take: short while everybody waits for the engine.
    pub(crate) fn check_deadline(&self) -> Duration {
        match self.dependency.state() {
            State::Closed => CHECK_DEADLINE_CLOSED,
            State::HalfOpen | State::Open => CHECK_DEADLINE_OPEN,
        }
    }

    /// It came back.
    pub(crate) fn came_back(mut self, result: Result<(), String>) {
        match result {
            Ok(()) => self.end(Outcome::Succeeded, ""),
            Err(reason) => self.end(Outcome::Failed, &reason),
        }
    }

    fn end(&mut self, outcome: Outcome, reason: &str) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let (errand, now) = (self.errand, now());
        self.dependency.observe(|record| {
            if outcome == Outcome::Failed {
                record.bad(now, reason);
            }
            record.breaker.came_back(ticket, outcome, now);
            match (errand, outcome) {
                (_, Outcome::Cancelled) | (Errand::Probe, Outcome::Failed) => {}
                (Errand::Check, _) => record.reachable = Some(outcome == Outcome::Succeeded),
                (Errand::Probe, Outcome::Succeeded) => record.good(now),
            }
        });
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        self.end(Outcome::Cancelled, "");
    }
}
