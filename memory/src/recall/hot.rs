//! Hot recall: what is known about a person whatever they ask, from the cache, else the store.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::UPCOMING_DAYS;
use crate::entry::{Entry, Kind};
use crate::memory::Memory;
use crate::person::Person;
use crate::store::{Filter, Profile, StoreError};
use crate::turn::Id;

/// Under this key in the room of the person.
const KEY: &str = "hot";

/// How long it stays in the cache. Whatever changes it empties the room at once; this bounds what
/// a change by another process leaves behind.
const KEPT: Duration = Duration::from_secs(10 * 60);

/// Learnt entries at most, the newest, ended ones among them.
const MOST_LEARNT: usize = 300;

/// Kinds that are learnt from turns and tell of the person.
const LEARNT: &[Kind] = &[
    Kind::Fact,
    Kind::Preference,
    Kind::Task,
    Kind::Event,
    Kind::Reminder,
    Kind::Entity,
];

/// Kinds that are told of when they are due soon.
const DUE: &[Kind] = &[Kind::Task, Kind::Event, Kind::Reminder];

/// A whole day that has begun is still to be told of.
const DAY: SignedDuration = SignedDuration::from_hours(24);

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Hot {
    pub(crate) profile: Option<Profile>,
    /// What was learnt, newest first, and what of it has ended.
    pub(crate) learnt: Vec<Entry>,
    due: Vec<Entry>,
}

impl Hot {
    /// Without anything of anybody else, whoever brought it: another's wishes must not count.
    fn of(mut self, person: &Person) -> Self {
        self.profile = self.profile.filter(|profile| profile.person == *person);
        self.learnt.retain(|entry| entry.person == *person);
        self.due.retain(|entry| entry.person == *person);
        self
    }

    pub(crate) fn private_aloud(&self) -> bool {
        self.profile
            .as_ref()
            .is_some_and(|profile| profile.private_aloud)
    }

    /// What is due from now on, earliest first.
    pub(super) fn upcoming(&self, now: Timestamp, usual: &TimeZone) -> Vec<Entry> {
        let zone = zone(self.profile.as_ref(), usual);
        let today = now.to_zoned(zone.clone()).date();
        let last = ahead(now);
        let is_ahead = |entry: &&Entry| {
            entry.due.is_some_and(|due| {
                let begun = if entry.all_day {
                    due.to_zoned(zone.clone()).date() < today
                } else {
                    due < now
                };
                !begun && due < last && entry.ended.is_none() && entry.told.is_none()
            })
        };
        let mut upcoming: Vec<Entry> = self.due.iter().filter(is_ahead).cloned().collect();
        upcoming.sort_by_key(|entry| entry.due);
        upcoming
    }
}

/// Turns that told of what has ended since, and of nothing that is still so; with when it ended.
/// Names do not count: there still is a Paris when somebody has moved away from it.
pub(super) fn outdated(learnt: &[Entry]) -> HashMap<Id, Timestamp> {
    let mut turns: HashMap<Id, Option<Timestamp>> = HashMap::new();
    for entry in learnt {
        let Some(turn) = entry.turn.filter(|_| entry.kind != Kind::Entity) else {
            continue;
        };
        turns
            .entry(turn)
            .and_modify(|ended| *ended = ended.zip(entry.ended).map(|(one, other)| one.max(other)))
            .or_insert(entry.ended);
    }
    turns
        .into_iter()
        .filter_map(|(turn, ended)| Some((turn, ended?)))
        .collect()
}

/// The person's time zone if they told one that exists, else the usual one.
pub(super) fn zone(profile: Option<&Profile>, usual: &TimeZone) -> TimeZone {
    profile
        .and_then(|profile| profile.time_zone.as_deref())
        .and_then(|name| TimeZone::get(name).ok())
        .unwrap_or_else(|| usual.clone())
}

impl Memory {
    /// What is known about a person, from the cache if it is there, else from the store.
    pub(crate) async fn hot(&self, person: &Person, now: Timestamp) -> Result<Hot, StoreError> {
        let parts = self.parts();
        match parts.cache.get(person.as_str(), KEY).await {
            Ok(Some(bytes)) => {
                if let Ok(hot) = serde_json::from_slice::<Hot>(&bytes) {
                    let hot = hot.of(person);
                    self.heed(person, &hot);
                    return Ok(hot);
                }
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "hot recall without the cache"),
        }
        let before = self.desk().changes.load(Ordering::SeqCst);
        let learnt = Filter {
            person,
            kinds: LEARNT,
            ended_too: true,
            due_from: None,
            due_until: None,
            limit: MOST_LEARNT,
        };
        let due = Filter {
            kinds: DUE,
            ended_too: false,
            due_from: now.checked_sub(DAY).ok(),
            // A day more, so that what is kept does not run out before it is made anew.
            due_until: ahead(now).checked_add(DAY).ok(),
            ..learnt.clone()
        };
        let (profile, learnt, due) = tokio::try_join!(
            parts.store.profile(person),
            parts.store.list(learnt),
            parts.store.list(due),
        )?;
        let hot = Hot {
            profile,
            learnt,
            due,
        };
        let hot = hot.of(person);
        self.heed(person, &hot);
        self.keep_hot(person, &hot, before);
        Ok(hot)
    }

    /// Somebody who went off the record before this process began is so still. Only their own
    /// wish ends it, and no copy that may be old.
    fn heed(&self, person: &Person, hot: &Hot) {
        if hot
            .profile
            .as_ref()
            .is_some_and(|profile| profile.off_record)
        {
            self.desk().go_off_record(person);
        }
    }

    /// What is at hand about a person is no longer so.
    pub(crate) async fn stale(&self, person: &Person) {
        self.desk().change();
        if let Err(error) = self.parts().cache.empty(person.as_str()).await {
            tracing::debug!(%error, "the cache keeps what is no longer so for a while");
        }
    }

    /// Puts it into the cache in the background, unless something has changed meanwhile.
    fn keep_hot(&self, person: &Person, hot: &Hot, before: u64) {
        let Ok(bytes) = serde_json::to_vec(hot) else {
            return;
        };
        let (memory, person) = (self.clone(), person.clone());
        tokio::spawn(async move {
            let is_as_before = || memory.desk().changes.load(Ordering::SeqCst) == before;
            let cache = &memory.parts().cache;
            if is_as_before() {
                cache.put(person.as_str(), KEY, bytes, KEPT).await.ok();
            }
            if !is_as_before() {
                cache.empty(person.as_str()).await.ok();
            }
        });
    }
}

fn ahead(now: Timestamp) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(24 * UPCOMING_DAYS))
        .unwrap_or(Timestamp::MAX)
}
