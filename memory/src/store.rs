//! The truth: turns, what was taken out of them, people's wishes, and what the index must learn.

use std::fmt;

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::entry::{Entry, Kind};
use crate::person::{Company, Person, Place};
use crate::turn::{Audience, Id, Turn};

mod connections;
mod layout;
mod place;
mod rows;
mod sql;
mod trouble;

pub use place::{Postgres, Where};
pub use sql::open;

/// Why a store, an index or a cache did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot be reached, or its breaker is open. What it was to keep must be kept elsewhere.
    #[error("{reason}")]
    Unavailable {
        /// Why, without a password and without what people said.
        reason: String,
    },
    /// It did not answer in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Late(std::time::Duration),
    /// It is there and refuses: trying again changes nothing.
    #[error("{reason}")]
    Refused {
        /// Why, and what to do.
        reason: String,
    },
    /// It has no room left on its disk.
    #[error("no room is left on the disk of {place}: free some")]
    Full {
        /// Which disk.
        place: String,
    },
    /// It was laid out by a newer program.
    #[error(
        "the database has version {found} and this program knows {known}: start the newer program, or restore a backup of the older one"
    )]
    Newer {
        /// The version found.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// What it holds has another shape than what is asked for: an index of other vectors.
    #[error("{reason}")]
    Mismatch {
        /// What does not fit, and what to do.
        reason: String,
    },
    /// What it held is gone: an index that must be cleared and taught anew, as
    /// `crate::outbox::drain` does by itself.
    #[error("{reason}")]
    Lost {
        /// What is gone.
        reason: String,
    },
}

/// What the store knows about a person beside what they said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Who.
    pub person: Person,
    /// What they were called last.
    pub name: String,
    /// Their time zone (IANA), if they told it.
    pub time_zone: Option<String>,
    /// Whether what was said in private may be spoken of before others.
    pub private_aloud: bool,
    /// Whether what they say now is not to be remembered.
    pub off_record: bool,
    /// When they were first and last heard.
    pub first_seen: Timestamp,
    /// When they were last heard.
    pub last_seen: Timestamp,
}

/// A search by words.
#[derive(Clone, Debug, PartialEq)]
pub struct Words<'a> {
    /// Whose entries.
    pub person: &'a Person,
    /// Before [`Company::Others`] only [`Audience::Shared`] is found, unless `private_too`.
    pub company: Company,
    /// The person allowed private things to be spoken of before others.
    pub private_too: bool,
    /// Any of these, as `crate::words` makes them of texts; entries with more and rarer ones
    /// come first.
    pub terms: &'a [String],
    /// At most so many.
    pub limit: usize,
}

/// Entries of one person, by what they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter<'a> {
    /// Whose.
    pub person: &'a Person,
    /// Of these kinds; empty for all.
    pub kinds: &'a [Kind],
    /// Those that have ended too.
    pub ended_too: bool,
    /// Only those due from this moment on.
    pub due_from: Option<Timestamp>,
    /// Only those due before this moment.
    pub due_until: Option<Timestamp>,
    /// At most so many: the earliest due first where due is asked for, else the newest first.
    pub limit: usize,
}

/// What was learnt from turns, as one change: all of it happens, or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Learnt {
    /// Turns that need not be read again.
    pub read: Vec<Id>,
    /// New entries, and those that change (same id).
    pub entries: Vec<Entry>,
    /// Entries that are no longer so, and since when.
    pub ended: Vec<(Id, Timestamp)>,
    /// Turns that a summary among `entries` stands for from now on; they stay.
    pub summarised: Vec<Id>,
}

/// A change that the index has yet to learn. The oldest comes first; of several changes of the
/// same entry only the last is left.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its number, greater than those of all earlier changes.
    pub number: i64,
    /// Which entry.
    pub id: Id,
    /// Whose it is, or was.
    pub person: Person,
    /// The entry as it is now; none when it is to be taken out.
    pub entry: Option<Entry>,
}

/// What is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Forget {
    /// These turns and all that comes from them.
    Turns(Person, Vec<Id>),
    /// Single entries.
    Entries(Person, Vec<Id>),
    /// Everything that a person said from the first moment to the second; it has an end, so that
    /// it can be carried out again later without taking what was said since.
    Since(Person, Timestamp, Timestamp),
    /// Everything of a person until this moment, their profile too.
    Person(Person, Timestamp),
    /// Everything that was said before this moment, but what is still due.
    Before(Timestamp),
    /// Everything of everybody until this moment.
    Everything(Timestamp),
}

/// What was forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Turns.
    pub turns: u64,
    /// The entries that are gone, for the index; beyond [`Forgotten::MOST_NAMED`] they are not named
    /// and the outbox has them all.
    pub entries: Vec<Id>,
    /// How many entries.
    pub count: u64,
}

/// The last session of a place.
#[derive(Clone, Debug, PartialEq)]
pub struct LastTalk {
    /// Its last turns, oldest first.
    pub turns: Vec<Turn>,
}

/// A page of everything that a person left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Export {
    /// The profile.
    pub profile: Option<Profile>,
    /// Turns, oldest first.
    pub turns: Vec<Turn>,
    /// Entries that were taken out of turns, oldest first; the two sides of turns stand above.
    pub entries: Vec<Entry>,
}

/// One person, for whoever runs the assistant.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The profile.
    pub profile: Profile,
    /// How many turns of theirs are remembered.
    pub turns: u64,
    /// How many entries beside the sides of turns.
    pub entries: u64,
}

