//! One turn of a conversation: what somebody said, and what they heard of the answer.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::person::{Place, Who};

/// The name of a turn or an entry, unique for ever. Later ones are greater (UUID version 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(Uuid);

/// Who heard what was said, and so in whose company it may be spoken of again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Others heard it: it may be spoken of before others.
    Shared,
    /// Nobody else: it was written or whispered in private, or said alone with the assistant.
    /// It is not spoken of before others unless the person allows it.
    Private,
}

/// A finished turn. An answer that was broken off has in `heard` what was really heard of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Its name. The same turn given twice is remembered once.
    pub id: Id,
    /// Who spoke.
    pub who: Who,
    /// What they were called then.
    pub name: String,
    /// Where it was.
    pub place: Place,
    /// When it was finished.
    pub at: Timestamp,
    /// What they said.
    pub said: String,
    /// What they heard of the answer; empty when there was none.
    pub heard: String,
    /// Whether others heard it.
    pub audience: Audience,
    /// Who else heard it: only they may be shown it in their own prompts. Stores keep the known
    /// ones; a visitor is one until they leave.
    pub witnesses: Vec<Who>,
}

impl Id {
    /// A new name, greater than every earlier one of this process.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Id {
    /// The names of a turn's two sides, what was said and what was heard; always the same ones.
    #[must_use]
    pub fn sides(self) -> [Self; 2] {
        ["said", "heard"].map(|side| Self(Uuid::new_v5(&self.0, side.as_bytes())))
    }
}

impl Id {
    /// The name of something that comes from this; always the same for the same words.
    pub(crate) fn derived(self, what: &str) -> Self {
        Self(Uuid::new_v5(&self.0, what.as_bytes()))
    }
}

impl Default for Id {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for Id {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Shows lengths alone: what people say must not reach a log by way of `{:?}`.
impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("id", &self.id)
            .field("who", &self.who)
            .field("said", &format_args!("{} bytes", self.said.len()))
            .field("heard", &format_args!("{} bytes", self.heard.len()))
            .finish_non_exhaustive()
    }
}
