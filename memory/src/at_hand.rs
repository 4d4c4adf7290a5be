//! What memory has at hand of the people who are there: sessions, profiles, wishes; made ready when
//! somebody comes, dropped when a visitor leaves.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::entry::Entry;
use crate::memory::Memory;
use crate::person::{Asker, Company, Person, Place, Who};
use crate::session::{Kept, MOST_TURNS, Said};
use crate::store::{Forget, Profile, StoreError};
use crate::turn::Turn;

/// The session of a place, in the room of the place.
const SESSION: &str = "session";

/// What is made ready for somebody who has come may take this long; then they are answered from
/// what is there.
const MEETING: Duration = Duration::from_secs(10);

/// A text that makes the server load its model. Its vector is kept for some minutes, and so the
/// server is not asked again within them.
const GREETING: &str = "hello";

/// What a person wishes of their memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// What they say now is not to be remembered.
    OffRecord,
    /// What they say is to be remembered again.
    OnRecord,
    /// What they said in private may be spoken of before others.
    PrivateAloud,
    /// It may not.
    PrivateQuiet,
    /// Their days and hours are those of this time zone (IANA).
    TimeZone(String),
}

/// Why a wish could not be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WishError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No time zone has this name.
    #[error("there is no time zone {0:?}: give one such as Europe/Berlin")]
    NoSuchTimeZone(String),
}

impl Memory {
    /// Somebody is there: their session, what is known about them and their vectors are made
    /// ready, in the background.
    pub fn meet(&self, who: &Who) {
        let Some(person) = who.person().cloned() else {
            return;
        };
        let memory = self.clone();
        tokio::spawn(async move {
            let place = Place::Private(Who::Known(person.clone()));
            let now = Timestamp::now();
            let index = &memory.parts().index;
            let ready = async {
                tokio::join!(
                    memory.look_back(&place, now),
                    memory.hot(&person, now),
                    index.warm(&person),
                    memory.vector(GREETING),
                )
            };
            if timeout(MEETING, ready).await.is_err() {
                tracing::debug!(
                    ?person,
                    "what is known about somebody was not ready in time"
                );
            }
        });
    }

    /// Somebody has left: what a visitor said is dropped.
    pub fn leave(&self, who: &Who) {
        self.desk().sessions().leave(who);
    }

    /// What was learnt about a person and is still so, newest first, as far as it may be spoken of
    /// in this company. Empty when the store is away.
    pub async fn known(&self, person: &Person, company: Company) -> Vec<Entry> {
        let Ok(hot) = self.hot(person, Timestamp::now()).await else {
            return Vec::new();
        };
        let private_too = hot.private_aloud();
        let may_come = |entry: &Entry| {
            entry.person == *person
                && entry.ended.is_none()
                && entry.audience.may_be_told(company, private_too)
                && !self.is_forgotten(entry)
        };
        hot.learnt.into_iter().filter(may_come).collect()
    }

    /// What is known about a person beside what they said; none for somebody new, and when the
    /// store is away.
    pub async fn profile(&self, person: &Person) -> Option<Profile> {
        let hot = self.hot(person, Timestamp::now()).await.ok()?;
        hot.profile.filter(|profile| profile.person == *person)
    }

    /// Does what a person wishes.
    ///
    /// # Errors
    /// [`WishError::NoSuchTimeZone`], and when the store cannot keep it: then nothing changes, but
    /// that somebody is off the record holds for as long as this process lives.
    pub async fn wish(&self, person: &Person, wish: Wish) -> Result<(), WishError> {
        // At once, and also when the store cannot write it down.
        if wish == Wish::OffRecord {
            self.desk().go_off_record(person);
        }
        let store = &self.parts().store;
        let now = Timestamp::now();
        let mut profile = store
            .profile(person)
            .await?
            .unwrap_or_else(|| Profile::new(person.clone(), now));
        let remembered_again = wish == Wish::OnRecord;
        match wish {
            Wish::OffRecord => profile.off_record = true,
            Wish::OnRecord => profile.off_record = false,
            Wish::PrivateAloud => profile.private_aloud = true,
            Wish::PrivateQuiet => profile.private_aloud = false,
            Wish::TimeZone(name) => {
                if TimeZone::get(&name).is_err() {
                    return Err(WishError::NoSuchTimeZone(name));
                }
                profile.time_zone = Some(name);
            }
        }
        store.save_profile(&profile).await?;
        self.stale(person).await;
        if remembered_again {
            self.desk().go_on_record(person);
        }
        Ok(())
    }

