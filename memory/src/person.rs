//! Whose memory it is: a person is a certificate, never a name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Somebody who is known again: the hash of their Mumble certificate, in lower-case hex.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Person(String);

/// Who takes part in a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Who {
    /// Somebody with a certificate, who is remembered.
    Known(Person),
    /// Somebody without one, or a phone caller, for as long as this visit lasts: they have a
    /// session in this process and nothing on any disk.
    Visitor(u32),
}

/// Where a conversation takes place; each place has sessions of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Place {
    /// A channel of the server, by its number: what is said there is heard by all who are there.
    Channel(u32),
    /// Private messages and whispers with one person.
    Private(Who),
}

/// Who hears the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Company {
    /// Nobody but who asks.
    Alone,
    /// Others too.
    Others,
}

/// Who asks, where, and who else hears the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Who asks.
    pub who: Who,
    /// What they are called on the server now.
    pub name: String,
    /// Where they ask.
    pub place: Place,
    /// Who hears the answer.
    pub company: Company,
}

impl Person {
    /// The person of a certificate's hash.
    pub fn new(certificate: impl Into<String>) -> Self {
        Self(certificate.into().to_lowercase())
    }

    /// The hash, as it stands in the stores.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Enough of the hash to tell people apart in a log.
impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start: String = self.0.chars().take(8).collect();
        write!(f, "Person({start}…)")
    }
}

impl Who {
    /// The person, of somebody who has a certificate.
    #[must_use]
    pub fn person(&self) -> Option<&Person> {
        match self {
            Self::Known(person) => Some(person),
            Self::Visitor(_) => None,
        }
    }
}
