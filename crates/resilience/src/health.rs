//! What is shown of a dependency: its state, its last words, and how long it takes.

use std::time::{Duration, Instant};

use crate::breaker::State;

/// Calls whose latency is remembered; the oldest is forgotten first.
const REMEMBERED: usize = 128;

/// One dependency at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The name it was given.
    pub name: String,
    /// The moment.
    pub at: Instant,
    /// The state of its breaker.
    pub state: State,
    /// When it closed, or when it opened: probes in between do not count.
    pub since: Instant,
    /// The present run of failures, as [`crate::Dependency::outage`] has it.
    pub outage: Option<u64>,
    /// What the last check, probe or answer said; `None` before the first.
    pub reachable: Option<bool>,
    /// It is there, and cannot be used as it is set up: [`crate::Call::unfit`].
    pub unfit: bool,
    /// The last failure and its reason; it stays when the engine is well again.
    pub last_error: Option<(Instant, String)>,
    /// The last answer to a call or a probe.
    pub last_success: Option<Instant>,
    /// How long answers took lately; `None` before the first.
    pub latency: Option<Latency>,
    /// Calls admitted.
    pub calls: u64,
    /// Calls that failed, late ones among them.
    pub failures: u64,
    /// Calls refused, by an open breaker or a full queue.
    pub refused: u64,
    /// How often the breaker opened.
    pub trips: u64,
    /// Probes sent.
    pub probes: u64,
    /// Calls under way.
    pub in_flight: usize,
    /// Calls that wait for a place.
    pub waiting: usize,
}

impl Snapshot {
    /// Whether it can be expected to answer: closed, not known to be unreachable, and fit for use.
    pub fn well(&self) -> bool {
        self.state == State::Closed && self.reachable != Some(false) && !self.unfit
    }
}

/// How long answers took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Half of them took at most this long.
    pub p50: Duration,
    /// 95 of 100 took at most this long.
    pub p95: Duration,
}

/// The last latencies: a ring of fixed size.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    /// In microseconds, which hold more than an hour.
    ring: [u32; REMEMBERED],
    count: usize,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        Self {
            ring: [0; REMEMBERED],
            count: 0,
        }
    }

    pub(crate) fn push(&mut self, latency: Duration) {
        let micros = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
        self.ring[self.count % REMEMBERED] = micros;
        // Once round, it stays above the ring's length, so that the ring counts as full.
        self.count = if self.count + 1 == 2 * REMEMBERED {
            REMEMBERED
        } else {
            self.count + 1
        };
    }

    /// Sorts its own copy: take one before calling this outside a lock.
    pub(crate) fn summary(mut self) -> Option<Latency> {
        let known = &mut self.ring[..self.count.min(REMEMBERED)];
        known.sort_unstable();
        let last = known.len().checked_sub(1)?;
        let at = |percent: usize| {
            let rank = (known.len() * percent).div_ceil(100);
            Duration::from_micros(u64::from(known[rank.saturating_sub(1).min(last)]))
        };
        Some(Latency {
            p50: at(50),
            p95: at(95),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_of_calls_that_were_not_made() {
        assert_eq!(Latencies::new().summary(), None);
    }

    #[test]
    fn half_and_nearly_all_of_the_answers_took_so_long() {
        let mut latencies = Latencies::new();
        for ms in 1..=100 {
            latencies.push(Duration::from_millis(ms));
        }
        let expected = Latency {
            p50: Duration::from_millis(50),
            p95: Duration::from_millis(95),
        };
        assert_eq!(latencies.summary(), Some(expected));
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let mut latencies = Latencies::new();
        for _ in 0..1000 {
            latencies.push(Duration::from_secs(3));
        }
        for _ in 0..REMEMBERED {
            latencies.push(Duration::from_millis(7));
        }
        let seven = Duration::from_millis(7);
        let expected = Latency {
            p50: seven,
            p95: seven,
        };
        assert_eq!(latencies.clone().summary(), Some(expected));
        latencies.push(Duration::MAX);
        assert_eq!(latencies.summary(), Some(expected), "one of 128 is not 5 %");
    }
}
