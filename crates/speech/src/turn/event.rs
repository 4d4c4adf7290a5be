//! What is told of a speaker, and the settings that decide it.

use std::time::{Duration, Instant};

use audio::Pcm;
#[cfg(doc)]
use audio::SPEECH_HZ;

/// When a turn ends, and what counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Silence that ends a turn. Default 600 ms.
    pub silence: Duration,
    /// Silence after which a first transcript is worth while. Default 200 ms.
    pub pause: Duration,
    /// The longest turn; who goes on is cut at a quiet point and begins the next one. Default
    /// 30 s, at least 1 s.
    pub max: Duration,
    /// How long a speaker may take to go on after the release of the talk key. Default zero: the
    /// turn ends at once. A client in voice activity mode marks every short pause as a release,
    /// so for such speakers a few hundred ms keep a sentence together.
    pub after_release: Duration,
    /// Voice in a turn that is not noise. Default 160 ms: the shortest words are longer.
    pub min_voiced: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            silence: Duration::from_millis(600),
            pause: Duration::from_millis(200),
            max: Duration::from_secs(30),
            after_release: Duration::ZERO,
            min_voiced: Duration::from_millis(160),
        }
    }
}

/// What a speaker does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// They began to speak, about 100 ms ago. Said early so that an answer can be stopped.
    Started,
    /// They are silent for a moment: the turn so far is worth a first transcript.
    Paused {
        /// Names this state of the turn.
        revision: u64,
        /// The turn so far, as in [`Turn::pcm`].
        pcm: Pcm,
    },
    /// They go on: what was paused is not the whole turn.
    Resumed,
    /// The turn is over.
    Ended(Turn),
    /// It was no turn after all.
    Discarded(Discard),
}

/// Something somebody said, from beginning to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Names the turn's content: a [`Event::Paused`] of the same revision had the same `pcm`.
    pub revision: u64,
    /// The sound at [`SPEECH_HZ`], from 200 ms before the first voice to 100 ms after the last.
    pub pcm: Pcm,
    /// How much of it is voice.
    pub voiced: Duration,
    /// What ended it.
    pub reason: Reason,
    /// When the first voice arrived.
    pub began: Instant,
    /// When the last voice arrived.
    pub last_voice: Instant,
    /// When the turn was known to be over.
    pub ended: Instant,
}

/// What ends a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The talk key was released.
    Released,
    /// The speaker was silent for long enough.
    Silence,
    /// The turn reached its maximum; the speaker may go on in the next one.
    TooLong,
}

/// Why there is no turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    /// Less voice than any word has: a click, a cough, a breath.
    TooShort,
    /// The talk key was held and released without any voice. No [`Event::Started`] came while it
    /// was held.
    NoVoice,
}
