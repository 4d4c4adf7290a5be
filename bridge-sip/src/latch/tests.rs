//! Sound from where it was agreed, from elsewhere, and from strangers.

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
