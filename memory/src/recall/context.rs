//! What was found, in the context in which it was said: with the other side of its turn, and with
//! what was said just before and after.
//!
//! People rarely say all in one sentence. "The car goes in for a service." is near to "Who is
//! looking after my car?", and the answer stands in the sentence after it: "The garage is Keller's."

use std::collections::{BTreeMap, HashMap, HashSet};

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, timeout_at};

use super::{Recollection, about};
use crate::entry::{Entry, Kind};
use crate::memory::Memory;
use crate::person::Person;
use crate::turn::Id;

/// So many of the best turns are shown with their neighbours.
const WITH_NEIGHBOURS: usize = 4;

/// Neighbours are said within this time of each other; later words are of something else.
const NEAR_BY: SignedDuration = SignedDuration::from_mins(5);

/// Sides of turns that one look around finds at most; more is said by nobody in this time.
const MOST_AROUND: usize = 40;

/// What an entry is seen in.
pub(super) struct Around<'a> {
    pub(super) person: &'a Person,
    pub(super) question: &'a str,
    /// Turns of the present talk, which come by themselves.
    pub(super) present: HashSet<Id>,
    /// Turns that tell of what has ended.
    pub(super) outdated: HashMap<Id, Timestamp>,
    pub(super) deadline: Instant,
}

/// Both sides of a turn, as far as there were words.
#[derive(Default)]
struct Sides {
    said: Option<Entry>,
    heard: Option<Entry>,
}

impl Memory {
    /// The same entries, each followed by the other side of its turn, and after all of them what
    /// was said beside the best. What the store does not bring before the deadline is left out.
    pub(super) async fn in_context(
        &self,
        found: Vec<Recollection>,
        around: &Around<'_>,
    ) -> Vec<Recollection> {
        if found.is_empty() {
            return found;
        }
        let mut entries = self.with_other_sides(found, around).await;
        if entries.len() < self.settings().long_term {
            let beside = self.beside(&entries, around).await;
            let known: HashSet<Id> = entries.iter().map(|known| known.entry.id).collect();
            let is_new = |beside: &Recollection| !known.contains(&beside.entry.id);
            entries.extend(beside.into_iter().filter(is_new));
        }
        if about::asks_about_self(around.question) {
            drop_echoes(&mut entries);
        }
        for known in &mut entries {
            if let Some(ended) = known.entry.turn.and_then(|turn| around.outdated.get(&turn)) {
                known.entry.ended = Some(*ended);
            }
        }
        entries
    }

    /// An answer means little without its question, and a question nothing without its answer.
    async fn with_other_sides(
        &self,
        found: Vec<Recollection>,
        around: &Around<'_>,
    ) -> Vec<Recollection> {
        let known: HashSet<Id> = found.iter().map(|known| known.entry.id).collect();
        let wanted: Vec<Id> = found
            .iter()
            .filter_map(|known| side_of(&known.entry))
            .flat_map(Id::sides)
            .filter(|side| !known.contains(side))
            .collect();
        let mut others: HashMap<Id, Entry> = HashMap::new();
        if let Ok(Ok(sides)) =
            timeout_at(around.deadline, self.parts().store.entries(&wanted)).await
        {
            others.extend(
                sides
                    .into_iter()
                    .filter(|side| wanted.contains(&side.id))
                    .filter_map(|side| Some((side.turn?, side))),
            );
        }

        // What the person asked about the world tells nothing about them.
        let about_self = about::asks_about_self(around.question);
        let worldly: HashSet<Id> = found
            .iter()
            .map(|known| &known.entry)
            .chain(others.values())
            .filter(|side| side.kind == Kind::Said && about::asks_about_world(&side.text))
            .filter_map(|side| side.turn)
            .collect();
        let mut entries = Vec::new();
        for known in found {
            let turn = side_of(&known.entry);
            if about_self && turn.is_some_and(|turn| worldly.contains(&turn)) {
                continue;
            }
            let nearness = known.nearness;
            entries.push(known);
            let other = turn.and_then(|turn| others.remove(&turn));
            entries.extend(other.map(|entry| Recollection { entry, nearness }));
        }
        entries
    }

    /// What was said just before and after the best turns.
    async fn beside(&self, entries: &[Recollection], around: &Around<'_>) -> Vec<Recollection> {
        let mut seen = HashSet::new();
        let best: Vec<(Id, &Recollection)> = entries
            .iter()
            .filter_map(|known| Some((known.entry.turn?, known)))
            .filter(|(turn, _)| seen.insert(*turn))
            .take(WITH_NEIGHBOURS)
            .collect();
        let looks = best.iter().map(|(_, known)| {
            let at = known.entry.at;
            let (from, until) = (
                at.checked_sub(NEAR_BY).unwrap_or(Timestamp::MIN),
                at.checked_add(NEAR_BY).unwrap_or(Timestamp::MAX),
            );
            let look = self
                .parts()
                .store
                .around(around.person, from, until, MOST_AROUND);
            timeout_at(around.deadline, look)
        });
        let found = join_all(looks).await;
        let mut beside = Vec::new();
        for ((turn, known), sides) in best.iter().zip(found) {
            let Ok(Ok(sides)) = sides else { continue };
            for entry in neighbours(sides, *turn) {
                let is_present = entry
                    .turn
                    .is_some_and(|turn| around.present.contains(&turn));
                if !is_present && seen.insert(entry.id) {
                    beside.push(Recollection {
                        entry,
                        nearness: known.nearness,
                    });
                }
            }
        }
        beside
    }
}

/// What was said in the turn after this one and in the one before; of a question its answer too,
/// which else says little.
fn neighbours(sides: Vec<Entry>, turn: Id) -> Vec<Entry> {
    let mut turns: BTreeMap<(Timestamp, Id), Sides> = BTreeMap::new();
    for side in sides {
        let Some(of) = side.turn else { continue };
        let both = turns.entry((side.at, of)).or_default();
        match side.kind {
            Kind::Said => both.said = Some(side),
            Kind::Heard => both.heard = Some(side),
            _ => {}
        }
    }
    let order: Vec<(Timestamp, Id)> = turns.keys().copied().collect();
    let Some(place) = order.iter().position(|(_, id)| *id == turn) else {
        return Vec::new();
    };
    let before = place.checked_sub(1);
    [Some(place + 1), before]
        .into_iter()
        .flatten()
        .filter_map(|place| turns.remove(order.get(place)?))
        .flat_map(|both| {
            let asked = both
                .said
                .as_ref()
                .is_none_or(|said| about::asks(&said.text));
            let heard = both.heard.filter(|_| asked);
            both.said.into_iter().chain(heard)
        })
        .collect()
}

/// Takes out the answers to statements: "Biscuit is a great name" tells nothing beside "he's
/// called Biscuit", and the model would have to read it while somebody waits.
fn drop_echoes(entries: &mut Vec<Recollection>) {
    let stated: HashSet<Id> = entries
        .iter()
        .filter(|known| known.entry.kind == Kind::Said && !about::asks(&known.entry.text))
        .filter_map(|known| known.entry.turn)
        .collect();
    let is_echo = |entry: &Entry| {
        entry.kind == Kind::Heard && entry.turn.is_some_and(|turn| stated.contains(&turn))
    };
    entries.retain(|known| !is_echo(&known.entry));
}

/// The turn of which an entry is a side.
fn side_of(entry: &Entry) -> Option<Id> {
    entry.turn.filter(|_| entry.kind.is_side())
}
