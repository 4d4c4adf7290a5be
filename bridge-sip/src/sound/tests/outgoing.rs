//! What goes to the telephone: packets, holds, keys, reports and the goodbye.

use super::*;

#[test]
fn packets_to_the_phone_follow_one_another_and_wrap() {
    let agreed = agreed(Codec::Pcma);
    let mut sound = sound(Instant::now(), &agreed);
    let mut all = Vec::new();
    for _ in 0..3 {
        let (to, packets) = sound.say(&[0; 160]).unwrap();
        assert_eq!(to, phone());
        all.extend(packets);
    }
    let headers = all.iter().map(|packet| rtp::read(packet).unwrap().header);
    let places: Vec<_> = headers
        .map(|header| (header.marker, header.sequence, header.timestamp))
        .collect();
    assert_eq!(
        places,
        [(true, 65_535, u32::MAX), (false, 0, 159), (false, 1, 319)]
    );
}

#[test]
fn time_that_was_missed_is_left_out() {
    let mut sound = sound(Instant::now(), &agreed(Codec::Pcma));
    sound.say(&[0; 160]);
    sound.skip(Duration::from_secs(1));
    let (_, packets) = sound.say(&[0; 160]).unwrap();
    let header = rtp::read(&packets[0]).unwrap().header;
    assert_eq!((header.sequence, header.timestamp), (0, 159 + 8000));
}

#[test]
fn packets_are_as_long_as_the_phone_wants_them() {
    for (ptime, packets) in [(10, 2), (20, 1), (40, 0), (60, 0)] {
        let agreed = Agreed {
            ptime,
            ..agreed(Codec::G722)
        };
        let mut sound = sound(Instant::now(), &agreed);
        let (_, first) = sound.say(&[0; 320]).unwrap();
        assert_eq!(first.len(), packets, "{ptime} ms");
    }
}

#[test]
fn on_hold_nothing_is_sent_and_nothing_heard() {
    let now = Instant::now();
    let agreed = agreed(Codec::Pcmu);
    let (mut sound, mut telephone) = (sound(now, &agreed), Telephone::new(&agreed));
    let held = Agreed {
        direction: Direction::Inactive,
        ..agreed
    };
    sound.agree(now, &held).unwrap();
    for n in 0..20 {
        sound.take(now + TICK * n, phone(), &telephone.next());
        assert_eq!(power(&sound.hear(now + TICK * n)), 0.0);
        assert_eq!(sound.say(&[1000; 160]), None);
    }
}

#[test]
fn a_hold_is_time_without_packets() {
    let now = Instant::now();
    for codec in Codec::ALL {
        for ptime in [20, 40] {
            let agreed = Agreed {
                ptime,
                ..agreed(codec)
            };
            let mut sound = sound(now, &agreed);
            let pcm = vec![0; sound.say_hz() as usize / 50];
            let mut sent: Vec<Header> = Vec::new();
            // Half a packet of 40 ms is left when the minute on hold begins.
            for tick in 0..3010 {
                let direction = match tick {
                    5..3005 => Direction::RecvOnly,
                    _ => Direction::SendRecv,
                };
                let state = Agreed {
                    direction,
                    ..agreed.clone()
                };
                sound.agree(now, &state).unwrap();
                let packets = sound.say(&pcm).map(|(_, packets)| packets);
                assert_eq!(packets.is_some(), direction.sends());
                let packets = packets.unwrap_or_default();
                sent.extend(packets.iter().map(|p| rtp::read(p).unwrap().header));
            }
            let per_packet = usize::from(ptime / 20);
            let before = 5 / per_packet;
            assert_eq!(sent.len(), before * 2);
            for (n, header) in sent.iter().enumerate() {
                assert_eq!(header.sequence, 65_535_u16.wrapping_add(n as u16));
                assert_eq!(header.marker, n == 0 || n == before, "{codec:?} {n}");
            }
            let ticks = sent[before].timestamp.wrapping_sub(u32::MAX);
            assert_eq!(ticks, 3005 * (codec.clock() / 50), "time went on");
            let (_, report) = sound.report(now + REPORT_EVERY, UNIX_EPOCH).unwrap();
            let [rtcp::Rtcp::Report(report)] = &rtcp::read(&report).unwrap()[..] else {
                panic!("not one report");
            };
            assert_eq!(report.sent.unwrap().packets, sent.len() as u32);
        }
    }
}

