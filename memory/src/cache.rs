//! What is kept at hand for a while: sessions, and what was recalled lately.
//!
//! Everything in a cache can be lost at any time; the store has the truth.

use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::store::StoreError;

/// Keeps small values under keys, each in a room that can be emptied as a whole.
///
/// A room is a person ([`crate::Person::as_str`]) or a place; forgetting somebody empties theirs.
pub trait Cache: Send + Sync + fmt::Debug {
    /// The value under a key, if it is still there.
    fn get<'a>(
        &'a self,
        room: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>>;

    /// Keeps a value for `keep`.
    fn put<'a>(
        &'a self,
        room: &'a str,
        key: &'a str,
        value: Vec<u8>,
        keep: Duration,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Drops everything in a room.
    fn empty<'a>(&'a self, room: &'a str) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Drops everything in every room of ours.
    fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Whether it is there.
    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}
