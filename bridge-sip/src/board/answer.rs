//! What `/health` answers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use service::health::{Clock, Status};

use super::verdict::{free_ports, verdict};
use super::{Facts, Mumble, Now, Registration};
use crate::phone::TurnedAway;

/// The answer of `/health`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What it all comes to.
    pub status: Status,
    /// A line for each thing that keeps the status from being a better one.
    pub reasons: Vec<String>,
    /// How the line stands with its PBX; null where it has none.
    pub registration: Option<Link>,
    /// How the last call got on with the Mumble server; null before the first.
    pub mumble: Option<Link>,
    /// Calls.
    pub calls: Calls,
    /// Ports for sound, each for one call: those that no call has, and all.
    pub ports: Ports,
    /// Connections to the Mumble server: each call has one, and some wait for a call.
    pub lines: Lines,
    /// Dialogs that the SIP stack holds.
    pub dialogs: usize,
    /// Requests whose answers the SIP stack still has at hand: half a minute after a call there
    /// are none of it.
    pub transactions: usize,
    /// Messages that were not let in, by why.
    pub turned_away: BTreeMap<String, u64>,
    /// When this was answered, in seconds since 1970.
    pub timestamp: f64,
}

/// Whether a server can be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Whether it can, as far as is known.
    pub up: bool,
    /// Since when; of Mumble, when the last call saw it.
    pub since: f64,
    /// Why not.
    pub error: Option<String>,
}

/// Calls since the line was opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calls {
    /// How many were taken.
    pub begun: u64,
    /// How many go on.
    pub now: usize,
    /// How those that are over have ended.
    pub ended: BTreeMap<String, u64>,
    /// How many were not taken, by status and its meaning.
    pub refused: BTreeMap<String, u64>,
    /// Those that go on, the longest first.
    pub going_on: Vec<Talking>,
}

/// One call that goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Talking {
    /// Its number since the line was opened.
    pub call: u64,
    /// How long it has lasted, in seconds.
    pub seconds: u64,
    /// Whether its user is in Mumble.
    pub joined: bool,
    /// The share of packets lost on the way here, 0 to 1.
    pub loss: Option<f64>,
    /// How much the time between packets varies, in milliseconds.
    pub jitter_ms: Option<f64>,
    /// How long sound waits to be played in order, in milliseconds.
    pub depth_ms: Option<f64>,
    /// What people would say of the line, 1 (bad) to 4.5; an estimate.
    pub mos: Option<f64>,
}

/// Ports for sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// Those that no call has.
    pub free: u32,
    /// All.
    pub all: u32,
}

/// Connections to the Mumble server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// Those that wait for a call.
    pub waiting: usize,
    /// All, those that are on their way to the server too.
    pub all: usize,
}

impl Answer {
    pub(super) fn new(facts: &Facts, clock: Clock) -> Self {
        let (status, reasons) = verdict(facts, clock);
        let text = |(name, count): (&str, u64)| (name.to_owned(), count);
        let refused = facts.line.refused.iter();
        let refused = refused.map(|(&status, &count)| (format!("{status} {}", why(status)), count));
        let ended = facts.ended.iter().map(|(name, count)| (*name, *count));
        let calls = facts.calls.iter();
        Self {
            status,
            reasons,
            registration: facts.registration.as_ref().map(|one| link(one, clock)),
            mumble: facts.mumble.map(|mumble| mumble.link(clock)),
            calls: Calls {
                begun: facts.begun,
                now: facts.calls.len(),
                ended: ended.map(text).collect(),
                refused: refused.collect(),
                going_on: calls
                    .map(|(&number, call)| call.told(number, clock))
                    .collect(),
            },
            ports: Ports {
                free: free_ports(facts),
                all: facts.line.ports,
            },
            lines: Lines {
                waiting: facts.line.lines.parked,
                all: facts.line.lines.all,
            },
            dialogs: facts.line.dialogs,
            transactions: facts.line.transactions,
            turned_away: reasons_away(facts.line.turned_away).map(text).into(),
            timestamp: clock.unix(clock.now),
        }
    }
}

/// Messages that were not let in, by why.
pub(super) fn reasons_away(away: TurnedAway) -> [(&'static str, u64); 4] {
    [
        ("stranger", away.strangers),
        ("flood", away.floods),
        ("broken", away.broken),
        ("scanner", away.scanners),
    ]
}

/// Why a call is refused by this status (RFC 3261 section 21, RFC 4028 section 6), in few words.
pub(super) fn why(status: u16) -> &'static str {
    match status {
        400 => "malformed",
        401 | 407 => "asked for a password",
        403 => "forbidden",
        404 => "no such number",
        415 | 488 => "no common codec",
        420 => "unknown extension",
        422 => "session timer too short",
        486 | 600 => "too many calls",
        503 => "no room",
        500 => "fault",
        _ => "other",
    }
}

fn link((registration, since): &(Registration, Instant), clock: Clock) -> Link {
    let error = match registration {
        Registration::Registered => None,
        Registration::Away(why) => Some(why.clone()),
    };
    Link {
        up: error.is_none(),
        since: clock.unix(*since),
        error,
    }
}

impl Mumble {
    fn link(self, clock: Clock) -> Link {
        match self {
            Self::Joined { at } => Link {
                up: true,
                since: clock.unix(at),
                error: None,
            },
            Self::Away { since, why, .. } => Link {
                up: false,
                since: clock.unix(since),
                error: Some(why.to_owned()),
            },
        }
    }
}

impl Now {
    fn told(&self, number: u64, clock: Clock) -> Talking {
        let quality = self.quality;
        Talking {
            call: number,
            seconds: clock.age(self.begun).as_secs(),
            joined: self.joined,
            loss: quality.map(|is| rounded(is.loss)),
            jitter_ms: quality.map(|is| ms(is.jitter)),
            depth_ms: quality.map(|is| ms(is.depth)),
            mos: quality.map(|is| rounded(is.mos)),
        }
    }
}

fn ms(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1000.0)
}

/// Three places behind the point: more would only be noise.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
