//! Which packets are held, which are next, and what is missing between them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Content, Packet};
use crate::rtp::Header;

/// Packets that are held at most.
pub const MOST_HELD: usize = 100;

/// Sound that is held at most, as a share of a second: 500 ms.
const LONGEST_HELD: u64 = 2;

/// Sequence numbers of the last packets that are remembered, to tell repeated ones from lost ones.
const REMEMBERED: usize = 512;

/// A number that is ahead by more, or behind by more, is not believed until the next one goes on
/// from there (RFC 3550 appendix A.1).
const FARTHEST_AHEAD: i16 = 3000;
const FARTHEST_BEHIND: i16 = -100;

/// Both counters begin here, so that nothing is ever before the beginning.
const BEGINNING: u64 = 1 << 40;

/// What has happened to a call's packets so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Packets that came in, those without sound as well.
    pub received: u64,
    /// Packets of sound and noise that were given out.
    pub played: u64,
    /// Packets that were given up as lost when the sound behind them was due.
    pub lost: u64,
    /// Packets that came when their time was over, and were dropped.
    pub late: u64,
    /// Packets that came before, and were dropped.
    pub repeated: u64,
    /// Packets that were overtaken by later ones.
    pub reordered: u64,
    /// Packets dropped because too much was held, or another stream began, or their sequence
    /// number was not believed.
    pub dropped: u64,
    /// Packets without sound.
    pub other: u64,
    /// Streams that began.
    pub streams: u64,
}

/// Where a packet belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) sequence: u64,
    pub(super) timestamp: u64,
    /// It is ahead of all before.
    pub(super) newest: bool,
    /// It is the first of a stream.
    pub(super) restarted: bool,
}

/// The first packet that is held.
#[derive(Clone, Copy, Debug)]
pub(super) struct First {
    pub(super) timestamp: u64,
    /// Sequence numbers between the last packet given out and this one that never came.
    pub(super) missing: u64,
}

#[derive(Debug)]
pub(super) struct Order {
    clock_hz: u32,
    stream: Option<Stream>,
    held: BTreeMap<u64, (Packet, Content)>,
    came: BTreeSet<u64>,
    /// The timestamp that is next; sound before it is late.
    next: u64,
    last_given: Option<u64>,
    stats: Stats,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    ssrc: u32,
    highest: u64,
    timestamp: u64,
    /// The number that would prove that the phone counts anew.
    suspect: Option<u16>,
}

impl Order {
    pub(super) fn new(clock_hz: u32) -> Self {
        Self {
            clock_hz,
            stream: None,
            held: BTreeMap::new(),
            came: BTreeSet::new(),
            next: 0,
            last_given: None,
            stats: Stats::default(),
        }
    }

    /// Where a packet belongs, or `None` if it came before or is not believed.
    pub(super) fn place(&mut self, header: &Header) -> Option<Place> {
        self.stats.received += 1;
        let begun = self.stream.filter(|stream| stream.ssrc == header.ssrc);
        let Some(mut stream) = begun else {
            return Some(self.begin(header));
        };
        let ahead = header.sequence.wrapping_sub(stream.highest as u16) as i16;
        if !(FARTHEST_BEHIND..=FARTHEST_AHEAD).contains(&ahead) {
            if stream.suspect == Some(header.sequence) {
                return Some(self.begin(header));
            }
            stream.suspect = Some(header.sequence.wrapping_add(1));
            self.stream = Some(stream);
            self.stats.dropped += 1;
            return None;
        }
        let sequence = stream.highest.saturating_add_signed(ahead.into());
        let later = header.timestamp.wrapping_sub(stream.timestamp as u32) as i32;
        let timestamp = stream.timestamp.saturating_add_signed(later.into());
        if !self.came.insert(sequence) {
            self.stats.repeated += 1;
            return None;
        }
        if self.came.len() > REMEMBERED {
            self.came.pop_first();
        }
        let newest = ahead > 0;
        if newest {
            (stream.highest, stream.timestamp) = (sequence, timestamp);
            stream.suspect = None;
            self.stream = Some(stream);
        } else {
            self.stats.reordered += 1;
        }
        Some(Place {
            sequence,
            timestamp,
            newest,
            restarted: false,
        })
    }

