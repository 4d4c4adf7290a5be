//! The turns as /metrics counts them.

use std::collections::BTreeMap;
use std::fmt;

const BEGUN: &str = "mumble_ai_turns_begun_total";
const OUTCOME: &str = "mumble_ai_turns_total{outcome=\"";
const REASON: &str = "mumble_ai_turns_with_reason_total{reason=\"";

/// How many turns have begun, and how many have ended in which way.
#[derive(Debug, Default)]
pub(super) struct Count {
    begun: u64,
    ended: BTreeMap<String, u64>,
    reasons: BTreeMap<String, u64>,
}

impl Count {
    /// Reads the page of /metrics.
    pub(super) fn read(page: &str) -> Self {
        let mut count = Self::default();
        for line in page.lines() {
            let Some((name, number)) = line.rsplit_once(' ') else {
                continue;
            };
            if name == BEGUN {
                count.begun = whole(number);
            } else if let Some(rest) = name.strip_prefix(OUTCOME) {
                let outcome = rest.trim_end_matches("\"}").to_owned();
                count.ended.insert(outcome, whole(number));
            } else if let Some(rest) = name.strip_prefix(REASON) {
                let reason = rest.trim_end_matches("\"}").to_owned();
                count.reasons.insert(reason, whole(number));
            }
        }
        assert!(!count.ended.is_empty(), "the page counts turns: {page}");
        count
    }

    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    pub(super) fn answered(&self) -> u64 {
        self.of("answered")
    }

    pub(super) fn of(&self, outcome: &str) -> u64 {
        self.ended.get(outcome).copied().unwrap_or_default()
    }

    /// Why those ended that were not answered, for the reader of the run.
    pub(super) fn reasons(&self) -> String {
        let reasons = self.reasons.iter();
        let reasons: Vec<String> = reasons
            .map(|(why, turns)| format!("{turns} {why}"))
            .collect();
        reasons.join(", ")
    }

    /// Turns that have begun and not ended. More ends than beginnings are an error of the book.
    pub(super) fn open(&self) -> u64 {
        let ended = self.ended.values().sum();
        self.begun
            .checked_sub(ended)
            .expect("no turn ends that did not begin")
    }
}

fn whole(number: &str) -> u64 {
    number.parse().expect("turns are counted in whole numbers")
}

impl fmt::Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} turns", self.begun)?;
        for (outcome, turns) in &self.ended {
            write!(out, ", {turns} {outcome}")?;
        }
        Ok(())
    }
}
