//! Plain statements, read by rule and without a model: "my name is Sam", "I live in Lyon",
//! "remind me in 10 minutes to call Anna".
//!
//! So memory works beside a weak model, and a reminder does not wait for any. Questions, what is
//! only supposed, and what others are said to have said are no statements.

mod clause;
mod myself;
mod names;
mod person;
mod plan;
mod wording;
#[cfg(test)]
mod tests;

use jiff::{Timestamp, Zoned};

use crate::dates::Found;
use crate::entry::{Entry, Kind};

/// Longest text that is read, in bytes.
const LONGEST: usize = 4 * 1024;

/// At most so many statements are taken out of one turn; further ones are left to the model.
const MOST: usize = 16;

/// Hour at which people are reminded of what has a day and no hour.
const REMINDER_HOUR: i8 = 9;

/// Somebody who says "remind me today" after [`REMINDER_HOUR`] is reminded so many hours later.
const LATER_TODAY_HOURS: i64 = 3;

/// Something that may become an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What it is.
    pub kind: Kind,
    /// What it is about, where a later one ends an earlier one; see [`Entry::slot`].
    pub slot: Option<String>,
    /// In the third person without its subject ("lives in Lyon"); what is to be done as it was
    /// said ("call my mum").
    pub text: String,
    /// 1 to 10.
    pub importance: u8,
    /// When it takes place, is to be done by, or is to be told.
    pub due: Option<Timestamp>,
    /// Whether `due` names a whole day.
    pub all_day: bool,
}

/// Something that is no longer so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Which entries can end by it.
    pub what: Ends,
    /// Words that the entry has.
    pub text: String,
    /// Only what is due on the day of this moment.
    pub on: Option<Timestamp>,
}

/// What an ending ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Anything that was so: "I no longer live in Paris".
    Anything,
    /// Only what was to come: "cancel the dentist".
    Planned,
}

/// What was read in a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statements {
    /// What is so.
    pub drafts: Vec<Draft>,
    /// What is no longer so.
    pub endings: Vec<Ending>,
}

/// What somebody stated in `said`, at `now` in their time zone.
#[must_use]
pub fn read(said: &str, now: &Zoned) -> Statements {
    let said = clause::plain(&said[..said.floor_char_boundary(LONGEST)]);
    let mut statements = Statements::default();
    for clause in clause::clauses(&said) {
        if statements.drafts.len() + statements.endings.len() >= MOST {
            break;
        }
        if let Some(ending) = plan::ending(&clause, now) {
            statements.endings.push(ending);
        } else if let Some(draft) = stated(&clause, now) {
            statements.drafts.push(draft);
        }
    }
    statements.drafts.extend(names::named(&said));
    statements
}

/// The part of a text that states something: without questions and what is only supposed.
#[must_use]
pub(crate) fn stated_part(said: &str) -> String {
    let said = clause::plain(&said[..said.floor_char_boundary(LONGEST)]);
    clause::clauses(&said).join(". ")
}

/// What somebody says of themselves, as others say it of them.
pub(crate) fn of_them(text: &str) -> String {
    wording::theirs(text)
}

/// What one clause states.
fn stated(clause: &str, now: &Zoned) -> Option<Draft> {
    if let Some(request) = plan::request(clause, now) {
        return Some(request);
    }
    // "Remember that my name is Sam" states what it asks to remember.
    if let Some(rest) = plan::to_remember(clause) {
        return stated(rest, now).or_else(|| plan::remembered(rest, now));
    }
    plan::planned(clause, now).or_else(|| person::about(clause, now))
}

impl Draft {
    fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self {
            kind,
            slot: None,
            text: text.into(),
            importance: Entry::ORDINARY,
            due: None,
            all_day: false,
        }
    }

    fn about(mut self, slot: impl AsRef<str>) -> Self {
        self.slot = Some(slot.as_ref().to_lowercase());
        self
    }

    fn weighing(mut self, importance: u8) -> Self {
        self.importance = importance;
        self
    }

    /// Gives it a date. A reminder that has a day and no hour is told at nine of that day.
    #[must_use]
    pub fn dated(mut self, found: &Found, now: &Zoned) -> Self {
        self.all_day = found.all_day;
        self.due = Some(match (self.kind, found.all_day) {
            (Kind::Reminder, true) => to_be_told(found.when, now),
            _ => found.when,
        });
        self
    }
}

/// When somebody is told of a whole day's reminder.
fn to_be_told(day: Timestamp, now: &Zoned) -> Timestamp {
    let date = day.to_zoned(now.time_zone().clone()).date();
    let morning = date
        .at(REMINDER_HOUR, 0, 0, 0)
        .to_zoned(now.time_zone().clone())
        .map_or(day, |zoned| zoned.timestamp());
    if morning > now.timestamp() {
        return morning;
    }
    let later = jiff::SignedDuration::from_hours(LATER_TODAY_HOURS);
    now.timestamp().checked_add(later).unwrap_or(morning)
}
