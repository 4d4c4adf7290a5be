//! The sound of a call: a phone's packets in, PCM out, and the other way round.

use std::net::{IpAddr, Ipv4Addr};
use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::*;
use crate::offer::{PayloadTypes, TelephoneEvent};
use crate::sdp::Direction;

mod outgoing;

const TICK: Duration = Duration::from_millis(20);
const KEYS: u8 = 101;

fn phone() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4000)
}

fn agreed(codec: Codec) -> Agreed {
    let number = |number| PayloadTypes {
        sent: number,
        received: number,
    };
    Agreed {
        peer: Some(phone()),
        codec,
        payload_types: number(match codec {
            Codec::Opus => 111,
            Codec::G722 => 9,
            Codec::Pcma => 8,
            Codec::Pcmu => 0,
        }),
        others: Vec::new(),
        telephone_event: Some(TelephoneEvent {
            payload_types: number(KEYS),
            clock: codec.clock(),
        }),
        comfort_noise: codec != Codec::Opus,
        inband_fec: false,
        direction: Direction::SendRecv,
        ptime: 20,
        rtcp_mux: true,
    }
}

fn sound(now: Instant, agreed: &Agreed) -> Sound {
    let peer = Peer {
        signalling: phone().ip(),
        allowed: false,
    };
    let start = Start {
        ssrc: 7,
        sequence: 65_535,
        timestamp: u32::MAX,
    };
    Sound::new(now, agreed, peer, start).unwrap()
}

/// A phone that says a tone of 500 Hz.
struct Telephone {
    header: Header,
    codec: Codec,
    transcoder: Box<dyn Transcoder>,
    at: usize,
}

impl Telephone {
    fn new(agreed: &Agreed) -> Self {
        Self {
            header: Header {
                marker: true,
                payload_type: agreed.payload_types.received,
                sequence: 100,
                timestamp: 5000,
                ssrc: 1,
            },
            codec: agreed.codec,
            transcoder: agreed.codec.open().unwrap(),
            at: 0,
        }
    }

    fn next(&mut self) -> Vec<u8> {
        let rate = self.codec.pcm_hz();
        let frame: Vec<i16> = (0..rate as usize / 50)
            .map(|n| {
                let t = (self.at + n) as f32 / rate as f32;
                ((t * 500.0 * std::f32::consts::TAU).sin() * 8000.0) as i16
            })
            .collect();
        self.at += frame.len();
        let packet = rtp::write(self.header, &self.transcoder.encode(&frame));
        self.header.sequence = self.header.sequence.wrapping_add(1);
        self.header.timestamp = self.header.timestamp.wrapping_add(self.codec.clock() / 50);
        packet
    }
}

fn power(pcm: &[i16]) -> f64 {
    pcm.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / pcm.len().max(1) as f64
}

#[test]
fn what_a_phone_says_is_heard_in_every_codec() {
    for codec in Codec::ALL {
        let start = Instant::now();
        let agreed = agreed(codec);
        let (mut sound, mut telephone) = (sound(start, &agreed), Telephone::new(&agreed));
        let mut heard = Vec::new();
        for n in 0..150 {
            let now = start + TICK * n;
            assert_eq!(sound.take(now, phone(), &telephone.next()), None);
            heard.extend(sound.hear(now));
        }
        let second = sound.hear_hz() as usize;
        let length = heard.len() as f64 / second as f64;
        assert!((2.9..=3.0).contains(&length), "{codec:?}: {length} s");
        let last = power(&heard[heard.len() - second..]);
        let ratio = last / (8000.0 * 8000.0 / 2.0);
        assert!(
            (0.8..1.2).contains(&ratio),
            "{codec:?}: {ratio} of the power"
        );
        assert!(sound.quality().loss < 0.001);
    }
}

