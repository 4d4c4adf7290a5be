//! Moments of the process as moments of the world.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One moment by both clocks, from which every other is reckoned.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// By the clock that only goes forward.
    pub now: Instant,
    /// By the clock on the wall.
    pub wall: SystemTime,
}

impl Clock {
    /// This moment.
    #[must_use]
    pub fn read() -> Self {
        Self {
            now: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// Seconds from 1970 to `moment`, in whole milliseconds: more would only be noise.
    #[must_use]
    pub fn unix(self, moment: Instant) -> f64 {
        let wall = if moment > self.now {
            self.wall + moment.duration_since(self.now)
        } else {
            let age = self.now.duration_since(moment);
            self.wall.checked_sub(age).unwrap_or(UNIX_EPOCH)
        };
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        (since.as_secs_f64() * 1000.0).round() / 1000.0
    }

    /// How long ago it was.
    #[must_use]
    pub fn age(self, moment: Instant) -> Duration {
        self.now.saturating_duration_since(moment)
    }
}

/// A time in milliseconds, with microseconds behind the point.
pub(super) fn ms(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}
