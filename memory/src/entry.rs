//! One thing that can be recalled: a side of a turn, or what was taken out of turns.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::person::Person;
use crate::turn::{Audience, Id};

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// What the person said in a turn.
    Said,
    /// What they heard in answer.
    Heard,
    /// Something that is so: "lives in Lyon".
    Fact,
    /// Something that they want or like.
    Preference,
    /// Something to be done.
    Task,
    /// Something that takes place at a time.
    Event,
    /// Something of which they are to be told at a time.
    Reminder,
    /// Somebody or something with a name.
    Entity,
    /// What old talk was about.
    Summary,
}

/// One thing that can be recalled; one row of the store.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub id: Id,
    /// Whose it is. Nobody else is ever shown it.
    pub person: Person,
    /// What it is.
    pub kind: Kind,
    /// The text, as it is indexed and shown to the model.
    pub text: String,
    /// When it was said.
    pub at: Timestamp,
    /// Before whom it may be spoken of.
    pub audience: Audience,
    /// The turn that it comes from; none for what somebody entered by hand.
    pub turn: Option<Id>,
    /// What it is about, such as `home` or `dog's name`: a later entry about the same ends this
    /// one. None for what does not replace anything.
    pub slot: Option<String>,
    /// 1 to 10; more is more important.
    pub importance: u8,
    /// When it takes place, is to be done by, or is to be told.
    pub due: Option<Timestamp>,
    /// Whether `due` names a whole day, in the person's time zone, and no hour.
    pub all_day: bool,
    /// Since when it is no longer so, because something later replaced it.
    pub ended: Option<Timestamp>,
    /// When the person was told of it.
    pub told: Option<Timestamp>,
}

impl Entry {
    /// The importance of what nobody called important.
    pub const ORDINARY: u8 = 5;
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Said,
        Self::Heard,
        Self::Fact,
        Self::Preference,
        Self::Task,
        Self::Event,
        Self::Reminder,
        Self::Entity,
        Self::Summary,
    ];

    /// Whether it is one of the two sides of a turn, as they were spoken.
    #[must_use]
    pub fn is_side(self) -> bool {
        matches!(self, Self::Said | Self::Heard)
    }

    /// The kind in one word, as it stands in the stores.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Said => "said",
            Self::Heard => "heard",
            Self::Fact => "fact",
            Self::Preference => "preference",
            Self::Task => "task",
            Self::Event => "event",
            Self::Reminder => "reminder",
            Self::Entity => "entity",
            Self::Summary => "summary",
        }
    }
}

/// Shows the length alone: what people say must not reach a log by way of `{:?}`.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("id", &self.id)
            .field("person", &self.person)
            .field("kind", &self.kind)
            .field("text", &format_args!("{} bytes", self.text.len()))
            .finish_non_exhaustive()
    }
}
