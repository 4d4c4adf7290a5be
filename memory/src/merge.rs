//! What was learnt, put beside what was known: the same is kept once, what changed replaces what
//! was, and what is no longer so ends.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use crate::entry::{Entry, Kind};
use crate::person::Person;
use crate::statements::{Draft, Ending, Ends, Statements};
use crate::store::Learnt;
use crate::turn::Turn;
use crate::words;

/// Two texts without a slot say the same when they share this much of all their words.
const SAME: f32 = 0.8;

/// Words by which a text says the contrary of one that is otherwise the same.
const DENIALS: [&str; 5] = ["not", "no", "never", "nothing", "longer"];

/// How much of the words of an entry what ended it must name: "I no longer like coffee" does not
/// end "works at the coffee shop".
const NAMED: f32 = 0.5;

/// What a turn changes: its statements, beside what is known of the person already.
///
/// `known` are the entries that were taken out of their turns, ended ones too, so that a turn that
/// is read again brings back nothing that was told or ended since.
pub(crate) fn merge(
    turn: &Turn,
    person: &Person,
    statements: &Statements,
    known: &[Entry],
) -> Learnt {
    let mut merging = Merging {
        turn,
        known: known.to_vec(),
        learnt: Learnt::default(),
    };
    for ending in &statements.endings {
        merging.end(ending);
    }
    for draft in &statements.drafts {
        merging.add(draft, person);
    }
    merging.learnt
}

struct Merging<'a> {
    turn: &'a Turn,
    known: Vec<Entry>,
    learnt: Learnt,
}

impl Merging<'_> {
    fn add(&mut self, draft: &Draft, person: &Person) {
        let mut entry = entry(self.turn, person, draft);
        if self.known.iter().any(|known| known.id == entry.id) {
            return;
        }
        if let Some(same) = self.same_as(&entry) {
            self.weigh(same, &entry);
            return;
        }
        for at in 0..self.known.len() {
            let old = &self.known[at];
            if !replaces(&entry, old) {
                continue;
            }
            if old.at <= entry.at {
                self.finish(at, entry.at);
            } else {
                // A later turn was read first: this one was replaced before it was known.
                entry.ended = entry.ended.max(Some(old.at));
            }
        }
        self.known.push(entry.clone());
        self.learnt.entries.push(entry);
    }

    /// The entry that says the same already.
    fn same_as(&self, entry: &Entry) -> Option<usize> {
        let is_same = |known: &Entry| known.ended.is_none() && says_the_same(entry, known);
        self.known.iter().position(is_same)
    }

    /// Keeps the higher importance of two that say the same, and the date that one of them has.
    fn weigh(&mut self, at: usize, entry: &Entry) {
        let known = &mut self.known[at];
        let before = known.clone();
        known.importance = known.importance.max(entry.importance);
        if known.due.is_none() && known.told.is_none() {
            known.due = entry.due;
            known.all_day = entry.all_day;
        }
        if *known == before {
            return;
        }
        let known = known.clone();
        match self.learnt.entries.iter_mut().find(|e| e.id == known.id) {
            Some(changed) => *changed = known,
            None => self.learnt.entries.push(known),
        }
    }

    /// Ends an entry that is known.
    fn finish(&mut self, at: usize, since: Timestamp) {
        let known = &mut self.known[at];
        known.ended = Some(since);
        match self.learnt.entries.iter_mut().find(|e| e.id == known.id) {
            // One of this very turn.
            Some(changed) => changed.ended = known.ended,
            None => self.learnt.ended.push((known.id, since)),
        }
    }

    fn end(&mut self, ending: &Ending) {
        let named: HashSet<_> = words::distinct(&ending.text).into_iter().collect();
        if named.is_empty() {
            return;
        }
        let turn = self.turn;
        let fits = |entry: &Entry| {
            entry.ended.is_none() && entry.at <= turn.at && ends(ending, &named, entry, turn.at)
        };
        let mut fitting: Vec<_> = (0..self.known.len())
            .filter(|at| fits(&self.known[*at]))
            .collect();
        if ending.what == Ends::Planned {
            // "Cancel the dentist" is the next one, and its reminders.
            fitting.sort_by_key(|at| self.known[*at].due);
            let first = fitting.first().and_then(|at| self.known[*at].due);
            fitting.retain(|at| match (self.known[*at].due, first) {
                (Some(due), Some(first)) => due.duration_since(first) < DAY,
                _ => true,
            });
        }
        for at in fitting {
            self.finish(at, self.turn.at);
        }
    }
}

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The entry of a draft. Its name follows from its turn and its words, so that a turn that is read
/// twice gives the same.
fn entry(turn: &Turn, person: &Person, draft: &Draft) -> Entry {
    let due = draft.due.map_or(0, Timestamp::as_millisecond);
    let name = format!("{} {due} {}", draft.kind.word(), draft.text);
    Entry {
        id: turn.id.derived(&name),
        person: person.clone(),
        kind: draft.kind,
        text: draft.text.clone(),
        at: turn.at,
        audience: turn.audience,
        turn: Some(turn.id),
        slot: draft.slot.clone(),
        importance: draft.importance.clamp(1, 10),
        due: draft.due,
        all_day: draft.all_day,
        ended: None,
        told: None,
    }
}

