//! A voice comes out as it was spoken, whatever the way did to its packets.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::f64::consts::TAU;
use std::time::{Duration, Instant};

use audio::MUMBLE_HZ;
use audio::opus::{Decoder, Encoder};
use mumble::{Heard, Hearing, Scope, SessionId, Voice};
use proptest::prelude::*;

/// What is heard is decoded to this rate, in Hz.
const RATE: u32 = 16_000;

/// The unit of sequence numbers, in samples at [`RATE`] and in time.
const UNIT_SAMPLES: usize = 160;
const UNIT: Duration = Duration::from_millis(10);

/// Packets are delayed by less than what is waited for those that are overtaken.
const MOST_DELAY_MS: u64 = 40;

/// Silence between talks, in units. When the end mark is lost, a short one counts as a hole, and
/// the sound behind a long one follows at once.
const PAUSE: std::ops::Range<u64> = 30..50;
const LONG_PAUSE: std::ops::Range<u64> = 150..600;

/// What is longer counts as a pause and not as a hole, in units.
const LONGEST_HOLE: u64 = 100;

/// Holes are kept well below that, so that none is a pause by the clock alone.
const LONGEST_MADE: u64 = 70;

/// As much of one hole is made up, in units; the rest is silent.
const MOST_MADE_UP: u64 = 10;

/// A decoder has found its way again by this many packets behind a hole.
const RECOVERED_AFTER: usize = 4;

/// What becomes of a packet on its way.
#[derive(Clone, Copy, Debug)]
struct Fate {
    lost: bool,
    delay_ms: u64,
    /// Comes once more, so much later.
    repeated_after_ms: Option<u64>,
}

/// A talk: what becomes of each packet, and how many units of silence follow.
#[derive(Clone, Debug)]
struct Talk {
    fates: Vec<Fate>,
    pause: u64,
}

/// What a sender sends.
#[derive(Clone, Debug)]
struct Stream {
    talks: Vec<Talk>,
    /// Length of its packets.
    units: u64,
    /// By how much its clock is wrong, in millionths.
    drift_ppm: i64,
    /// A sender with DTX falls silent at this packet of each talk, for so many: it sends none.
    silent: Option<(usize, usize)>,
}

/// A packet, its sound when none is missing, and when it comes: never, once or twice.
#[derive(Clone, Debug)]
struct Sent {
    voice: Voice,
    units: u64,
    truth: Vec<i16>,
    arrivals: Vec<Duration>,
}

impl Stream {
    fn sent(&self) -> Vec<Sent> {
        let frame = MUMBLE_HZ as usize / 100 * self.units as usize;
        let mut encoder = Encoder::new(40_000).unwrap();
        let mut decoder = Decoder::new(RATE).unwrap();
        let mut tones = Tones::default();
        let mut sent = Vec::new();
        let (mut sequence, mut heard_until) = (0, 0);
        for talk in &self.talks {
            let mut first = true;
            for (n, fate) in talk.fates.iter().enumerate() {
                let opus = encoder.encode(&tones.next(frame)).unwrap();
                let truth = decoder.decode(&opus).unwrap();
                let last = n + 1 == talk.fates.len();
                let unsent = self
                    .silent
                    .is_some_and(|(from, count)| (from..from + count).contains(&n) && !last);
                let hole = sequence + self.units - heard_until;
                let spared = (LONGEST_MADE..LONGEST_HOLE).contains(&hole);
                let mut arrivals = Vec::new();
                if spared || !(unsent || fate.lost) {
                    // That the first of a talk was overtaken cannot be known.
                    let delay = if first { 0 } else { fate.delay_ms };
                    let arrival = self.clock(sequence) + Duration::from_millis(delay);
                    let again = fate.repeated_after_ms.map(Duration::from_millis);
                    arrivals.push(arrival);
                    arrivals.extend(again.map(|later| arrival + later));
                    (first, heard_until) = (false, sequence + self.units);
                }
                let voice = Voice {
                    speaker: SessionId(1),
                    scope: Scope::Normal,
                    sequence,
                    opus: opus.into(),
                    last,
                };
                sequence += self.units;
                sent.push(Sent {
                    voice,
                    units: self.units,
                    truth,
                    arrivals,
                });
            }
            encoder.reset();
            decoder.reset();
            sequence += talk.pause;
        }
        sent
    }

