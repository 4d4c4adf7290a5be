//! How memory fares, in the words of the board.

use serde::{Deserialize, Serialize};

/// How memory fares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Questions for which the past was looked up.
    pub recalls: u64,
    /// Of these, how many were answered without a part of it that came too late.
    pub late: u64,
    /// Of these, how many went without what was talked about before the start.
    pub without_session: u64,
    /// Without profile and facts.
    pub without_profile: u64,
    /// Without what lies near in meaning.
    pub without_meaning: u64,
    /// Without what holds the same words.
    pub without_words: u64,
    /// Entries from earlier that prompts were given.
    pub entries: u64,
    /// Turns and wishes to forget that the database has not got yet.
    pub waiting: u64,
    /// Turns that were lost because neither the disk nor the database took them.
    pub lost: u64,
    /// Turns that the database refused for ever; they are set aside on the disk.
    pub refused: u64,
    /// Why the journal takes none.
    pub journal: Option<String>,
    /// Why the database takes none.
    pub database: Option<String>,
}

impl Memory {
    /// What is recalled, by what it went without.
    pub(super) fn without(&self) -> [(&'static str, u64); 4] {
        [
            ("session", self.without_session),
            ("profile", self.without_profile),
            ("meaning", self.without_meaning),
            ("words", self.without_words),
        ]
    }

    /// What whoever runs the assistant is to know, a line for each thing.
    pub(super) fn troubles(&self) -> Vec<String> {
        let journal = self.journal.iter();
        let mut troubles: Vec<String> = journal
            .map(|why| format!("turns cannot be kept on this disk: {why}"))
            .collect();
        if self.lost > 0 {
            troubles.push(format!("{} turns were not remembered", self.lost));
        }
        troubles
    }
}
