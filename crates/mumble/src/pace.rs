//! How fast a server lets a user write and act.

use std::time::{Duration, Instant};

/// A server drops what comes faster than one message per second after a burst of five
/// (`messagelimit`, `messageburst`), and says nothing of it. It does not tell its settings, so
/// these defaults have to do; one message is left over for what crosses on the way.
pub(crate) const BURST: u32 = 4;

/// A little longer than the server's second, for its clock is not ours.
pub(crate) const REFILL: Duration = Duration::from_millis(1050);

/// The bucket that a server keeps for a user, as far as we can know it. Texts, changes of the
/// own state and new channels count; what is done to others does not.
#[derive(Debug)]
pub(crate) struct Pace {
    /// How many messages count still.
    level: u32,
    /// Until when time has been taken off them.
    drained: Instant,
}

impl Pace {
    /// A whole burst may go at once.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            level: 0,
            drained: now,
        }
    }

    /// Whether a message may go now; then it counts.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.drained);
        let drops = (passed.as_millis() / REFILL.as_millis()) as u32;
        if drops > 0 {
            self.level = self.level.saturating_sub(drops);
            // The server forgets what is left of a second when it counts, and so do we: else a
            // slow, steady writer would in time believe in a burst that it does not have.
            self.drained = now;
        }
        let free = self.level < BURST;
        self.level += u32::from(free);
        free
    }

    /// From when on the next message may go.
    pub(crate) fn ready(&self) -> Instant {
        if self.level < BURST {
            self.drained
        } else {
            self.drained + REFILL
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_then_one_per_second() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut sent = |now| std::iter::from_fn(|| pace.take(now).then_some(())).count();
        assert_eq!(sent(start), 4);
        assert_eq!(sent(start + REFILL / 2), 0);
        assert_eq!(sent(start + REFILL), 1);
        assert_eq!(sent(start + 3 * REFILL), 2);
    }

    /// The bucket of a server with its default settings: whole seconds drain it.
    struct ServersBucket {
        level: u32,
        drained: Instant,
    }

    impl ServersBucket {
        fn takes(&mut self, now: Instant) -> bool {
            let drops = now.saturating_duration_since(self.drained).as_secs() as u32;
            if drops > 0 {
                self.level = self.level.saturating_sub(drops);
                self.drained = now;
            }
            let takes = self.level < 5;
            self.level += u32::from(takes);
            takes
        }
    }

    proptest! {
        #[test]
        fn the_server_drops_nothing_however_the_messages_come(
            pauses in prop::collection::vec((0_u64..4000, 0_u64..30), 1..200),
        ) {
            let mut now = Instant::now();
            let mut pace = Pace::new(now);
            let mut server = ServersBucket { level: 0, drained: now };
            for (pause, way) in pauses {
                now += Duration::from_millis(pause);
                if pace.take(now) {
                    prop_assert!(server.takes(now + Duration::from_millis(way)));
                }
            }
        }
    }
}