    /// What the listener's clock shows when so many units have passed on the sender's.
    fn clock(&self, units: u64) -> Duration {
        let us = units as i64 * UNIT.as_micros() as i64;
        Duration::from_micros((us + us * self.drift_ppm / 1_000_000) as u64)
    }
}

/// Gives the packets to a [`Hearing`] as they arrive, and wakes it when it wants to be.
fn hear(sent: &[Sent]) -> Vec<Heard> {
    let mut arrivals: Vec<(Duration, &Voice)> = sent
        .iter()
        .flat_map(|sent| sent.arrivals.iter().map(|&at| (at, &sent.voice)))
        .collect();
    arrivals.sort_by_key(|(at, _)| *at);
    let (mut hearing, start, mut heard) = (Hearing::new(RATE), Instant::now(), Vec::new());
    for (at, voice) in arrivals {
        while let Some(due) = hearing.deadline().filter(|due| *due <= start + at) {
            heard.extend(hearing.handle_timeout(due));
        }
        heard.extend(hearing.handle_voice(start + at, voice.clone()));
    }
    while let Some(due) = hearing.deadline() {
        heard.extend(hearing.handle_timeout(due));
    }
    assert_eq!(hearing.undecodable(), 0);
    heard
}

/// A part of what must be heard.
enum Part<'a> {
    /// A packet's sound, and how many packets came since the last hole.
    Packet(&'a [i16], usize),
    /// So many units of which nothing came.
    Hole(u64),
}

/// What must be heard, in order.
fn parts(sent: &[Sent]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut before: Option<&Sent> = None;
    let mut since_hole = RECOVERED_AFTER;
    for packet in sent.iter().filter(|packet| !packet.arrivals.is_empty()) {
        let until = before.map_or(0, |before| before.voice.sequence + before.units);
        let hole = packet.voice.sequence - until;
        let pause = before.is_some_and(|before| before.voice.last);
        if hole > 0 {
            // The encoder begins each talk anew, and its first packet does not look back.
            let begins = sent
                .iter()
                .rev()
                .skip_while(|s| s.voice.sequence != packet.voice.sequence);
            let begins = begins.take(2).last().is_some_and(|s| s.voice.last);
            since_hole = if pause && begins { RECOVERED_AFTER } else { 0 };
            if !pause && before.is_some() && hole <= LONGEST_HOLE {
                parts.push(Part::Hole(hole));
            }
        }
        parts.push(Part::Packet(&packet.truth, since_hole));
        since_hole += 1;
        before = Some(packet);
    }
    parts
}

/// How much two sounds are alike: 1 for the same, 0 for unrelated ones.
fn likeness(a: &[i16], b: &[i16]) -> f64 {
    let product = |a: &[i16], b: &[i16]| -> f64 {
        let products = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
        products.sum()
    };
    product(a, b) / (product(a, a) * product(b, b)).sqrt().max(1.0)
}

/// A gliding tone with overtones: no two moments of it are alike.
#[derive(Debug, Default)]
struct Tones {
    at: usize,
    phase: f64,
}

impl Tones {
    fn next(&mut self, samples: usize) -> Vec<i16> {
        let rate = f64::from(MUMBLE_HZ);
        let mut sample = || {
            let t = self.at as f64 / rate;
            self.at += 1;
            self.phase += TAU * (170.0 + 60.0 * (TAU * 0.37 * t).sin()) / rate;
            let tones = (1..5).map(|k| (self.phase * f64::from(k)).sin() / f64::from(k));
            (tones.sum::<f64>() * 7_000.0) as i16
        };
        (0..samples).map(|_| sample()).collect()
    }
}

