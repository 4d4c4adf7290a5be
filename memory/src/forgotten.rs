//! The list of the forgotten: who and what must not come back, whatever is restored.
//!
//! It says whose words and which turns, until when; never a word of them, and no name. Whose they
//! were is the certificate's hash itself: a restored database, index and journal know people by
//! nothing else, and one that stood here salted could be found out by whoever has the list and a
//! hash to try. So it is the one place where the hash of somebody who was forgotten is left, in a
//! file that only its owner reads.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::entry::Entry;
use crate::person::{Person, Who};
use crate::store::Forget;
use crate::turn::{Id, Turn};

mod file;

pub(crate) use file::{File, Seen};

/// Everything that was ever to be forgotten, as far as it could come back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct List {
    everything: Option<Timestamp>,
    people: BTreeMap<Person, Marks>,
}

/// What of one person was forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Marks {
    /// Everything until then.
    until: Option<Timestamp>,
    /// Everything from the first moment to the second.
    spans: BTreeSet<(Timestamp, Timestamp)>,
    turns: BTreeSet<Id>,
    entries: BTreeSet<Id>,
}

impl List {
    /// Adds what was forgotten. What is forgotten for its age alone is not noted: it is as old
    /// after a restore.
    pub(crate) fn add(&mut self, what: &Forget) {
        match what {
            Forget::Turns(person, ids) => self.of(person).turns.extend(ids),
            Forget::Entries(person, ids) => self.of(person).entries.extend(ids),
            Forget::Since(person, from, until) => {
                self.of(person).spans.insert((*from, *until));
            }
            Forget::Person(person, until) => {
                let marks = self.of(person);
                marks.until = marks.until.max(Some(*until));
            }
            Forget::Everything(until) => self.everything = self.everything.max(Some(*until)),
            Forget::Before(_) => {}
        }
    }

    fn of(&mut self, person: &Person) -> &mut Marks {
        self.people.entry(person.clone()).or_default()
    }

    /// Whether a turn was forgotten.
    pub(crate) fn covers_turn(&self, turn: &Turn) -> bool {
        let Some(person) = turn.who.person() else {
            return false;
        };
        self.covers_time(person, turn.at)
            || self
                .people
                .get(person)
                .is_some_and(|marks| marks.turns.contains(&turn.id))
    }

    /// Whether an entry was forgotten.
    pub(crate) fn covers(&self, entry: &Entry) -> bool {
        self.covers_time(&entry.person, entry.at)
            || self.people.get(&entry.person).is_some_and(|marks| {
                marks.entries.contains(&entry.id)
                    || entry.turn.is_some_and(|turn| marks.turns.contains(&turn))
            })
    }

    fn covers_time(&self, person: &Person, at: Timestamp) -> bool {
        // The stores count in milliseconds.
        let at = at.as_millisecond();
        let until = |moment: Option<Timestamp>| moment.is_some_and(|m| at <= m.as_millisecond());
        let during = |(from, until): &(Timestamp, Timestamp)| {
            (from.as_millisecond()..=until.as_millisecond()).contains(&at)
        };
        until(self.everything)
            || self
                .people
                .get(person)
                .is_some_and(|marks| until(marks.until) || marks.spans.iter().any(during))
    }

    /// What a store is told so that nothing on the list is in it; the same as often as one likes.
    pub(crate) fn orders(&self) -> Vec<Forget> {
        let everything = self.everything.map(Forget::Everything);
        let of_people = self.people.iter().flat_map(|(person, marks)| {
            let named = |ids: &BTreeSet<Id>| -> Option<Vec<Id>> {
                (!ids.is_empty()).then(|| ids.iter().copied().collect())
            };
            let until = marks
                .until
                .map(|until| Forget::Person(person.clone(), until));
            let spans = marks.spans.iter();
            let spans = spans.map(|(from, until)| Forget::Since(person.clone(), *from, *until));
            let turns = named(&marks.turns).map(|ids| Forget::Turns(person.clone(), ids));
            let entries = named(&marks.entries).map(|ids| Forget::Entries(person.clone(), ids));
            until.into_iter().chain(spans).chain(turns).chain(entries)
        });
        everything.into_iter().chain(of_people).collect()
    }

    /// What is left of a turn: nothing when it was forgotten, and without the witnesses who wish
    /// to have left no trace.
    pub(crate) fn left_of(&self, mut turn: Turn) -> Option<Turn> {
        if self.covers_turn(&turn) {
            return None;
        }
        let at = turn.at;
        let stays = |who: &Who| {
            !who.person()
                .is_some_and(|person| self.covers_time(person, at))
        };
        turn.witnesses.retain(stays);
        Some(turn)
    }
}

#[cfg(test)]
mod tests;
