//! Exact search in this process: every vector of the person is compared.
//!
//! The vectors lie in a file and, of people who are here, in memory as well. Writing and reading
//! in from the file happen one after the other, as tasks of their own: whoever asked may give up
//! waiting, and file and memory still agree.

mod file;
mod held;
mod slab;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use tokio::sync::RwLock;

use self::file::File;
use self::held::Held;
use self::slab::{Best, Fixed, Found, Slab};
use super::{Hit, Index, Near, Point};
use crate::person::{Company, Person};
use crate::store::StoreError;
use crate::turn::Id;

/// Where the vectors lie, and how much memory they may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The file; it is made when it is not there.
    pub file: PathBuf,
    /// The embedding model. A file of another model's vectors is emptied.
    pub model: String,
    /// Bytes of vectors that are held in memory; beyond them, those of whoever was not asked about
    /// for longest are read from the file again when they come back. A person who has more alone
    /// is searched in the file, which takes a second for 200,000 entries.
    pub held: usize,
}

/// So many points are compared at once without leaving the asker's thread: a quarter of a
/// millisecond at most.
const AT_ONCE: usize = 2_000;

/// A person who is not held whole is searched in pieces of so many points.
const PIECE: usize = 4_096;

impl Settings {
    /// Bytes of vectors in memory unless somebody says otherwise: 240,000 of 384 numbers, so that
    /// somebody who said something a hundred thousand times is still answered in time.
    pub const HELD: usize = 192 << 20;
}

/// The index.
#[derive(Clone, Debug)]
pub(super) struct Exact {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    held: Mutex<Held>,
    /// Whoever holds it changes the file and what is held, and nobody else does meanwhile.
    order: tokio::sync::Mutex<()>,
}

