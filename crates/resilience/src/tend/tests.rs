//! How an engine is looked after while nobody asks it, with the clock stopped.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::{Limits, Settings, State};

/// A server that can be switched off, and whose probes are counted.
#[derive(Clone, Default)]
struct Server(Arc<Condition>);

#[derive(Default)]
struct Condition {
    away: AtomicBool,
    panics: AtomicBool,
    probes: AtomicUsize,
    last: Mutex<Option<tokio::time::Instant>>,
}

impl Checkup for Server {
    async fn alive(&self) -> Result<(), String> {
        assert!(!self.0.panics.load(Ordering::Relaxed), "as the test asked");
        match self.0.away.load(Ordering::Relaxed) {
            true => std::future::pending().await,
            false => Ok(()),
        }
    }

    async fn probe(&self) -> Result<(), String> {
        self.0.probes.fetch_add(1, Ordering::Relaxed);
        *self.0.last.lock().unwrap() = Some(tokio::time::Instant::now());
        self.alive().await
    }
}

fn tended() -> (Dependency, Server, CancellationToken) {
    let server = Server::default();
    let dependency = Dependency::new("server", Settings::default(), Limits::default());
    let shutdown = CancellationToken::new();
    tokio::spawn(tend(dependency.clone(), server.clone(), shutdown.clone()));
    (dependency, server, shutdown)
}

async fn fail(dependency: &Dependency, times: u32) {
    for _ in 0..times {
        dependency
            .admit()
            .await
            .unwrap()
            .failed("as the test asked");
    }
}

async fn becomes(dependency: &Dependency, state: State) -> Duration {
    let begun = tokio::time::Instant::now();
    let mut states = dependency.watch();
    states.wait_for(|now| *now == state).await.unwrap();
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_back_is_asked_again_within_two_seconds() {
    let (dependency, server, _shutdown) = tended();
    server.0.away.store(true, Ordering::Relaxed);
    fail(&dependency, 5).await;
    assert_eq!(dependency.state(), State::Open);
    tokio::time::sleep(Duration::from_millis(7500)).await;
    assert_eq!(
        dependency.snapshot(crate::dependency::now()).reachable,
        Some(false)
    );
    server.0.away.store(false, Ordering::Relaxed);
    let waited = becomes(&dependency, State::Closed).await;
    assert!(waited <= crate::breaker::CHECK_EVERY, "{waited:?}");
    assert_eq!(server.0.probes.load(Ordering::Relaxed), 1);
    assert_eq!(dependency.outage(), None);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_nobody_asks_is_found_missing() {
    let (dependency, server, _shutdown) = tended();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(dependency.snapshot(crate::dependency::now()).well());
    server.0.away.store(true, Ordering::Relaxed);
    let waited = becomes(&dependency, State::Open).await;
    assert!(waited <= Duration::from_secs(30 + 5 * 2 + 2), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_looking_after_an_engine_is_a_failure_and_no_end() {
    let (dependency, server, _shutdown) = tended();
    server.0.panics.store(true, Ordering::Relaxed);
    becomes(&dependency, State::Open).await;
    server.0.panics.store(false, Ordering::Relaxed);
    becomes(&dependency, State::Closed).await;
}

#[tokio::test(start_paused = true)]
async fn looking_after_ends_with_the_program_and_leaves_no_probe_behind() {
    let (dependency, server, shutdown) = tended();
    server.0.away.store(true, Ordering::Relaxed);
    fail(&dependency, 5).await;
    becomes(&dependency, State::HalfOpen).await;
    shutdown.cancel();
    becomes(&dependency, State::Open).await;
}
