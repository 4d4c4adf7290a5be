//! How long the stages of an answered turn took: for the log, for benchmarks, for tests.

use std::time::{Duration, Instant};

use mumble::SessionId;
use service::health::Stages;

use crate::{ear, voice};

/// One turn that was answered, or could not be.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Who asked.
    pub speaker: SessionId,
    /// What took how long; `None` when no sound of an answer came.
    pub stages: Option<Stages>,
}

/// The stages of an answer; `None` when nothing was spoken. Less than the recogniser's whole work
/// is waited for when it was asked at a pause already.
pub(crate) fn stages(heard: &ear::Times, asked: Instant, spoken: &voice::Times) -> Option<Stages> {
    let first_sent = spoken.first_sent?;
    let first_sentence = spoken.first_sentence?;
    let between = |from: Instant, to: Instant| to.saturating_duration_since(from);
    let recognise = between(heard.asked.max(heard.ended), heard.answered);
    let think = between(asked, first_sentence);
    let synthesise = between(spoken.voice_asked?, spoken.first_sound?);
    let total = between(heard.question_end, first_sent);
    Some(Stages {
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
pub(crate) fn log(stages: &Stages, speaker: SessionId) {
    let ms = |d: Duration| d.as_secs_f64() * 1000.0;
    tracing::info!(
        speaker = speaker.0,
        pause_ms = ms(stages.pause),
        recognise_ms = ms(stages.recognise),
        first_token_ms = ms(stages.first_token),
        first_sentence_ms = ms(stages.first_sentence),
        synthesise_ms = ms(stages.synthesise),
        own_ms = ms(stages.own),
        total_ms = ms(stages.total),
        "turn answered"
    );
}
