//! The board: what the parts of the process have said about themselves.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{Line, Presence, Turn};

/// How many turns are kept to look back on; older ones only count.
const TURNS_KEPT: usize = 100;

/// What the parts of a process say about themselves. Clones are the same board.
///
/// Writing on it takes a moment and waits for nobody, so every part can do it from anywhere.
#[derive(Clone, Debug)]
pub struct Board {
    facts: Arc<Mutex<Facts>>,
}

/// Everything that was written.
#[derive(Debug)]
struct Facts {
    presence: Presence,
    line: Line,
    speakers: usize,
    beat: Instant,
    begun: u64,
    turns: VecDeque<Turn>,
}

impl Board {
    /// A board on which nothing is written yet, for a process that begins now.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        let facts = Facts {
            presence: Presence::Away {
                since: now,
                why: "not connected yet".to_owned(),
                failures: 0,
            },
            line: Line::default(),
            speakers: 0,
            beat: now,
            begun: 0,
            turns: VecDeque::new(),
        };
        Self {
            facts: Arc::new(Mutex::new(facts)),
        }
    }

    /// The Mumble user has joined, or is not on its server any more.
    pub fn presence(&self, presence: Presence) {
        self.facts().presence = presence;
    }

    /// What the line to the Mumble server has carried so far.
    pub fn line(&self, line: Line) {
        self.facts().line = line;
    }

    /// So many people speak at this moment.
    pub fn speakers(&self, speakers: usize) {
        self.facts().speakers = speakers;
    }

    /// The pipeline is alive: its loop has just gone round.
    pub fn beat(&self, now: Instant) {
        self.facts().beat = now;
    }

    /// Somebody's turn has begun. Each one that begins must end by [`Board::turn_ended`].
    pub fn turn_began(&self) {
        self.facts().begun += 1;
    }

    /// A turn has ended. The last hundred are kept to look back on.
    pub fn turn_ended(&self, turn: Turn) {
        let mut facts = self.facts();
        if facts.turns.len() == TURNS_KEPT {
            facts.turns.pop_front();
        }
        facts.turns.push_back(turn);
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
