//! What was found by meaning and by words, made into one list: by reciprocal rank, and only what is
//! near enough.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::Recollection;
use super::evidence::Evidence;
use super::find::Found;
use crate::entry::Entry;
use crate::memory::Settings;
use crate::turn::Id;

/// What a rank is worth falls off the slower the greater this is; 60 is what the method's authors
/// found to serve best (Cormack, Clarke and Büttcher, 2009).
const RANK_CONSTANT: f32 = 60.0;

struct Candidate {
    entry: Entry,
    score: f32,
    nearness: f32,
}

/// The entries that are near enough, best first; what has ended since comes last and says so.
/// Nothing of the turns in `present`.
pub(super) fn fuse(
    found: &Found,
    terms: &[String],
    present: &HashSet<Id>,
    outdated: &HashMap<Id, Timestamp>,
    settings: &Settings,
    now: Timestamp,
) -> Vec<Recollection> {
    let texts = found.same.iter().map(|entry| entry.text.as_str());
    let evidence = Evidence::new(terms, texts);
    let mut candidates: HashMap<Id, Candidate> = HashMap::new();
    let mut add = |entry: &Entry, rank: usize, nearness: f32| {
        let candidate = candidates.entry(entry.id).or_insert_with(|| Candidate {
            entry: entry.clone(),
            score: 0.0,
            nearness: 0.0,
        });
        candidate.score += 1.0 / (RANK_CONSTANT + rank as f32);
        candidate.nearness = candidate.nearness.max(nearness);
    };
    for (rank, (entry, cosine)) in found.near.iter().enumerate() {
        add(entry, rank, settings.calibration.scale(*cosine));
    }
    for (rank, entry) in found.same.iter().enumerate() {
        add(entry, rank, evidence.share(&entry.text));
    }

    let mut near: Vec<Candidate> = candidates
        .into_values()
        .filter(|candidate| candidate.nearness >= settings.threshold)
        .filter(|candidate| is_of_the_past(&candidate.entry, present, now))
        .filter_map(|candidate| with_its_end(candidate, outdated))
        .collect();
    near.sort_by(|one, other| {
        let ended = |candidate: &Candidate| candidate.entry.ended.is_some();
        ended(one)
            .cmp(&ended(other))
            .then_with(|| other.score.total_cmp(&one.score))
            .then_with(|| other.entry.at.cmp(&one.entry.at))
            .then_with(|| other.entry.id.cmp(&one.entry.id))
    });
    near.into_iter()
        .map(|candidate| Recollection {
            entry: candidate.entry,
            nearness: candidate.nearness,
        })
        .collect()
}

fn is_of_the_past(entry: &Entry, present: &HashSet<Id>, now: Timestamp) -> bool {
    entry.at <= now && entry.turn.is_none_or(|turn| !present.contains(&turn))
}

/// What was learnt and has ended is left out: the turn that it was learnt from says the same. That
/// one stays, and says that it has ended.
fn with_its_end(mut candidate: Candidate, outdated: &HashMap<Id, Timestamp>) -> Option<Candidate> {
    if !candidate.entry.kind.is_side() {
        return candidate.entry.ended.is_none().then_some(candidate);
    }
    let turn = candidate.entry.turn;
    candidate.entry.ended = turn.and_then(|turn| outdated.get(&turn)).copied();
    Some(candidate)
}
