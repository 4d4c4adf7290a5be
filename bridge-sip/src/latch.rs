//! Whose packets are heard, and where ours go: symmetric RTP, latched to the agreed peer only.
//!
//! A phone behind a NAT sends from another port than it names in its SDP, and sometimes names a
//! host that only its own network knows. So sound goes back to where sound comes from (RFC 4961),
//! but only hosts that the call was agreed with are believed: the one in the SDP and the one that
//! signals. Everything else is dropped and counted. From one port of them the stream may move to
//! another one only when the first has fallen silent, as it does when a NAT forgets a phone or a
//! PBX puts another of its parts in the place of one.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::rtp::Header;

/// Packets in sequence that must come from another port of an agreed host before it is believed
/// (RFC 3550 appendix A.1 asks as many of any new source). One alone may be a neighbour's stray.
const PROBATION: u8 = 2;

/// When nothing has come for this long from where packets came from, they may come from another
/// port of an agreed host. Long beside any jitter, short beside what ends a call.
pub const SILENCE: Duration = Duration::from_secs(2);

/// What offer and answer say about the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Address and port of its SDP.
    pub media: SocketAddr,
    /// The host that signals.
    pub signalling: IpAddr,
    /// Whether `media` is in a network that sound may go to before any has come from there. The
    /// host that signals needs no such leave.
    pub allowed: bool,
}

/// What is done with a media packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It belongs to the stream that is heard.
    Heard,
    /// It is the first of a stream: all that was known of the one before is over. A call goes on
    /// through this; exchanges change the SSRC whenever another of their parts speaks.
    NewStream,
    /// It is dropped: nobody agreed on its source, or not yet.
    Dropped,
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Packets that were dropped for their source.
    pub strangers: u64,
    /// Streams that were heard, one after another.
    pub streams: u64,
}

/// The latch of one call.
#[derive(Debug)]
pub struct Latch {
    agreed: Agreed,
    source: Source,
    ssrc: Option<u32>,
    stats: Stats,
}

/// Where the other side's packets come from, and which other port may become that.
#[derive(Clone, Copy, Debug, Default)]
struct Source {
    /// From here, and from nowhere else while it is heard.
    latched: Option<Latched>,
    tried: Option<Tried>,
}

impl Source {
    fn at(from: SocketAddr, heard: Instant) -> Self {
        Self {
            latched: Some(Latched { from, heard }),
            tried: None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Latched {
    from: SocketAddr,
    heard: Instant,
}

/// A port of an agreed host has sent `packets` in sequence, and `next` would go on.
#[derive(Clone, Copy, Debug)]
struct Tried {
    from: SocketAddr,
    next: u16,
    packets: u8,
}

impl Latch {
    /// A latch that waits for the first packet.
    pub fn new(agreed: Agreed) -> Self {
        Self {
            agreed,
            source: Source::default(),
            ssrc: None,
            stats: Stats::default(),
        }
    }

    /// Takes what a new offer or answer says. If it is another address than before, the latch
    /// waits for the first packet again.
    pub fn agree(&mut self, agreed: Agreed) {
        if agreed.media != self.agreed.media {
            self.source = Source::default();
        }
        self.agreed = agreed;
    }

    /// What is done with a media packet that came from `from` at `now`.
    pub fn admit(&mut self, now: Instant, from: SocketAddr, header: &Header) -> Verdict {
        if !self.believes(now, from, header.sequence) {
            self.stats.strangers += 1;
            return Verdict::Dropped;
        }
        if self.ssrc == Some(header.ssrc) {
            return Verdict::Heard;
        }
        self.ssrc = Some(header.ssrc);
        self.stats.streams += 1;
        Verdict::NewStream
    }

    /// Whether reports from `from` are believed. They never latch anything: what is sent to the
    /// port above a neighbour's comes to this one.
    pub fn admits_reports(&mut self, from: SocketAddr) -> bool {
        let known = self
            .source
            .latched
            .is_some_and(|latched| latched.from == from);
        self.stats.strangers += u64::from(!known);
        known
    }

    /// Where sound is to be sent, or `None` while there is no address that anybody agreed on.
    pub fn destination(&self) -> Option<SocketAddr> {
        let Agreed {
            media,
            signalling,
            allowed,
        } = self.agreed;
        if let Some(latched) = self.source.latched {
            return Some(latched.from);
        }
        let reachable = media.port() != 0 && !media.ip().is_unspecified();
        (reachable && (allowed || same_host(media.ip(), signalling))).then_some(media)
    }

    /// Counts since the call began.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    fn believes(&mut self, now: Instant, from: SocketAddr, sequence: u16) -> bool {
        let agreed = self.agreed;
        if let Some(latched) = self.source.latched {
            if latched.from == from {
                self.source = Source::at(from, now);
                return true;
            }
            if now.saturating_duration_since(latched.heard) < SILENCE {
                return false;
            }
        }
        let of_media = same_host(from.ip(), agreed.media.ip());
        if !of_media && !same_host(from.ip(), agreed.signalling) {
            return false;
        }
        // Once others were believed, even the agreed port has to be heard twice.
        let at_once =
            of_media && from.port() == agreed.media.port() && self.source.latched.is_none();
        let packets = match self.source.tried {
            _ if at_once => PROBATION,
            Some(tried) if tried.from == from && tried.next == sequence => tried.packets + 1,
            _ => 1,
        };
        let is_believed = packets >= PROBATION;
        if is_believed {
            self.source = Source::at(from, now);
        } else {
            self.source.tried = Some(Tried {
                from,
                next: sequence.wrapping_add(1),
                packets,
            });
        }
        is_believed
    }
}

/// An IPv4 host that comes in by an IPv6 socket is the same host.
fn same_host(one: IpAddr, other: IpAddr) -> bool {
    one.to_canonical() == other.to_canonical()
}

#[cfg(test)]
mod tests;
