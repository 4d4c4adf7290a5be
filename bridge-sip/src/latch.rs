//! Whose packets are heard, and where ours go: symmetric RTP, latched to the agreed peer only.
//!
//! A phone behind a NAT sends from another port than it names in its SDP, and sometimes names a
//! host that only its own network knows. So sound goes back to where sound comes from (RFC 4961),
//! but only hosts that the call was agreed with are believed: the one in the SDP and the one that
//! signals. Everything else is dropped and counted.

use std::net::{IpAddr, SocketAddr};

use crate::rtp::Header;

/// Packets in sequence that must come from another port of an agreed host before it is believed
/// (RFC 3550 appendix A.1 asks as many of any new source). One alone may be a neighbour's stray.
const PROBATION: u8 = 2;

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

/// Where the other side's packets come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Nothing has come.
    Unknown,
    /// Another port of an agreed host has sent `packets` in sequence, and `next` would go on.
    Tried {
        from: SocketAddr,
        next: u16,
        packets: u8,
    },
    /// From here, and from nowhere else.
    Latched(SocketAddr),
}

impl Latch {
    /// A latch that waits for the first packet.
    pub fn new(agreed: Agreed) -> Self {
        Self {
            agreed,
            source: Source::Unknown,
            ssrc: None,
            stats: Stats::default(),
        }
    }

    /// Takes what a new offer or answer says. If it is another address than before, the latch
    /// waits for the first packet again.
    pub fn agree(&mut self, agreed: Agreed) {
        if agreed.media != self.agreed.media {
            self.source = Source::Unknown;
        }
        self.agreed = agreed;
    }

    /// What is done with a media packet that came from `from`.
    pub fn admit(&mut self, from: SocketAddr, header: &Header) -> Verdict {
        if !self.believes(from, header.sequence) {
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
        let known = self.source == Source::Latched(from);
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
        match self.source {
            Source::Latched(from) => Some(from),
            Source::Unknown | Source::Tried { .. } => {
                let reachable = media.port() != 0 && !media.ip().is_unspecified();
                (reachable && (allowed || same_host(media.ip(), signalling))).then_some(media)
            }
        }
    }

    /// Counts since the call began.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    fn believes(&mut self, from: SocketAddr, sequence: u16) -> bool {
        let Agreed {
            media, signalling, ..
        } = self.agreed;
        if let Source::Latched(source) = self.source {
            return source == from;
        }
        if same_host(from.ip(), media.ip()) && from.port() == media.port() {
            self.source = Source::Latched(from);
            return true;
        }
        if !same_host(from.ip(), media.ip()) && !same_host(from.ip(), signalling) {
            return false;
        }
        let packets = match self.source {
            Source::Tried {
                from: tried,
                next,
                packets,
            } if tried == from && next == sequence => packets + 1,
            _ => 1,
        };
        if packets >= PROBATION {
            self.source = Source::Latched(from);
            return true;
        }
        self.source = Source::Tried {
            from,
            next: sequence.wrapping_add(1),
            packets,
        };
        false
    }
}

