//! From packets to sound: one stream for each speaker, in order, without holes.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use audio::{
    Pcm,
    jitter::{JitterBuffer, Packet, Playout},
    opus::{self, Decoder},
};

use crate::datagram::Voice;
use crate::event::{Heard, Scope, SessionId};

/// The unit that sequence numbers count.
const UNIT: Duration = Duration::from_millis(10);

/// The most sound, in units, that is made up for one hole; what is longer is not loss but a
/// pause (a sender with DTX sends nothing while it is silent), and stays silent.
const MOST_CONCEALED: u64 = 10;

/// As many speakers are decoded at a time; one more takes the place of the one that has been
/// silent longest. More than speak at once on any server, though not more than may be on one. A
/// decoder has about 20 kB, so all of them have 5 MB; a flood of invented speakers, each of whom
/// leaves a hole and fills the room behind it, can make it 20 MB
/// ([`MAX_HELD`](audio::jitter::MAX_HELD) packets of [`LONGEST_PACKET`]).
const MOST_SPEAKERS: usize = 256;

/// Mumble's servers pass on no datagram longer than this, in bytes, whichever way it comes.
const LONGEST_PACKET: usize = 1024;

/// The speakers of one connection: voice packets go in as they come, sound comes out in order.
///
/// It holds no clock and no socket. Within one connection nothing more is needed than
/// [`Events`](crate::Events); this is for packets that came another way, such as recorded ones.
/// Call [`Hearing::handle_timeout`] when [`Hearing::deadline`] has come.
#[derive(Debug)]
pub struct Hearing {
    rate: u32,
    speakers: BTreeMap<SessionId, Stream>,
    undecodable: u64,
}

/// One speaker's voice.
#[derive(Debug)]
struct Stream {
    jitter: JitterBuffer,
    decoder: Decoder,
    /// Length of the packet before, in units: the best guess for a lost one's.
    units: u64,
    /// Where the sound that was given out has ended.
    end: u64,
    arrived: Instant,
    /// Whom the packet that came last was for. A talk-spurt has one scope.
    scope: Scope,
}

impl Hearing {
    /// Nobody speaks yet. `rate` in Hz is what voices are decoded to: 8, 12, 16, 24 or 48 kHz.
    /// At any other nothing is heard, and an error logged.
    pub fn new(rate: u32) -> Self {
        Self {
            rate,
            speakers: BTreeMap::new(),
            undecodable: 0,
        }
    }

    /// Takes a packet in and gives the sound that has become complete by it.
    pub fn handle_voice(&mut self, now: Instant, voice: Voice) -> Vec<Heard> {
        let duration = opus::packet_duration(&voice.opus);
        let end_alone = voice.opus.is_empty() && voice.last;
        let readable = duration.is_some() && voice.opus.len() <= LONGEST_PACKET;
        if !readable && !end_alone {
            self.undecodable += 1;
            return Vec::new();
        }
        let units = duration
            .unwrap_or_default()
            .as_millis()
            .div_ceil(UNIT.as_millis()) as u64;
        let rate = self.rate;
        let Some(stream) = self.stream(now, voice.speaker) else {
            return Vec::new();
        };
        stream.arrived = now;
        stream.scope = voice.scope;
        stream.jitter.insert(
            now,
            Packet {
                sequence: voice.sequence,
                units,
                data: voice.opus.into(),
                last: voice.last,
            },
        );
        let (heard, undecodable) = stream.play(now, voice.speaker, rate);
        self.undecodable += undecodable;
        heard
    }

    /// Gives the sound behind holes that have been waited for long enough.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Heard> {
        let mut all = Vec::new();
        for (&speaker, stream) in &mut self.speakers {
            if stream
                .jitter
                .deadline()
                .is_some_and(|deadline| deadline <= now)
            {
                let (heard, undecodable) = stream.play(now, speaker, self.rate);
                all.extend(heard);
                self.undecodable += undecodable;
            }
        }
        all
    }

    /// When [`Hearing::handle_timeout`] wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        self.speakers
            .values()
            .filter_map(|stream| stream.jitter.deadline())
            .min()
    }

    /// Forgets a speaker that left.
    pub fn forget(&mut self, speaker: SessionId) {
        self.speakers.remove(&speaker);
    }

    /// How many packets could not be decoded.
    pub fn undecodable(&self) -> u64 {
        self.undecodable
    }

    fn stream(&mut self, now: Instant, speaker: SessionId) -> Option<&mut Stream> {
        if !self.speakers.contains_key(&speaker) {
            if self.speakers.len() >= MOST_SPEAKERS {
                let silent = self
                    .speakers
                    .iter()
                    .min_by_key(|(_, stream)| stream.arrived);
                if let Some((&silent, _)) = silent {
                    self.speakers.remove(&silent);
                }
            }
            match Decoder::new(self.rate) {
                Ok(decoder) => {
                    let jitter = JitterBuffer::new();
                    self.speakers.insert(
                        speaker,
                        Stream {
                            jitter,
                            decoder,
                            units: 2,
                            end: 0,
                            arrived: now,
                            scope: Scope::Normal,
                        },
                    );
                }
                Err(error) => tracing::error!(%error, rate = self.rate, "no decoder for a speaker"),
            }
        }
        self.speakers.get_mut(&speaker)
    }
}

