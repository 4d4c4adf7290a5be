//! Keys that are pressed on the phone: as events among the sound (RFC 4733) and as SIP INFO.

mod dialling;
mod info;
mod once;

pub use dialling::{Dialling, Keys, MOST_KEYS, NoKeys};
pub use info::{Info, InfoError};
pub use once::{By, Once};

use std::fmt;
use std::time::{Duration, Instant};

/// After this long without a packet of an event any event is a new press, whatever its timestamp:
/// some phones use one timestamp for all of a call's keys.
const FORGET_AFTER: Duration = Duration::from_secs(1);

/// Time between two packets of an event that is sent; that of sound, so the sound's clock serves.
const EVERY: Duration = Duration::from_millis(20);

/// How often the end of an event is sent: losing all three is rare (RFC 4733 section 2.5.1.4).
const ENDS: usize = 3;

/// Longest press that is sent; a longer one is cut. More is no key but an accident.
pub const LONGEST_PRESS: Duration = Duration::from_secs(10);

/// How loud a sent key is said to be, in dB below full scale. Phones send 10 or thereabouts.
const VOLUME: u8 = 10;

/// The longest time one segment of an event can tell, in units of the clock; a longer press goes
/// on in another segment with a timestamp of its own (RFC 4733 section 2.5.1.3).
const SEGMENT: u32 = 0xffff;

/// One of the sixteen keys: `0` to `9`, `*`, `#`, `A` to `D`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u8);

/// Keys by their event number (RFC 4733 section 3.2).
const KEYS: &[u8; 16] = b"0123456789*#ABCD";

impl Key {
    /// The key with this character; small letters are taken for large ones.
    pub fn of(character: char) -> Option<Self> {
        let wanted = u8::try_from(character).ok()?.to_ascii_uppercase();
        let event = KEYS.iter().position(|&key| key == wanted)?;
        Some(Self(event as u8))
    }

    /// The key with this event number; other events, such as tones of the line, are no keys.
    pub fn of_event(event: u8) -> Option<Self> {
        (usize::from(event) < KEYS.len()).then_some(Self(event))
    }

    /// Its event number, 0 to 15.
    pub fn event(self) -> u8 {
        self.0
    }

    /// Its character.
    pub fn character(self) -> char {
        KEYS.get(usize::from(self.0))
            .copied()
            .map_or('?', char::from)
    }
}

/// Does not show which key: a PIN is made of them.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// The payload of an event packet (RFC 4733 section 2.3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Event number; 0 to 15 are keys.
    pub event: u8,
    /// Whether the key was released.
    pub end: bool,
    /// Loudness in dB below full scale, 0 to 63.
    pub volume: u8,
    /// Time since the segment began, in units of the clock.
    pub duration: u16,
}

impl Event {
    /// Reads a payload; `None` if it is too short. What follows the first event is not looked at.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (&[event, flags, d0, d1], _) = payload.split_first_chunk()?;
        Some(Self {
            event,
            end: flags & 0x80 != 0,
            volume: flags & 0x3f,
            duration: u16::from_be_bytes([d0, d1]),
        })
    }

    /// Writes a payload.
    pub fn write(self) -> [u8; 4] {
        let [d0, d1] = self.duration.to_be_bytes();
        let flags = u8::from(self.end) << 7 | self.volume & 0x3f;
        [self.event, flags, d0, d1]
    }
}

/// Does not show which event: a PIN is made of them.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event(duration: {}, end: {})", self.duration, self.end)
    }
}

/// Makes presses out of event packets. A press is told at its first packet that comes, so no loss
/// of ends matters; packets of one press share a timestamp, so nothing is told twice.
#[derive(Default)]
pub struct Listener {
    press: Option<Press>,
}

struct Press {
    event: u8,
    timestamp: u32,
    longest: u16,
    last_heard: Instant,
}

impl Listener {
    /// A listener that has heard nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the payload of an event packet that came at `now` with this RTP timestamp. Gives the
    /// key if this is the first that is heard of the press.
    pub fn hear(&mut self, now: Instant, timestamp: u32, payload: &[u8]) -> Option<Key> {
        let event = Event::read(payload)?;
        let key = Key::of_event(event.event)?;
        let told = self.press.as_ref().is_some_and(|press| {
            now.saturating_duration_since(press.last_heard) < FORGET_AFTER
                && press.covers(timestamp, event.event)
        });
        match &mut self.press {
            Some(press) if told => press.go_on(now, timestamp, event),
            press => {
                *press = Some(Press {
                    event: event.event,
                    timestamp,
                    longest: event.duration,
                    last_heard: now,
                });
            }
        }
        (!told).then_some(key)
    }
}

impl Press {
    /// Whether a packet with this timestamp belongs to the press, or is left over from before.
    fn covers(&self, timestamp: u32, event: u8) -> bool {
        let later = timestamp.wrapping_sub(self.timestamp) as i32;
        if later == 0 {
            return event == self.event;
        }
        later < 0 || self.is_next_segment(later as u32, event)
    }

    /// A press that is too long for one segment goes on where that one is full. It is not known
    /// whether the full one came, but that it was nearly full is.
    fn is_next_segment(&self, later: u32, event: u8) -> bool {
        let nearly_full = u32::from(self.longest) > SEGMENT / 2;
        event == self.event && nearly_full && later == SEGMENT
    }

    fn go_on(&mut self, now: Instant, timestamp: u32, event: Event) {
        let later = timestamp.wrapping_sub(self.timestamp) as i32;
        if later < 0 {
            return;
        }
        if later > 0 {
            self.timestamp = timestamp;
            self.longest = 0;
        }
        self.longest = self.longest.max(event.duration);
        self.last_heard = now;
    }
}

/// One packet of a press that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// When, counted from the beginning of the press.
    pub at: Duration,
    /// What to add to the timestamp at which the press began.
    pub timestamp_offset: u32,
    /// Whether the RTP marker is set: on the first packet alone.
    pub marker: bool,
    /// What is in it.
    pub event: Event,
}

/// The packets of a press of `key` that lasts `held`, at least 20 ms and at most
/// [`LONGEST_PRESS`], for a stream whose clock runs at `clock_hz`: one every 20 ms, and the end
/// three times.
pub fn press(key: Key, held: Duration, clock_hz: u32) -> Vec<Outgoing> {
    let steps = (held.min(LONGEST_PRESS).as_millis() / EVERY.as_millis()).max(1) as u32;
    let step = clock_hz / 50;
    let mut packets = Vec::with_capacity(steps as usize + ENDS);
    let mut segment = 0;
    for n in 1..=steps {
        let mut elapsed = n.saturating_mul(step).saturating_sub(segment);
        if elapsed > SEGMENT {
            segment = segment.saturating_add(SEGMENT);
            elapsed -= SEGMENT;
        }
        let end = n == steps;
        let event = Event {
            event: key.event(),
            end,
            volume: VOLUME,
            duration: elapsed.min(SEGMENT) as u16,
        };
        let first = Outgoing {
            at: EVERY * n,
            timestamp_offset: segment,
            marker: n == 1,
            event,
        };
        packets.push(first);
        let again = (1..ENDS as u32).filter(|_| end).map(|again| Outgoing {
            at: EVERY * (n + again),
            marker: false,
            ..first
        });
        packets.extend(again);
    }
    packets
}

#[cfg(test)]
mod tests;
