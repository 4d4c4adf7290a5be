//! What the people in the Mumble channel say, as the one piece of sound that the phone gets next.
//!
//! Each speaker's sound comes in pieces at the pace of that speaker's own clock and of the network
//! between; the phone takes 20 ms every 20 ms. A short store for each speaker evens this out, and
//! is kept short by slips that nobody hears ([`crate::playout::fit`]).

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;

use audio::mix::Mixer;
use mumble::SessionId;

use crate::playout::fit;

/// So much of a speaker is stored before it is played: the unevenness of a good network and of a
/// sender's 20 ms packets.
pub const DEPTH: Duration = Duration::from_millis(40);

/// Stored beyond this the oldest is dropped: the phone would be ever later.
const MOST: Duration = Duration::from_millis(240);

/// Over this long the least that is stored is watched: what never is needed is too much.
const WATCHED: Duration = Duration::from_secs(1);

/// As many speak at once at most; one more is not heard until somebody has ended.
const MOST_VOICES: usize = 64;

/// The stores of all who speak.
#[derive(Debug)]
pub struct Voices {
    rate: u32,
    voices: BTreeMap<SessionId, Voice>,
    mixer: Mixer,
    dropped: u64,
}

#[derive(Debug, Default)]
struct Voice {
    stored: VecDeque<i16>,
    playing: bool,
    /// Nothing more follows for now.
    ended: bool,
    /// The least that was stored after a piece was taken, since it was last looked at.
    least: usize,
    watched: usize,
}

impl Voices {
    /// Nobody speaks yet; all sound is at `rate` Hz.
    pub fn new(rate: u32) -> Self {
        Self {
            rate: rate.max(1000),
            voices: BTreeMap::new(),
            mixer: Mixer::default(),
            dropped: 0,
        }
    }

    /// Takes the next piece of a speaker; `last` when the speaker has released the talk key.
    pub fn heard(&mut self, speaker: SessionId, pcm: &[i16], last: bool) {
        let (depth, most) = (self.samples(DEPTH), self.samples(MOST));
        if !self.voices.contains_key(&speaker) && self.voices.len() >= MOST_VOICES {
            self.dropped += 1;
            return;
        }
        let voice = self.voices.entry(speaker).or_default();
        voice.stored.extend(pcm);
        voice.ended = last;
        let surplus = voice.stored.len().saturating_sub(most);
        if surplus > 0 {
            voice.stored.drain(..voice.stored.len() - depth);
            self.dropped += 1;
        }
    }

    /// Forgets a speaker who has left.
    pub fn forget(&mut self, speaker: SessionId) {
        self.voices.remove(&speaker);
    }

    /// Forgets everybody: the connection is another one.
    pub fn clear(&mut self) {
        self.voices.clear();
    }

    /// How often something was dropped because too much was there.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The next `samples` of all together; `None` while nobody speaks.
    pub fn mix(&mut self, samples: usize) -> Option<Vec<i16>> {
        let (depth, watched) = (self.samples(DEPTH), self.samples(WATCHED));
        let rate = self.rate;
        let voices = self.voices.values_mut();
        let pieces = voices.filter_map(|voice| voice.next(samples, depth, watched, rate));
        let mixed = self.mixer.mix(pieces, samples);
        self.voices
            .retain(|_, voice| !(voice.ended && voice.stored.is_empty()));
        mixed
    }

    fn samples(&self, time: Duration) -> usize {
        (time.as_millis() as usize) * self.rate as usize / 1000
    }
}

impl Voice {
    fn next(
        &mut self,
        samples: usize,
        depth: usize,
        watched: usize,
        rate: u32,
    ) -> Option<Vec<i16>> {
        if !self.playing {
            let is_all = self.ended && !self.stored.is_empty();
            if self.stored.len() < depth && !is_all {
                return None;
            }
            self.playing = true;
            (self.least, self.watched) = (usize::MAX, 0);
        }
        let slip = fit::slip(rate);
        let too_deep = self.watched >= watched && self.least > depth && self.least != usize::MAX;
        if self.watched >= watched {
            self.watched = 0;
            if !too_deep {
                self.least = usize::MAX;
            }
        }
        let wanted = if too_deep { samples + slip } else { samples };
        let taken = wanted.min(self.stored.len());
        let mut piece: Vec<i16> = self.stored.drain(..taken).collect();
        if too_deep && taken == wanted {
            fit::shorten(&mut piece, slip);
            // Once in each piece until nothing is left over.
            self.watched = if self.least > depth + slip {
                watched
            } else {
                0
            };
            self.least = self.least.saturating_sub(slip);
        } else {
            self.least = self.least.min(self.stored.len());
            self.watched += taken;
        }
        if piece.len() < samples {
            // Nothing more is there: it begins again like any other when something comes.
            self.playing = false;
            fade_out(&mut piece);
        }
        piece.resize(samples, 0);
        Some(piece)
    }
}

