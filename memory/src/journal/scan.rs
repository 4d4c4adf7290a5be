//! The lines of a journal, and what a file of them comes to, whatever happened to it.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read as _};

use serde::{Deserialize, Serialize};

use super::Record;
use crate::disk::{self, LONGEST_LINE};
use crate::store::Forget;
use crate::turn::Turn;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    /// To be remembered.
    Turn(Turn),
    /// To be forgotten.
    Forget(Forget),
    /// The store has every record before this place in the file.
    Waiting(u64),
}

/// Where a line is, in bytes, its end included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) at: u64,
    pub(super) bytes: u64,
}

/// What a file comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// The records that wait, oldest first.
    pub(super) waiting: VecDeque<Place>,
    /// What cannot be read.
    pub(super) damaged: Vec<Place>,
    /// Where the file ends.
    pub(super) end: u64,
}

impl From<Record> for Line {
    fn from(record: Record) -> Self {
        match record {
            Record::Turn(turn) => Self::Turn(turn),
            Record::Forget(what) => Self::Forget(what),
        }
    }
}

/// A line as it stands in the file.
pub(super) fn line(line: &Line) -> String {
    let json = serde_json::to_string(line).expect("plain values have a JSON form");
    disk::seal(&json)
}

/// What a line says; none when it is not as it was written.
pub(super) fn read(bytes: &[u8]) -> Option<Line> {
    // A line without its end was broken off while it was written, so nobody was told that it is
    // kept; and what is written next would join it.
    let line = bytes.strip_suffix(b"\n")?;
    serde_json::from_str(disk::unseal(line)?).ok()
}

/// Reads a whole file.
pub(super) fn scan(mut file: impl BufRead) -> io::Result<Scan> {
    let mut scan = Scan::default();
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let read_now = file
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut bytes)?;
        if read_now == 0 {
            return Ok(scan);
        }
        let place = Place {
            at: scan.end,
            bytes: read_now as u64,
        };
        scan.end += place.bytes;
        match read(&bytes) {
            Some(Line::Turn(_) | Line::Forget(_)) => scan.waiting.push_back(place),
            Some(Line::Waiting(from)) => {
                while scan.waiting.front().is_some_and(|place| place.at < from) {
                    scan.waiting.pop_front();
                }
            }
            None => scan.damaged.push(place),
        }
    }
}
