//! The cache behind its breaker.

use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use memory::cache::Cache;
use memory::store::StoreError;

use super::Guarded;
use super::checkup::Tended;
use super::whole::{Answer, Size};
use crate::discreet::Discreet as _;

/// The room and the key of what a probe puts there. No person is called so: theirs are hashes.
const PROBE: &str = "probe";

/// What a probe puts there.
const WORD: &[u8] = b"well";

/// How long it is kept: longer than any probe takes.
const KEPT: Duration = Duration::from_secs(60);

/// The cache; a clone is the same one.
pub type GuardedCache = Guarded<dyn Cache>;

impl Cache for GuardedCache {
    fn get<'a>(&'a self, room: &'a str, key: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        self.ask(Size::One, move |cache| cache.get(room, key))
    }

    fn put<'a>(
        &'a self,
        room: &'a str,
        key: &'a str,
        value: Vec<u8>,
        keep: Duration,
    ) -> Answer<'a, ()> {
        self.ask(Size::One, move |cache| {
            cache.put(room, key, value.clone(), keep)
        })
    }

    fn empty<'a>(&'a self, room: &'a str) -> Answer<'a, ()> {
        self.ask(Size::One, move |cache| cache.empty(room))
    }

    fn clear(&self) -> Answer<'_, ()> {
        self.ask(Size::Many, |cache| cache.clear())
    }

    fn check(&self) -> Answer<'_, ()> {
        self.any_there().boxed()
    }
}

/// A probe is a value that is put there and taken out again.
impl Tended for dyn Cache {
    type Error = StoreError;
    type Task = ();

    fn is_there(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.check()
    }

    fn work<'a>(&'a self, (): &'a ()) -> BoxFuture<'a, Result<(), String>> {
        async move {
            let put = self.put(PROBE, PROBE, WORD.to_vec(), KEPT).await;
            put.map_err(|error| error.for_the_log())?;
            let got = self.get(PROBE, PROBE).await;
            match got.map_err(|error| error.for_the_log())? {
                Some(word) if word == WORD => Ok(()),
                _ => Err("what was put there is not found again".to_owned()),
            }
        }
        .boxed()
    }
}
