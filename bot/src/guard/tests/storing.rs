//! Storing: whose fault an error is, and what is shown of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _, pending};
use memory::cache::Cache;
use memory::store::StoreError;
use resilience::{Limits, Snapshot, State};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fake::{PATIENCE, rules};
use crate::engines::At;
use crate::guard::{GuardedCache, Patience};

/// A cache that does as it is told, or hangs when it is told nothing.
#[derive(Debug)]
struct Told(Mutex<Option<Result<(), StoreError>>>);

impl Told {
    fn does<'a, R: Send + 'a>(&'a self, well: R) -> Answer<'a, R> {
        match self.0.lock().unwrap().clone() {
            Some(result) => async { result.map(|()| well) }.boxed(),
            None => pending().boxed(),
        }
    }

    fn becomes(&self, manner: Option<Result<(), StoreError>>) {
        *self.0.lock().unwrap() = manner;
    }
}

type Answer<'a, R> = BoxFuture<'a, Result<R, StoreError>>;

impl Cache for Told {
    fn get<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        self.does(Some(b"well".to_vec()))
    }

    fn put<'a>(&'a self, _: &'a str, _: &'a str, _: Vec<u8>, _: Duration) -> Answer<'a, ()> {
        self.does(())
    }

    fn empty<'a>(&'a self, _: &'a str) -> Answer<'a, ()> {
        self.does(())
    }

    fn clear(&self) -> Answer<'_, ()> {
        self.does(())
    }

    fn check(&self) -> Answer<'_, ()> {
        self.does(())
    }
}

fn cache() -> (Arc<Told>, GuardedCache) {
    let told = Arc::new(Told(Mutex::new(Some(Ok(())))));
    let at = At {
        address: "127.0.0.1:6379".into(),
        engine: Arc::clone(&told) as Arc<dyn Cache>,
    };
    let patience = Patience {
        attempts: 1,
        ..PATIENCE
    };
    let guarded = GuardedCache::new(vec![at], &rules(2), Limits::default(), patience);
    (told, guarded)
}

fn shown(cache: &GuardedCache) -> Snapshot {
    cache.dependencies()[0].snapshot(Instant::now().into_std())
}

async fn asked(cache: &GuardedCache) -> Result<Option<Vec<u8>>, StoreError> {
    cache.get("ann", "session").await
}

fn reason() -> String {
    "nobody listens there".into()
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_or_full_is_left_alone_and_that_is_unavailable() {
    for sick in [
        StoreError::Unavailable { reason: reason() },
        StoreError::Late(Duration::from_secs(1)),
        StoreError::Full {
            place: "the cache".into(),
        },
    ] {
        let (told, cache) = cache();
        told.becomes(Some(Err(sick.clone())));
        for _ in 0..2 {
            assert_eq!(asked(&cache).await, Err(sick.clone()));
        }
        assert_eq!(shown(&cache).state, State::Open);
        told.becomes(Some(Ok(())));
        let open = asked(&cache).await.unwrap_err();
        let StoreError::Unavailable { reason } = &open else {
            panic!("{open}");
        };
        assert!(reason.starts_with("127.0.0.1:6379: "), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_late_after_its_deadline() {
    let (told, cache) = cache();
    told.becomes(None);
    let begun = Instant::now();
    assert_eq!(
        asked(&cache).await,
        Err(StoreError::Late(PATIENCE.deadline))
    );
    assert_eq!(begun.elapsed(), PATIENCE.deadline);
    assert_eq!(shown(&cache).failures, 1);
}

#[tokio::test(start_paused = true)]
async fn work_over_all_that_is_remembered_may_take_longer() {
    let (told, cache) = cache();
    told.becomes(None);
    let begun = Instant::now();
    cache.clear().await.unwrap_err();
    assert!(begun.elapsed() > 10 * PATIENCE.deadline);
}

#[tokio::test(start_paused = true)]
async fn what_a_store_refuses_is_no_fault_of_it_and_is_not_told() {
    let (told, cache) = cache();
    let refused = StoreError::Refused {
        reason: "it does not take: good morning".into(),
    };
    told.becomes(Some(Err(refused.clone())));
    for _ in 0..5 {
        assert_eq!(asked(&cache).await, Err(refused.clone()));
    }
    assert_eq!((shown(&cache).failures, shown(&cache).well()), (0, true));
    assert_eq!(shown(&cache).last_error, None);
}

#[tokio::test(start_paused = true)]
async fn a_store_of_another_shape_is_shown_and_not_left_alone() {
    for strange in [
        StoreError::Newer { found: 9, known: 3 },
        StoreError::Mismatch {
            reason: "it holds vectors of 768 numbers".into(),
        },
    ] {
        let (told, cache) = cache();
        told.becomes(Some(Err(strange.clone())));
        for _ in 0..5 {
            assert_eq!(asked(&cache).await, Err(strange.clone()));
        }
        let is = shown(&cache);
        assert_eq!((is.state, is.failures), (State::Closed, 0));
        assert!(!is.well());
        assert_eq!(is.last_error.unwrap().1, strange.to_string());
        told.becomes(Some(Ok(())));
        asked(&cache).await.unwrap();
        assert!(shown(&cache).well());
    }
}

#[tokio::test(start_paused = true)]
async fn a_recall_that_is_given_up_counts_nothing() {
    let (told, cache) = cache();
    told.becomes(None);
    for _ in 0..5 {
        let recall = tokio::time::timeout(Duration::from_millis(150), asked(&cache));
        recall.await.unwrap_err();
    }
    assert_eq!((shown(&cache).failures, shown(&cache).in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_back_is_asked_again_without_anybodys_request() {
    let (told, cache) = cache();
    let (mut tasks, shutdown) = (JoinSet::new(), CancellationToken::new());
    cache.tend(&(), &mut tasks, &shutdown);
    told.becomes(Some(Err(StoreError::Unavailable { reason: reason() })));
    for _ in 0..2 {
        asked(&cache).await.unwrap_err();
    }
    told.becomes(Some(Ok(())));
    let begun = Instant::now();
    let mut state = cache.dependencies()[0].watch();
    let closed = state.wait_for(|state| *state == State::Closed);
    closed.await.unwrap();
    assert!(begun.elapsed() <= Duration::from_secs(5));
    assert_eq!(asked(&cache).await, Ok(Some(b"well".to_vec())));
    shutdown.cancel();
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}
