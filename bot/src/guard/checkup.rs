//! Looking after engines: the free look whether one is there, and the small task that proves it well.
//!
//! A probe is a request of the assistant's own; no person waits for it, and no person's question
//! is ever spent on a trial. What an engine says meanwhile holds nobody's words, but it is told
//! as discreetly as always.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use audio::{Pcm, SPEECH_HZ};
use futures::StreamExt as _;
use llm::{Chat, Request};
use resilience::Checkup;
use speech::stt::{Hints, Stt, final_transcript};
use speech::tts::Tts;

use crate::discreet::Discreet as _;

/// The most a probe's time is doubled: a model that is not loaded in sixteen deadlines will not be.
const MOST_DOUBLINGS: u32 = 4;

/// What a synthesiser is given to say.
const WORD: &str = "Yes.";

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

/// The first [`SPEECH_LENGTH`] of a recording from its first word on.
fn beginning(sentence: &Pcm) -> Pcm {
    let samples = sentence.samples();
    let first = samples.iter().position(|s| s.unsigned_abs() > QUIET);
    let length = (SPEECH_LENGTH.as_millis() as usize) * (SPEECH_HZ as usize) / 1000;
    let speech = samples.iter().skip(first.unwrap_or(0)).take(length);
    Pcm::new(sentence.rate(), speech.copied().collect())
}

/// How long a probe may take: the engine's own deadline, doubled each time that was not enough.
///
/// A server that has just begun may have to load its model first, and would begin anew each time
/// it is given up.
#[derive(Debug)]
struct Growing {
    deadline: Duration,
    /// Probes in a row that were broken off.
    late: AtomicU32,
}

impl Growing {
    fn new(deadline: Duration) -> Self {
        let late = AtomicU32::new(0);
        Self { deadline, late }
    }

    fn deadline(&self) -> Duration {
        let doublings = self.late.load(Ordering::Relaxed).min(MOST_DOUBLINGS);
        self.deadline * 2_u32.pow(doublings)
    }

    /// Does the work of a probe; one that is broken off counts as late.
    async fn run<R>(&self, work: impl Future<Output = R>) -> R {
        self.late.fetch_add(1, Ordering::Relaxed);
        let result = work.await;
        self.late.store(0, Ordering::Relaxed);
        result
    }
}

/// Looks after a recogniser.
#[derive(Debug)]
pub(super) struct Listen {
    stt: Arc<dyn Stt>,
    hints: Hints,
    time: Growing,
}

impl Listen {
    pub(super) fn new(stt: Arc<dyn Stt>, hints: Hints, deadline: Duration) -> Self {
        let time = Growing::new(deadline);
        Self { stt, hints, time }
    }
}

impl Checkup for Listen {
    async fn alive(&self) -> Result<(), String> {
        let result = self.stt.check().await;
        result.map_err(|error| error.for_the_log())
    }

    async fn probe(&self) -> Result<(), String> {
        let work = final_transcript(self.stt.transcribe(SPEECH.clone(), &self.hints));
        let result = self.time.run(work).await;
        result.map(drop).map_err(|error| error.for_the_log())
    }

    fn probe_deadline(&self) -> Duration {
        self.time.deadline()
    }
}

/// Looks after a model.
#[derive(Debug)]
pub(super) struct Think {
    chat: Arc<dyn Chat>,
    prompt: Request,
    time: Growing,
}

impl Think {
    pub(super) fn new(chat: Arc<dyn Chat>, prompt: Request, deadline: Duration) -> Self {
        let time = Growing::new(deadline);
        Self { chat, prompt, time }
    }
}

impl Checkup for Think {
    async fn alive(&self) -> Result<(), String> {
        let result = self.chat.check().await;
        result.map_err(|error| error.for_the_log())
    }

    async fn probe(&self) -> Result<(), String> {
        let result = self.time.run(self.chat.warm(self.prompt.clone())).await;
        result.map_err(|error| error.for_the_log())
    }

    fn probe_deadline(&self) -> Duration {
        self.time.deadline()
    }
}

/// Looks after a synthesiser.
#[derive(Debug)]
pub(super) struct Speak {
    tts: Arc<dyn Tts>,
    time: Growing,
}

impl Speak {
    pub(super) fn new(tts: Arc<dyn Tts>, deadline: Duration) -> Self {
        let time = Growing::new(deadline);
        Self { tts, time }
    }
}

impl Checkup for Speak {
    async fn alive(&self) -> Result<(), String> {
        let result = self.tts.check().await;
        result.map_err(|error| error.for_the_log())
    }

    async fn probe(&self) -> Result<(), String> {
        let work = async {
            let mut sound = self.tts.speak(WORD);
            let mut heard = false;
            while let Some(piece) = sound.next().await {
                heard |= !piece.map_err(|error| error.for_the_log())?.is_empty();
            }
            heard
                .then_some(())
                .ok_or("it gave no sound for a word")
                .map_err(str::to_owned)
        };
        self.time.run(work).await
    }

    fn probe_deadline(&self) -> Duration {
        self.time.deadline()
    }
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

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_was_not_given_time_enough_gets_more() {
        let second = Duration::from_secs(1);
        let time = Growing::new(second);
        let mut given = Vec::new();
        for _ in 0..7 {
            given.push(time.deadline().as_secs());
            let never = time.run(std::future::pending::<()>());
            assert!(tokio::time::timeout(time.deadline(), never).await.is_err());
        }
        assert_eq!(given, [1, 2, 4, 8, 16, 16, 16]);
        time.run(async {}).await;
        assert_eq!(time.deadline(), second);
    }
}