/// Holds what is remembered. Each call is one transaction.
pub trait Store: Send + Sync + fmt::Debug {
    /// Remembers a turn of a known person: the person, the turn, its witnesses, its two sides as
    /// entries, and what the index must learn. A turn that is there already, or was forgotten,
    /// changes nothing. Times are kept to the millisecond, 64 KiB of each side, and no NUL.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for the turn of a visitor.
    fn record<'a>(&'a self, turn: &'a Turn) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The last turns of a place since `since`, oldest first, at most `limit` of the newest.
    fn last_talk<'a>(
        &'a self,
        place: &'a Place,
        since: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<LastTalk, StoreError>>;

    /// Entries that hold some of the words, best first, with a score that falls.
    fn search<'a>(
        &'a self,
        words: Words<'a>,
    ) -> BoxFuture<'a, Result<Vec<(Entry, f32)>, StoreError>>;

    /// These entries, in any order; those that are gone are left out.
    fn entries<'a>(&'a self, ids: &'a [Id]) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>>;

    /// Entries of a person.
    fn list<'a>(&'a self, filter: Filter<'a>) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>>;

    /// Both sides of what a person said from the first moment to the second, oldest first.
    fn around<'a>(
        &'a self,
        person: &'a Person,
        from: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>>;

    /// Turns that nothing was learnt from yet, oldest first, finished before `before`.
    fn unread(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Turn>, StoreError>>;

    /// Turns of one person that were read, finished before `before`, that no summary stands for
    /// yet: those of whoever has the oldest, oldest first.
    fn unsummarised(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Turn>, StoreError>>;

    /// Writes what was learnt. Entries of people who were forgotten meanwhile (their turn is gone)
    /// are left out, and so is a summary when one of the turns is gone that it stands for.
    fn learn<'a>(&'a self, learnt: &'a Learnt) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Reminders of all people that are due by `now` and not yet told, earliest first.
    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>>;

    /// The person was told of these.
    fn told<'a>(&'a self, ids: &'a [Id], at: Timestamp) -> BoxFuture<'a, Result<(), StoreError>>;

    /// What is known about a person.
    fn profile<'a>(
        &'a self,
        person: &'a Person,
    ) -> BoxFuture<'a, Result<Option<Profile>, StoreError>>;

    /// Writes it.
    fn save_profile<'a>(&'a self, profile: &'a Profile) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Forgets, and has the index told by the outbox. It takes longer the more there is: about a
    /// second for 10,000 turns of one person.
    fn forget<'a>(&'a self, what: &'a Forget) -> BoxFuture<'a, Result<Forgotten, StoreError>>;

    /// Changes that the index has not learnt, oldest first.
    fn outbox(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Change>, StoreError>>;

    /// Of those changes the entries that are to be taken out, which no model must read first.
    fn gone(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Change>, StoreError>> {
        Box::pin(async move {
            let mut changes = self.outbox(limit).await?;
            changes.retain(|change| change.entry.is_none());
            Ok(changes)
        })
    }

    /// Overwrites what was forgotten and settled, wherever a copy of it may lie, as far as that is
    /// in this program's hands; without anything to overwrite it does nothing. A file is written
    /// anew for it, which takes about a second for 100,000 turns.
    fn scrub(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// The index has learnt these, by number. A later change of the same entry stays.
    fn settled<'a>(&'a self, numbers: &'a [i64]) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Puts every entry into the outbox, so that an empty index learns all. Gives how many.
    fn relearn(&self) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Everybody who is remembered, last heard first.
    fn people(&self) -> BoxFuture<'_, Result<Vec<Listed>, StoreError>>;

    /// Everything of one person.
    fn export<'a>(&'a self, person: &'a Person) -> BoxFuture<'a, Result<Export, StoreError>>;

    /// Whether it is there. A refused connection is told at once.
    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}

impl Profile {
    /// The profile of somebody who was never heard before `now` and has told nothing.
    #[must_use]
    pub fn new(person: Person, now: Timestamp) -> Self {
        Self {
            person,
            name: String::new(),
            time_zone: None,
            private_aloud: false,
            off_record: false,
            first_seen: now,
            last_seen: now,
        }
    }
}

impl Forgotten {
    /// So many entries are named at most.
    pub const MOST_NAMED: usize = 1_000;
}

impl Turn {
    /// The two sides of it as entries: what was said and what was heard, as far as there are words.
    /// Their names follow from the turn's, so that a turn recorded twice has the same.
    #[must_use]
    pub fn sides(&self) -> Vec<Entry> {
        let Some(person) = self.who.person() else {
            return Vec::new();
        };
        let side = |kind, text: &str, id| Entry {
            id,
            person: person.clone(),
            kind,
            text: text.to_owned(),
            at: self.at,
            audience: self.audience,
            turn: Some(self.id),
            slot: None,
            importance: Entry::ORDINARY,
            due: None,
            all_day: false,
            ended: None,
            told: None,
        };
        let [said, heard] = self.id.sides();
        [
            (Kind::Said, &self.said, said),
            (Kind::Heard, &self.heard, heard),
        ]
        .into_iter()
        .filter(|(_, text, _)| !text.trim().is_empty())
        .map(|(kind, text, id)| side(kind, text, id))
        .collect()
    }
}

impl Audience {
    /// Whether a thing of this audience may be spoken of in this company.
    #[must_use]
    pub fn may_be_told(self, company: Company, private_too: bool) -> bool {
        self == Self::Shared || company == Company::Alone || private_too
    }
}