    fn begin(&mut self, header: &Header) -> Place {
        self.forget();
        let sequence = BEGINNING + u64::from(header.sequence);
        let timestamp = BEGINNING + u64::from(header.timestamp);
        self.stream = Some(Stream {
            ssrc: header.ssrc,
            highest: sequence,
            timestamp,
            suspect: None,
        });
        self.came.insert(sequence);
        Place {
            sequence,
            timestamp,
            newest: true,
            restarted: true,
        }
    }

    /// Drops what is held: what comes from here on has nothing to do with it.
    pub(super) fn forget(&mut self) {
        self.stats.dropped += self.held.len() as u64;
        self.stats.streams += 1;
        self.held.clear();
        self.came.clear();
        self.next = 0;
        self.last_given = None;
    }

    pub(super) fn insert(&mut self, place: Place, content: Content, payload: &[u8]) {
        let units = match content {
            // Longer sound than may be held is a wrong length.
            Content::Sound(units) => units.clamp(1, self.clock_hz / LONGEST_HELD as u32),
            Content::Noise => 0,
            Content::Other => {
                self.stats.other += 1;
                return;
            }
        };
        let Place {
            sequence,
            timestamp,
            ..
        } = place;
        if timestamp < self.next {
            self.stats.late += 1;
            return;
        }
        let packet = Packet {
            sequence,
            timestamp,
            units,
            payload: payload.to_vec(),
        };
        if self.held.contains_key(&timestamp) {
            self.stats.repeated += 1;
            return;
        }
        self.held.insert(timestamp, (packet, content));
        while self.holds_too_much() {
            self.held.pop_first();
            self.stats.dropped += 1;
        }
    }

    fn holds_too_much(&self) -> bool {
        let (Some((first, _)), Some((last, _))) =
            (self.held.first_key_value(), self.held.last_key_value())
        else {
            return false;
        };
        let longest = u64::from(self.clock_hz) / LONGEST_HELD;
        self.held.len() > MOST_HELD || last - first > longest
    }

    pub(super) fn first(&self) -> Option<First> {
        let (&timestamp, (packet, _)) = self.held.first_key_value()?;
        Some(First {
            timestamp,
            missing: self.missing_before(packet.sequence),
        })
    }

    /// The first packet that is held, if it is one of sound.
    pub(super) fn first_sound(&self) -> Option<&Packet> {
        let (_, (packet, content)) = self.held.first_key_value()?;
        matches!(content, Content::Sound(_)).then_some(packet)
    }

    fn missing_before(&self, sequence: u64) -> u64 {
        let Some(given) = self.last_given.filter(|&given| given < sequence) else {
            return 0;
        };
        let between = sequence - given - 1;
        let came = self.came.range(given + 1..sequence).count() as u64;
        between.saturating_sub(came)
    }

    /// The timestamp that is next.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// From here on sound before `timestamp` is late.
    pub(super) fn skip_to(&mut self, timestamp: u64) {
        self.next = self.next.max(timestamp);
    }

    /// Gives the first packet out.
    pub(super) fn take(&mut self) -> Option<(Packet, Content)> {
        let (_, (packet, content)) = self.held.pop_first()?;
        self.stats.played += 1;
        self.stats.lost += self.missing_before(packet.sequence);
        self.last_given = Some(packet.sequence);
        self.next = packet.timestamp + u64::from(packet.units);
        // A packet that claims to be longer than the way to its follower would make that late.
        if let Some((&follower, _)) = self.held.first_key_value() {
            self.next = self.next.min(follower);
        }
        Some((packet, content))
    }

    /// How many packets are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    pub(super) fn stats(&self) -> Stats {
        self.stats
    }
}
