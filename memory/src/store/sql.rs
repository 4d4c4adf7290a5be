//! The store in SQL: the same statements for SQLite and Postgres, but for the search.

use std::sync::Arc;

use futures::future::BoxFuture;
use jiff::Timestamp;

use super::connections::Connections;
use super::place::{Door, Where};
use super::{
    Change, Export, Filter, Forget, Forgotten, LastTalk, Learnt, Listed, Profile, Store,
    StoreError, Words,
};
use crate::entry::Entry;
use crate::person::{Person, Place};
use crate::turn::{Id, Turn};

mod find;
mod forget;
mod learn;
mod outbox;
mod people;
mod record;
mod talk;

/// Values in one statement at most; more are brought in several. Both databases take more.
const AT_ONCE: usize = 500;

/// The store at a place. Nothing is opened yet: the first call that reaches the database brings it
/// up to date, so that a start without it works.
///
/// # Errors
/// [`StoreError::Refused`] for an address that does not make sense.
pub fn open(place: &Where) -> Result<Arc<dyn Store>, StoreError> {
    let connections = Connections::new(Door::new(place)?);
    Ok(Arc::new(Sql { connections }))
}

/// What is remembered, in a SQL database.
#[derive(Debug)]
struct Sql {
    connections: Connections,
}

impl Store for Sql {
    fn record<'a>(&'a self, turn: &'a Turn) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let Some(person) = turn.who.person() else {
                return Err(StoreError::Refused {
                    reason: "a visitor's turn is not remembered".to_owned(),
                });
            };
            let mut work = self.connections.write().await?;
            let done = record::record(&mut work.db, person, turn).await;
            work.finish(done).await
        })
    }

    fn last_talk<'a>(
        &'a self,
        place: &'a Place,
        since: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<LastTalk, StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.read().await?;
            let done = talk::last(&mut work.db, place, since, limit).await;
            work.finish(done).await
        })
    }

    fn search<'a>(
        &'a self,
        words: Words<'a>,
    ) -> BoxFuture<'a, Result<Vec<(Entry, f32)>, StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.read().await?;
            let done = find::search(self.connections.door.dialect, &mut work.db, &words).await;
            work.finish(done).await
        })
    }

    fn entries<'a>(&'a self, ids: &'a [Id]) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.read().await?;
            let done = find::entries(self.connections.door.dialect, &mut work.db, ids).await;
            work.finish(done).await
        })
    }

    fn list<'a>(&'a self, filter: Filter<'a>) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.read().await?;
            let done = find::list(&mut work.db, &filter).await;
            work.finish(done).await
        })
    }

    fn around<'a>(
        &'a self,
        person: &'a Person,
        from: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.read().await?;
            let done = find::around(&mut work.db, person, from, until, limit).await;
            work.finish(done).await
        })
    }

    fn unread(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Turn>, StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.read().await?;
            let done = talk::unread(&mut work.db, before, limit).await;
            work.finish(done).await
        })
    }

    fn unsummarised(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Turn>, StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.read().await?;
            let done = talk::unsummarised(&mut work.db, before, limit).await;
            work.finish(done).await
        })
    }

    fn learn<'a>(&'a self, learnt: &'a Learnt) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.write().await?;
            let done = learn::learn(&mut work.db, learnt).await;
            work.finish(done).await
        })
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.read().await?;
            let done = find::due(&mut work.db, now, limit).await;
            work.finish(done).await
        })
    }

    fn told<'a>(&'a self, ids: &'a [Id], at: Timestamp) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.write().await?;
            let done = learn::told(&mut work.db, ids, at).await;
            work.finish(done).await
        })
    }

    fn profile<'a>(
        &'a self,
        person: &'a Person,
    ) -> BoxFuture<'a, Result<Option<Profile>, StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.read().await?;
            let done = people::profile(&mut work.db, person).await;
            work.finish(done).await
        })
    }

    fn save_profile<'a>(&'a self, profile: &'a Profile) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.write().await?;
            let done = people::save(&mut work.db, profile).await;
            work.finish(done).await
        })
    }

    fn forget<'a>(&'a self, what: &'a Forget) -> BoxFuture<'a, Result<Forgotten, StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.write().await?;
            let done = forget::forget(self.connections.door.dialect, &mut work.db, what).await;
            work.finish(done).await
        })
    }

    fn outbox(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Change>, StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.read().await?;
            let done = outbox::waiting(&mut work.db, limit).await;
            work.finish(done).await
        })
    }

    fn scrub(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.connections.scrub())
    }

    fn gone(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Change>, StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.read().await?;
            let done = outbox::gone(&mut work.db, limit).await;
            work.finish(done).await
        })
    }

    fn settled<'a>(&'a self, numbers: &'a [i64]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.write().await?;
            let dialect = self.connections.door.dialect;
            let done = outbox::settled(dialect, &mut work.db, numbers).await;
            work.finish(done).await
        })
    }

    fn relearn(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.write().await?;
            let done = outbox::relearn(&mut work.db).await;
            work.finish(done).await
        })
    }

    fn people(&self) -> BoxFuture<'_, Result<Vec<Listed>, StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.read().await?;
            let done = people::all(&mut work.db).await;
            work.finish(done).await
        })
    }

    fn export<'a>(&'a self, person: &'a Person) -> BoxFuture<'a, Result<Export, StoreError>> {
        Box::pin(async move {
            let mut work = self.connections.read_at_once().await?;
            let done = people::export(&mut work.db, person).await;
            work.finish(done).await
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.connections.check())
    }
}

/// A number of rows as a database takes it.
fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
