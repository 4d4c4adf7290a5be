//! Makes the prepared sentences in the configured voice, when nobody needs that voice.

use std::sync::Arc;
use std::time::Duration;

use audio::Pcm;
use futures::StreamExt as _;
use speech::tts::{Tts, TtsError};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Sound, Sounds};
use crate::quiet::Quiet;

/// How long nobody may have spoken or been answered before a sentence is made: the voice is
/// theirs, and who pauses for so long has left off.
const QUIET: Duration = Duration::from_secs(10);

/// How long a synthesiser that failed is left alone. Nobody waits for these sentences.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// How long one sentence may take. Small machines speak slower than time.
const LONGEST: Duration = Duration::from_secs(60);

/// More sound than any of the sentences has: a synthesiser that does not end is left.
const MOST_SOUND: Duration = Duration::from_secs(20);

/// Makes the sounds that are missing.
#[derive(Debug)]
pub(crate) struct Remaker {
    /// Speaks.
    pub(crate) tts: Arc<dyn Tts>,
    /// Where the sounds are kept.
    pub(crate) sounds: Sounds,
    /// When there is time for it.
    pub(crate) quiet: Quiet,
}

/// Why a sentence was not made.
#[derive(Debug, thiserror::Error)]
enum RemakeError {
    #[error(transparent)]
    Tts(#[from] TtsError),
    #[error("not spoken within {LONGEST:?}")]
    Late,
    #[error("the synthesiser does not come to an end")]
    Endless,
}

impl Remaker {
    /// Works until all sentences are made, or until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.remake() => {}
        }
    }

    async fn remake(&self) {
        for (sound, sentence) in self.sounds.missing() {
            let pcm = self.speak_in_peace(sound, sentence).await;
            let sounds = self.sounds.clone();
            let kept = tokio::task::spawn_blocking(move || sounds.keep(sound, &pcm));
            match kept.await {
                Ok(Ok(())) => tracing::debug!(sound = sound.stem(), "made in the own voice"),
                Ok(Err(error)) => {
                    tracing::warn!(sound = sound.stem(), %error, "sound not made in the own voice");
                }
                // The program ends.
                Err(_) => return,
            }
        }
    }

    /// Tries until it is made, one try at a time and only while it is quiet.
    async fn speak_in_peace(&self, sound: Sound, sentence: &str) -> Pcm {
        loop {
            let mut noise = self.quiet.after(QUIET).await;
            let made = tokio::select! {
                biased;
                () = noise.heard() => continue,
                made = self.speak(sentence) => made,
            };
            match made {
                Ok(pcm) => return pcm,
                Err(error) => {
                    tracing::debug!(sound = sound.stem(), %error, "not made in the own voice yet");
                    sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    async fn speak(&self, sentence: &str) -> Result<Pcm, RemakeError> {
        let speak = async {
            let mut pieces = self.tts.speak(sentence);
            let mut whole: Option<Pcm> = None;
            while let Some(piece) = pieces.next().await.transpose()? {
                let whole = whole.get_or_insert_with(|| Pcm::new(piece.rate(), Vec::new()));
                whole.extend_from_slice(piece.resampled(whole.rate()).samples());
                if whole.duration() > MOST_SOUND {
                    return Err(RemakeError::Endless);
                }
            }
            Ok(whole.unwrap_or_else(|| Pcm::new(audio::MUMBLE_HZ, Vec::new())))
        };
        let spoken = timeout(LONGEST, speak).await;
        spoken.unwrap_or(Err(RemakeError::Late))
    }
}

#[cfg(test)]
mod tests;
