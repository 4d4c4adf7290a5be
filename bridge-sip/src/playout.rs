//! When each packet of a phone's sound is played: a jitter buffer that goes by timestamps.
//!
//! The contract: every 20 ms, and after each piece, call [`Playout::poll`] until it gives `None`;
//! give what a packet decodes to to [`Playout::fit`] before it is played. The pieces, one after
//! another, are the whole time of the call: sound, what stands for lost sound, and silence.
//!
//! Packets are ordered by timestamp, and only sequence numbers say what is lost: pressed keys have
//! numbers too, and a phone that is silent (RFC 3389, or no packets at all) leaves a gap in time
//! and none in numbers. How deep the buffer is follows the jitter of the last seconds
//! ([`depth`]). How depth and the other side's clock are followed without being heard is told in
//! [`fit`].

pub mod depth;
pub mod fit;
mod order;

use std::fmt;
use std::time::{Duration, Instant};

use crate::rtp::Header;
use depth::Depth;
use order::Order;

pub use order::{MOST_HELD, Stats};

/// One tick: the length of silence, of what stands for lost sound, and of most packets.
pub const TICK: Duration = Duration::from_millis(20);

/// For this long sound is made up when nothing comes; then the phone is taken to be silent.
pub const LONGEST_CONCEALMENT: Duration = Duration::from_millis(60);

/// Whoever did not poll for this long does not get all the missed time at once.
const LONGEST_STALL: Duration = Duration::from_millis(200);

/// A packet whose delay differs by this much from the others' is no late one: the phone's clock
/// has jumped, as it does when an exchange puts music in its place.
const CLOCK_JUMP: Duration = Duration::from_millis(500);

/// What is in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Sound of this many units of the media clock.
    Sound(u32),
    /// A level of comfort noise (RFC 3389).
    Noise,
    /// A pressed key, or anything else that is no sound: it only has a sequence number.
    Other,
}

/// A packet of sound.
#[derive(Clone, PartialEq, Eq)]
pub struct Packet {
    /// Its sequence number, with all wraps counted.
    pub sequence: u64,
    /// Its timestamp, with all wraps counted.
    pub timestamp: u64,
    /// Its length in units of the media clock.
    pub units: u32,
    /// The encoded sound.
    pub payload: Vec<u8>,
}

/// Shows the packet's place and size, not its content: what people say is in it.
impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sequence, size) = (self.sequence, self.payload.len());
        write!(
            f,
            "Packet({sequence} at {}+{}, {size} bytes)",
            self.timestamp, self.units
        )
    }
}

/// The next piece of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// This packet, to be decoded and [fitted](Playout::fit).
    Packet(Packet),
    /// Sound is missing: to be repaired or concealed.
    Lost {
        /// How much, in units of the media clock.
        units: u32,
        /// The payload behind it, where that has come and reaches back over all of it if it holds
        /// a copy of what was before. It is given out as a packet all the same.
        next: Option<Vec<u8>>,
    },
    /// The phone is silent, for so many units of the media clock.
    Silence(u32),
    /// The phone is silent and has told how its silence sounds.
    ComfortNoise {
        /// How long, in units of the media clock.
        units: u32,
        /// A new level, where one came.
        level: Option<Vec<u8>>,
    },
}

/// Plays one call's sound. Holds at most [`MOST_HELD`] packets and 500 ms of sound; when there is
/// more, the oldest is dropped.
#[derive(Debug)]
pub struct Playout {
    clock_hz: u32,
    /// When the next piece is due; `None` before the first poll.
    due: Option<Instant>,
    order: Order,
    depth: Depth,
    manner: Manner,
}

/// What the phone is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// It is silent; sound begins when the buffer is as deep as it should be.
    Silent { noise: bool },
    /// It speaks. `made_up` units were concealed without a packet behind them, and are taken off
    /// the gap if it turns out to be one.
    Speaking { made_up: u64 },
}

impl Playout {
    /// For a stream whose timestamps run at `clock_hz`; less than 1 kHz counts as that.
    pub fn new(clock_hz: u32) -> Self {
        let clock_hz = clock_hz.max(1000);
        Self {
            clock_hz,
            due: None,
            order: Order::new(clock_hz),
            depth: Depth::new(),
            manner: Manner::Silent { noise: false },
        }
    }

    /// Takes a packet that came at `now`, in whatever order. Another SSRC than before begins a new
    /// stream: what was held of the old one is dropped.
    pub fn insert(&mut self, now: Instant, header: &Header, content: Content, payload: &[u8]) {
        let Some(place) = self.order.place(header) else {
            return;
        };
        self.reset_if(place.restarted);
        if content != Content::Other {
            let media = self.time(place.timestamp);
            if place.newest && self.depth.jumps(now, media, CLOCK_JUMP) {
                self.order.forget();
                self.reset_if(true);
            }
            self.depth.arrived(now, media);
        }
        self.order.insert(place, content, payload);
    }

