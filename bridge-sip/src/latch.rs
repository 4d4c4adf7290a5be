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
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    /// When everything happens that needs no time.
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

    const TICK: Duration = Duration::from_millis(20);

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

    fn admit(latch: &mut Latch, from: SocketAddr, header: &Header) -> Verdict {
        latch.admit(*BEGUN, from, header)
    }

    #[test]
    fn the_agreed_address_is_heard_from_its_first_packet() {
        let mut latch = Latch::new(agreed());
        assert_eq!(
            admit(&mut latch, address(MEDIA), &packet(1, 9)),
            Verdict::NewStream
        );
        assert_eq!(
            admit(&mut latch, address(MEDIA), &packet(2, 9)),
            Verdict::Heard
        );
        assert_eq!(latch.destination(), Some(address(MEDIA)));
        let mapped = admit(
            &mut Latch::new(agreed()),
            address("[::ffff:192.0.2.7]:4000"),
            &packet(1, 9),
        );
        assert_eq!(mapped, Verdict::NewStream);
    }

    #[test]
    fn a_stranger_is_dropped_and_counted() {
        let mut latch = Latch::new(agreed());
        for n in 0..50 {
            let verdict = admit(&mut latch, address("198.51.100.9:4000"), &packet(n, 9));
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
                admit(&mut latch, address(nat), &packet(65_535, 9)),
                Verdict::Dropped
            );
            assert_eq!(
                admit(&mut latch, address(nat), &packet(0, 9)),
                Verdict::NewStream
            );
            assert_eq!(latch.destination(), Some(address(nat)));
            assert_eq!(
                admit(&mut latch, address(MEDIA), &packet(1, 9)),
                Verdict::Dropped
            );
        }
    }

    #[test]
    fn a_neighbours_stray_packets_latch_nothing() {
        let neighbour = address("192.0.2.7:4011");
        let mut latch = Latch::new(agreed());
        assert!(!latch.admits_reports(neighbour));
        assert_eq!(
            admit(&mut latch, neighbour, &packet(5, 1)),
            Verdict::Dropped
        );
        assert_eq!(
            admit(&mut latch, neighbour, &packet(500, 1)),
            Verdict::Dropped
        );
        assert_eq!(
            admit(&mut latch, address(MEDIA), &packet(1, 9)),
            Verdict::NewStream
        );
        assert_eq!(
            admit(&mut latch, neighbour, &packet(501, 1)),
            Verdict::Dropped
        );
        assert!(!latch.admits_reports(neighbour));
        assert!(latch.admits_reports(address(MEDIA)));
    }

    #[test]
    fn another_port_of_an_agreed_host_takes_over_from_one_that_has_fallen_silent() {
        for (first, second) in [
            (MEDIA, "192.0.2.7:61000"),
            (MEDIA, "192.0.2.1:4000"),
            ("192.0.2.7:61000", MEDIA),
            ("192.0.2.7:61000", "192.0.2.7:61001"),
        ] {
            let (first, second) = (address(first), address(second));
            let mut latch = Latch::new(agreed());
            let mut now = *BEGUN;
            for n in 0..100 {
                now += TICK;
                latch.admit(now, first, &packet(n, 9));
            }
            let silent = now;
            for n in 100..300 {
                now += TICK;
                let verdict = latch.admit(now, second, &packet(n, 9));
                let too_soon = now - silent < SILENCE + TICK;
                let expected = if too_soon {
                    Verdict::Dropped
                } else {
                    Verdict::Heard
                };
                assert_eq!(verdict, expected, "{second} {:?} later", now - silent);
                let to = if too_soon { first } else { second };
                assert_eq!(latch.destination(), Some(to));
                assert!(latch.admits_reports(to));
            }
            let back = latch.admit(now, first, &packet(300, 9));
            assert_eq!(back, Verdict::Dropped, "the new one is heard");
        }
    }

    #[test]
    fn a_phone_that_was_silent_for_long_is_heard_at_once_and_ends_what_others_tried() {
        let neighbour = address("192.0.2.7:4011");
        let mut latch = Latch::new(agreed());
        admit(&mut latch, address(MEDIA), &packet(1, 9));
        let later = *BEGUN + SILENCE * 10;
        let verdict = latch.admit(later, neighbour, &packet(50, 1));
        assert_eq!(verdict, Verdict::Dropped);
        let verdict = latch.admit(later, address(MEDIA), &packet(2, 9));
        assert_eq!(verdict, Verdict::Heard);
        let verdict = latch.admit(later, neighbour, &packet(51, 1));
        assert_eq!(verdict, Verdict::Dropped);
        let again = later + SILENCE;
        let verdict = latch.admit(again, neighbour, &packet(52, 1));
        assert_eq!(
            verdict,
            Verdict::Dropped,
            "what it sent before is forgotten"
        );
        assert_eq!(latch.destination(), Some(address(MEDIA)));
    }

    #[test]
    fn a_change_of_ssrc_does_not_silence_a_call() {
        let mut latch = Latch::new(agreed());
        for ssrc in [1, 2, 1, 3] {
            assert_eq!(
                admit(&mut latch, address(MEDIA), &packet(7, ssrc)),
                Verdict::NewStream
            );
            assert_eq!(
                admit(&mut latch, address(MEDIA), &packet(8, ssrc)),
                Verdict::Heard
            );
        }
        assert_eq!(latch.stats().streams, 4);
    }

    #[test]
    fn a_new_agreement_latches_anew_and_the_same_one_changes_nothing() {
        let mut latch = Latch::new(agreed());
        admit(&mut latch, address(MEDIA), &packet(1, 9));
        latch.agree(agreed());
        assert_eq!(
            admit(&mut latch, address(MEDIA), &packet(2, 9)),
            Verdict::Heard
        );

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
        assert_eq!(
            admit(&mut latch, address(MEDIA), &packet(3, 9)),
            Verdict::Dropped
        );
        assert_eq!(admit(&mut latch, moved, &packet(4, 9)), Verdict::Heard);
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

    proptest! {
        #[test]
        fn nothing_moves_it_but_an_agreed_host_after_a_silence(
            packets in prop::collection::vec((0..6_usize, 0..3000_u64, 0..4_u16), 0..200),
        ) {
            let sources = [
                MEDIA,
                "192.0.2.7:61000",
                "192.0.2.1:4000",
                "192.0.2.1:61001",
                "198.51.100.9:4000",
                "[2001:db8::9]:4000",
            ];
            let strangers = [address(sources[4]), address(sources[5])];
            let mut latch = Latch::new(agreed());
            let (mut now, mut sequence) = (*BEGUN, 65_530_u16);
            let mut heard: Option<(SocketAddr, Instant)> = None;
            for (source, ms, step) in packets {
                let from = address(sources[source]);
                now += Duration::from_millis(ms);
                sequence = sequence.wrapping_add(step);
                let before = latch.destination();
                let verdict = latch.admit(now, from, &packet(sequence, 9));
                if verdict == Verdict::Dropped {
                    prop_assert_eq!(latch.destination(), before);
                    prop_assert!(heard.is_none_or(|(last, _)| last != from), "it was heard before");
                    continue;
                }
                prop_assert!(!strangers.contains(&from));
                if let Some((last, at)) = heard {
                    prop_assert!(last == from || now - at >= SILENCE);
                }
                heard = Some((from, now));
                prop_assert_eq!(latch.destination(), Some(from));
            }
            let silent = latch.destination();
            for stranger in strangers {
                for n in 0..10 {
                    now += SILENCE;
                    let verdict = latch.admit(now, stranger, &packet(n, 9));
                    prop_assert_eq!(verdict, Verdict::Dropped);
                }
            }
            prop_assert_eq!(latch.destination(), silent);
        }
    }
}
