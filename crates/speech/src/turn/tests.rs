//! A speaker with the test's own clock says, pauses and stops; what is told of it must fit.

mod drafts;
mod lengths;

use std::f64::consts::TAU;

use audio::Pcm;
use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);
const PACKET: Duration = Duration::from_millis(20);

#[test]
fn a_turn_starts_within_a_hundred_milliseconds() {
    let mut room = Room::new();
    room.hush(500);
    let began = room.now;
    room.say(100);
    assert_eq!(room.told(), ["started"]);
    assert!(room.now - began <= 100 * MS);
}

#[test]
fn releasing_the_talk_key_ends_the_turn_at_once() {
    let mut room = Room::new();
    room.say(1_000);
    room.release();
    assert_eq!(room.told(), ["started", "ended"]);
    let turn = room.turn();
    assert_eq!((turn.reason, turn.ended), (Reason::Released, room.now));
    assert!(near(turn.pcm.duration(), 1_000 * MS), "{turn:?}");
    assert!(near(turn.voiced, 1_000 * MS), "{turn:?}");
}

#[test]
fn silence_pauses_and_then_ends_the_turn() {
    let mut room = Room::new();
    room.hush(1_000);
    room.say(800);
    let spoken = room.now;
    room.hush(180);
    assert_eq!(room.told(), ["started"]);
    room.hush(40);
    assert_eq!(room.told(), ["started", "paused"]);
    room.hush(360);
    assert_eq!(room.told(), ["started", "paused"]);
    room.hush(40);
    assert_eq!(room.told(), ["started", "paused", "ended"]);
    let turn = room.turn();
    assert_eq!(turn.reason, Reason::Silence);
    assert!(
        near(turn.last_voice, spoken) && near(turn.ended, spoken + 600 * MS),
        "{turn:?}"
    );
    assert!(near(turn.began, spoken - 800 * MS), "{turn:?}");
    // Pre-roll, speech, tail.
    assert!(near(turn.pcm.duration(), 1_104 * MS), "{turn:?}");
}

#[test]
fn time_without_packets_is_silence() {
    let mut room = Room::new();
    room.say(800);
    let spoken = room.now;
    room.nothing(190);
    assert_eq!(room.told(), ["started"]);
    room.nothing(20);
    assert_eq!(room.told(), ["started", "paused"]);
    room.nothing(400);
    assert_eq!(room.told(), ["started", "paused", "ended"]);
    assert!(near(room.turn().ended, spoken + 600 * MS));
    assert_eq!(room.endpointer.deadline(), None);
}

#[test]
fn a_short_noise_is_discarded() {
    let mut room = Room::new();
    room.say(120);
    room.hush(700);
    assert_eq!(room.told(), ["started", "too short"]);
}

#[test]
fn a_click_is_nothing_at_all() {
    let mut room = Room::new();
    for _ in 0..10 {
        room.say(40);
        room.hush(400);
    }
    assert_eq!(room.told(), [""; 0]);
}

#[test]
fn a_key_held_in_silence_says_so_when_it_is_released() {
    let mut room = Room::new();
    room.hush(500);
    room.release();
    assert_eq!(room.told(), ["no voice"]);
    room.release();
    assert_eq!(room.told(), ["no voice"], "nothing was heard since");
}

#[test]
fn a_speaker_who_may_go_on_after_a_release_keeps_the_sentence_together() {
    let mut room = Room::with(Config {
        after_release: 300 * MS,
        ..Config::default()
    });
    room.say(500);
    room.release();
    assert_eq!(
        room.told(),
        ["started", "paused"],
        "a draft is made at once"
    );
    room.nothing(250);
    room.say(500);
    room.release();
    room.nothing(290);
    assert_eq!(room.told(), ["started", "paused", "resumed", "paused"]);
    room.nothing(20);
    assert_eq!(
        room.told(),
        ["started", "paused", "resumed", "paused", "ended"]
    );
    let turn = room.turn();
    assert_eq!(turn.reason, Reason::Released);
    assert_eq!(room.draft(), (turn.revision, turn.pcm.clone()));
    assert!(near(turn.pcm.duration(), 1_250 * MS), "{turn:?}");
    room.nothing(5_000);
    room.say(500);
    room.release();
    room.nothing(5_000);
    assert_eq!(room.turns().count(), 2);
}