#[test]
fn without_a_place_to_send_to_nothing_is_counted() {
    let now = Instant::now();
    let nowhere = Agreed {
        peer: None,
        ..agreed(Codec::Pcma)
    };
    let mut sound = sound(now, &nowhere);
    assert!((0..500).all(|_| sound.say(&[0; 160]).is_none()));
    sound.agree(now, &agreed(Codec::Pcma)).unwrap();
    let (_, packets) = sound.say(&[0; 160]).unwrap();
    let header = rtp::read(&packets[0]).unwrap().header;
    let place = (header.marker, header.sequence, header.timestamp);
    assert_eq!(place, (true, 65_535, u32::MAX.wrapping_add(500 * 160)));
}

#[test]
fn a_report_goes_to_the_phone_every_five_seconds() {
    let now = Instant::now();
    let agreed = agreed(Codec::Pcmu);
    let mut sound = sound(now, &agreed);
    assert_eq!(sound.report(now + TICK, UNIX_EPOCH), None);
    let (to, report) = sound.report(now + REPORT_EVERY, UNIX_EPOCH).unwrap();
    assert_eq!(to, phone());
    assert!(rtcp::read(&report).is_ok());
    assert_eq!(sound.report(now + REPORT_EVERY + TICK, UNIX_EPOCH), None);
}

#[test]
fn the_end_of_the_stream_is_told_to_whom_it_went() {
    let now = Instant::now();
    let mut quiet = sound(now, &agreed(Codec::Pcmu));
    assert_eq!(quiet.goodbye(UNIX_EPOCH), None, "nothing was sent");
    let apart = Agreed {
        rtcp_mux: false,
        ..agreed(Codec::Pcmu)
    };
    for (agreed, told) in [(agreed(Codec::Pcmu), true), (apart, false)] {
        let mut sound = sound(now, &agreed);
        sound.say(&[0; 160]);
        let goodbye = sound.goodbye(UNIX_EPOCH);
        assert_eq!(goodbye.is_some(), told);
        if let Some((to, goodbye)) = goodbye {
            assert_eq!(to, phone());
            let packets = rtcp::read(&goodbye).unwrap();
            assert_eq!(packets.last(), Some(&rtcp::Rtcp::Goodbye(vec![7])));
        }
    }
}

#[test]
fn keys_are_heard_by_a_phone_while_the_clock_of_the_sound_goes_on() {
    for codec in Codec::ALL {
        // As phones often have it: sound at 48 kHz, and keys at 8.
        let mut agreed = agreed(codec);
        agreed.telephone_event.as_mut().unwrap().clock = 8000;
        let now = Instant::now();
        let mut outgoing = Outgoing::new(
            &agreed,
            Start {
                ssrc: 7,
                sequence: 65_530,
                timestamp: u32::MAX,
            },
        )
        .unwrap();
        assert!(outgoing.press(&"5#".parse().unwrap()));
        let (mut listener, mut heard) = (dtmf::Listener::new(), String::new());
        let (mut sequence, mut timestamp, mut begun) = (65_530_u16, u32::MAX, 0);
        for n in 0..40 {
            let packets = outgoing.say(&vec![0; codec.pcm_hz() as usize / 50]);
            let [packet] = packets.as_slice() else {
                panic!("{} packets of 20 ms", packets.len());
            };
            let rtp::Packet { header, payload } = rtp::read(packet).unwrap();
            assert_eq!(header.sequence, sequence);
            if header.payload_type == KEYS {
                if header.marker {
                    begun = timestamp;
                }
                assert_eq!(header.timestamp, begun, "one timestamp for each key");
                let key = listener.hear(now + TICK * n, header.timestamp, payload);
                heard.extend(key.map(Key::character));
            } else {
                assert_eq!(header.timestamp, timestamp);
            }
            sequence = sequence.wrapping_add(1);
            timestamp = timestamp.wrapping_add(codec.clock() / 50);
        }
        assert_eq!(heard, "5#");
    }
}