impl Stream {
    /// Decodes what is ready, and counts what cannot be decoded.
    fn play(&mut self, now: Instant, speaker: SessionId, rate: u32) -> (Vec<Heard>, u64) {
        let mut heard = Vec::new();
        let mut undecodable = 0;
        while let Some(playout) = self.jitter.poll(now) {
            let (sequence, samples, concealed, last) = match playout {
                Playout::Packet(packet) => {
                    let (samples, concealed) = self.packet(&packet, rate, &mut undecodable);
                    self.end = packet.sequence.saturating_add(packet.units);
                    (packet.sequence, samples, concealed, packet.last)
                }
                Playout::Lost { units, next } => {
                    let (samples, concealed) = self.hole(units, next.as_deref(), rate);
                    let sequence = self.end;
                    self.end = sequence.saturating_add(units);
                    (sequence, samples, concealed, false)
                }
            };
            if last {
                // The next talk-spurt has nothing to do with this one.
                self.decoder.reset();
            }
            if last || !samples.is_empty() {
                let pcm = Pcm::new(rate, samples);
                heard.push(Heard {
                    speaker,
                    scope: self.scope,
                    sequence,
                    pcm,
                    last,
                    concealed,
                    received: now,
                });
            }
        }
        (heard, undecodable)
    }

    /// Decodes a packet; what cannot be decoded is made up, for its time passes all the same.
    fn packet(
        &mut self,
        packet: &Packet,
        rate: u32,
        undecodable: &mut u64,
    ) -> (Vec<i16>, Duration) {
        if packet.data.is_empty() {
            return (Vec::new(), Duration::ZERO);
        }
        self.units = packet.units;
        match self.decoder.decode(&packet.data) {
            Ok(samples) => (samples, Duration::ZERO),
            Err(_) => {
                *undecodable += 1;
                self.hole(packet.units, None, rate)
            }
        }
    }

    /// Fills a hole: the last packet of it out of the one behind (FEC), what is before by
    /// continuing the voice (PLC), and silence in between where that would be too long.
    fn hole(&mut self, units: u64, next: Option<&[u8]>, rate: u32) -> (Vec<i16>, Duration) {
        let made_up = units.min(MOST_CONCEALED);
        let recovered = if next.is_some() {
            self.units.min(made_up)
        } else {
            0
        };
        let mut samples = Vec::with_capacity(samples_of(units, rate));
        let mut concealed = 0;
        for _ in 0..made_up - recovered {
            if let Ok(more) = self.decoder.conceal(samples_of(1, rate)) {
                samples.extend(more);
                concealed += 1;
            }
        }
        let behind = next.and_then(|next| {
            self.decoder
                .recover(next, samples_of(recovered, rate))
                .ok()
                .filter(|_| recovered > 0)
        });
        let end = behind.as_ref().map_or(0, Vec::len);
        samples.resize(samples_of(units, rate).saturating_sub(end), 0);
        if let Some(behind) = behind {
            samples.extend(behind);
            concealed += recovered;
        }
        (samples, UNIT * concealed as u32)
    }
}