/// An IPv4 host that comes in by an IPv6 socket is the same host.
fn same_host(one: IpAddr, other: IpAddr) -> bool {
    one.to_canonical() == other.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEDIA: &str = "192.0.2.7:4000";

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn agreed() -> Agreed {
        Agreed {
            media: address(MEDIA),
            signalling: address("192.0.2.1:5060").ip(),
            allowed: false,
        }
    }

    fn packet(sequence: u16, ssrc: u32) -> Header {
        Header {
            marker: false,
            payload_type: 0,
            sequence,
            timestamp: u32::from(sequence) * 160,
            ssrc,
        }
    }

    #[test]
    fn the_agreed_address_is_heard_from_its_first_packet() {
        let mut latch = Latch::new(agreed());
        assert_eq!(
            latch.admit(address(MEDIA), &packet(1, 9)),
            Verdict::NewStream
        );
        assert_eq!(latch.admit(address(MEDIA), &packet(2, 9)), Verdict::Heard);
        assert_eq!(latch.destination(), Some(address(MEDIA)));
        let mapped = Latch::new(agreed()).admit(address("[::ffff:192.0.2.7]:4000"), &packet(1, 9));
        assert_eq!(mapped, Verdict::NewStream);
    }

    #[test]
    fn a_stranger_is_dropped_and_counted() {
        let mut latch = Latch::new(agreed());
        for n in 0..50 {
            let verdict = latch.admit(address("198.51.100.9:4000"), &packet(n, 9));
            assert_eq!(verdict, Verdict::Dropped);
        }
        assert_eq!(
            latch.stats(),
            Stats {
                strangers: 50,
                streams: 0
            }
        );
        assert_eq!(latch.destination(), None);
    }

    #[test]
    fn another_port_of_an_agreed_host_is_believed_after_two_packets() {
        for nat in ["192.0.2.7:61000", "192.0.2.1:61000"] {
            let mut latch = Latch::new(agreed());
            assert_eq!(
                latch.admit(address(nat), &packet(65_535, 9)),
                Verdict::Dropped
            );
            assert_eq!(latch.admit(address(nat), &packet(0, 9)), Verdict::NewStream);
            assert_eq!(latch.destination(), Some(address(nat)));
            assert_eq!(latch.admit(address(MEDIA), &packet(1, 9)), Verdict::Dropped);
        }
    }

    #[test]
    fn a_neighbours_stray_packets_latch_nothing() {
        let neighbour = address("192.0.2.7:4011");
        let mut latch = Latch::new(agreed());
        assert!(!latch.admits_reports(neighbour));
        assert_eq!(latch.admit(neighbour, &packet(5, 1)), Verdict::Dropped);
        assert_eq!(latch.admit(neighbour, &packet(500, 1)), Verdict::Dropped);
        assert_eq!(
            latch.admit(address(MEDIA), &packet(1, 9)),
            Verdict::NewStream
        );
        assert_eq!(latch.admit(neighbour, &packet(501, 1)), Verdict::Dropped);
        assert!(!latch.admits_reports(neighbour));
        assert!(latch.admits_reports(address(MEDIA)));
    }

    #[test]
    fn a_change_of_ssrc_does_not_silence_a_call() {
        let mut latch = Latch::new(agreed());
        for ssrc in [1, 2, 1, 3] {
            assert_eq!(
                latch.admit(address(MEDIA), &packet(7, ssrc)),
                Verdict::NewStream
            );
            assert_eq!(
                latch.admit(address(MEDIA), &packet(8, ssrc)),
                Verdict::Heard
            );
        }
        assert_eq!(latch.stats().streams, 4);
    }

    #[test]
    fn a_new_agreement_latches_anew_and_the_same_one_changes_nothing() {
        let mut latch = Latch::new(agreed());
        latch.admit(address(MEDIA), &packet(1, 9));
        latch.agree(agreed());
        assert_eq!(latch.admit(address(MEDIA), &packet(2, 9)), Verdict::Heard);

        let moved = address("192.0.2.8:4100");
        latch.agree(Agreed {
            media: moved,
            ..agreed()
        });
        assert_eq!(
            latch.destination(),
            None,
            "not before anything came from there"
        );
        assert_eq!(latch.admit(address(MEDIA), &packet(3, 9)), Verdict::Dropped);
        assert_eq!(latch.admit(moved, &packet(4, 9)), Verdict::Heard);
        assert_eq!(latch.destination(), Some(moved));
    }

    #[test]
    fn no_sound_goes_where_nobody_agreed() {
        let silent = |agreed| Latch::new(agreed).destination();
        assert_eq!(silent(agreed()), None, "an offer may name anybody");
        let allowed = Agreed {
            allowed: true,
            ..agreed()
        };
        assert_eq!(silent(allowed), Some(address(MEDIA)));
        let own = Agreed {
            signalling: address(MEDIA).ip(),
            ..agreed()
        };
        assert_eq!(silent(own), Some(address(MEDIA)));
        let held = Agreed {
            media: address("0.0.0.0:4000"),
            ..allowed
        };
        assert_eq!(silent(held), None);
        let refused = Agreed {
            media: address("192.0.2.7:0"),
            ..allowed
        };
        assert_eq!(silent(refused), None);
    }
}
