//! The times of connections in a file, for all programs that share its folder.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::WINDOW;

/// Name of the file: a line for each connection, in milliseconds since 1970.
const FILE: &str = "connections";

/// How often the folder's lock is tried. Others hold it for as long as it takes to write a few
/// lines; who cannot get it goes on without.
const LOCK_TRIES: u32 = 200;

/// Between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// What is longer than this is no file of ours.
const LONGEST_FILE: u64 = 64 << 10;

/// The file of a folder; it need not exist yet.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    folder: PathBuf,
}

/// A counted connection, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry(u64);

impl Kept {
    pub(super) fn in_folder(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self { folder }
    }

    /// Counts a connection made now; nothing is given when the file cannot be used.
    ///
    /// # Errors
    /// How long to wait; nothing is counted then.
    pub(super) fn take(&self, now: SystemTime, most: usize) -> Result<Option<Entry>, Duration> {
        let now = millis(now);
        let _lock = self.lock();
        let mut times = self.read(now);
        let oldest = times.len().checked_sub(most).and_then(|at| times.get(at));
        if let Some(&oldest) = oldest {
            return Err(Duration::from_millis(oldest + window() - now));
        }
        times.push(now);
        Ok(self.write(&times).then_some(Entry(now)))
    }

    /// How many connections count now.
    pub(super) fn count(&self, now: SystemTime) -> usize {
        self.read(millis(now)).len()
    }

    /// Takes a connection out of the count.
    pub(super) fn remove(&self, Entry(time): Entry) {
        let _lock = self.lock();
        let mut times = self.read(time);
        if let Some(at) = times.iter().position(|&other| other == time) {
            times.remove(at);
            self.write(&times);
        }
    }

    /// The connections that still count, oldest first. What is no time, and what lies in the
    /// future because the clock was set back, does not.
    fn read(&self, now: u64) -> Vec<u64> {
        let path = self.folder.join(FILE);
        if fs::metadata(&path).is_ok_and(|file| file.len() > LONGEST_FILE) {
            return Vec::new();
        }
        let text = fs::read(&path).unwrap_or_default();
        let mut times: Vec<u64> = String::from_utf8_lossy(&text)
            .lines()
            .filter_map(|line| line.trim().parse().ok())
            .filter(|&time| time <= now && now - time < window())
            .collect();
        times.sort_unstable();
        times
    }

    /// Whether it could be written.
    fn write(&self, times: &[u64]) -> bool {
        let lines: String = times.iter().map(|time| format!("{time}\n")).collect();
        let new = self
            .folder
            .join(format!("{FILE}.new-{}", std::process::id()));
        // A new file takes the old one's place as a whole: a crash leaves one of the two.
        let written =
            fs::write(&new, lines).and_then(|()| fs::rename(&new, self.folder.join(FILE)));
        if let Err(error) = &written {
            tracing::debug!(%error, folder = %self.folder.display(), "connections are not counted over a restart");
        }
        written.is_ok()
    }

    /// Keeps other programs from writing meanwhile; the lock is that of the folder itself.
    fn lock(&self) -> Option<File> {
        // What is wrong with the folder is told when the file is written.
        let _ = make_folder(&self.folder);
        let folder = File::open(&self.folder).ok()?;
        for _ in 0..LOCK_TRIES {
            match folder.try_lock() {
                Ok(()) => return Some(folder),
                Err(TryLockError::WouldBlock) => std::thread::park_timeout(LOCK_PAUSE),
                Err(TryLockError::Error(_)) => return None,
            }
        }
        None
    }
}

/// Readable by its owner alone: the user's identity lies there as well.
fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn window() -> u64 {
    WINDOW.as_millis() as u64
}

fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::CONNECTIONS;
    use super::*;

    fn after(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    #[test]
    fn the_ninth_waits_for_the_first_and_all_processes_count() {
        let folder = tempfile::tempdir().unwrap();
        let kept = || Kept::in_folder(folder.path());
        for second in 0..8 {
            assert!(kept().take(after(second), CONNECTIONS).unwrap().is_some());
        }
        assert_eq!(
            kept().take(after(20), CONNECTIONS),
            Err(Duration::from_secs(101))
        );
        assert!(kept().take(after(121), CONNECTIONS).is_ok());
        assert_eq!(
            kept().take(after(121), CONNECTIONS),
            Err(Duration::from_secs(1))
        );
    }

    #[test]
    fn those_who_start_together_are_counted_each() {
        let folder = tempfile::tempdir().unwrap();
        let granted = std::thread::scope(|scope| {
            let start = || {
                Kept::in_folder(folder.path())
                    .take(after(0), CONNECTIONS)
                    .is_ok()
            };
            let started: Vec<_> = (0..16).map(|_| scope.spawn(start)).collect();
            let taken = started.into_iter().map(|thread| thread.join().unwrap());
            taken.filter(|&granted| granted).count()
        });
        assert_eq!(granted, CONNECTIONS);
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::in_folder(folder.path());
        for second in 0..8 {
            kept.take(after(1_000_000 + second), CONNECTIONS).unwrap();
        }
        assert!(kept.take(after(0), CONNECTIONS).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn garbage_holds_nobody_up(garbage in prop::collection::vec(any::<u8>(), 0..200)) {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(FILE), garbage).unwrap();
            let kept = Kept::in_folder(folder.path());
            for _ in 0..4 {
                prop_assert!(kept.take(after(0), CONNECTIONS).unwrap().is_some());
            }
        }
    }
}