/// The last 5 ms of sound that breaks off go to nothing: a step would be heard as a click.
fn fade_out(piece: &mut [i16]) {
    let length = piece.len().min(piece.len() / 4 + 1);
    let from = piece.len() - length;
    let steps = length as i32 + 1;
    for (n, sample) in piece.iter_mut().skip(from).enumerate() {
        *sample = (i32::from(*sample) * (steps - 1 - n as i32) / steps) as i16;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: u32 = 8000;
    const TICK: usize = 160;
    const ALICE: SessionId = SessionId(1);
    const BOB: SessionId = SessionId(2);

    #[test]
    fn nobody_is_none() {
        assert_eq!(Voices::new(RATE).mix(TICK), None);
    }

    #[test]
    fn two_voices_are_one_sound() {
        let mut voices = Voices::new(RATE);
        for _ in 0..2 {
            voices.heard(ALICE, &[100; TICK], false);
            voices.heard(BOB, &[20; TICK], false);
        }
        assert_eq!(voices.mix(TICK), Some(vec![120; TICK]));
    }

    #[test]
    fn a_voice_waits_until_enough_of_it_is_there_or_it_has_ended() {
        let mut voices = Voices::new(RATE);
        voices.heard(ALICE, &[100; TICK], false);
        assert_eq!(voices.mix(TICK), None, "half of what is to be stored");
        voices.heard(ALICE, &[], true);
        assert_eq!(voices.mix(TICK), Some(vec![100; TICK]));
        assert_eq!(voices.mix(TICK), None, "it has ended");
    }

    #[test]
    fn one_who_stops_sending_is_no_noise_and_comes_back() {
        let mut voices = Voices::new(RATE);
        voices.heard(ALICE, &[1000; TICK * 2 + 40], false);
        voices.mix(TICK);
        voices.mix(TICK);
        let last = voices.mix(TICK).unwrap();
        assert!(last[40..].iter().all(|&sample| sample == 0));
        assert_eq!(voices.mix(TICK), None);
        voices.heard(ALICE, &[1000; TICK * 2], false);
        assert_eq!(voices.mix(TICK), Some(vec![1000; TICK]));
    }

    #[test]
    fn what_is_stored_for_nothing_goes_away() {
        // Five pieces lie stored although pieces come as evenly as they are taken.
        let mut voices = Voices::new(RATE);
        voices.heard(ALICE, &[1; TICK * 5], false);
        for _ in 0..2000 {
            voices.mix(TICK);
            voices.heard(ALICE, &[1; TICK], false);
        }
        let stored = voices.voices[&ALICE].stored.len();
        assert!(stored <= TICK * 3 + 8, "{stored} samples are still stored");
    }

    #[test]
    fn a_speaker_whose_clock_is_fast_is_never_cut() {
        // 400 ppm: one sample more in each 2,500.
        let mut voices = Voices::new(RATE);
        let mut owed = 0.0;
        voices.heard(ALICE, &[1; TICK * 2], false);
        for _ in 0..20_000 {
            owed += TICK as f64 * 400e-6;
            let extra = owed as usize;
            owed -= extra as f64;
            voices.heard(ALICE, &vec![1; TICK + extra], false);
            assert!(voices.mix(TICK).is_some());
        }
        assert_eq!(voices.dropped(), 0);
    }

    #[test]
    fn a_flood_is_dropped_oldest_first() {
        let mut voices = Voices::new(RATE);
        voices.heard(ALICE, &[1; 8000], false);
        voices.heard(ALICE, &[2; TICK], false);
        assert_eq!(voices.dropped(), 1);
        assert!(voices.voices[&ALICE].stored.len() <= TICK * 4);
    }

    proptest! {
        #[test]
        fn whatever_comes_a_piece_is_as_long_as_asked(
            pieces in prop::collection::vec((0_u32..3, 0_usize..900, any::<bool>()), 0..60),
        ) {
            let mut voices = Voices::new(RATE);
            for (speaker, length, last) in pieces {
                voices.heard(SessionId(speaker), &vec![i16::MAX; length], last);
                if let Some(piece) = voices.mix(TICK) {
                    prop_assert_eq!(piece.len(), TICK);
                }
                for voice in voices.voices.values() {
                    prop_assert!(voice.stored.len() <= 240 * 8);
                }
            }
        }
    }
}
