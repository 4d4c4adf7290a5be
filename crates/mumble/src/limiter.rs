//! Not more connections than a server bears before it bans the address.

mod kept;

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use kept::Kept;

/// A Mumble server bans an address after 10 connections within 120 s (`autobanAttempts`,
/// `autobanTimeframe`); two are left for other programs on this machine.
pub(crate) const CONNECTIONS: usize = 8;

/// The time over which [`CONNECTIONS`] are counted; a second longer than the server's, for its
/// clock is not ours.
pub(crate) const WINDOW: Duration = Duration::from_secs(121);

/// At most 8 connections in any 121 s. Clones count together, and so do all that are kept in
/// one folder, in whatever process.
#[derive(Clone, Debug, Default)]
pub struct ConnectionLimit {
    made: Arc<Mutex<VecDeque<Instant>>>,
    kept: Option<Kept>,
}

/// Leave for one connection.
#[derive(Debug)]
pub struct Permit {
    at: Instant,
    kept: Option<kept::Entry>,
}

impl ConnectionLimit {
    /// A limit of its own, with no connection counted yet, that ends with the program.
    pub fn new() -> Self {
        Self::default()
    }

    /// A limit that outlives the program: the times of the connections are kept in a file of
    /// this folder. Where it cannot be written, the limit is one of this program alone.
    pub fn kept_in(folder: &Path) -> Self {
        Self {
            made: Arc::default(),
            kept: Some(Kept::in_folder(folder)),
        }
    }

    /// Takes leave for one connection, to be made now. Reads and writes a file if the limit is
    /// kept in one.
    ///
    /// # Errors
    /// How long to wait before asking again; nothing is counted then.
    pub fn take(&self, now: Instant) -> Result<Permit, Duration> {
        let mut made = self.lock();
        while made.front().is_some_and(|&first| now >= first + WINDOW) {
            made.pop_front();
        }
        match wait(&made, now) {
            Duration::ZERO => {}
            wait => return Err(wait),
        }
        let kept = match &self.kept {
            Some(kept) => kept.take(SystemTime::now())?,
            None => None,
        };
        made.push_back(now);
        Ok(Permit { at: now, kept })
    }

    /// Gives back leave for a connection that no server has seen.
    pub fn give_back(&self, permit: Permit) {
        let mut made = self.lock();
        if let Some(at) = made.iter().rposition(|&at| at == permit.at) {
            made.remove(at);
        }
        if let (Some(kept), Some(entry)) = (&self.kept, permit.kept) {
            kept.remove(entry);
        }
    }

    /// How long a connection would have to wait at that moment, as far as this program knows.
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

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_ninth_connection_waits_for_the_first_to_be_forgotten() {
        let limit = ConnectionLimit::new();
        let start = Instant::now();
        for second in 0..8 {
            assert!(limit.take(start + seconds(second)).is_ok());
        }
        let now = start + seconds(20);
        assert_eq!(limit.take(now).unwrap_err(), seconds(101));
        assert!(limit.take(now + seconds(101)).is_ok());
    }

    #[test]
    fn clones_count_together() {
        let limit = ConnectionLimit::new();
        let now = Instant::now();
        for _ in 0..4 {
            assert!(limit.take(now).is_ok());
            assert!(limit.clone().take(now).is_ok());
        }
        assert_eq!(limit.take(now).unwrap_err(), WINDOW);
    }

    #[test]
    fn connections_that_no_server_saw_are_not_counted() {
        let folder = tempfile::tempdir().unwrap();
        for limit in [
            ConnectionLimit::new(),
            ConnectionLimit::kept_in(folder.path()),
        ] {
            let now = Instant::now();
            for _ in 0..100 {
                limit.give_back(limit.take(now).unwrap());
            }
            assert!(limit.wait(now).is_zero());
        }
    }

    #[test]
    fn a_program_that_is_started_again_and_again_is_held_up() {
        let folder = tempfile::tempdir().unwrap();
        let started = || ConnectionLimit::kept_in(folder.path());
        for _ in 0..CONNECTIONS {
            assert!(started().take(Instant::now()).is_ok());
        }
        let wait = started().take(Instant::now()).unwrap_err();
        assert!(wait > WINDOW - seconds(30) && wait <= WINDOW, "{wait:?}");
        assert!(ConnectionLimit::new().take(Instant::now()).is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_written_leaves_the_limit_of_the_program() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let limit = ConnectionLimit::kept_in(&file.path().join("below a file"));
        let now = Instant::now();
        for _ in 0..CONNECTIONS {
            assert!(limit.take(now).is_ok());
        }
        assert_eq!(limit.take(now).unwrap_err(), WINDOW);
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more(pauses in prop::collection::vec(0_u64..40, 1..120)) {
            let limit = ConnectionLimit::new();
            let mut now = Instant::now();
            let mut granted: Vec<Instant> = Vec::new();
            for pause in pauses {
                now += seconds(pause);
                if limit.take(now).is_ok() {
                    granted.push(now);
                }
            }
            for window in granted.windows(CONNECTIONS + 1) {
                prop_assert!(window[CONNECTIONS] - window[0] >= seconds(120));
            }
        }
    }
}