fn is_planned(kind: Kind) -> bool {
    matches!(kind, Kind::Task | Kind::Event | Kind::Reminder)
}

/// Whether two entries may say the same at all: names are beside what is said of them.
fn comparable(new: &Entry, old: &Entry) -> bool {
    let names = (new.kind == Kind::Entity) == (old.kind == Kind::Entity);
    names && is_planned(new.kind) == is_planned(old.kind) && new.audience == old.audience
}

fn says_the_same(new: &Entry, old: &Entry) -> bool {
    if !comparable(new, old) || denies(&new.text) != denies(&old.text) || !same_due(new, old) {
        return false;
    }
    let (ours, theirs) = (terms(&new.text), terms(&old.text));
    if ours.is_empty() && theirs.is_empty() {
        return new.text.eq_ignore_ascii_case(&old.text);
    }
    if new.slot.is_some() && new.slot == old.slot {
        return ours == theirs;
    }
    let shared = ours.intersection(&theirs).count();
    // What two readers took out of the same turn may be the longer and the shorter half of it.
    let all = if new.turn == old.turn {
        ours.len().min(theirs.len())
    } else {
        ours.union(&theirs).count()
    };
    share(shared, all) >= SAME
}

/// Two dates that do not speak against each other. Two reminders are one only at one moment.
fn same_due(new: &Entry, old: &Entry) -> bool {
    match (new.due, old.due) {
        (Some(new_due), Some(old_due)) if new.all_day || old.all_day => {
            new_due.duration_since(old_due).abs() < DAY
        }
        (Some(new_due), Some(old_due)) => new_due == old_due,
        (None, None) => true,
        _ => new.kind != Kind::Reminder && new.turn == old.turn,
    }
}

/// Whether the new entry is about the same as the old one and so takes its place.
fn replaces(new: &Entry, old: &Entry) -> bool {
    let over = old
        .due
        .is_some_and(|due| is_planned(old.kind) && due < new.at);
    old.ended.is_none()
        && !over
        && new.slot.is_some()
        && new.slot == old.slot
        && (new.kind == Kind::Entity) == (old.kind == Kind::Entity)
}

/// Whether an ending is about an entry.
fn ends(ending: &Ending, named: &HashSet<String>, entry: &Entry, now: Timestamp) -> bool {
    if matches!(
        entry.kind,
        Kind::Entity | Kind::Summary | Kind::Said | Kind::Heard
    ) {
        return false;
    }
    let said = terms(&entry.text);
    if ending.what == Ends::Anything {
        let shared = named.intersection(&said).count();
        return shared == named.len() && share(shared, said.len()) >= NAMED;
    }
    let slot = entry.slot.as_deref().map(terms).unwrap_or_default();
    let fits = named
        .iter()
        .all(|word| said.contains(word) || slot.contains(word));
    let day = match (ending.on, entry.due) {
        (Some(on), Some(due)) => due >= on && due.duration_since(on) < DAY,
        (Some(_), None) => false,
        (None, due) => due.is_none_or(|due| due >= now),
    };
    is_planned(entry.kind) && entry.told.is_none() && fits && day
}

fn terms(text: &str) -> HashSet<String> {
    words::distinct(text).into_iter().collect()
}

fn denies(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|word| {
        DENIALS
            .iter()
            .any(|denial| word.eq_ignore_ascii_case(denial))
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of words in one sentence"
)]
fn share(part: usize, whole: usize) -> f32 {
    part as f32 / whole.max(1) as f32
}

#[cfg(test)]
mod tests;
