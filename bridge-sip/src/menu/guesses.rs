//! How fast a PIN can be guessed by all calls together: pure, of the wrong ones and the time.
//!
//! A machine calls as often as it likes, from any number. So the wrong ones of everybody count:
//! after a few none is looked at for a moment, twice as long after each further one. In time they
//! are forgotten one by one, so that people who mistype now and then never notice.

use std::time::{Duration, Instant};

/// So many wrong ones hold nobody up: those of three calls.
const FREE: u32 = 9;

/// No more are remembered: what more there were would hold up people long after it is over.
const MOST: u32 = FREE + 10;

/// One wrong one is forgotten after so long.
const FORGET_ONE: Duration = Duration::from_secs(5 * 60);

/// How long none is looked at after the first one too many.
const SHORTEST: Duration = Duration::from_secs(1);

/// The longest that none is looked at: as long as one is remembered, so that a machine that never
/// rests gets no more than one in that time, and whoever knows the PIN waits no longer.
const LONGEST: Duration = FORGET_ONE;

/// The wrong PINs of all calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Guesses {
    /// When the last wrong one will be forgotten.
    forgotten: Option<Instant>,
    /// None is looked at before.
    taken_from: Option<Instant>,
}

impl Guesses {
    /// Whether a PIN is looked at now.
    pub fn are_taken(&self, now: Instant) -> bool {
        self.taken_from.is_none_or(|from| now >= from)
    }

    /// One was wrong.
    pub fn wrong(&mut self, now: Instant) {
        let before = self.forgotten.map_or(Duration::ZERO, |forgotten| {
            forgotten.saturating_duration_since(now)
        });
        let remembered = (before + FORGET_ONE).min(FORGET_ONE * MOST);
        self.forgotten = Some(now + remembered);
        // Begun ones count as whole ones.
        let count = remembered.as_nanos().div_ceil(FORGET_ONE.as_nanos());
        let count = u32::try_from(count).unwrap_or(MOST);
        if let Some(further) = count.checked_sub(FREE + 1) {
            let wait = SHORTEST * 2_u32.saturating_pow(further);
            self.taken_from = Some(now + wait.min(LONGEST));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    /// How many a machine gets looked at in a day that waits so long between two, in turns.
    fn in_a_day(waits: &[Duration]) -> u32 {
        let (mut guesses, begun) = (Guesses::default(), Instant::now());
        let (mut now, mut looked_at) = (begun, 0);
        let mut waits = waits.iter().cycle();
        while now < begun + DAY {
            now = now.max(guesses.taken_from.unwrap_or(now));
            assert!(guesses.are_taken(now));
            guesses.wrong(now);
            looked_at += 1;
            now += *waits.next().unwrap();
        }
        looked_at
    }

    #[test]
    fn nine_wrong_ones_hold_nobody_up_and_each_further_one_twice_as_long() {
        let (mut guesses, mut now) = (Guesses::default(), Instant::now());
        for _ in 0..FREE {
            guesses.wrong(now);
            assert!(guesses.are_taken(now));
        }
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128] {
            guesses.wrong(now);
            let almost = Duration::from_millis(seconds * 1000 - 1);
            assert!(!guesses.are_taken(now + almost), "{seconds}");
            now += Duration::from_secs(seconds);
            assert!(guesses.are_taken(now), "{seconds}");
        }
    }

    #[test]
    fn whoever_knows_the_pin_waits_for_five_minutes_at_most() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for _ in 0..10_000 {
            guesses.wrong(now);
        }
        assert!(!guesses.are_taken(now + LONGEST - SHORTEST));
        assert!(guesses.are_taken(now + LONGEST));
    }

    #[test]
    fn people_who_mistype_now_and_then_hold_nobody_up() {
        let (mut guesses, mut now) = (Guesses::default(), Instant::now());
        for _ in 0..1000 {
            guesses.wrong(now);
            assert!(guesses.are_taken(now));
            now += FORGET_ONE;
        }
    }

    #[test]
    fn a_machine_that_never_rests_does_not_get_through_four_digits_in_a_month() {
        let looked_at = in_a_day(&[Duration::ZERO]);
        assert!(looked_at * 30 < 10_000, "{looked_at} in a day");
    }

    proptest! {
        #[test]
        fn nor_does_one_that_rests_in_any_way(waits in prop::collection::vec(0_u64..7200, 1..20)) {
            let waits: Vec<_> = waits.into_iter().map(Duration::from_secs).collect();
            // What is forgotten in a day, and what is remembered at its end.
            let most = 24 * 12 + MOST;
            prop_assert!(in_a_day(&waits) <= most);
        }
    }
}
