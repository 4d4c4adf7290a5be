//! How recall fares, in numbers for whoever runs the assistant.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Part, Recalled, Why};

/// How recall has fared since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Questions.
    pub recalls: u64,
    /// Questions for which some part was not there at the deadline.
    pub late: u64,
    /// Questions without what was talked about before the start.
    pub without_session: u64,
    /// Questions without profile and facts.
    pub without_profile: u64,
    /// Questions without what lies near in meaning.
    pub without_meaning: u64,
    /// Questions without what holds the same words.
    pub without_words: u64,
    /// Entries from earlier that prompts were given.
    pub entries: u64,
}

/// The same while it is counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    recalls: AtomicU64,
    late: AtomicU64,
    without: [AtomicU64; 4],
    entries: AtomicU64,
}

impl Counters {
    pub(super) fn count(&self, recalled: &Recalled) {
        self.recalls.fetch_add(1, Relaxed);
        if recalled
            .missing
            .iter()
            .any(|missing| missing.why == Why::Late)
        {
            self.late.fetch_add(1, Relaxed);
        }
        for missing in &recalled.missing {
            self.without[missing.part as usize].fetch_add(1, Relaxed);
        }
        let entries = u64::try_from(recalled.entries.len()).unwrap_or(u64::MAX);
        self.entries.fetch_add(entries, Relaxed);
    }

    pub(crate) fn now(&self) -> Counts {
        let without = |part: Part| self.without[part as usize].load(Relaxed);
        Counts {
            recalls: self.recalls.load(Relaxed),
            late: self.late.load(Relaxed),
            without_session: without(Part::Session),
            without_profile: without(Part::Profile),
            without_meaning: without(Part::Meaning),
            without_words: without(Part::Words),
            entries: self.entries.load(Relaxed),
        }
    }
}
