//! A cache in this process, which ends with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, ready};
use moka::Expiry;
use moka::sync::Cache as Table;

use super::{Cache, MOST_BYTES, too_large};
use crate::store::StoreError;

/// What one value takes beside its own bytes and those of its names.
const OVERHEAD: usize = 128;

/// Values by room and key. When it is full, values that are asked for least go first.
#[derive(Debug)]
pub(super) struct Local {
    values: Table<Name, Value>,
}

type Name = (Arc<str>, Arc<str>);

#[derive(Clone, Debug)]
struct Value {
    bytes: Arc<[u8]>,
    keep: Duration,
}

struct Each;

impl Expiry<Name, Value> for Each {
    fn expire_after_create(&self, _: &Name, value: &Value, _: Instant) -> Option<Duration> {
        Some(value.keep)
    }

    fn expire_after_update(
        &self,
        _: &Name,
        value: &Value,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(value.keep)
    }
}

impl Local {
    /// Holds at most so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let weight = |(room, key): &Name, value: &Value| {
            let bytes = OVERHEAD + room.len() + key.len() + value.bytes.len();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let values = Table::builder()
            .max_capacity(bytes)
            .weigher(weight)
            .expire_after(Each)
            .build();
        Self { values }
    }
}

impl Cache for Local {
    fn get<'a>(
        &'a self,
        room: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        let value = self.values.get(&(room.into(), key.into()));
        Box::pin(ready(Ok(value.map(|value| value.bytes.to_vec()))))
    }

    fn put<'a>(
        &'a self,
        room: &'a str,
        key: &'a str,
        value: Vec<u8>,
        keep: Duration,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let done = if value.len() > MOST_BYTES {
            Err(too_large(value.len()))
        } else {
            let bytes = value.into();
            let name = (room.into(), key.into());
            self.values.insert(name, Value { bytes, keep });
            Ok(())
        };
        Box::pin(ready(done))
    }

    fn empty<'a>(&'a self, room: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        for (name, _) in &self.values {
            if *name.0 == *room {
                self.values.invalidate(&*name);
            }
        }
        Box::pin(ready(Ok(())))
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.values.invalidate_all();
        Box::pin(ready(Ok(())))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(ready(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_cache_stays_within_its_bytes() {
        let cache = Local::new(100_000);
        for number in 0..200 {
            let key = number.to_string();
            cache
                .put("ann", &key, vec![7; 10_000], Duration::from_secs(60))
                .await
                .unwrap();
        }
        cache.values.run_pending_tasks();
        assert!(cache.values.weighted_size() <= 100_000);
        assert!(cache.values.entry_count() > 0);
    }
}