fn samples(heard: &[Heard]) -> Vec<i16> {
    let pieces = heard.iter().flat_map(|heard| heard.pcm.samples());
    pieces.copied().collect()
}

fn fate(loss_percent: u32) -> impl Strategy<Value = Fate> {
    let repeated = prop::option::weighted(0.1, 0..200_u64);
    (0_u32..100, 0..=MOST_DELAY_MS, repeated).prop_map(
        move |(chance, delay_ms, repeated_after_ms)| Fate {
            lost: chance < loss_percent,
            delay_ms,
            repeated_after_ms,
        },
    )
}

fn stream(loss_percent: u32) -> impl Strategy<Value = Stream> {
    let fates = prop::collection::vec(fate(loss_percent), 12..60);
    let talk =
        (fates, prop_oneof![PAUSE, LONG_PAUSE]).prop_map(|(fates, pause)| Talk { fates, pause });
    (
        prop::collection::vec(talk, 1..4),
        prop::sample::select(vec![1_u64, 2, 4, 6]),
        -300_i64..=300,
        prop::option::of((5_usize..20, 1_usize..15)),
    )
        .prop_map(|(talks, units, drift_ppm, silent)| Stream {
            talks,
            units,
            drift_ppm,
            silent,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_not_lost_is_heard_to_the_sample_in_whatever_order_it_comes(
        mut stream in stream(0),
    ) {
        stream.silent = None;
        let sent = stream.sent();
        let heard = samples(&hear(&sent));
        let truth: Vec<i16> = sent.iter().flat_map(|sent| sent.truth.clone()).collect();
        prop_assert_eq!(heard.len(), truth.len());
        prop_assert!(heard == truth, "the sound is another");
    }

    #[test]
    fn every_packet_that_came_is_heard_once_and_in_its_place(
        stream in (0_u32..30).prop_flat_map(stream),
    ) {
        let sent = stream.sent();
        let pieces = hear(&sent);
        let heard = samples(&pieces);
        let (mut at, mut made_up) = (0, 0);
        for part in parts(&sent) {
            match part {
                Part::Hole(units) => {
                    at += units as usize * UNIT_SAMPLES;
                    made_up += units.min(MOST_MADE_UP);
                }
                Part::Packet(truth, since_hole) => {
                    let end = at + truth.len();
                    prop_assert!(end <= heard.len(), "{} of {end} samples", heard.len());
                    let likeness = likeness(truth, &heard[at..end]);
                    let place = Duration::from_secs(at as u64) / RATE;
                    prop_assert!(
                        since_hole < RECOVERED_AFTER || likeness > 0.8,
                        "{likeness} alike at {place:?}"
                    );
                    at = end;
                }
            }
        }
        prop_assert_eq!(heard.len(), at);
        let named: Duration = pieces.iter().map(|piece| piece.concealed).sum();
        prop_assert_eq!(named, UNIT * made_up as u32);
    }
}

/// Clocks of sound cards differ by up to 300 in a million: 72 ms in four minutes, which is more
/// than any packet is waited for.
#[test]
fn a_sender_whose_clock_is_wrong_is_heard_whole_for_four_minutes() {
    const PACKETS: usize = 4 * 60 * 50;
    for drift_ppm in [-300, 300] {
        let fate = |n: usize| Fate {
            lost: false,
            delay_ms: n as u64 * 7 % MOST_DELAY_MS,
            repeated_after_ms: None,
        };
        let talk = Talk {
            fates: (0..PACKETS).map(fate).collect(),
            pause: 0,
        };
        let stream = Stream {
            talks: vec![talk],
            units: 2,
            drift_ppm,
            silent: None,
        };
        let heard = hear(&stream.sent());
        let length = samples(&heard).len();
        assert_eq!(length, PACKETS * 2 * UNIT_SAMPLES, "{drift_ppm} ppm");
        assert!(heard.iter().all(|heard| heard.concealed.is_zero()));
    }
}
