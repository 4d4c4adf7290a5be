//! How the phone line stands: calls, how they sound, who was turned away, and what it comes to.
//!
//! Calls write down what they know as it happens; [`service::health::Server`] shows it. Calls are
//! numbered from 1: no name, no number and no address is written here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use service::health::{Clock, Pages, Told, numbers};

use crate::line;
use crate::phone::TurnedAway;
use crate::sound::Quality;

mod answer;
mod metrics;
mod trouble;
mod verdict;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Calls, Lines, Link, Ports, Talking};
pub use trouble::trouble;

/// What every name in `/metrics` begins with.
const PREFIX: &str = "mumble_ai_phone";

/// What the parts of the phone line say about themselves. Clones are the same board.
#[derive(Clone)]
pub struct Board {
    facts: Arc<Mutex<Facts>>,
}

/// Everything that was written.
#[derive(Clone, Debug)]
struct Facts {
    started: Instant,
    /// When the loop that takes calls last went round; never before the line is open.
    beat: Option<Instant>,
    line: Line,
    /// With since when it is so.
    registration: Option<(Registration, Instant)>,
    mumble: Option<Mumble>,
    /// Calls taken so far; the last one's number.
    begun: u64,
    /// Those that go on, by number.
    calls: BTreeMap<u64, Now>,
    ended: BTreeMap<&'static str, u64>,
}

/// What the telephone side says of itself at each round of its loop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Ports for sound, each for one call.
    pub ports: u32,
    /// Messages that did not get in.
    pub turned_away: TurnedAway,
    /// Calls refused before they were taken, by status.
    pub refused: BTreeMap<u16, u64>,
    /// Dialogs that the SIP stack holds.
    pub dialogs: usize,
    /// Requests whose answers the SIP stack still has at hand (RFC 3261 section 17): half a minute
    /// after a call there are none of it.
    pub transactions: usize,
    /// Connections to the Mumble server.
    pub lines: line::Count,
}

/// How the line stands with its PBX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// The PBX sends calls here.
    Registered,
    /// It does not, or not yet: why, without names and numbers.
    Away(String),
}

/// How the last call got on with the Mumble server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mumble {
    Joined {
        at: Instant,
    },
    Away {
        at: Instant,
        since: Instant,
        why: &'static str,
    },
}

/// One call that goes on.
#[derive(Clone, Copy, Debug)]
struct Now {
    begun: Instant,
    joined: bool,
    quality: Option<Quality>,
}

/// The call of this number goes on until this is dropped.
#[derive(Debug)]
pub struct CallSeen {
    board: Board,
    number: u64,
    how: &'static str,
}

impl Board {
    /// A board on which nothing is written yet, for a line that begins now.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        let facts = Facts {
            started: now,
            beat: None,
            line: Line::default(),
            registration: None,
            mumble: None,
            begun: 0,
            calls: BTreeMap::new(),
            ended: BTreeMap::new(),
        };
        Self {
            facts: Arc::new(Mutex::new(facts)),
        }
    }

    /// The loop that takes calls has just gone round, and the telephone side is like this.
    pub fn beat(&self, now: Instant, line: Line) {
        let mut facts = self.facts();
        facts.beat = Some(now);
        facts.line = line;
    }

    /// How the line stands with its PBX; never told, it has none.
    pub fn registration(&self, now: Instant, registration: Registration) {
        let mut facts = self.facts();
        let up = |one: &Registration| *one == Registration::Registered;
        let since = match &facts.registration {
            Some((before, since)) if up(before) == up(&registration) => *since,
            _ => now,
        };
        facts.registration = Some((registration, since));
    }

    /// A call has been taken.
    #[must_use]
    pub fn call(&self, now: Instant) -> CallSeen {
        let mut facts = self.facts();
        facts.begun += 1;
        let number = facts.begun;
        let call = Now {
            begun: now,
            joined: false,
            quality: None,
        };
        facts.calls.insert(number, call);
        drop(facts);
        CallSeen {
            board: self.clone(),
            number,
            how: "broken",
        }
    }

    /// What `/health` answers now.
    #[must_use]
    pub fn answer(&self) -> Answer {
        Answer::new(&self.facts().clone(), Clock::read())
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallSeen {
    /// The Mumble user of this call is there.
    pub fn joined(&self, now: Instant) {
        let mut facts = self.board.facts();
        facts.mumble = Some(Mumble::Joined { at: now });
        if let Some(call) = facts.calls.get_mut(&self.number) {
            call.joined = true;
        }
    }

    /// The Mumble server cannot be joined, or is not there any more: `why`, in fixed words.
    pub fn away(&self, now: Instant, why: &'static str) {
        let mut facts = self.board.facts();
        let since = match facts.mumble {
            Some(Mumble::Away { since, .. }) => since,
            _ => now,
        };
        facts.mumble = Some(Mumble::Away {
            at: now,
            since,
            why,
        });
        if let Some(call) = facts.calls.get_mut(&self.number) {
            call.joined = false;
        }
    }

    /// How the call's line is.
    pub fn quality(&self, quality: Quality) {
        if let Some(call) = self.board.facts().calls.get_mut(&self.number) {
            call.quality = Some(quality);
        }
    }

    /// How the call has ended, in one or two fixed words; never told, it broke down.
    pub fn ended(mut self, how: &'static str) {
        self.how = how;
    }
}

impl Drop for CallSeen {
    fn drop(&mut self) {
        let mut facts = self.board.facts();
        facts.calls.remove(&self.number);
        *facts.ended.entry(self.how).or_default() += 1;
    }
}

impl Pages for Board {
    fn health(&self) -> Told {
        let answer = self.answer();
        Told::new(answer.status, answer.reasons.clone(), &answer)
    }

    fn is_live(&self) -> bool {
        !verdict::is_stuck(&self.facts(), Clock::read())
    }

    fn metrics(&self) -> String {
        let page = metrics::Moment::new(self.facts().clone(), Clock::read());
        numbers::page(PREFIX, page)
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Board").field(&*self.facts()).finish()
    }
}
