//! How long a turn may be in each state, derived from the settings.

use std::time::Duration;

use super::State;
use crate::config::Config;
use crate::typed::MOST_QUEUED;

/// A call may be made twice within a turn: to the first engine, and to its spare.
const ENGINES_TRIED: u32 = 2;

/// From the model's first token to its first sentence, reasoning included. After a minute of
/// silence nobody waits for an answer.
const FIRST_SENTENCE: Duration = Duration::from_secs(60);

/// No answer holds the floor longer than this, and no typed one takes longer.
const LONGEST_ANSWER: Duration = Duration::from_secs(300);

/// A prepared sound is below 8 s long.
const LONGEST_EXCUSE: Duration = Duration::from_secs(10);

/// For everything that is not waiting for an engine, on a machine that is busy.
const MARGIN: Duration = Duration::from_secs(5);

/// The watchdogs' bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    recognising: Duration,
    waiting: Duration,
    thinking: Duration,
    speaking: Duration,
    standing: Duration,
    queued: Duration,
    writing: Duration,
    excusing: Duration,
}

impl Bounds {
    /// What these settings' own deadlines allow, and a margin: a watchdog that fires has found
    /// a fault of the program, never a slow engine.
    pub(crate) fn new(config: &Config) -> Self {
        let Config {
            whisper,
            ollama,
            piper,
            turn,
            ..
        } = config;
        let recognising = (whisper.deadline + turn.max / 2) * ENGINES_TRIED + MARGIN;
        let thinking = ollama.first_token * ENGINES_TRIED
            + FIRST_SENTENCE.max(ollama.next_token * ENGINES_TRIED)
            + piper.deadline * ENGINES_TRIED
            + MARGIN;
        Self {
            recognising,
            waiting: turn.queue_wait + MARGIN,
            thinking,
            speaking: LONGEST_ANSWER,
            standing: turn.max + turn.silence + turn.release + recognising,
            queued: LONGEST_ANSWER * MOST_QUEUED,
            writing: LONGEST_ANSWER,
            excusing: turn.queue_wait + LONGEST_EXCUSE + MARGIN,
        }
    }

    /// The longest stay in this state.
    pub(crate) fn of(&self, state: State) -> Duration {
        match state {
            State::Recognising => self.recognising,
            State::Waiting => self.waiting,
            State::Thinking => self.thinking,
            State::Speaking => self.speaking,
            State::Standing => self.standing,
            State::Queued => self.queued,
            State::Writing => self.writing,
            State::Excusing => self.excusing,
        }
    }
}
