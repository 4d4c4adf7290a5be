//! The last turns, to look back on.

use std::collections::VecDeque;

use serde::Serialize;

use super::clock::{Clock, ms};
use super::turn::{Stages, Turn};

/// How many turns are kept to look back on; of older ones only the counts remain.
pub const TURNS_KEPT: usize = 100;

/// The last turns, oldest first; the oldest makes room.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    ended: u64,
    turns: VecDeque<(u64, Turn)>,
}

impl Log {
    pub(super) fn add(&mut self, turn: Turn) {
        if self.turns.len() == TURNS_KEPT {
            self.turns.pop_front();
        }
        self.ended += 1;
        self.turns.push_back((self.ended, turn));
    }

    /// The answer of `/turns`, newest first.
    pub(super) fn page(&self, begun: u64, clock: Clock) -> Page {
        let entries = self.turns.iter().rev().map(|(id, turn)| Entry {
            id: *id,
            when: clock.unix(turn.ended),
            speaker: turn.speaker,
            outcome: turn.outcome.word(),
            reason: turn.reason,
            stages_ms: turn.stages.as_ref().map(StagesMs::from),
        });
        Page {
            begun,
            ended: self.ended,
            turns: entries.collect(),
        }
    }
}

/// The answer of `/turns`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Page {
    begun: u64,
    ended: u64,
    turns: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Entry {
    id: u64,
    when: f64,
    speaker: u32,
    outcome: &'static str,
    reason: Option<&'static str>,
    stages_ms: Option<StagesMs>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct StagesMs {
    pause: f64,
    recognise: f64,
    first_token: f64,
    first_sentence: f64,
    synthesise: f64,
    own: f64,
    total: f64,
}

impl From<&Stages> for StagesMs {
    fn from(stages: &Stages) -> Self {
        Self {
            pause: ms(stages.pause),
            recognise: ms(stages.recognise),
            first_token: ms(stages.first_token),
            first_sentence: ms(stages.first_sentence),
            synthesise: ms(stages.synthesise),
            own: ms(stages.own),
            total: ms(stages.total),
        }
    }
}
