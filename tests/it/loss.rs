//! What the recogniser still understands when packets are lost on the way.

use std::time::{Duration, Instant};

use audio::opus::Encoder;
use audio::{MUMBLE_HZ, Pcm, SPEECH_HZ};
use mumble::{DEFAULT_BITRATE, Hearing, Scope, SessionId, Voice};
use world::{Chance, question};

/// How many packets are lost, in percent.
const LOSS_PERCENT: f64 = 5.0;

/// Each seed loses other packets.
const SEEDS: [u64; 5] = [1, 2, 3, 4, 5];

/// By how much the share of wrong words, in percent, may rise when lost packets are rebuilt from
/// the copies that follow them.
const MOST_WITH_COPIES: f64 = 2.0;

/// The same when the sender sends no copies, so that every lost packet is made up.
const MOST_WITHOUT_COPIES: f64 = 5.0;

const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: usize = 960;

/// Sequence numbers count 10 ms.
const UNITS: u64 = 2;

/// Six to fourteen words each, none that is written in two ways.
const SENTENCES: [&str; 20] = [
    "The children were playing in the garden behind the house.",
    "Please turn off the lights in the kitchen before you leave.",
    "My brother is going to visit us next weekend.",
    "She opened the window because the room was too warm.",
    "What is the best way to cook a piece of fish?",
    "The train to the city leaves early in the morning.",
    "I would like to listen to some quiet music now.",
    "The old man walked slowly along the river with his dog.",
    "Can you remind me to call my mother this evening?",
    "There is a small shop on the corner of the street.",
    "We need more bread and butter for breakfast.",
    "The teacher asked a question that nobody could answer.",
    "How long does it take to travel from here to the coast?",
    "It will probably rain in the afternoon, so take a coat.",
    "He forgot his keys on the table in the office.",
    "They are building a new bridge over the water near the station.",
    "Tell me something interesting about the history of this country.",
    "The doctor said that he should drink more water every day.",
    "Why do birds fly south when the winter comes?",
    "Someone left a message for you at the front desk.",
];

/// What is sent, and what the sender does against loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    /// Ours: each packet carries a coarse copy of the one before it.
    WithCopies,
    /// One that does not expect loss.
    WithoutCopies,
}

impl Sender {
    fn packets(self, sound: &Pcm) -> Vec<Vec<u8>> {
        let mut samples = sound.resampled(MUMBLE_HZ).into_samples();
        samples.resize(samples.len().next_multiple_of(FRAME_SAMPLES), 0);
        let frames = samples.chunks(FRAME_SAMPLES);
        match self {
            Self::WithCopies => {
                let mut encoder = Encoder::new(DEFAULT_BITRATE).unwrap();
                frames.map(|frame| encoder.encode(frame).unwrap()).collect()
            }
            Self::WithoutCopies => {
                let (channels, purpose) = (opus::Channels::Mono, opus::Application::Voip);
                let mut encoder = opus::Encoder::new(MUMBLE_HZ, channels, purpose).unwrap();
                let bitrate = opus::Bitrate::Bits(DEFAULT_BITRATE as i32);
                encoder.set_bitrate(bitrate).unwrap();
                let packets = frames.map(|frame| encoder.encode_vec(frame, 1_000).unwrap());
                packets.collect()
            }
        }
    }
}

/// What is heard of `packets`, sent at their pace, when chance takes its share of them; and how
/// many it took.
fn heard(packets: Vec<Vec<u8>>, loss_percent: f64, chance: &mut Chance) -> (Pcm, usize) {
    let mut lost = 0;
    let mut hearing = Hearing::new(SPEECH_HZ);
    let start = Instant::now();
    let mut sound = Pcm::new(SPEECH_HZ, Vec::new());
    let count = packets.len();
    for (number, packet) in packets.into_iter().enumerate() {
        let now = start + FRAME * number as u32;
        if let Some(due) = hearing.deadline().filter(|due| *due <= now) {
            for piece in hearing.handle_timeout(due) {
                sound.extend_from_slice(piece.pcm.samples());
            }
        }
        let voice = Voice {
            speaker: SessionId(1),
            scope: Scope::Normal,
            sequence: UNITS * number as u64,
            opus: packet.into(),
            last: number + 1 == count,
        };
        // The one that ends the talk is spared, for all runs to be equally long.
        if !voice.last && chance.happens(loss_percent) {
            lost += 1;
            continue;
        }
        for piece in hearing.handle_voice(now, voice) {
            sound.extend_from_slice(piece.pcm.samples());
        }
    }
    if let Some(due) = hearing.deadline() {
        for piece in hearing.handle_timeout(due) {
            sound.extend_from_slice(piece.pcm.samples());
        }
    }
    (sound, lost)
}