/// Samples in a time of so many units.
fn samples_of(units: u64, rate: u32) -> usize {
    units as usize * rate as usize / 100
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use audio::{
        MUMBLE_HZ,
        jitter::{MAX_GAP, MAX_HELD},
        opus::Encoder,
    };
    use proptest::prelude::*;

    use super::*;

    const RATE: u32 = 16_000;
    const ANN: SessionId = SessionId(7);

    /// Packets of 20 ms of a tone; the last one is marked.
    fn talk(count: u64, first_sequence: u64) -> Vec<Voice> {
        let mut encoder = Encoder::new(40_000).unwrap();
        (0..count)
            .map(|n| {
                let tone = |at: u64| {
                    let phase = (n * 960 + at) as f32 * 220.0 * TAU / MUMBLE_HZ as f32;
                    (phase.sin() * 12_000.0) as i16
                };
                let frame: Vec<i16> = (0..960).map(tone).collect();
                Voice {
                    speaker: ANN,
                    scope: Scope::Normal,
                    sequence: first_sequence + 2 * n,
                    opus: encoder.encode(&frame).unwrap().into(),
                    last: n + 1 == count,
                }
            })
            .collect()
    }

    fn total(heard: &[Heard]) -> Duration {
        heard.iter().map(|heard| heard.pcm.duration()).sum()
    }

    fn loudness(pcm: &Pcm) -> f64 {
        let power: f64 = pcm.samples().iter().map(|&s| f64::from(s).powi(2)).sum();
        (power / pcm.len().max(1) as f64).sqrt()
    }

    #[test]
    fn a_packet_in_order_is_heard_at_once() {
        let mut hearing = Hearing::new(RATE);
        let now = Instant::now();
        for voice in talk(10, 100) {
            let last = voice.last;
            let heard = hearing.handle_voice(now, voice);
            assert_eq!(heard.len(), 1);
            assert_eq!(heard[0].pcm.duration(), Duration::from_millis(20));
            assert_eq!((heard[0].last, heard[0].concealed), (last, Duration::ZERO));
        }
        assert_eq!(hearing.deadline(), None);
    }

    #[test]
    fn a_lost_packet_is_filled_from_the_one_behind() {
        let mut hearing = Hearing::new(RATE);
        let now = Instant::now();
        let mut heard = Vec::new();
        for (n, voice) in talk(10, 0).into_iter().enumerate() {
            if n != 5 {
                heard.extend(hearing.handle_voice(now, voice));
            }
        }
        let later = hearing.deadline().expect("a hole is waited for");
        heard.extend(hearing.handle_timeout(later));
        assert_eq!(total(&heard), Duration::from_millis(200));
        let filled: Vec<&Heard> = heard
            .iter()
            .filter(|heard| !heard.concealed.is_zero())
            .collect();
        assert_eq!(filled.len(), 1);
        assert_eq!(filled[0].concealed, Duration::from_millis(20));
        assert!(
            loudness(&filled[0].pcm) > 3000.0,
            "the tone goes on: {}",
            loudness(&filled[0].pcm)
        );
        assert!(heard.last().is_some_and(|heard| heard.last));
    }

    #[test]
    fn a_long_hole_is_mostly_silence_and_keeps_its_time() {
        let mut hearing = Hearing::new(RATE);
        let now = Instant::now();
        let voices = talk(40, 0);
        let mut heard = Vec::new();
        for voice in voices[..10].iter().chain(&voices[35..]) {
            heard.extend(hearing.handle_voice(now, voice.clone()));
        }
        let later = hearing.deadline().expect("a hole is waited for");
        heard.extend(hearing.handle_timeout(later));
        assert_eq!(total(&heard), Duration::from_millis(800));
        let concealed: Duration = heard.iter().map(|heard| heard.concealed).sum();
        assert_eq!(concealed, Duration::from_millis(100));
    }

    #[test]
    fn every_packet_length_keeps_its_time_and_its_place() {
        let now = Instant::now();
        for units in [1_u64, 2, 4, 6] {
            let mut hearing = Hearing::new(RATE);
            let mut encoder = Encoder::new(40_000).unwrap();
            let frame = vec![3000; 480 * units as usize];
            let mut heard = Vec::new();
            for n in (0..10).filter(|n| *n != 4) {
                let opus = encoder.encode(&frame).unwrap().into();
                let voice = Voice {
                    speaker: ANN,
                    scope: Scope::Normal,
                    sequence: n * units,
                    opus,
                    last: n == 9,
                };
                heard.extend(hearing.handle_voice(now, voice));
            }
            let later = hearing.deadline().expect("a hole is waited for");
            heard.extend(hearing.handle_timeout(later));
            assert_eq!(total(&heard), UNIT * 10 * units as u32, "{units}");
            let concealed: Duration = heard.iter().map(|heard| heard.concealed).sum();
            assert_eq!(concealed, UNIT * units as u32, "{units}");
        }
    }

    #[test]
    fn an_empty_last_packet_is_the_end_of_the_talk() {
        let mut hearing = Hearing::new(RATE);
        let now = Instant::now();
        let mut voices = talk(3, 0);
        voices[2].opus = bytes::Bytes::new();
        let heard: Vec<Heard> = voices
            .into_iter()
            .flat_map(|voice| hearing.handle_voice(now, voice))
            .collect();
        assert_eq!(heard.len(), 3);
        assert!(heard[2].last && heard[2].pcm.is_empty());
    }

    #[test]
    fn a_new_talk_is_heard_wherever_its_numbers_begin() {
        let mut hearing = Hearing::new(RATE);
        let now = Instant::now();
        for first in [0, 10_000, 50] {
            let heard: Vec<Heard> = talk(5, first)
                .into_iter()
                .flat_map(|voice| hearing.handle_voice(now, voice))
                .collect();
            assert_eq!(total(&heard), Duration::from_millis(100), "from {first}");
        }
    }

    #[test]
    fn speakers_do_not_disturb_each_other() {
        let mut hearing = Hearing::new(RATE);
        let now = Instant::now();
        for mut voice in talk(6, 0) {
            for speaker in [1, 2, 3] {
                voice.speaker = SessionId(speaker);
                let heard = hearing.handle_voice(now, voice.clone());
                assert_eq!((heard.len(), heard[0].speaker), (1, voice.speaker));
            }
        }
    }

    #[test]
    fn invented_speakers_take_a_bounded_room() {
        let mut hearing = Hearing::new(RATE);
        let now = Instant::now();
        let voice = talk(1, 0).remove(0);
        for speaker in 0..1000 {
            let voice = Voice {
                speaker: SessionId(speaker),
                ..voice.clone()
            };
            hearing.handle_voice(now, voice);
        }
        assert_eq!(hearing.speakers.len(), MOST_SPEAKERS);
    }

    #[test]
    fn a_packet_longer_than_any_server_sends_is_not_kept() {
        let mut hearing = Hearing::new(RATE);
        let mut voice = talk(1, 0).remove(0);
        voice.opus = [&voice.opus[..], &[0; LONGEST_PACKET]].concat().into();
        assert!(hearing.handle_voice(Instant::now(), voice).is_empty());
        assert_eq!((hearing.undecodable(), hearing.speakers.len()), (1, 0));
    }

    #[test]
    fn every_piece_tells_its_place_also_one_that_was_made_up() {
        let mut hearing = Hearing::new(RATE);
        let now = Instant::now();
        let mut heard = Vec::new();
        for (n, voice) in talk(10, 40).into_iter().enumerate() {
            if n != 5 {
                heard.extend(hearing.handle_voice(now, voice));
            }
        }
        let later = hearing.deadline().expect("a hole is waited for");
        heard.extend(hearing.handle_timeout(later));
        let places: Vec<u64> = heard.iter().map(|heard| heard.sequence).collect();
        assert_eq!(places, (0..10).map(|n| 40 + 2 * n).collect::<Vec<u64>>());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_packets_make_it_panic(
            packets in prop::collection::vec(
                (0_u32..4, prop_oneof![0_u64..200, any::<u64>()], prop::collection::vec(any::<u8>(), 0..40), any::<bool>(), 0_u64..100),
                0..60,
            ),
        ) {
            let mut hearing = Hearing::new(RATE);
            let mut now = Instant::now();
            for (speaker, sequence, opus, last, pause) in packets {
                now += Duration::from_millis(pause);
                hearing.handle_voice(now, Voice { speaker: SessionId(speaker), scope: Scope::Normal, sequence, opus: opus.into(), last });
                hearing.handle_timeout(now);
            }
        }

        #[test]
        fn a_flood_of_speakers_takes_bounded_room_and_gives_bounded_sound(
            packets in prop::collection::vec((0_u32..400, 0_u64..3000, 1_usize..200, 0_u64..5), 1..600),
        ) {
            // A packet at most gives up what was held back: each piece of that, and the hole
            // before it.
            let most = (MAX_HELD as u64 + 1) * (MAX_GAP + 12);
            let mut hearing = Hearing::new(RATE);
            let mut now = Instant::now();
            for (speaker, sequence, length, pause) in packets {
                now += Duration::from_millis(pause);
                let opus = vec![0x48; length].into();
                let heard = hearing.handle_voice(now, Voice { speaker: SessionId(speaker), scope: Scope::Normal, sequence, opus, last: false });
                prop_assert!(total(&heard) <= UNIT * most as u32);
                prop_assert!(hearing.speakers.len() <= MOST_SPEAKERS);
                hearing.handle_timeout(now);
            }
        }
    }
}
