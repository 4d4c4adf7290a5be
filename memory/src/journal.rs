//! What is to be remembered or forgotten, on this computer's disk until the store has it.
//!
//! One file of checked lines: a record each, oldest first, and marks that tell from where on
//! records still wait. A record is on the disk before anything else is done with it, and a mark
//! is written after the store has it: whenever the process ends, the store is told of a record
//! again rather than never, and to be told again changes nothing there.

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufReader, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::disk;
use crate::store::Forget;
use crate::turn::Turn;

mod scan;

use scan::{Line, Place, Scan};

/// Names in the memory's folder.
const FILE: &str = "journal";
const LOCK: &str = "journal.lock";
const ASIDE: &str = "journal.damaged";

/// Something that the store is to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Record {
    /// To be remembered.
    Turn(Turn),
    /// To be forgotten.
    Forget(Forget),
}

/// Why a journal does not take or give records.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It has grown to its bound.
    #[error("the journal is full at {} MB: see why the database is away, or raise MEMORY_JOURNAL_MAX_MB", .0 >> 20)]
    Full(u64),
    /// Another process writes it.
    #[error("another process uses {}: give each assistant its own STATE_DIR", .0.display())]
    InUse(PathBuf),
    /// Its disk does not do it.
    #[error("{}: {error}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the disk says.
        error: io::Error,
    },
    /// The program ends, or the work broke off.
    #[error("the writing of the journal was broken off")]
    Interrupted,
}

/// The open journal of a folder; one process has it at a time.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    file: File,
    /// Where the file ends.
    end: u64,
    /// The records that wait, oldest first.
    waiting: VecDeque<Place>,
    /// It takes no turn beyond this size, in bytes.
    most: u64,
    /// Held for as long as this lives.
    _lock: File,
}

impl Journal {
    /// Opens the journal of `folder`, or begins one that takes turns up to `most` bytes.
    ///
    /// Lines that are not as they were written are set aside in `journal.damaged`, and a warning
    /// says so.
    ///
    /// # Errors
    /// When another process has it open, or its disk fails.
    pub(crate) fn open(folder: &Path, most: u64) -> Result<Self, JournalError> {
        disk::make_folder(folder).map_err(at(folder))?;
        let lock = lock(&folder.join(LOCK))?;
        let path = folder.join(FILE);
        let file = disk::open(&path).map_err(at(&path))?;
        let Scan {
            waiting,
            damaged,
            end,
        } = scan::scan(BufReader::new(&file)).map_err(at(&path))?;
        let mut journal = Self {
            folder: folder.to_owned(),
            file,
            end,
            waiting,
            most,
            _lock: lock,
        };
        if !damaged.is_empty() {
            journal.mend(&damaged)?;
        }
        Ok(journal)
    }

    /// Writes records behind those that wait; when this returns they are on the disk.
    ///
    /// # Errors
    /// [`JournalError::Full`] when there is a turn among them and the file would grow beyond its
    /// bound (what is to be forgotten is always taken), or when the disk fails; none of them is
    /// taken then.
    pub(crate) fn append(&mut self, records: &[Record]) -> Result<(), JournalError> {
        let mut lines = String::new();
        let mut places = Vec::with_capacity(records.len());
        for record in records {
            let line = scan::line(&Line::from(record.clone()));
            places.push(Place {
                at: self.end + lines.len() as u64,
                bytes: line.len() as u64,
            });
            lines.push_str(&line);
        }
        let turns = records
            .iter()
            .any(|record| matches!(record, Record::Turn(_)));
        if turns && self.end + lines.len() as u64 > self.most {
            return Err(JournalError::Full(self.most));
        }
        let written = self.file.write_all(lines.as_bytes());
        if let Err(error) = written.and_then(|()| self.file.sync_data()) {
            // Half a line must not be taken for a record that was taken.
            let _ = self.file.set_len(self.end);
            return Err(at(&self.path())(error));
        }
        self.end += lines.len() as u64;
        self.waiting.extend(places);
        Ok(())
    }

    /// The record that has waited longest.
    ///
    /// # Errors
    /// When the disk fails, or has changed what was written.
    pub(crate) fn next(&self) -> Result<Option<Record>, JournalError> {
        self.waiting
            .front()
            .map(|place| self.read(*place))
            .transpose()
    }

    /// The store has the record that has waited longest.
    ///
    /// # Errors
    /// When the disk fails; the record counts as done, and is told again after a restart.
    pub(crate) fn done(&mut self) -> Result<(), JournalError> {
        self.waiting.pop_front();
        let path = self.path();
        let Some(next) = self.waiting.front() else {
            self.file.set_len(0).map_err(at(&path))?;
            self.end = 0;
            return Ok(());
        };
        // Not synced: a mark that a power failure takes costs nothing but telling again.
        let mark = scan::line(&Line::Waiting(next.at));
        if let Err(error) = self.file.write_all(mark.as_bytes()) {
            let _ = self.file.set_len(self.end);
            return Err(at(&path)(error));
        }
        self.end += mark.len() as u64;
        Ok(())
    }

