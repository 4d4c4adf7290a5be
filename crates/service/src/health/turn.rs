//! A turn that has ended, without a word of what was said.

use std::time::{Duration, Instant};

/// One turn that has ended. Nothing in it can hold what people said: the reason is one of the
/// program's own texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Session number of who spoke; it means nothing once they have left.
    pub speaker: u32,
    /// When it ended.
    pub ended: Instant,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it ended so, where the outcome alone does not say it.
    pub reason: Option<&'static str>,
    /// What took how long; none when no sound of an answer came.
    pub stages: Option<Stages>,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// In an answer, spoken or written.
    Answered,
    /// In an apology, because an engine was away or failed.
    Apologised,
    /// In silence, because the person spoke over the answer.
    Interrupted,
    /// In silence, for the reason that the turn names.
    Silent,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [
        Self::Answered,
        Self::Apologised,
        Self::Interrupted,
        Self::Silent,
    ];

    /// The outcome in one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Apologised => "apologised",
            Self::Interrupted => "interrupted",
            Self::Silent => "silent",
        }
    }
}

/// The time from the end of a question to the first sound of its answer, and its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stages {
    /// What had to pass before the question counted as ended: silence, or `TURN_RELEASE_MS` after
    /// the talk key was released.
    pub pause: Duration,
    /// Waiting for the recogniser after that.
    pub recognise: Duration,
    /// Waiting for the model's first token.
    pub first_token: Duration,
    /// Waiting for the model until the first sentence was complete, the first token included.
    pub first_sentence: Duration,
    /// Waiting for the synthesiser's first sound.
    pub synthesise: Duration,
    /// Everything else: the program itself.
    pub own: Duration,
    /// From the end of the question to the first sound of the answer given to the line.
    pub total: Duration,
}

impl Stages {
    /// Each stage with its name, in the order in which they pass; the whole comes last.
    #[must_use]
    pub fn named(&self) -> [(&'static str, Duration); 7] {
        [
            ("pause", self.pause),
            ("recognise", self.recognise),
            ("first_token", self.first_token),
            ("first_sentence", self.first_sentence),
            ("synthesise", self.synthesise),
            ("own", self.own),
            ("total", self.total),
        ]
    }
}
