//! What the scores of the latest frames together say: does somebody begin to speak, or go on?

use crate::vad::{Detect, FRAME};

/// Score from which a frame counts as voiced; earshot's own recommendation.
const VOICED: f32 = 0.5;

/// Frames that are looked at for the beginning of speech: 96 ms.
pub(super) const ONSET_WINDOW: usize = 6;

/// How many of them must be voiced.
const ONSET_VOICED: usize = 4;

/// How much the scores of these frames must exceed [`VOICED`] in sum. Clear speech reaches this
/// after 50 to 110 ms; white noise of up to -15 dBFS stays below 0.5.
const ONSET_EXCESS: f32 = 0.6;

/// Speech goes on when [`ONGOING_VOICED`] of these latest frames are voiced. A single voiced
/// frame is a click: it must neither keep a turn open nor spoil a draft.
const ONGOING_WINDOW: usize = 5;
const ONGOING_VOICED: usize = 3;

/// A detector with its latest scores.
#[derive(Debug)]
pub(super) struct Evidence<D> {
    detector: D,
    /// The newest first.
    latest: [f32; ONSET_WINDOW],
}

/// What a new frame means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The frame holds a voice, or sounds like one.
    pub(super) voiced: bool,
    /// Together with the frames before it, it begins speech.
    pub(super) starts: bool,
    /// Together with the frames before it, it continues speech.
    pub(super) goes_on: bool,
}

impl<D: Detect> Evidence<D> {
    pub(super) fn new(detector: D) -> Self {
        Self {
            detector,
            latest: [0.0; ONSET_WINDOW],
        }
    }

    /// Weighs the next frame.
    pub(super) fn weigh(&mut self, frame: &[i16; FRAME]) -> Verdict {
        self.latest.rotate_right(1);
        self.latest[0] = self.detector.score(frame);
        let voiced = self.latest[0] >= VOICED;
        let votes = |window| {
            self.latest
                .iter()
                .take(window)
                .filter(|s| **s >= VOICED)
                .count()
        };
        let excess: f32 = self
            .latest
            .iter()
            .map(|score| (score - VOICED).max(0.0))
            .sum();
        Verdict {
            voiced,
            starts: voiced && votes(ONSET_WINDOW) >= ONSET_VOICED && excess >= ONSET_EXCESS,
            goes_on: voiced && votes(ONGOING_WINDOW) >= ONGOING_VOICED,
        }
    }

    /// A turn is over: its frames are no evidence for the next one.
    pub(super) fn close(&mut self) {
        self.latest = [0.0; ONSET_WINDOW];
    }

    /// Other sound follows, which does not continue what was heard.
    pub(super) fn reset(&mut self) {
        self.close();
        self.detector.reset();
    }
}
