//! Any bytes at all, given to each part that reads what a network sent: nothing may panic or
//! grow, and what must hold of every input is asserted here.
//!
//! `cargo fuzz` (the package in `fuzz/`) and the tests of this module call the same functions,
//! one for each kind of input; [`seeds`] has valid inputs to begin from.

pub mod seeds;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use crate::digest::Credentials;
use crate::dtmf::{self, Info};
use crate::ingress::{self, Rules, Verdict};
use crate::offer::{Codec, Negotiation, Ours};
use crate::sound::{Peer, Sound, Start};
use crate::timer::SessionExpires;
use crate::{rtcp, rtp, sdp};

/// Where this end says that it takes sound, and where the other end sends it from.
const MEDIA: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4000);

/// How often a call gives sound.
const PACE: Duration = Duration::from_millis(20);

/// A message: what is answered to a broken one is one whole response.
///
/// # Panics
/// When it is not.
pub fn message(bytes: &[u8]) {
    let rules = Rules::default();
    if let Verdict::Answer(fault) = ingress::check(bytes, &rules) {
        let answer = ingress::reply(bytes, &fault, &rules, "t");
        let answer = answer.expect("a fault that is to be answered can be");
        assert!(answer.starts_with(b"SIP/2.0 "), "no response");
        assert!(answer.ends_with(b"\r\n\r\n"), "not whole");
    }
}

/// A connection by TCP: the same messages come out of it however its bytes were split.
///
/// # Panics
/// When they are others, or when more is held than one message.
pub fn stream(bytes: &[u8]) {
    let now = Instant::now();
    let at_once = ingress::Cutter::default().take(now, bytes);
    let mut cutter = ingress::Cutter::default();
    let mut pieces = Vec::new();
    for byte in bytes.chunks(1) {
        pieces.extend(cutter.take(now, byte));
        assert!(cutter.held() <= ingress::LONGEST_HEAD + ingress::LONGEST_BODY);
    }
    assert_eq!(pieces, at_once);
}

/// A session description: what is read is read the same after it was written, and an offer that
/// is accepted is answered by a description that can be read.
///
/// # Panics
/// When that does not hold.
pub fn description(bytes: &[u8]) {
    let Ok(session) = sdp::read(bytes) else {
        return;
    };
    let written = session.to_string();
    assert_eq!(sdp::read(written.as_bytes()).as_ref(), Ok(&session));
    let mut negotiation = negotiation();
    if let Ok((answer, _)) = negotiation.answer(&session) {
        let answer = answer.to_string();
        assert!(sdp::read(answer.as_bytes()).is_ok(), "{answer}");
    }
}

/// A packet of sound, with the keys that may be in it.
///
/// # Panics
/// When more comes out of a packet than was in it.
pub fn packet(bytes: &[u8]) {
    let _ = rtp::kind(bytes);
    if let Ok(packet) = rtp::read(bytes) {
        assert!(packet.payload.len() + rtp::HEADER <= bytes.len());
        let written = rtp::write(packet.header, packet.payload);
        assert_eq!(rtp::read(&written), Ok(packet));
        let _ = dtmf::Event::read(packet.payload);
    }
}

/// Reports about the sound.
pub fn reports(bytes: &[u8]) {
    let _ = rtcp::read(bytes);
}

/// Values of headers that are read here: credentials, session timers, pressed keys.
pub fn values(bytes: &[u8]) {
    let _ = Info::read("application/dtmf-relay", bytes);
    let _ = Info::read("application/dtmf", bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Credentials::read(text);
        let _ = SessionExpires::read(text);
    }
}

/// A whole call: the first byte chooses the codec, then each datagram follows its length.
///
/// # Panics
/// When more than a second of sound comes out of 20 ms, whatever has come.
pub fn call(bytes: &[u8]) {
    let Some((&first, mut rest)) = bytes.split_first() else {
        return;
    };
    let offers = seeds::offers();
    let Some(offer) = offers.get(usize::from(first) % offers.len()) else {
        return;
    };
    let mut negotiation = negotiation();
    let offer = sdp::read(offer).expect("a seed is valid");
    let agreed = negotiation.answer(&offer);
    let (_, agreed) = agreed.expect("a seed can be accepted");
    let peer = Peer {
        signalling: MEDIA.ip(),
        allowed: false,
    };
    let start = Start {
        ssrc: 7,
        sequence: u16::MAX,
        timestamp: u32::MAX,
    };
    let mut now = Instant::now();
    let Ok(mut sound) = Sound::new(now, agreed, peer, start) else {
        return;
    };
    let most = sound.hear_hz() as usize;
    while let Some((&length, more)) = rest.split_first() {
        let (datagram, more) = more.split_at(usize::from(length).min(more.len()));
        rest = more;
        sound.take(now, MEDIA, datagram);
        if length % 2 == 0 {
            now += PACE;
            assert!(sound.hear(now).len() <= most, "more than was said");
        }
    }
}

fn negotiation() -> Negotiation {
    Negotiation::new(Ours {
        codecs: Codec::ALL.to_vec(),
        media: MEDIA,
        session_id: 1,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A target by its seeds and what reads them.
    type Target = (Vec<Vec<u8>>, fn(&[u8]));

    fn targets() -> [Target; 7] {
        [
            (seeds::message(), message),
            (seeds::stream(), stream),
            (seeds::description(), description),
            (seeds::packet(), packet),
            (seeds::reports(), reports),
            (seeds::values(), values),
            (seeds::call(), call),
        ]
    }

    #[test]
    fn every_seed_is_taken() {
        for (seeds, read) in targets() {
            seeds.iter().for_each(|seed| read(seed));
        }
    }

    proptest! {
        #[test]
        fn no_mutation_of_a_seed_breaks_what_must_hold(
            places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            end: prop::sample::Index,
        ) {
            for (seeds, read) in targets() {
                for mut seed in seeds {
                    for (place, byte) in &places {
                        let place = place.index(seed.len());
                        seed[place] = *byte;
                    }
                    read(&seed);
                    read(&seed[..end.index(seed.len())]);
                }
            }
        }
    }
}
