//! What is kept at hand for a while: sessions, and what was recalled lately.
//!
//! Everything in a cache can be lost at any time; the store has the truth.

mod local;
pub mod redis;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::store::StoreError;

/// Longest value, in bytes. What is kept at hand is a session or a few entries: kilobytes.
pub const MOST_BYTES: usize = 1 << 20;

/// Bytes that the cache in this process holds unless somebody says otherwise: the sessions of some
/// thousand people.
pub const LOCAL_BYTES: u64 = 16 << 20;

/// Which cache, and where.
#[derive(Clone, Debug)]
pub enum Settings {
    /// In this process.
    Local {
        /// At most so many bytes.
        bytes: u64,
    },
    /// A Redis.
    Redis(redis::Settings),
}

/// The cache of these settings. Nothing is asked of it yet.
///
/// # Errors
/// [`StoreError::Refused`] when the settings can never work.
pub fn open(settings: Settings) -> Result<Arc<dyn Cache>, StoreError> {
    Ok(match settings {
        Settings::Local { bytes } => Arc::new(local::Local::new(bytes)),
        Settings::Redis(settings) => Arc::new(redis::Redis::new(&settings)?),
    })
}

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
    ///
    /// # Errors
    /// [`StoreError::Refused`] for more than [`MOST_BYTES`].
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

fn too_large(bytes: usize) -> StoreError {
    StoreError::Refused {
        reason: format!("{bytes} bytes are too many for the cache, which takes {MOST_BYTES}"),
    }
}
