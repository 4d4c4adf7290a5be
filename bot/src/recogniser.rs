//! Writing down: the recogniser with its deadline, and which of its answers are words.

use std::sync::Arc;
use std::time::Duration;

use audio::Pcm;
use speech::stt::{Hints, Stt, SttError, Transcript};
use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tokio::time::timeout;

/// Requests to the recogniser under way at once. Most recognisers work through requests one after
/// another, so more would only make each other late.
const REQUESTS_AT_ONCE: usize = 2;

/// A recogniser may be sure that nobody spoke; above this probability it is believed.
const NOBODY_SPOKE: f32 = 0.8;

/// The recogniser with its hints and deadline.
#[derive(Clone, Debug)]
pub(crate) struct Recogniser {
    stt: Arc<dyn Stt>,
    hints: Hints,
    deadline: Duration,
    places: Arc<Semaphore>,
}

impl Recogniser {
    /// Recognises with `stt`, within `deadline` plus half of the utterance's length.
    pub(crate) fn new(stt: Arc<dyn Stt>, hints: Hints, deadline: Duration) -> Self {
        Self {
            stt,
            hints,
            deadline,
            places: Arc::new(Semaphore::new(REQUESTS_AT_ONCE)),
        }
    }

    /// Transcribes `sound`, which is mono at 16 kHz.
    ///
    /// # Errors
    /// When the server fails, or takes longer than the deadline.
    pub(crate) async fn transcribe(&self, sound: Pcm) -> Result<Transcript, EarError> {
        let deadline = self.deadline + sound.duration() / 2;
        let work = async {
            let _place = self.places.acquire().await.map_err(|_| EarError::CutOff)?;
            Ok(speech::stt::final_transcript(self.stt.transcribe(sound, &self.hints)).await?)
        };
        timeout(deadline, work)
            .await
            .map_err(|_| EarError::Late(deadline))?
    }

    /// Whether a request would begin at once.
    pub(crate) fn has_room(&self) -> bool {
        self.places.available_permits() > 0
    }
}

/// Why a turn could not be written down.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EarError {
    /// The recogniser's server failed.
    #[error(transparent)]
    Stt(#[from] SttError),
    /// It took too long.
    #[error(
        "the recogniser did not answer within {0:?}; a smaller model or a larger deadline helps"
    )]
    Late(Duration),
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
