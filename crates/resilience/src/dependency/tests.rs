//! Who is admitted, who waits, and what is remembered of it.

use std::time::Duration;

use super::*;

fn dependency(in_flight: usize, queue: usize) -> Dependency {
    Dependency::new("engine", Settings::default(), Limits { in_flight, queue })
}

async fn fail(dependency: &Dependency, times: u32) {
    for _ in 0..times {
        dependency.admit().await.unwrap().failed("it broke");
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_says_no_at_once() {
    let engine = dependency(1, 1);
    let first = engine.admit().await.unwrap();
    assert!(!engine.has_room());
    let second = tokio::spawn({
        let engine = engine.clone();
        async move { engine.admit().await.map(drop) }
    });
    tokio::task::yield_now().await;
    assert_eq!(engine.snapshot(now()).waiting, 1);
    assert_eq!(engine.admit().await.unwrap_err(), Refused::Busy);
    drop(first);
    assert_eq!(second.await.unwrap(), Ok(()));
    assert!(engine.has_room());
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_in_the_queue_hear_at_once_that_the_engine_is_given_up() {
    let engine = dependency(2, 3);
    fail(&engine, 4).await;
    let (first, _second) = (engine.admit().await.unwrap(), engine.admit().await.unwrap());
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.admit().await.map(drop) })
        })
        .collect();
    tokio::task::yield_now().await;
    assert_eq!(engine.snapshot(now()).waiting, 3);
    first.failed("it broke again");
    for task in waiting {
        assert_eq!(task.await.unwrap(), Err(Refused::Open));
    }
    assert_eq!(engine.in_flight(), 1);
    assert_eq!(engine.admit().await.unwrap_err(), Refused::Open);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_never_take_more_than_their_places() {
    let engine = dependency(3, 100);
    let inside = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..16_u32)
        .map(|task| {
            let (engine, inside) = (engine.clone(), Arc::clone(&inside));
            tokio::spawn(async move {
                for n in 0..500 {
                    let call = engine.admit().await.unwrap();
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < 3);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    match (task + n) % 3 {
                        0 => drop(call),
                        _ => call.succeeded(),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let engine = engine.snapshot(now());
    assert_eq!(
        (engine.calls, engine.in_flight, engine.waiting),
        (8000, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_frees_its_place_and_counts_nothing() {
    let engine = dependency(1, 0);
    fail(&engine, 4).await;
    for _ in 0..20 {
        drop(engine.admit().await.unwrap());
    }
    assert_eq!(engine.state(), State::Closed);
    fail(&engine, 1).await;
    assert_eq!(engine.state(), State::Open, "the four still count");
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_answer_counts_as_success_once_it_had_begun() {
    let engine = dependency(1, 0);
    fail(&engine, 4).await;
    let mut call = engine.admit().await.unwrap();
    tokio::time::advance(Duration::from_millis(300)).await;
    call.answered();
    tokio::time::advance(Duration::from_secs(20)).await;
    drop(call);
    assert_eq!(engine.outage(), None);
    let latency = engine.snapshot(now()).latency.unwrap();
    assert_eq!(latency.p95, Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn each_run_of_failures_has_a_number_of_its_own() {
    let engine = dependency(2, 0);
    assert_eq!(engine.outage(), None);
    fail(&engine, 1).await;
    let first = engine.outage().unwrap();
    fail(&engine, 1).await;
    assert_eq!(engine.outage(), Some(first));
    engine.admit().await.unwrap().succeeded();
    assert_eq!(engine.outage(), None);
    fail(&engine, 5).await;
    assert!(engine.outage().unwrap() > first);
}

#[tokio::test(start_paused = true)]
async fn what_began_before_the_engine_was_given_up_does_not_make_it_well() {
    let engine = dependency(2, 0);
    let old = engine.admit().await.unwrap();
    fail(&engine, 5).await;
    old.succeeded();
    let snapshot = engine.snapshot(now());
    assert_eq!(snapshot.state, State::Open);
    assert!(snapshot.outage.is_some() && !snapshot.well());
    assert_eq!(
        (snapshot.trips, snapshot.failures, snapshot.calls),
        (1, 5, 6)
    );
    assert_eq!(snapshot.last_error.unwrap().1, "it broke");
    assert_eq!(engine.admit().await.unwrap_err(), Refused::Open);
    assert_eq!(engine.snapshot(now()).refused, 1);
}
