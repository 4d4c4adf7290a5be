//! When to try again: a user's life from attempt to attempt, without sockets and without a clock.

use std::time::{Duration, Instant};

use resilience::Backoff;

use crate::config::Retry;
use crate::error::{JoinError, Outlook};
use crate::standing::{Standing, Trouble};

/// Slow waits are longer than configured by up to this share of themselves.
const SLOW_JITTER: f64 = 0.25;

/// The longest wait of a user that is put out again and again, in slow waits.
const MOST_SLOW_WAITS: u32 = 10;

/// No wait is longer, whatever is configured.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// What a user's life has come to.
#[derive(Debug)]
pub(crate) struct Life {
    retry: Retry,
    backoff: Backoff,
    /// How often in a row somebody put the user out.
    put_out: u32,
    trouble: Option<Trouble>,
    place: Option<String>,
}

/// The end of an attempt or of a connection.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) error: JoinError,
    /// Since when the user was on the server; none if it never got there.
    pub(crate) joined: Option<Instant>,
    /// The channel to return to, as a path; none if it never got there.
    pub(crate) place: Option<String>,
}

impl Life {
    pub(crate) fn new(retry: Retry) -> Self {
        Self {
            retry,
            backoff: Backoff::new(retry.first, retry.longest),
            put_out: 0,
            trouble: None,
            place: None,
        }
    }

    /// How the user stands while an attempt is being made.
    pub(crate) fn connecting(&self) -> Standing {
        Standing::Connecting {
            trouble: self.trouble.clone(),
        }
    }

    /// The channel that the user was in when the last connection broke.
    pub(crate) fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// An attempt failed, or a connection ended: what is wrong, and when the next attempt comes.
    ///
    /// There is always a next one, and never before `free`, when the connection limit allows
    /// it. `random` is any evenly distributed number.
    pub(crate) fn handle_end(
        &mut self,
        now: Instant,
        end: End,
        random: u64,
        free: Instant,
    ) -> (Trouble, Instant) {
        if let Some(joined) = end.joined {
            self.trouble = None;
            let held = now.saturating_duration_since(joined);
            if held >= self.retry.settled {
                self.backoff.reset();
            }
            if held >= self.retry.slow.saturating_mul(MOST_SLOW_WAITS) {
                self.put_out = 0;
            }
        }
        if end.place.is_some() {
            self.place = end.place;
        }
        let error = self.meaning(end.error);
        let wait = self.wait_after(&error, random).min(LONGEST_WAIT);
        let trouble = Trouble {
            outlook: error.outlook(),
            error,
            since: self.trouble.as_ref().map_or(now, |trouble| trouble.since),
            failures: self
                .trouble
                .as_ref()
                .map_or(1, |trouble| trouble.failures.saturating_add(1)),
        };
        self.trouble = Some(trouble.clone());
        (trouble, (now + wait).max(free))
    }

    /// The connection limit does not allow an attempt before `free`. Tells what is wrong, and
    /// whether that is new: a limit that only delays the next attempt is not.
    pub(crate) fn handle_limit(&mut self, now: Instant, free: Instant) -> (Trouble, News) {
        if let Some(trouble) = &self.trouble {
            return (trouble.clone(), News::Old);
        }
        let wait = free.saturating_duration_since(now);
        let error = JoinError::TooOften { wait };
        let trouble = Trouble {
            outlook: error.outlook(),
            error,
            since: now,
            failures: 0,
        };
        self.trouble = Some(trouble.clone());
        (trouble, News::New)
    }

    /// A server only hangs up on those whom it has banned: what it said then still holds.
    fn meaning(&self, error: JoinError) -> JoinError {
        match (&self.trouble, &error) {
            (Some(before), JoinError::HungUp { .. })
                if matches!(before.error, JoinError::Banned(_)) =>
            {
                before.error.clone()
            }
            _ => error,
        }
    }

    fn wait_after(&mut self, error: &JoinError, random: u64) -> Duration {
        let is_put_out = matches!(
            error,
            JoinError::Kicked { .. } | JoinError::Displaced { .. }
        );
        // Coming back at once would be a fight, and two programs with one identity would throw
        // each other out for ever: each time it is left to the other one for longer.
        let doublings = if is_put_out { self.put_out } else { 0 };
        self.put_out = if is_put_out {
            self.put_out.saturating_add(1)
        } else {
            0
        };
        match error.outlook() {
            Outlook::HealsByItself => self.backoff.after_failure(random),
            Outlook::NeedsSomebody => {
                let times = 2_u32.saturating_pow(doublings).min(MOST_SLOW_WAITS);
                let share = random as f64 / u64::MAX as f64;
                let slow = self.retry.slow.min(LONGEST_WAIT) * times;
                slow.mul_f64(1.0 + SLOW_JITTER * share)
            }
        }
    }
}

/// Whether something has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    New,
    Old,
}

#[cfg(test)]
mod tests;
