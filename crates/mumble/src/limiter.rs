//! Not more connections than a server bears before it bans the address.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// A Mumble server bans an address after 10 connections within 120 s (`autobanAttempts`,
/// `autobanTimeframe`); two are left for other programs on this machine.
pub(crate) const CONNECTIONS: usize = 8;

/// The time over which [`CONNECTIONS`] are counted; a second longer than the server's, for its
/// clock is not ours.
pub(crate) const WINDOW: Duration = Duration::from_secs(121);

/// At most 8 connections in any 121 s. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct ConnectionLimit {
    made: Arc<Mutex<VecDeque<Instant>>>,
}

impl ConnectionLimit {
    /// A limit of its own, with no connection counted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes leave for one connection, to be made now.
    ///
    /// # Errors
    /// How long to wait before asking again; nothing is counted then.
    pub fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut made = self.lock();
        while made.front().is_some_and(|&first| now >= first + WINDOW) {
            made.pop_front();
        }
        match wait(&made, now) {
            Duration::ZERO => {
                made.push_back(now);
                Ok(())
            }
            wait => Err(wait),
        }
    }

    /// How long a connection would have to wait at that moment, as things are.
    pub fn wait(&self, at: Instant) -> Duration {
        wait(&self.lock(), at)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait(made: &VecDeque<Instant>, at: Instant) -> Duration {
    let newest_allowed = made
        .len()
        .checked_sub(CONNECTIONS)
        .and_then(|oldest| made.get(oldest));
    newest_allowed.map_or(Duration::ZERO, |&oldest| {
        (oldest + WINDOW).saturating_duration_since(at)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ninth_connection_waits_for_the_first_to_be_forgotten() {
        let limit = ConnectionLimit::new();
        let start = Instant::now();
        for second in 0..8 {
            assert_eq!(limit.take(start + Duration::from_secs(second)), Ok(()));
        }
        let now = start + Duration::from_secs(20);
        assert_eq!(limit.take(now), Err(Duration::from_secs(101)));
        assert_eq!(limit.take(now + Duration::from_secs(101)), Ok(()));
    }

    #[test]
    fn clones_count_together() {
        let limit = ConnectionLimit::new();
        let now = Instant::now();
        for _ in 0..4 {
            assert_eq!(limit.take(now), Ok(()));
            assert_eq!(limit.clone().take(now), Ok(()));
        }
        assert_eq!(limit.take(now), Err(WINDOW));
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more(pauses in prop::collection::vec(0_u64..40, 1..120)) {
            let limit = ConnectionLimit::new();
            let mut now = Instant::now();
            let mut granted: Vec<Instant> = Vec::new();
            for pause in pauses {
                now += Duration::from_secs(pause);
                if limit.take(now).is_ok() {
                    granted.push(now);
                }
            }
            for window in granted.windows(CONNECTIONS + 1) {
                prop_assert!(window[CONNECTIONS] - window[0] >= Duration::from_secs(120));
            }
        }
    }
}
