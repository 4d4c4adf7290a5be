//! What lies near in meaning: vectors, compared by their cosine.
//!
//! An index is derived from the store and can be rebuilt from it.

pub mod chroma;
pub mod exact;

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::entry::Kind;
use crate::person::{Company, Person};
use crate::store::StoreError;
use crate::turn::{Audience, Id};

/// Which index, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settings {
    /// In this process.
    Exact(exact::Settings),
    /// A Chroma.
    Chroma(chroma::Settings),
}

/// The index of these settings. Nothing is asked of it yet.
///
/// # Errors
/// [`StoreError::Refused`] when the settings can never work.
pub fn open(settings: Settings) -> Result<Arc<dyn Index>, StoreError> {
    Ok(match settings {
        Settings::Exact(settings) => Arc::new(exact::Exact::new(settings)),
        Settings::Chroma(settings) => Arc::new(chroma::Chroma::new(settings)?),
    })
}

/// One vector, with what it may be found by.
#[derive(Clone, PartialEq)]
pub struct Point {
    /// The entry that it stands for.
    pub id: Id,
    /// Whose it is.
    pub person: Person,
    /// What the entry is.
    pub kind: Kind,
    /// Before whom it may be spoken of.
    pub audience: Audience,
    /// Its meaning; of length 1.
    pub vector: Vec<f32>,
}

/// What is looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Near<'a> {
    /// Whose entries.
    pub person: &'a Person,
    /// Before [`Company::Others`] only [`Audience::Shared`] is found, unless `private_too`.
    pub company: Company,
    /// The person allowed private things to be spoken of before others.
    pub private_too: bool,
    /// Near what.
    pub vector: &'a [f32],
    /// At most so many.
    pub limit: usize,
}

/// An entry that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Which.
    pub id: Id,
    /// The cosine of the angle between the two vectors, -1 to 1.
    pub cosine: f32,
}

/// Finds entries by meaning.
pub trait Index: Send + Sync + fmt::Debug {
    /// Adds points, or replaces those of the same id.
    fn upsert(&self, points: Vec<Point>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The nearest entries, nearest first.
    fn nearest<'a>(&'a self, near: Near<'a>) -> BoxFuture<'a, Result<Vec<Hit>, StoreError>>;

    /// Takes out entries of a person; those that are not there are no error.
    fn delete<'a>(
        &'a self,
        person: &'a Person,
        ids: &'a [Id],
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Takes out everything of a person.
    fn delete_person<'a>(&'a self, person: &'a Person) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Takes out everything, to be built anew, for vectors of any length.
    fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// How many points there are, of one person or in all.
    fn count<'a>(&'a self, person: Option<&'a Person>) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Somebody has come: what is needed to answer them soon may be made ready.
    fn warm<'a>(&'a self, person: &'a Person) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Whether it is there.
    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Shows no number of the vector: a meaning tells of words.
impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Point")
            .field("id", &self.id)
            .field("person", &self.person)
            .field("dimensions", &self.vector.len())
            .finish_non_exhaustive()
    }
}

/// The audience in one word, as it stands in an index.
fn word(audience: Audience) -> &'static str {
    match audience {
        Audience::Shared => "shared",
        Audience::Private => "private",
    }
}

fn of_word(word: &str) -> Option<Audience> {
    [Audience::Shared, Audience::Private]
        .into_iter()
        .find(|audience| self::word(*audience) == word)
}

/// What holds vectors of `known` numbers was given one of another length.
fn mismatch(what: &str, known: usize, given: usize) -> StoreError {
    StoreError::Mismatch {
        reason: format!(
            "{what} holds vectors of {known} numbers and the embedding model makes {given}: \
             if the model was changed, `mumble-ai memory reindex` builds it anew"
        ),
    }
}

/// Whether a vector points anywhere.
pub(crate) fn has_direction(vector: &[f32]) -> bool {
    let square: f64 = vector.iter().map(|&x| f64::from(x).powi(2)).sum();
    square.sqrt().is_normal()
}

fn no_direction() -> StoreError {
    StoreError::Refused {
        reason: "a vector has no direction: the embedding model gave something else".to_owned(),
    }
}