    /// Sets aside the record that has waited longest, which the store will never take.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn set_aside(&mut self) -> Result<(), JournalError> {
        if let Some(place) = self.waiting.front().copied() {
            self.put_aside(&[place])?;
        }
        self.done()
    }

    /// Writes the file anew with what `keep` makes of each record that waits, as a whole: a crash
    /// leaves the old file or the new one. What was set aside is deleted, for nobody can tell
    /// whose words it holds.
    ///
    /// # Errors
    /// When the disk fails; the file is as it was then.
    pub(crate) fn rewrite(
        &mut self,
        mut keep: impl FnMut(Record) -> Option<Record>,
    ) -> Result<(), JournalError> {
        let aside = self.folder.join(ASIDE);
        match fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&aside)(error)),
            _ => {}
        }
        let mut waiting = VecDeque::new();
        let mut end = 0;
        let path = self.path();
        disk::replace(&path, |file| {
            for place in &self.waiting {
                let record = self.read(*place).map_err(io::Error::other)?;
                let Some(record) = keep(record) else { continue };
                let line = scan::line(&Line::from(record));
                file.write_all(line.as_bytes())?;
                let bytes = line.len() as u64;
                waiting.push_back(Place { at: end, bytes });
                end += bytes;
            }
            Ok(())
        })
        .map_err(at(&path))?;
        self.file = disk::open(&path).map_err(at(&path))?;
        (self.waiting, self.end) = (waiting, end);
        Ok(())
    }

    /// Whether any of the records that wait is such a one.
    ///
    /// # Errors
    /// When the disk fails, or has changed what was written.
    pub(crate) fn any(&self, mut is: impl FnMut(Record) -> bool) -> Result<bool, JournalError> {
        for place in &self.waiting {
            if is(self.read(*place)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many records wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    fn bytes(&self, place: Place) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(place.bytes).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, place.at)?;
        Ok(bytes)
    }

    fn read(&self, place: Place) -> Result<Record, JournalError> {
        let changed = || io::Error::new(io::ErrorKind::InvalidData, "a line is not as written");
        let read = self
            .bytes(place)
            .and_then(|bytes| match scan::read(&bytes) {
                Some(Line::Turn(turn)) => Ok(Record::Turn(turn)),
                Some(Line::Forget(what)) => Ok(Record::Forget(what)),
                Some(Line::Waiting(_)) | None => Err(changed()),
            });
        read.map_err(at(&self.path()))
    }

    /// Leaves only the records that wait in the file, and puts what is damaged aside.
    fn mend(&mut self, damaged: &[Place]) -> Result<(), JournalError> {
        let bytes: u64 = damaged.iter().map(|place| place.bytes).sum();
        self.put_aside(damaged)?;
        tracing::warn!(
            lines = damaged.len(),
            bytes,
            waiting = self.waiting.len(),
            "the memory's journal was damaged: what could not be read is in {}",
            self.folder.join(ASIDE).display()
        );
        let path = self.path();
        let mut waiting = VecDeque::new();
        let mut end = 0;
        disk::replace(&path, |file| {
            for place in &self.waiting {
                file.write_all(&self.bytes(*place)?)?;
                waiting.push_back(Place { at: end, ..*place });
                end += place.bytes;
            }
            Ok(())
        })
        .map_err(at(&path))?;
        self.file = disk::open(&path).map_err(at(&path))?;
        (self.waiting, self.end) = (waiting, end);
        Ok(())
    }

    /// Copies parts of the file to the one beside it, which grows no larger than the journal may.
    fn put_aside(&self, places: &[Place]) -> Result<(), JournalError> {
        let path = self.folder.join(ASIDE);
        let put = || -> io::Result<()> {
            let mut file = disk::open(&path)?;
            for place in places {
                if file.metadata()?.len() + place.bytes > self.most {
                    tracing::error!(bytes = place.bytes, "{} is full: deleted", path.display());
                    file.set_len(0)?;
                }
                file.write_all(&self.bytes(*place)?)?;
            }
            file.sync_data()
        };
        put().map_err(at(&path))
    }
}

/// The file, locked until it is closed.
fn lock(path: &Path) -> Result<File, JournalError> {
    let file = disk::open(path).map_err(at(path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(at(path)(error)),
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> JournalError {
    move |error| JournalError::Disk {
        path: path.to_owned(),
        error,
    }
}

#[cfg(test)]
mod tests;
