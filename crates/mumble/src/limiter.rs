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

/// At most 8 connections in any 121 s, or as many as [`ConnectionLimit::of`] says. Clones count
/// together, and so do all that are kept in one folder, in whatever process.
#[derive(Clone, Debug)]
pub struct ConnectionLimit {
    made: Arc<Mutex<VecDeque<Instant>>>,
    kept: Option<Kept>,
    /// In one [`WINDOW`].
    most: usize,
    /// Leave that was taken already, for the next who asks this clone.
    prepaid: Arc<Mutex<Option<Permit>>>,
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
        Self {
            made: Arc::default(),
            kept: None,
            most: CONNECTIONS,
            prepaid: Arc::default(),
        }
    }

    /// A limit that outlives the program: the times of the connections are kept in a file of
    /// this folder. Where it cannot be written, the limit is one of this program alone.
    pub fn kept_in(folder: &Path) -> Self {
        Self {
            kept: Some(Kept::in_folder(folder)),
            ..Self::new()
        }
    }

    /// The same limit of `most` connections in 121 s, for servers that bear another number than
    /// they do as shipped; `None` for those that ban nobody.
    #[must_use]
    pub fn of(mut self, most: Option<usize>) -> Self {
        self.most = most.unwrap_or(usize::MAX);
        if most.is_none() {
            // Nobody else has to know either.
            self.kept = None;
        }
        self
    }

    /// The same limit for whoever is to use `permit`, taken of it before: the first connection
    /// asked of what this gives is not counted a second time.
    #[must_use]
    pub fn paid_by(&self, permit: Permit) -> Self {
        Self {
            prepaid: Arc::new(Mutex::new(Some(permit))),
            ..self.clone()
        }
    }

    /// How many connections may be made at that moment. Reads a file if the limit is kept in one.
    pub fn left(&self, now: Instant) -> usize {
        let made = self.lock();
        let recent = made.iter().filter(|&&at| now < at + WINDOW).count();
        let kept = self.kept.as_ref();
        let kept = kept.map_or(0, |kept| kept.count(SystemTime::now()));
        self.most.saturating_sub(recent.max(kept))
    }

    /// Takes leave for one connection, to be made now. Reads and writes a file if the limit is
    /// kept in one.
    ///
    /// # Errors
    /// How long to wait before asking again; nothing is counted then.
    pub fn take(&self, now: Instant) -> Result<Permit, Duration> {
        let mut prepaid = self.prepaid.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(permit) = prepaid.take() {
            return Ok(permit);
        }
        drop(prepaid);
        if self.most == usize::MAX {
            let kept = None;
            return Ok(Permit { at: now, kept });
        }
        let mut made = self.lock();
        while made.front().is_some_and(|&first| now >= first + WINDOW) {
            made.pop_front();
        }
        match wait(&made, self.most, now) {
            Duration::ZERO => {}
            wait => return Err(wait),
        }
        let kept = match &self.kept {
            Some(kept) => kept.take(SystemTime::now(), self.most)?,
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
        wait(&self.lock(), self.most, at)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ConnectionLimit {
    fn default() -> Self {
        Self::new()
    }
}

fn wait(made: &VecDeque<Instant>, most: usize, at: Instant) -> Duration {
    let newest_allowed = made
        .len()
        .checked_sub(most)
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
    fn another_number_and_none_at_all_can_be_set() {
        let folder = tempfile::tempdir().unwrap();
        let now = Instant::now();
        for limit in [
            ConnectionLimit::new(),
            ConnectionLimit::kept_in(folder.path()),
        ] {
            let two = limit.clone().of(Some(2));
            assert_eq!(two.left(now), 2);
            assert!(two.take(now).is_ok() && two.take(now).is_ok());
            assert_eq!(two.left(now), 0);
            assert!(two.take(now).is_err());
            let none = limit.of(None);
            assert!((0..1000).all(|_| none.take(now).is_ok()));
        }
    }

    #[test]
    fn leave_that_was_taken_before_is_counted_once() {
        let limit = ConnectionLimit::new();
        let now = Instant::now();
        let permit = limit.take(now).unwrap();
        let paid = limit.paid_by(permit);
        assert!(paid.take(now).is_ok());
        assert_eq!(limit.left(now), CONNECTIONS - 1);
        assert!(paid.take(now).is_ok());
        assert_eq!(limit.left(now), CONNECTIONS - 2);
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