impl Exact {
    pub(super) fn new(settings: Settings) -> Self {
        let inner = Inner {
            file: File::new(settings.file, settings.model),
            held: Mutex::new(Held::new(settings.held)),
            order: tokio::sync::Mutex::new(()),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Does it to the end, even if nobody waits for it any more.
    async fn whole<T, F>(&self, work: impl FnOnce(Arc<Inner>) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let done = tokio::spawn(work(self.inner.clone())).await;
        done.unwrap_or_else(|_| {
            Err(StoreError::Unavailable {
                reason: "the search for what lies near was broken off".to_owned(),
            })
        })
    }

    async fn search(&self, near: Near<'_>) -> Result<Vec<Hit>, StoreError> {
        let vector = Fixed::of(near.vector).ok_or_else(super::no_direction)?;
        let found = if near.company == Company::Alone || near.private_too {
            Found::All
        } else {
            Found::Shared
        };
        let mut best = Best::new(near.limit);
        let held = self.inner.held().get(near.person);
        let slab = match held {
            Some(slab) => Some(slab),
            None => {
                let person = near.person.clone();
                self.whole(|inner| async move { inner.load(&person).await })
                    .await?
            }
        };
        let Some(slab) = slab else {
            let person = near.person;
            return self.inner.search_file(person, &vector, found, best).await;
        };
        let slab = slab.read_owned().await;
        fits(slab.dimensions(), vector.dimensions())?;
        if slab.len() <= AT_ONCE {
            slab.search(&vector, found, &mut best);
            return Ok(best.hits());
        }
        let searched = tokio::task::spawn_blocking(move || {
            slab.search(&vector, found, &mut best);
            best.hits()
        });
        searched.await.map_err(|_| StoreError::Unavailable {
            reason: "the search for what lies near was broken off".to_owned(),
        })
    }
}

impl Inner {
    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing panics while it is locked.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The vectors of a person, read in if they are not in memory; none if they are too many.
    async fn load(&self, person: &Person) -> Result<Option<Arc<RwLock<Slab>>>, StoreError> {
        let _order = self.order.lock().await;
        if let Some(slab) = self.held().get(person) {
            return Ok(Some(slab));
        }
        let dimensions = self.file.dimensions().await?.unwrap_or_default();
        let count = usize::try_from(self.file.count(Some(person)).await?).unwrap_or(usize::MAX);
        let bytes = Slab::bytes_of(count, dimensions);
        if dimensions == 0 || !self.held().fits(bytes) {
            return Ok(None);
        }
        let mut slab = Slab::new(dimensions);
        let take = |id, audience, vector: &[u8]| slab.put_bytes(id, audience, vector);
        self.file.read(person, take).await?;
        let slab = Arc::new(RwLock::new(slab));
        self.held().put(person, slab.clone(), bytes);
        Ok(Some(slab))
    }

    /// The same search through the file, in pieces.
    async fn search_file(
        &self,
        person: &Person,
        near: &Fixed,
        found: Found,
        mut best: Best,
    ) -> Result<Vec<Hit>, StoreError> {
        let Some(dimensions) = self.file.dimensions().await? else {
            return Ok(Vec::new());
        };
        fits(dimensions, near.dimensions())?;
        let mut piece = Slab::new(near.dimensions());
        let take = |id, audience, vector: &[u8]| {
            piece.put_bytes(id, audience, vector);
            if piece.len() == PIECE {
                piece.search(near, found, &mut best);
                piece = Slab::new(near.dimensions());
            }
        };
        self.file.read(person, take).await?;
        piece.search(near, found, &mut best);
        Ok(best.hits())
    }

    async fn upsert(&self, points: Vec<Point>) -> Result<(), StoreError> {
        let _order = self.order.lock().await;
        let mut fixed = Vec::with_capacity(points.len());
        for point in points {
            let vector = Fixed::of(&point.vector).ok_or_else(super::no_direction)?;
            fixed.push((point, vector));
        }
        let Some(first) = fixed.first().map(|(_, vector)| vector.dimensions()) else {
            return Ok(());
        };
        let dimensions = self.file.dimensions().await?.unwrap_or(first);
        for (_, vector) in &fixed {
            fits(dimensions, vector.dimensions())?;
        }
        let written = self.file.write(&fixed, dimensions).await;
        let mut people: HashMap<Person, Vec<(Point, Fixed)>> = HashMap::new();
        for (point, vector) in fixed {
            let of_person = people.entry(point.person.clone()).or_default();
            of_person.push((point, vector));
        }
        for (person, points) in people {
            self.change_held(&person, written.is_ok(), |slab| {
                for (point, vector) in &points {
                    slab.put(point.id, point.audience, vector);
                }
            })
            .await;
        }
        written
    }

    async fn delete(&self, person: &Person, ids: &[Id]) -> Result<(), StoreError> {
        let _order = self.order.lock().await;
        let deleted = self.file.delete(person, ids).await;
        self.change_held(person, deleted.is_ok(), |slab| {
            ids.iter().for_each(|id| slab.remove(*id));
        })
        .await;
        deleted
    }

    /// Has memory follow the file. After an error nobody knows what the file says: then the person
    /// is read in again.
    async fn change_held(&self, person: &Person, sure: bool, change: impl FnOnce(&mut Slab)) {
        let held = self.held().get(person);
        let Some(held) = held else { return };
        if !sure {
            self.held().drop_person(person);
            return;
        }
        let mut slab = held.write().await;
        change(&mut slab);
        let bytes = slab.bytes();
        drop(slab);
        self.held().put(person, held, bytes);
    }
}

impl Index for Exact {
    fn upsert(&self, points: Vec<Point>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.whole(|inner| async move { inner.upsert(points).await }))
    }

    fn nearest<'a>(&'a self, near: Near<'a>) -> BoxFuture<'a, Result<Vec<Hit>, StoreError>> {
        Box::pin(self.search(near))
    }

    fn delete<'a>(
        &'a self,
        person: &'a Person,
        ids: &'a [Id],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (person, ids) = (person.clone(), ids.to_vec());
        Box::pin(self.whole(|inner| async move { inner.delete(&person, &ids).await }))
    }

    fn delete_person<'a>(&'a self, person: &'a Person) -> BoxFuture<'a, Result<(), StoreError>> {
        let person = person.clone();
        Box::pin(self.whole(|inner| async move {
            let _order = inner.order.lock().await;
            inner.held().drop_person(&person);
            inner.file.delete_person(&person).await
        }))
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.whole(|inner| async move {
            let _order = inner.order.lock().await;
            inner.held().drop_all();
            inner.file.clear().await
        }))
    }

    fn count<'a>(&'a self, person: Option<&'a Person>) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(self.inner.file.count(person))
    }

    fn warm<'a>(&'a self, person: &'a Person) -> BoxFuture<'a, Result<(), StoreError>> {
        let person = person.clone();
        Box::pin(self.whole(|inner| async move { inner.load(&person).await.map(drop) }))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { self.inner.file.dimensions().await.map(drop) })
    }
}

fn fits(known: usize, given: usize) -> Result<(), StoreError> {
    if known == given {
        return Ok(());
    }
    Err(super::mismatch("the file of vectors", known, given))
}

#[cfg(test)]
mod tests;
