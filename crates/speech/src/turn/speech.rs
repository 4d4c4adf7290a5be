//! The sound of a turn under way: where it begins, where its silence is cut off, where it can be
//! cut in two.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use audio::{Pcm, SPEECH_HZ};

use super::evidence::ONSET_WINDOW;
use crate::vad::FRAME;

/// Length of one frame.
pub(super) const FRAME_TIME: Duration =
    Duration::from_millis(FRAME as u64 * 1_000 / SPEECH_HZ as u64);

/// Frames kept from before the first voiced one, 208 ms: soft consonants come before the voice.
pub(super) const PRE_ROLL: usize = 13;

/// Frames kept after the last voiced one, 96 ms: a word's end dies away. Less than any pause, so
/// that it has been heard when a draft is made.
const TAIL: usize = 6;

/// How far back the quietest point is looked for when a turn is cut, in frames: 3 s.
const CUT_SEARCH: usize = 187;

/// Frames over which quietness is measured: a plosive's gap is shorter than these 80 ms.
const CUT_WINDOW: usize = 5;

/// A turn under way.
#[derive(Debug, Default)]
pub(super) struct Speech {
    pub(super) frames: Vec<Frame>,
    /// Number of frames up to the last one with speech.
    pub(super) speech_end: usize,
    /// Where the sound ended that [`super::Event::Paused`] gave, if nothing was said since.
    pub(super) draft_end: Option<usize>,
}

pub(super) struct Frame {
    pub(super) samples: [i16; FRAME],
    pub(super) voiced: bool,
    pub(super) arrived: Instant,
}

impl Speech {
    /// Takes the turn's beginning out of the latest frames, of which the last ones are voiced.
    pub(super) fn begin(recent: &mut VecDeque<Frame>) -> Self {
        let onset = recent.len().saturating_sub(ONSET_WINDOW);
        let first = recent
            .iter()
            .skip(onset)
            .position(|frame| frame.voiced)
            .unwrap_or_default();
        recent.drain(..(onset + first).saturating_sub(PRE_ROLL));
        let frames: Vec<_> = recent.drain(..).collect();
        Self {
            speech_end: frames.len(),
            frames,
            draft_end: None,
        }
    }

    /// Frames of silence at the end, in time.
    pub(super) fn silence(&self) -> Duration {
        FRAME_TIME * (self.frames.len() - self.speech_end) as u32
    }

    /// Where the silence at the end is cut off.
    pub(super) fn trimmed_end(&self) -> usize {
        (self.speech_end + TAIL).min(self.frames.len())
    }

    pub(super) fn pcm(&self, end: usize) -> Pcm {
        let frames = self.frames[..end].iter();
        Pcm::new(SPEECH_HZ, frames.flat_map(|frame| frame.samples).collect())
    }

    pub(super) fn voiced(&self, end: usize) -> Duration {
        FRAME_TIME
            * self.frames[..end]
                .iter()
                .filter(|frame| frame.voiced)
                .count() as u32
    }

    /// Keeps what was said before the quietest of the latest moments and gives what was said
    /// after it, if there was anything.
    pub(super) fn cut_at_quietest(&mut self) -> Option<Self> {
        let loudness: Vec<u32> = self.frames.iter().map(Frame::loudness).collect();
        let earliest = loudness.len().saturating_sub(CUT_SEARCH);
        // Of moments that are equally quiet, the latest.
        let starts = (0..(loudness.len() - earliest).checked_sub(CUT_WINDOW)?).rev();
        let quietest = starts.min_by_key(|&start| {
            let window = &loudness[earliest + start..][..CUT_WINDOW];
            window.iter().sum::<u32>()
        })?;
        let cut = earliest + quietest + CUT_WINDOW / 2;
        let rest = Self {
            frames: self.frames.split_off(cut),
            speech_end: self.speech_end.saturating_sub(cut),
            draft_end: None,
        };
        let last_voiced = self.frames.iter().rposition(|frame| frame.voiced);
        self.speech_end = last_voiced.map_or(0, |last| last + 1);
        (rest.speech_end > 0).then_some(rest)
    }
}

impl Frame {
    fn loudness(&self) -> u32 {
        let sum: u32 = self
            .samples
            .iter()
            .map(|sample| u32::from(sample.unsigned_abs()))
            .sum();
        sum / FRAME as u32
    }
}

/// Shows what was decided about the frame, not its sound.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.voiced {
            "Frame(voiced)"
        } else {
            "Frame(unvoiced)"
        })
    }
}
