//! Writing down: the recogniser with its hints, and which of its answers are words.

use audio::Pcm;
use speech::stt::{Hints, Stt as _, SttError, Transcript};
use tokio::task::JoinError;

use crate::guard::GuardedStt;

/// A recogniser may be sure that nobody spoke; above this probability it is believed.
const NOBODY_SPOKE: f32 = 0.8;

/// The recogniser with its hints.
#[derive(Clone, Debug)]
pub(crate) struct Recogniser {
    stt: GuardedStt,
    hints: Hints,
}

impl Recogniser {
    /// Recognises with `stt`.
    pub(crate) fn new(stt: GuardedStt, hints: Hints) -> Self {
        Self { stt, hints }
    }

    /// Other hints, for what is transcribed from now on.
    pub(crate) fn hint(&mut self, hints: Hints) {
        self.hints = hints;
    }

    /// Transcribes `sound`, which is mono at 16 kHz.
    ///
    /// # Errors
    /// When no server gives one in time.
    pub(crate) async fn transcribe(&self, sound: Pcm) -> Result<Transcript, EarError> {
        Ok(speech::stt::final_transcript(self.stt.transcribe(sound, &self.hints)).await?)
    }

    /// Whether a request would begin at once.
    pub(crate) fn has_room(&self) -> bool {
        self.stt.has_room()
    }
}

/// Why a turn could not be written down.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EarError {
    /// The recogniser failed, was late, or was not asked.
    #[error(transparent)]
    Stt(#[from] SttError),
    /// The task was ended from outside, which happens when the program ends.
    #[error("recognition was cut off")]
    CutOff,
    /// It panicked.
    #[error("recognition broke down; this is a fault of the program")]
    Broken,
}

impl From<JoinError> for EarError {
    fn from(error: JoinError) -> Self {
        if error.is_panic() {
            Self::Broken
        } else {
            Self::CutOff
        }
    }
}

/// The words of a transcript, or `None` when nobody really spoke.
pub(crate) fn words(transcript: Transcript) -> Option<String> {
    if transcript.no_speech.is_some_and(|p| p > NOBODY_SPOKE) {
        return None;
    }
    let text = without_annotations(&transcript.text);
    text.chars()
        .any(char::is_alphanumeric)
        .then(|| text.trim().to_owned())
}

/// Recognisers describe sounds in brackets: "[BLANK_AUDIO]", "(wind blowing)", "*coughs*".
fn without_annotations(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut closing = None;
    for c in text.chars() {
        match closing {
            Some(end) if c == end => closing = None,
            Some(_) => {}
            None => match c {
                '[' => closing = Some(']'),
                '(' => closing = Some(')'),
                '*' => closing = Some('*'),
                c => kept.push(c),
            },
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<String> {
        words(Transcript {
            text: text.to_owned(),
            ..Transcript::default()
        })
    }

    #[test]
    fn descriptions_of_noise_are_not_words() {
        for noise in [
            "",
            " ",
            "...",
            "[BLANK_AUDIO]",
            " (wind blowing) ",
            "*coughs*",
            "♪",
        ] {
            assert_eq!(said(noise), None, "{noise}");
        }
        assert_eq!(
            said(" Hello [noise] there. ").as_deref(),
            Some("Hello  there.")
        );
    }

    #[test]
    fn a_recogniser_that_heard_nobody_is_believed() {
        let sure = Transcript {
            text: "Thank you.".to_owned(),
            no_speech: Some(0.9),
            ..Transcript::default()
        };
        assert_eq!(words(sure), None);
    }
}
