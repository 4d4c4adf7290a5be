//! The synthesiser behind its breakers.

use std::sync::Arc;
use std::time::Duration;

use audio::Pcm;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{BoxStream, Stream, StreamExt as _, TryStreamExt as _, empty, once};
use resilience::Fault;
use speech::tts::{Tts, TtsError};

use super::Guarded;
use super::blame::{Blamed, Complaint as _};
use super::checkup::Tended;
use super::piecemeal::{Pieces, first, going_on};
use crate::discreet::Discreet as _;

/// What a synthesiser is given to say.
const WORD: &str = "Yes.";

/// The synthesiser with its spares; a clone is the same one.
///
/// Each piece of sound must come within the deadline, and the sound as a whole must not come
/// more slowly than it is heard. A spare is tried while nothing of the text
/// was heard, and two deadlines have not passed.
pub type GuardedTts = Guarded<dyn Tts>;

impl GuardedTts {
    async fn begun(
        self,
        text: String,
    ) -> Result<impl Stream<Item = Result<Pcm, TtsError>>, TtsError> {
        let plan = self.patience().plan(Duration::ZERO);
        let attempt = |tts: &Arc<dyn Tts>| opened(tts.speak(&text), &text).boxed();
        let begun = self.chain.begin(plan, attempt).await;
        let ((piece, rest), call) = begun.map_err(TtsError::out_of)?;
        Ok(going_on(piece, rest, call, plan.deadline, Pcm::duration))
    }
}

/// The beginning of a text's sound.
async fn opened(
    sound: Pieces<Pcm, TtsError>,
    text: &str,
) -> Result<(Pcm, Pieces<Pcm, TtsError>), Blamed<TtsError>> {
    let silent = match first(sound, |piece: &Pcm| !piece.is_empty()).await {
        Ok(Some(opened)) => return Ok(opened),
        Ok(None) => TtsError::EmptyAudio { url: String::new() },
        Err(error) => error,
    };
    let mut blamed = Blamed::from(silent);
    // Signs alone make no sound with any voice.
    let has_words = text.chars().any(char::is_alphanumeric);
    if !has_words && matches!(blamed.error, TtsError::EmptyAudio { .. }) {
        blamed.fault = Fault::Request;
    }
    Err(blamed)
}

impl Tts for GuardedTts {
    fn speak(&self, text: &str) -> BoxStream<'static, Result<Pcm, TtsError>> {
        let text = text.trim();
        if text.is_empty() {
            return empty().boxed();
        }
        once(self.clone().begun(text.to_owned()))
            .try_flatten()
            .boxed()
    }

    /// Whether any address is there.
    fn check(&self) -> BoxFuture<'_, Result<(), TtsError>> {
        self.any_there().boxed()
    }
}

/// A probe is one word to say.
impl Tended for dyn Tts {
    type Error = TtsError;
    type Task = ();

    fn is_there(&self) -> BoxFuture<'_, Result<(), TtsError>> {
        self.check()
    }

    fn work<'a>(&'a self, (): &'a ()) -> BoxFuture<'a, Result<(), String>> {
        async move {
            let mut sound = self.speak(WORD);
            let mut heard = false;
            while let Some(piece) = sound.next().await {
                heard |= !piece.map_err(|error| error.for_the_log())?.is_empty();
            }
            heard
                .then_some(())
                .ok_or("it gave no sound for a word")
                .map_err(str::to_owned)
        }
        .boxed()
    }
}