/// 20 ms pieces of a gliding voice with a syllable's rhythm.
fn voice(pieces: usize) -> Vec<Vec<i16>> {
    let mut phase = 0.0;
    let samples = (0..pieces * 960).map(|n| {
        let t = n as f64 / 48_000.0;
        let pitch = 130.0 + 40.0 * (t * 1.3 * std::f64::consts::TAU).sin();
        phase += pitch * std::f64::consts::TAU / 48_000.0;
        let loudness = 0.55 + 0.45 * (t * 3.1 * std::f64::consts::TAU).sin();
        let tone = (1..20).map(|k| (phase * f64::from(k)).sin() / f64::from(k));
        (tone.sum::<f64>() * loudness * 6000.0) as i16
    });
    let samples: Vec<i16> = samples.collect();
    samples.chunks(960).map(<[i16]>::to_vec).collect()
}

#[test]
fn one_packet_of_opus_in_twenty_is_repaired_by_the_one_behind_it() {
    let agreed = agreed(Codec::Opus);
    let mut phone_codec = Codec::Opus.open().unwrap();
    let packets: Vec<_> = voice(600)
        .iter()
        .map(|piece| phone_codec.encode(piece))
        .collect();
    let header = |n: usize| Header {
        marker: n == 0,
        payload_type: 111,
        sequence: n as u16,
        timestamp: n as u32 * 960,
        ssrc: 1,
    };
    let is_lost = |n: usize| n % 20 == 7;
    // Each other packet is 35 ms late, which keeps the buffer as deep as it begins.
    let heard = |lossy: bool| {
        let start = Instant::now();
        let mut sound = sound(start, &agreed);
        let mut heard = Vec::new();
        for tick in 0..600_usize {
            let now = start + TICK * tick as u32;
            let (came, at) = match tick % 2 {
                0 => (Some(tick), now),
                _ => (tick.checked_sub(2), now - TICK / 4),
            };
            if let Some(n) = came.filter(|&n| !(lossy && is_lost(n))) {
                sound.take(at, phone(), &rtp::write(header(n), &packets[n]));
            }
            heard.extend(sound.hear(now));
        }
        heard
    };
    let decoded = |lossy: bool| {
        let mut codec = Codec::Opus.open().unwrap();
        let packets = packets.iter().enumerate();
        let decoded = packets.map(|(n, packet)| match lossy && is_lost(n) {
            true => codec.conceal(960),
            false => codec.decode(packet),
        });
        decoded.collect::<Vec<_>>().concat()
    };
    let truth = decoded(false);
    let off = |heard: &[i16]| {
        let errors = heard.iter().zip(&truth);
        let errors = errors.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
        errors.sum::<f64>()
    };
    // 40 ms pass before the first of it.
    assert_eq!(off(&heard(false)[1920..]), 0.0);
    let (repaired, concealed) = (off(&heard(true)[1920..]), off(&decoded(true)));
    assert!(
        repaired < 0.7 * concealed,
        "{repaired:.2e}, and only concealed {concealed:.2e}"
    );
}

#[test]
fn a_key_is_told_once() {
    let now = Instant::now();
    let agreed = agreed(Codec::Pcmu);
    let mut sound = sound(now, &agreed);
    let key = Key::of('5').unwrap();
    let packets = dtmf::press(key, Duration::from_millis(100), 8000);
    let mut told = Vec::new();
    for (n, packet) in packets.iter().enumerate() {
        let header = Header {
            marker: packet.marker,
            payload_type: KEYS,
            sequence: n as u16,
            timestamp: 800 + packet.timestamp_offset,
            ssrc: 1,
        };
        let datagram = rtp::write(header, &packet.event.write());
        told.extend(sound.take(now + packet.at, phone(), &datagram));
    }
    assert_eq!(told, [key]);
}

#[test]
fn strangers_are_neither_heard_nor_answered() {
    let now = Instant::now();
    let agreed = agreed(Codec::Pcmu);
    let (mut sound, mut telephone) = (sound(now, &agreed), Telephone::new(&agreed));
    let stranger = "192.0.2.66:4000".parse().unwrap();
    for n in 0..50 {
        sound.take(now + TICK * n, stranger, &telephone.next());
        assert_eq!(power(&sound.hear(now + TICK * n)), 0.0);
    }
    assert_eq!(sound.quality().strangers, 50);
    assert_eq!(sound.say(&[0; 160]).map(|(to, _)| to), Some(phone()));
}