    /// Takes a finished turn into the session of its place.
    pub(crate) fn take_into_session(&self, turn: &Turn, kept: Kept) {
        self.desk().sessions().take(turn.clone(), kept);
        if room(&turn.place).is_some() && turn.who.person().is_some() {
            self.desk().mark(turn.place.clone());
        }
    }

    /// Drops what is to be forgotten from the sessions of this process.
    pub(crate) fn forget_talk(&self, what: &Forget) {
        self.desk().change();
        let changed = self.desk().sessions().forget(what);
        for place in changed {
            self.desk().mark(place);
        }
    }

    /// Keeps the sessions in the cache as they change, until the shutdown.
    pub(crate) async fn keep_sessions(&self, shutdown: &CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.desk().wake.notified() => self.keep_changed().await,
            }
        }
        self.keep_changed().await;
    }

    /// The present talk of the asker's place, as they may see it.
    pub(crate) fn talk(&self, asker: &Asker, private_too: bool, now: Timestamp) -> Vec<Said> {
        let limit = self.settings().short_term;
        self.desk().sessions().talk(asker, private_too, now, limit)
    }

    /// Looks once for the talk that a place had before this process: in the cache, else in the
    /// store.
    pub(crate) async fn look_back(&self, place: &Place, now: Timestamp) -> Result<(), StoreError> {
        let Some(room) = room(place) else {
            return Ok(());
        };
        if self.keeping().list_unread().is_some() {
            return Ok(());
        }
        let lifetime = {
            let sessions = self.desk().sessions();
            if !sessions.wants_look(place) {
                return Ok(());
            }
            sessions.lifetime()
        };
        let parts = self.parts();
        let kept = parts.cache.get(&room, SESSION).await.ok().flatten();
        let turns = match kept.and_then(|bytes| serde_json::from_slice::<Vec<Turn>>(&bytes).ok()) {
            Some(turns) => turns,
            None => {
                let since = now.checked_sub(lifetime).unwrap_or(Timestamp::MIN);
                parts.store.last_talk(place, since, MOST_TURNS).await?.turns
            }
        };
        let turns = self.keeping().with_list(|list| {
            turns
                .into_iter()
                .filter_map(|turn| list.left_of(turn))
                .collect()
        });
        self.desk().sessions().restore(place, turns, now);
        Ok(())
    }

    async fn keep_changed(&self) {
        for place in self.desk().take_changed() {
            let Some(room) = room(&place) else { continue };
            let (turns, lifetime) = {
                let sessions = self.desk().sessions();
                (
                    sessions.lasting(&place, Timestamp::now()),
                    sessions.lifetime(),
                )
            };
            let cache = &self.parts().cache;
            let kept = match serde_json::to_vec(&turns) {
                Ok(bytes) if !turns.is_empty() => cache.put(&room, SESSION, bytes, lifetime).await,
                _ => cache.empty(&room).await,
            };
            if let Err(error) = kept {
                tracing::debug!(%error, "a session is not in the cache; the store has its turns");
            }
        }
    }
}

/// The room of a place in the cache; none for what may be in this process only.
fn room(place: &Place) -> Option<String> {
    match place {
        Place::Channel(number) => Some(format!("channel:{number}")),
        Place::Private(Who::Known(person)) => Some(format!("private:{}", person.as_str())),
        Place::Private(Who::Visitor(_)) => None,
    }
}

#[cfg(test)]
mod tests;
