//! Waiting longer after each failure, and never in step with anybody else who waits.

use std::time::Duration;

/// Jittered exponential backoff.
///
/// The n-th wait in a row is drawn evenly from the upper half of `base * 2^n`, where the
/// product never passes `cap`. It is pure: it holds no clock and no source of chance, so that
/// whoever waits can test the waiting.
///
/// The lower half is left out so that a wait is never close to nothing: a crowd is spread out
/// well enough by the upper half, and a server that just died gets some peace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// Starts with waits around `base`, doubling up to `cap`.
    ///
    /// A `cap` below `base` makes every wait at most `cap`.
    pub fn new(base: Duration, cap: Duration) -> Self {
        Self {
            base,
            cap,
            failures: 0,
        }
    }

    /// How long to wait after one more failure.
    ///
    /// `random` is any evenly distributed number: the whole range of `u64` is spread over the
    /// upper half of the wait, from exactly half (0) to the whole (`u64::MAX`).
    pub fn after_failure(&mut self, random: u64) -> Duration {
        let doublings = self.failures.min(MAX_DOUBLINGS);
        self.failures = self.failures.saturating_add(1);
        let whole = self.base.saturating_mul(1 << doublings).min(self.cap);
        let share = random as f64 / u64::MAX as f64;
        (whole.mul_f64(0.5 + 0.5 * share)).min(self.cap)
    }

    /// How many failures in a row have been counted.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Forgets the failures: the next wait is around `base` again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// More doublings than any sensible `cap` allows, few enough for a shift of `u32`.
const MAX_DOUBLINGS: u32 = 30;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE: Duration = Duration::from_millis(500);
    const CAP: Duration = Duration::from_secs(30);

    #[test]
    fn waits_double_until_the_cap() {
        let mut backoff = Backoff::new(BASE, CAP);
        let waits: Vec<u128> = (0..9)
            .map(|_| backoff.after_failure(u64::MAX).as_millis())
            .collect();
        assert_eq!(
            waits,
            [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]
        );
    }

    #[test]
    fn chance_takes_away_at_most_half() {
        let mut backoff = Backoff::new(BASE, CAP);
        assert_eq!(backoff.after_failure(0), BASE / 2);
        assert_eq!(backoff.after_failure(0), BASE);
    }

    #[test]
    fn a_success_makes_the_next_wait_short_again() {
        let mut backoff = Backoff::new(BASE, CAP);
        for _ in 0..20 {
            backoff.after_failure(7);
        }
        backoff.reset();
        assert_eq!(backoff.failures(), 0);
        assert_eq!(backoff.after_failure(u64::MAX), BASE);
    }

    proptest! {
        #[test]
        fn every_wait_lies_between_half_the_base_and_the_cap(
            failures in 0_u32..200,
            random: u64,
        ) {
            let mut backoff = Backoff::new(BASE, CAP);
            for _ in 0..failures {
                backoff.after_failure(random);
            }
            let wait = backoff.after_failure(random);
            prop_assert!(wait >= BASE / 2 && wait <= CAP, "{wait:?}");
        }

        #[test]
        fn absurd_settings_do_not_overflow(base: u64, cap: u64, random: u64, failures in 0_u32..80) {
            let cap = Duration::from_secs(cap);
            let mut backoff = Backoff::new(Duration::from_secs(base), cap);
            for _ in 0..failures {
                prop_assert!(backoff.after_failure(random) <= cap);
            }
        }
    }
}