    /// The next piece, if one is due at `now`.
    pub fn poll(&mut self, now: Instant) -> Option<Piece> {
        let due = match self.due {
            Some(due) if now.saturating_duration_since(due) < LONGEST_STALL => due,
            _ => now,
        };
        self.due = Some(due);
        if now < due {
            return None;
        }
        let (piece, units) = self.next(due);
        self.due = Some(due + self.time(units.into()));
        Some(piece)
    }

    /// Counts since the call began.
    pub fn stats(&self) -> Stats {
        self.order.stats()
    }

    /// How deep the buffer is meant to be now: what a packet without delay waits.
    pub fn target(&self) -> Duration {
        self.depth.target()
    }

    fn next(&mut self, due: Instant) -> (Piece, u32) {
        let tick = self.units(TICK) as u32;
        let next = self.order.next();
        let Some(first) = self.order.first() else {
            return self.nothing_held(tick);
        };
        match self.manner {
            Manner::Silent { noise } => {
                if self
                    .starts(first.timestamp)
                    .is_some_and(|start| due < start)
                {
                    return silence(noise, tick);
                }
                self.order.skip_to(first.timestamp);
            }
            Manner::Speaking { made_up } if first.timestamp > next => {
                let gap = first.timestamp - next;
                let already = made_up.min(gap);
                self.order.skip_to(next + already);
                self.manner = Manner::Speaking { made_up: 0 };
                if first.missing == 0 {
                    // It paused: the next sound begins like any other after a silence.
                    self.manner = Manner::Silent { noise: false };
                    return self.next(due);
                }
                if gap > already {
                    return self.lost(next + already, gap - already, tick);
                }
            }
            Manner::Speaking { .. } => {}
        }
        self.give_first(tick)
    }

    fn nothing_held(&mut self, tick: u32) -> (Piece, u32) {
        match self.manner {
            Manner::Silent { noise } => silence(noise, tick),
            Manner::Speaking { made_up } => {
                let made_up = made_up + u64::from(tick);
                self.manner = if made_up < self.units(LONGEST_CONCEALMENT) {
                    Manner::Speaking { made_up }
                } else {
                    Manner::Silent { noise: false }
                };
                let (units, next) = (tick, None);
                (Piece::Lost { units, next }, tick)
            }
        }
    }

    /// The gap of `gap` units from `from` to the first packet that is held. Its last packet's time
    /// is given whole: the copy in the packet behind it is of all of it.
    fn lost(&mut self, from: u64, gap: u64, tick: u32) -> (Piece, u32) {
        let behind = self.order.first_sound();
        let behind = behind.filter(|packet| gap <= packet.units.into());
        let next = behind.map(|packet| packet.payload.clone());
        let units = match next {
            Some(_) => gap as u32,
            None => gap.min(tick.into()) as u32,
        };
        self.order.skip_to(from + u64::from(units));
        (Piece::Lost { units, next }, units)
    }

    fn give_first(&mut self, tick: u32) -> (Piece, u32) {
        match self.order.take() {
            Some((packet, Content::Sound(_))) => {
                self.manner = Manner::Speaking { made_up: 0 };
                let units = packet.units;
                (Piece::Packet(packet), units)
            }
            Some((packet, _)) => {
                self.manner = Manner::Silent { noise: true };
                let level = Some(packet.payload);
                (Piece::ComfortNoise { units: tick, level }, tick)
            }
            None => silence(false, tick),
        }
    }

    /// When sound with this timestamp begins after a silence.
    fn starts(&self, timestamp: u64) -> Option<Instant> {
        let arrival = self.depth.arrival(self.time(timestamp))?;
        Some(arrival + self.depth.target())
    }

    /// By how much the buffer is deeper than it should be (positive) or less deep, in µs.
    fn surplus(&self) -> i64 {
        let (Some(due), Some(planned)) = (self.due, self.starts(self.order.next())) else {
            return 0;
        };
        let late = due.saturating_duration_since(planned).as_micros() as i64;
        late - planned.saturating_duration_since(due).as_micros() as i64
    }

    fn reset_if(&mut self, restarted: bool) {
        if restarted {
            self.depth = Depth::new();
            self.manner = Manner::Silent { noise: false };
        }
    }

    fn units(&self, time: Duration) -> u64 {
        (time.as_nanos() * u128::from(self.clock_hz) / 1_000_000_000) as u64
    }

    fn time(&self, units: u64) -> Duration {
        let hz = u64::from(self.clock_hz);
        let nanos = units % hz * 1_000_000_000 / hz;
        Duration::new(units / hz, nanos as u32)
    }
}

fn silence(noise: bool, units: u32) -> (Piece, u32) {
    let piece = if noise {
        Piece::ComfortNoise { units, level: None }
    } else {
        Piece::Silence(units)
    };
    (piece, units)
}

#[cfg(test)]
mod tests;
