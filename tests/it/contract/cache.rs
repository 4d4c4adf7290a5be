//! What every cache promises: the one in the process, and Redis.

use std::sync::Arc;
use std::time::Duration;

use memory::cache::{self, Cache, MOST_BYTES};
use memory::store::StoreError;
use world::Store;

const LONG: Duration = Duration::from_secs(60);

/// A time after which a value is surely gone, and one that it surely lasts.
const SHORT: Duration = Duration::from_millis(50);

async fn keeps_its_promises(cache: &dyn Cache) {
    cache.check().await.unwrap();
    assert_eq!(cache.get("ann", "session").await, Ok(None));
    let odd = vec![0, 255, b'\r', b'\n', b'*'];
    cache
        .put("ann", "session", odd.clone(), LONG)
        .await
        .unwrap();
    cache.put("ann", "recall", vec![], LONG).await.unwrap();
    cache.put("ben", "session", vec![2], LONG).await.unwrap();
    assert_eq!(cache.get("ann", "session").await, Ok(Some(odd)));
    assert_eq!(cache.get("ann", "recall").await, Ok(Some(vec![])));
    cache.put("ann", "session", vec![3], LONG).await.unwrap();
    assert_eq!(cache.get("ann", "session").await, Ok(Some(vec![3])));

    // A room is emptied, and no other, whatever signs are in its name.
    for room in ["a*", "ann:x", "an?", "ann", ""] {
        cache.put(room, "k:1", vec![1], LONG).await.unwrap();
    }
    cache.empty("a*").await.unwrap();
    cache.empty("an?").await.unwrap();
    assert_eq!(cache.get("a*", "k:1").await, Ok(None));
    assert_eq!(cache.get("ann", "session").await, Ok(Some(vec![3])));
    cache.empty("ann").await.unwrap();
    for key in ["session", "recall", "k:1"] {
        assert_eq!(cache.get("ann", key).await, Ok(None));
    }
    assert_eq!(cache.get("ann:x", "k:1").await, Ok(Some(vec![1])));
    assert_eq!(cache.get("ben", "session").await, Ok(Some(vec![2])));

    let huge = cache
        .put("ben", "huge", vec![0; MOST_BYTES + 1], LONG)
        .await;
    assert!(matches!(huge, Err(StoreError::Refused { .. })), "{huge:?}");

    cache.put("ben", "brief", vec![1], SHORT).await.unwrap();
    tokio::time::timeout(LONG, async {
        while cache.get("ben", "brief").await.unwrap().is_some() {
            tokio::time::sleep(SHORT).await;
        }
    })
    .await
    .expect("what is kept for a moment goes");
    assert_eq!(cache.get("ben", "session").await, Ok(Some(vec![2])));

    cache.clear().await.unwrap();
    assert_eq!(cache.get("ben", "session").await, Ok(None));
}

fn at_redis(port: u16) -> Arc<dyn Cache> {
    let settings = cache::redis::Settings {
        url: format!("redis://127.0.0.1:{port}").into(),
        deadline: Duration::from_secs(10),
    };
    cache::open(cache::Settings::Redis(settings)).unwrap()
}

#[tokio::test]
async fn the_cache_in_the_process_keeps_its_promises() {
    let bytes = cache::LOCAL_BYTES;
    let cache = cache::open(cache::Settings::Local { bytes }).unwrap();
    keeps_its_promises(&*cache).await;
}

#[tokio::test]
async fn redis_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let server = Store::redis(folder.path(), "no");
    let cache = at_redis(server.port());
    keeps_its_promises(&*cache).await;
    // Enough for several steps of the search for keys.
    for number in 0..2_500 {
        let key = number.to_string();
        cache.put("ann", &key, vec![1], LONG).await.unwrap();
    }
    cache.put("ben", "session", vec![2], LONG).await.unwrap();
    cache.empty("ann").await.unwrap();
    assert_eq!(cache.get("ann", "2499").await, Ok(None));
    assert_eq!(cache.get("ben", "session").await, Ok(Some(vec![2])));
    drop(server);
    let away = cache.get("ben", "session").await.unwrap_err();
    assert!(matches!(away, StoreError::Unavailable { .. }), "{away:?}");
}
