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

/// The detector of one speaker. A frame takes some ten microseconds.
pub struct Vad {
    // 8 kB, too much to be moved about.
    detector: Box<Detector<DefaultPredictor>>,
}

impl Default for Vad {
    fn default() -> Self {
        Self {
            detector: Detector::default_boxed(),
        }
    }
}

impl Detect for Vad {
    fn score(&mut self, frame: &[i16; FRAME]) -> f32 {
        self.detector.predict_i16(frame)
    }

    fn reset(&mut self) {
        self.detector.reset();
    }
}

impl fmt::Debug for Vad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vad")
    }
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
