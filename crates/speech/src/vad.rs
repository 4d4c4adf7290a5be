//! Is there a voice? Scores sound in frames of 16 ms by a small neural network (earshot).

use std::fmt;

use earshot::{DefaultPredictor, Detector};

/// Samples of one frame at 16 kHz: 16 ms.
pub const FRAME: usize = 256;

/// Something that says how likely a frame holds a voice.
pub trait Detect: Send + fmt::Debug {
    /// How likely there is a voice in the next frame, 0 to 1.
    fn score(&mut self, frame: &[i16; FRAME]) -> f32;

    /// Forgets the sound so far: the next frame does not follow it.
    fn reset(&mut self);
}

/// Loudness of the faint room that the detector hears beneath every sound: noise of up to ±30,
/// which is -65 dBFS.
///
/// The network judges sound against what it heard before. After digital silence, which comes
/// from closed gates and from gaps filled with nothing, it takes the noise of an ordinary room
/// for a voice for seconds; above a faint room it does not, and finds voices just as early.
const ROOM: i32 = 30;

/// Frames of the faint room that are heard before the first sound: 320 ms.
const ROOM_FRAMES: usize = 20;

/// The detector of one speaker. A frame takes some ten microseconds.
pub struct Vad {
    // 8 kB, too much to be moved about.
    detector: Box<Detector<DefaultPredictor>>,
    noise: u64,
}

impl Vad {
    fn hear_the_room(&mut self) {
        for _ in 0..ROOM_FRAMES {
            self.score(&[0; FRAME]);
        }
    }
}

impl Default for Vad {
    fn default() -> Self {
        let mut vad = Self {
            detector: Detector::default_boxed(),
            noise: 1,
        };
        vad.hear_the_room();
        vad
    }
}

impl Detect for Vad {
    fn score(&mut self, frame: &[i16; FRAME]) -> f32 {
        let heard = frame.map(|sample| sample.saturating_add(room(&mut self.noise)));
        self.detector.predict_i16(&heard)
    }

    fn reset(&mut self) {
        self.detector.reset();
        self.noise = 1;
        self.hear_the_room();
    }
}

impl fmt::Debug for Vad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vad")
    }
}

/// The next sample of the faint room: the same for everybody, so that turns are repeatable.
/// (The multiplier is that of Knuth's MMIX; its upper bits are even noise.)
fn room(state: &mut u64) -> i16 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    let even = (*state >> 48) as i32 - (1 << 15);
    (even * ROOM / (1 << 15)) as i16
}

/// Cuts a stream of samples into frames, whatever the size of its chunks. Buffers less than one
/// frame.
#[derive(Default)]
pub struct Frames {
    pending: Vec<i16>,
}

impl Frames {
    /// Takes the next samples and gives the frames that they complete.
    pub fn push(&mut self, samples: &[i16]) -> Vec<[i16; FRAME]> {
        self.pending.extend_from_slice(samples);
        let (whole, rest) = self.pending.as_chunks::<FRAME>();
        let (whole, rest) = (whole.to_vec(), rest.to_vec());
        self.pending = rest;
        whole
    }

    /// Samples that wait for their frame to be complete.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The last frame, filled up with silence; `None` when nothing is pending.
    pub fn flush(&mut self) -> Option<[i16; FRAME]> {
        if self.pending.is_empty() {
            return None;
        }
        let mut frame = [0; FRAME];
        frame[..self.pending.len()].copy_from_slice(&self.pending);
        self.pending.clear();
        Some(frame)
    }
}

/// Shows how much is pending, not what.
impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frames({} pending)", self.pending.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn silence_is_no_voice() {
        let mut vad = Vad::default();
        assert!((0..200).all(|_| vad.score(&[0; FRAME]) < 0.5));
    }

    #[test]
    fn a_reset_detector_has_forgotten_everything() {
        let mut vad = Vad::default();
        let loud = std::array::from_fn(|i| if i % 130 == 0 { 30_000 } else { -200 });
        let first: Vec<_> = (0..20).map(|_| vad.score(&loud)).collect();
        vad.reset();
        let second: Vec<_> = (0..20).map(|_| vad.score(&loud)).collect();
        assert_eq!(first, second);
    }

    proptest! {
        #[test]
        fn any_sound_has_a_score(samples in prop::collection::vec(any::<i16>(), FRAME)) {
            let score = Vad::default().score(&samples.try_into().unwrap());
            prop_assert!((0.0..=1.0).contains(&score), "{}", score);
        }

        #[test]
        fn frames_keep_every_sample(chunks in prop::collection::vec(0_usize..700, 0..10)) {
            let mut frames = Frames::default();
            let (mut given, mut counter) = (Vec::new(), 0);
            for chunk in chunks {
                let samples: Vec<i16> = (0..chunk).map(|_| { counter += 1; counter }).collect();
                given.extend(frames.push(&samples).into_iter().flatten());
                prop_assert!(frames.pending() < FRAME);
            }
            given.extend(frames.flush().into_iter().flatten());
            given.truncate(counter as usize);
            prop_assert_eq!(given, (1..=counter).collect::<Vec<_>>());
        }
    }
}
