//! The recogniser behind its breakers.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use audio::{Pcm, SPEECH_HZ};
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{BoxStream, StreamExt as _, once};
use speech::stt::{Hints, Stt, SttError, Transcript, final_transcript};

use super::Guarded;
use super::blame::{Blamed, Complaint as _};
use super::checkup::Tended;
use crate::discreet::Discreet as _;

/// What a recogniser is given to hear: the beginning of a sentence in the packaged voice.
static SPEECH: LazyLock<Pcm> = LazyLock::new(|| {
    let sentence = audio::ogg::read(include_bytes!("../../../config/sounds/not-heard.opus"))
        .expect("the sound in the program can be played, as its test shows");
    beginning(&sentence.resampled(SPEECH_HZ))
});

/// Half a second is enough to keep a recogniser at work, and little enough to cost it nothing.
const SPEECH_LENGTH: Duration = Duration::from_millis(500);

/// Below this a sample is silence before the first word.
const QUIET: u16 = 1_000;

/// The recogniser with its spares; a clone is the same one.
///
/// A transcript must come within the deadline and half the length of what was said. A spare is
/// tried while two of these have not passed.
pub type GuardedStt = Guarded<dyn Stt>;

impl GuardedStt {
    async fn written(self, speech: Pcm, hints: Hints) -> Result<Transcript, SttError> {
        if speech.is_empty() {
            return Err(SttError::EmptyAudio);
        }
        let more = speech.duration() / 2;
        let plan = self.patience().plan(more);
        let attempt = |stt: &Arc<dyn Stt>| {
            let answer = final_transcript(stt.transcribe(speech.clone(), &hints));
            answer.map(|result| result.map_err(Blamed::from)).boxed()
        };
        let written = self.chain.call(plan, attempt).await;
        written.map_err(SttError::out_of)
    }
}

impl Stt for GuardedStt {
    fn transcribe(
        &self,
        speech: Pcm,
        hints: &Hints,
    ) -> BoxStream<'static, Result<Transcript, SttError>> {
        once(self.clone().written(speech, hints.clone())).boxed()
    }

    /// Whether any address is there.
    fn check(&self) -> BoxFuture<'_, Result<(), SttError>> {
        self.any_there().boxed()
    }
}

/// A probe is half a second of speech, with hints as the turns give them.
impl Tended for dyn Stt {
    type Error = SttError;
    type Task = Hints;

    fn is_there(&self) -> BoxFuture<'_, Result<(), SttError>> {
        self.check()
    }

    fn work<'a>(&'a self, hints: &'a Hints) -> BoxFuture<'a, Result<(), String>> {
        let heard = final_transcript(self.transcribe(SPEECH.clone(), hints));
        let told = |result: Result<_, SttError>| match result {
            Ok(_) => Ok(()),
            Err(error) => Err(error.for_the_log()),
        };
        heard.map(told).boxed()
    }
}

/// The first [`SPEECH_LENGTH`] of a recording from its first word on.
fn beginning(sentence: &Pcm) -> Pcm {
    let samples = sentence.samples();
    let first = samples.iter().position(|s| s.unsigned_abs() > QUIET);
    let length = (SPEECH_LENGTH.as_millis() as usize) * (SPEECH_HZ as usize) / 1000;
    let speech = samples.iter().skip(first.unwrap_or(0)).take(length);
    Pcm::new(sentence.rate(), speech.copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speech_of_a_probe_is_half_a_second_that_can_be_heard() {
        assert_eq!(SPEECH.rate(), SPEECH_HZ);
        assert_eq!(SPEECH.duration(), SPEECH_LENGTH);
        let loud = SPEECH.samples().iter().filter(|s| s.unsigned_abs() > QUIET);
        assert!(loud.count() > SPEECH.samples().len() / 10, "it is silence");
    }
}
