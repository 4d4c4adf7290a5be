//! Telephones that say each press twice, among the sound and by SIP INFO: it counts once.

use std::time::{Duration, Instant};

use super::Key;

/// The two ways of one press are this near to each other at most.
const APART: Duration = Duration::from_secs(2);

/// How a press was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// As an event among the sound.
    Sound,
    /// By SIP INFO.
    Info,
}

/// The presses of one call.
#[derive(Debug, Default)]
pub struct Once {
    /// Of whichever way is first.
    last: Option<(Instant, Key, By)>,
}

impl Once {
    /// Whether this is a press of its own, and not the other way's word of the last one.
    pub fn is_new(&mut self, now: Instant, key: Key, by: By) -> bool {
        let repeats = self.last.is_some_and(|(at, last, way)| {
            last == key && way != by && now.saturating_duration_since(at) <= APART
        });
        if !repeats {
            self.last = Some((now, key, by));
        }
        !repeats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is taken of presses, given by their time in ms, key and way.
    fn taken(presses: &[(u64, char, By)]) -> String {
        let (begin, mut once) = (Instant::now(), Once::default());
        let new = presses.iter().filter(|(at, key, by)| {
            let at = begin + Duration::from_millis(*at);
            once.is_new(at, Key::of(*key).unwrap(), *by)
        });
        new.map(|(_, key, _)| key).collect()
    }

    #[test]
    fn what_is_said_twice_counts_once_whichever_way_is_first() {
        use By::{Info, Sound};
        let twice = |one, other| {
            taken(&[
                (0, '1', one),
                (60, '1', other),
                (300, '1', one),
                (360, '1', other),
                (600, '2', one),
                (900, '2', other),
            ])
        };
        assert_eq!(twice(Sound, Info), "112");
        assert_eq!(twice(Info, Sound), "112");
    }

    #[test]
    fn what_is_said_one_way_counts_each_time() {
        for by in [By::Sound, By::Info] {
            assert_eq!(
                taken(&[(0, '5', by), (50, '5', by), (9000, '5', by)]),
                "555"
            );
        }
        assert_eq!(taken(&[(0, '5', By::Info), (2100, '5', By::Sound)]), "55");
    }
}