/// Words that were understood wrongly, of how many.
#[derive(Clone, Debug, Default)]
struct Score {
    wrong: usize,
    words: usize,
    packets: usize,
    lost: usize,
    /// For people to look at: what was said, and what was understood.
    misheard: Vec<(&'static str, String)>,
}

impl Score {
    async fn add(&mut self, sentence: &'static str, sound: &Pcm) {
        let understood = question::understood(sound).await;
        let (said, heard) = (question::words(sentence), question::words(&understood));
        let wrong = distance(&said, &heard);
        self.wrong += wrong;
        self.words += said.len();
        if wrong > 0 {
            self.misheard.push((sentence, understood));
        }
    }

    /// The word error rate, in percent.
    fn percent(&self) -> f64 {
        100.0 * self.wrong as f64 / self.words as f64
    }
}

/// How many words must be put in, taken out or replaced to make one text of the other.
fn distance(said: &[String], heard: &[String]) -> usize {
    let mut above: Vec<usize> = (0..=heard.len()).collect();
    for (row, word) in said.iter().enumerate() {
        let mut here = vec![row + 1];
        for (column, other) in heard.iter().enumerate() {
            let replaced = above[column] + usize::from(word != other);
            here.push(replaced.min(above[column + 1] + 1).min(here[column] + 1));
        }
        above = here;
    }
    above[heard.len()]
}

/// The score of all sentences, once for each seed.
async fn score(sender: Sender, loss_percent: f64, seeds: &[u64]) -> Score {
    let mut score = Score::default();
    for &seed in seeds {
        let mut chance = Chance::of(seed);
        for sentence in SENTENCES {
            let packets = sender.packets(&question::spoken(sentence).await);
            score.packets += packets.len();
            let (sound, lost) = heard(packets, loss_percent, &mut chance);
            score.lost += lost;
            score.add(sentence, &sound).await;
        }
    }
    score
}

#[tokio::test]
async fn a_lost_packet_in_twenty_hardly_costs_a_word() {
    let whole = score(Sender::WithCopies, 0.0, &SEEDS[..1]).await;
    let copied = score(Sender::WithCopies, LOSS_PERCENT, &SEEDS).await;
    let made_up = score(Sender::WithoutCopies, LOSS_PERCENT, &SEEDS).await;
    for lossy in [&copied, &made_up] {
        let percent = 100.0 * lossy.lost as f64 / lossy.packets as f64;
        assert!((percent - LOSS_PERCENT).abs() < 1.0, "{percent} % lost");
    }
    let figures = format!(
        "{:.1} % of the words wrong without loss, {:.1} % with copies, {:.1} % without",
        whole.percent(),
        copied.percent(),
        made_up.percent(),
    );
    assert!(
        copied.percent() <= whole.percent() + MOST_WITH_COPIES,
        "{figures}: {:#?}",
        copied.misheard
    );
    assert!(
        made_up.percent() <= whole.percent() + MOST_WITHOUT_COPIES,
        "{figures}: {:#?}",
        made_up.misheard
    );
}

/// Whether a packet of one mono frame carries a copy of the one before it: only the coder for
/// speech makes them (RFC 6716, sections 3.1 and 4.2.3: the second bit behind the first byte).
fn carries_copy(packet: &[u8]) -> bool {
    const FIRST_WITHOUT_SPEECH_CODER: u8 = 16;
    packet[0] >> 3 < FIRST_WITHOUT_SPEECH_CODER && packet[1] & 0x40 != 0
}

#[tokio::test]
async fn our_packets_carry_copies_of_speech_at_every_usual_bit_rate() {
    let sound = question::spoken(SENTENCES[0]).await.resampled(MUMBLE_HZ);
    for bitrate in [24_000, DEFAULT_BITRATE, 72_000, 96_000] {
        let mut encoder = Encoder::new(bitrate).unwrap();
        let frames = sound.samples().chunks_exact(FRAME_SAMPLES);
        let packets: Vec<_> = frames.map(|frame| encoder.encode(frame).unwrap()).collect();
        let copies = packets.iter().filter(|packet| carries_copy(packet)).count();
        // Silence is not worth a copy.
        let of = packets.len();
        assert!(copies > of * 3 / 4, "{copies} of {of} at {bitrate} bit/s");
    }
}
