//! How long the stages of an answered turn took: for the log, for benchmarks, for tests.

use std::time::{Duration, Instant};

use mumble::SessionId;
use service::health;

use crate::{ear, voice};

/// One turn that was answered, or could not be.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Who asked.
    pub speaker: SessionId,
    /// What took how long; `None` when no sound of an answer came.
    pub stages: Option<Stages>,
}

/// The time from the end of a question to the first sound of its answer, and its parts.
#[derive(Clone, Copy, Debug)]
pub struct Stages {
    /// What had to pass before the question counted as ended: silence, or `TURN_RELEASE_MS` after
    /// the talk key was released.
    pub pause: Duration,
    /// Waiting for the recogniser after that. Less than its whole work when it was asked at a
    /// pause already.
    pub recognise: Duration,
    /// Waiting for the model's first token.
    pub first_token: Duration,
    /// Waiting for the model until the first sentence was complete, the first token included.
    pub first_sentence: Duration,
    /// Waiting for the synthesiser's first sound.
    pub synthesise: Duration,
    /// Everything else: our own code.
    pub own: Duration,
    /// From the end of the question to the first sound of the answer given to the line.
    pub total: Duration,
}

impl Stages {
    /// `None` when nothing was spoken.
    pub(crate) fn new(heard: &ear::Times, asked: Instant, spoken: &voice::Times) -> Option<Self> {
        let first_sent = spoken.first_sent?;
        let first_sentence = spoken.first_sentence?;
        let between = |from: Instant, to: Instant| to.saturating_duration_since(from);
        let recognise = between(heard.asked.max(heard.ended), heard.answered);
        let think = between(asked, first_sentence);
        let synthesise = between(spoken.voice_asked?, spoken.first_sound?);
        let total = between(heard.question_end, first_sent);
        Some(Self {
            pause: heard.pause,
            recognise,
            first_token: between(asked, spoken.first_token?),
            first_sentence: think,
            synthesise,
            own: total.saturating_sub(heard.pause + recognise + think + synthesise),
            total,
        })
    }

    /// Writes the times, and nothing that was said, to the log.
    pub(crate) fn log(&self, speaker: SessionId) {
        let ms = |d: Duration| d.as_secs_f64() * 1000.0;
        tracing::info!(
            speaker = speaker.0,
            pause_ms = ms(self.pause),
            recognise_ms = ms(self.recognise),
            first_token_ms = ms(self.first_token),
            first_sentence_ms = ms(self.first_sentence),
            synthesise_ms = ms(self.synthesise),
            own_ms = ms(self.own),
            total_ms = ms(self.total),
            "turn answered"
        );
    }
}

impl From<Stages> for health::Stages {
    fn from(stages: Stages) -> Self {
        let Stages {
            pause,
            recognise,
            first_token,
            first_sentence,
            synthesise,
            own,
            total,
        } = stages;
        Self {
            pause,
            recognise,
            first_token,
            first_sentence,
            synthesise,
            own,
            total,
        }
    }
}