#[test]
fn a_key_released_long_after_the_turn_has_nothing_to_say() {
    let mut room = Room::new();
    room.say(500);
    room.hush(2_000);
    room.release();
    assert_eq!(room.told(), ["started", "paused", "ended"]);
}

#[test]
fn a_pause_longer_than_the_silence_does_not_delay_the_end() {
    let mut room = Room::with(Config {
        pause: 5_000 * MS,
        ..Config::default()
    });
    room.say(500);
    room.nothing(700);
    assert_eq!(room.told(), ["started", "ended"]);
}

#[test]
fn words_between_which_no_packets_came_do_not_run_together() {
    let mut room = Room::new();
    room.say(400);
    room.nothing(400);
    room.say(400);
    room.release();
    assert_eq!(room.told(), ["started", "paused", "resumed", "ended"]);
    let turn = room.turn();
    assert!(near(turn.pcm.duration(), 1_200 * MS), "{turn:?}");
    let middle = turn.pcm.len() / 2;
    assert!(
        turn.pcm.samples()[middle - 2_000..middle + 2_000]
            .iter()
            .all(|&sample| sample == 0)
    );
}

#[test]
fn late_packets_make_no_holes() {
    let mut room = Room::new();
    room.say(400);
    for _ in 0..10 {
        // Five packets at once, every 100 ms.
        room.now += 5 * PACKET;
        for _ in 0..5 {
            room.push(&tone(320));
        }
    }
    room.release();
    assert!(
        near(room.turn().pcm.duration(), 1_400 * MS),
        "{:?}",
        room.turn()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_every_start_has_one_end_and_drafts_keep_their_word(
        acts in prop::collection::vec((0_u8..5, 1_u64..900), 1..40),
        after_release in prop_oneof![Just(0_u32), 1_u32..700])
    {
        let after_release = after_release * MS;
        let mut room = Room::with(Config { max: 3_000 * MS, after_release, ..Config::default() });
        for (act, ms) in acts {
            match act {
                0 => room.say(ms * 3),
                1 => room.hush(ms),
                2 => room.nothing(ms),
                3 => room.murmur(ms),
                _ => room.release(),
            }
        }
        room.release();
        room.nothing(700);
        let mut open = false;
        let mut draft = None;
        for event in &room.events {
            match event {
                Event::Started => {
                    prop_assert!(!open);
                    open = true;
                }
                Event::Paused { revision, pcm } => {
                    prop_assert!(open && draft.is_none());
                    draft = Some((*revision, pcm.clone()));
                }
                Event::Resumed => prop_assert!(open && draft.take().is_some()),
                Event::Ended(turn) => {
                    prop_assert!(open);
                    open = false;
                    prop_assert!(turn.pcm.duration() <= 3_016 * MS);
                    prop_assert!(turn.voiced >= 160 * MS);
                    if let Some((revision, pcm)) = draft.take() {
                        prop_assert_eq!((turn.revision, &turn.pcm), (revision, &pcm));
                    }
                }
                Event::Discarded(Discard::TooShort) => {
                    prop_assert!(open && draft.is_none());
                    open = false;
                }
                Event::Discarded(Discard::NoVoice) => prop_assert!(!open),
            }
        }
        prop_assert!(!open);
    }
}

/// A speaker, their clock, and what was told of them.
struct Room {
    endpointer: Endpointer<Loud>,
    now: Instant,
    events: Vec<Event>,
}

impl Room {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        let endpointer = Endpointer::with_detector(config, Loud);
        Self {
            endpointer,
            now: Instant::now(),
            events: Vec::new(),
        }
    }

    fn say(&mut self, ms: u64) {
        self.play(&tone(16 * ms as usize));
    }

    fn hush(&mut self, ms: u64) {
        self.play(&vec![0; 16 * ms as usize]);
    }

    /// Speech of a lower voice.
    fn murmur(&mut self, ms: u64) {
        let quiet: Vec<i16> = tone(16 * ms as usize)
            .iter()
            .map(|sample| sample / 4)
            .collect();
        self.play(&quiet);
    }

    fn play(&mut self, samples: &[i16]) {
        for packet in samples.chunks(320) {
            self.now += time_of(packet.len());
            self.push(packet);
        }
    }

    fn push(&mut self, packet: &[i16]) {
        self.events.extend(self.endpointer.hear(self.now, packet));
    }

    /// No packets come; the shell wakes up when it was told to.
    fn nothing(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        while let Some(deadline) = self
            .endpointer
            .deadline()
            .filter(|deadline| *deadline <= end)
        {
            self.now = deadline.max(self.now);
            self.events.extend(self.endpointer.handle_timeout(self.now));
        }
        self.now = end;
    }

    fn release(&mut self) {
        self.events.extend(self.endpointer.release(self.now));
    }

    fn told(&self) -> Vec<&'static str> {
        let name = |event: &Event| match event {
            Event::Started => "started",
            Event::Paused { .. } => "paused",
            Event::Resumed => "resumed",
            Event::Ended(_) => "ended",
            Event::Discarded(Discard::TooShort) => "too short",
            Event::Discarded(Discard::NoVoice) => "no voice",
        };
        self.events.iter().map(name).collect()
    }

    fn turns(&self) -> impl Iterator<Item = Turn> {
        self.events.iter().filter_map(ended)
    }

    fn turn(&self) -> Turn {
        self.turns().last().unwrap()
    }

    fn draft(&self) -> (u64, Pcm) {
        let draft = |event: &Event| match event {
            Event::Paused { revision, pcm } => Some((*revision, pcm.clone())),
            _ => None,
        };
        self.events.iter().rev().find_map(draft).unwrap()
    }
}