#[test]
fn a_call_goes_on_in_another_codec() {
    let start = Instant::now();
    let (before, after) = (agreed(Codec::Pcmu), agreed(Codec::G722));
    let mut sound = sound(start, &before);
    let mut telephone = Telephone::new(&before);
    for n in 0..50 {
        sound.take(start + TICK * n, phone(), &telephone.next());
        sound.hear(start + TICK * n);
    }
    let now = start + TICK * 50;
    sound.agree(now, &after).unwrap();
    assert_eq!((sound.hear_hz(), sound.say_hz()), (16_000, 16_000));
    let mut telephone = Telephone {
        header: Header {
            payload_type: 9,
            ..telephone.header
        },
        ..Telephone::new(&after)
    };
    let mut heard = Vec::new();
    for n in 0..50 {
        sound.take(now + TICK * n, phone(), &telephone.next());
        heard.extend(sound.hear(now + TICK * n));
    }
    assert!(power(&heard[heard.len() / 2..]) > 1e7, "it is heard");
}

#[test]
fn how_the_line_is_goes_on_being_known_in_another_codec() {
    let start = Instant::now();
    let before = agreed(Codec::Pcmu);
    // Agreed anew, or by the phone alone; with the same clock and with another.
    let agreements = [Codec::Pcma, Codec::Opus].map(|codec| (codec, agreed(codec)));
    let alone = [Codec::Pcma, Codec::Opus].map(|codec| {
        let others = vec![(codec, agreed(codec).payload_types)];
        let before = before.clone();
        (codec, Agreed { others, ..before })
    });
    for (codec, after) in agreements.into_iter().chain(alone) {
        let mut sound = sound(start, &before);
        let mut telephone = Telephone::new(&before);
        for n in 0..500 {
            let now = start + TICK * n;
            if n == 100 {
                sound.agree(now, &after).unwrap();
                telephone = Telephone {
                    header: Header {
                        payload_type: agreed(codec).payload_types.received,
                        ..telephone.header
                    },
                    ..Telephone::new(&agreed(codec))
                };
            }
            let packet = telephone.next();
            // Of the last 400 each fifth is lost, and each other one is 10 ms late.
            if n < 100 || n % 5 > 0 {
                let late = TICK / 2 * (n % 2) * u32::from(n >= 100);
                sound.take(now + late, phone(), &packet);
            }
            sound.hear(now + TICK / 2);
        }
        let Quality { loss, jitter, .. } = sound.quality();
        assert!((0.15..0.17).contains(&loss), "{codec:?}: {loss}");
        let ms = jitter.as_millis();
        assert!((5..=12).contains(&ms), "{codec:?}: {ms} ms of jitter");
        let (_, report) = sound.report(start + REPORT_EVERY, UNIX_EPOCH).unwrap();
        let [rtcp::Rtcp::Report(report)] = &rtcp::read(&report).unwrap()[..] else {
            panic!("not one report");
        };
        let blocks = report.heard.as_slice();
        assert_eq!((blocks.len(), blocks[0].ssrc), (1, 1), "{codec:?}");
        assert_eq!(blocks[0].lost, 80, "{codec:?}");
    }
}

proptest! {
    #[test]
    fn no_datagram_makes_it_panic(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..40),
        codec in prop::sample::select(Codec::ALL.to_vec()),
    ) {
        let start = Instant::now();
        let mut sound = sound(start, &agreed(codec));
        for (n, mut datagram) in datagrams.into_iter().enumerate() {
            // Most of them look like RTP of this call.
            if let [first, second, ..] = datagram.as_mut_slice() && n % 4 > 0 {
                *first = 0x80;
                *second = [0, 8, 9, 13, 101, 111][n % 6];
            }
            let now = start + TICK * n as u32;
            sound.take(now, phone(), &datagram);
            prop_assert!(sound.hear(now).len() <= 48_000);
        }
    }
}