/// Takes what is loud for a voice.
#[derive(Debug)]
struct Loud;

impl Detect for Loud {
    fn score(&mut self, frame: &[i16; FRAME]) -> f32 {
        let sum: u32 = frame
            .iter()
            .map(|sample| u32::from(sample.unsigned_abs()))
            .sum();
        if sum / FRAME as u32 > 500 { 1.0 } else { 0.0 }
    }

    fn reset(&mut self) {}
}

fn ended(event: &Event) -> Option<Turn> {
    match event {
        Event::Ended(turn) => Some(turn.clone()),
        _ => None,
    }
}

/// Whether two times are the same to within two packets and a frame.
fn near<
    T: std::ops::Sub<Duration, Output = T> + std::ops::Add<Duration, Output = T> + PartialOrd + Copy,
>(
    a: T,
    b: T,
) -> bool {
    let slack = 2 * PACKET + time_of(FRAME);
    a + slack >= b && b + slack >= a
}

fn tone(samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|i| ((TAU * 200.0 * i as f64 / 16_000.0).sin() * 8_000.0) as i16)
        .collect()
}

/// Noise between -1 and 1 (an LCG of Knuth's).
fn random(seed: &mut u64) -> f64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
}

/// A gliding pulse through three resonances, with a syllable's rhythm.
fn vowels(samples: usize) -> Vec<i16> {
    let mut phase = 0.0;
    let mut resonances = [(700.0, 0.0, 0.0), (1_200.0, 0.0, 0.0), (2_600.0, 0.0, 0.0)];
    (0..samples)
        .map(|i| {
            let t = i as f64 / 16_000.0;
            phase += (120.0 + 25.0 * (TAU * 0.9 * t).sin()) / 16_000.0;
            let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
            phase -= pulse;
            let syllable = (TAU * 2.0 * t).sin();
            let mut out = 0.0;
            for (n, (hz, y1, y2)) in resonances.iter_mut().enumerate() {
                let hz = *hz * (1.0 + 0.2 * syllable);
                let radius: f64 = 0.97;
                let y =
                    pulse + 2.0 * radius * (TAU * hz / 16_000.0).cos() * *y1 - radius.powi(2) * *y2;
                (*y2, *y1) = (*y1, y);
                out += y / (n + 1) as f64;
            }
            (out * (0.65 + 0.35 * syllable) * 1_500.0) as i16
        })
        .collect()
}
