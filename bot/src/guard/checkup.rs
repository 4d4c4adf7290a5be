//! Looking after engines: the free look whether one is there, and the small task that proves it well.
//!
//! A probe is a request of the assistant's own; no person waits for it, and no person's question
//! is ever spent on a trial. What an engine says meanwhile holds nobody's words, but it is told
//! as discreetly as always. What each kind of engine is given to do stands in its own file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use resilience::Checkup;

use super::blame::Complaint;
use crate::discreet::Discreet as _;

/// The most a probe's time is doubled: a model that is not loaded in sixteen deadlines will not be.
const MOST_DOUBLINGS: u32 = 4;

/// A kind of engine that can be looked after.
pub(crate) trait Tended: Send + Sync + 'static {
    /// What is wrong with it, in its own words.
    type Error: Complaint;

    /// What a probe is made with.
    type Task: Clone + Send + Sync + 'static;

    /// Whether it is there, at no cost to it.
    fn is_there(&self) -> BoxFuture<'_, Result<(), Self::Error>>;

    /// A small piece of real work. The error may be logged and shown.
    fn work<'a>(&'a self, task: &'a Self::Task) -> BoxFuture<'a, Result<(), String>>;
}

/// Looks after one engine.
#[derive(Debug)]
pub(super) struct Care<T: Tended + ?Sized> {
    engine: Arc<T>,
    task: T::Task,
    time: Growing,
}

impl<T: Tended + ?Sized> Care<T> {
    pub(super) fn new(engine: Arc<T>, task: T::Task, deadline: Duration) -> Self {
        let time = Growing::new(deadline);
        Self { engine, task, time }
    }
}

impl<T: Tended + ?Sized> Checkup for Care<T> {
    async fn alive(&self) -> Result<(), String> {
        let result = self.engine.is_there().await;
        result.map_err(|error| error.for_the_log())
    }

    async fn probe(&self) -> Result<(), String> {
        self.time.run(self.engine.work(&self.task)).await
    }

    fn probe_deadline(&self) -> Duration {
        self.time.deadline()
    }
}

/// How long a probe may take: the engine's own deadline, doubled each time that was not enough.
///
/// A server that has just begun may have to load its model first, and would begin anew each time
/// it is given up.
#[derive(Debug)]
struct Growing {
    deadline: Duration,
    /// Probes in a row that were broken off.
    late: AtomicU32,
}

impl Growing {
    fn new(deadline: Duration) -> Self {
        let late = AtomicU32::new(0);
        Self { deadline, late }
    }

    fn deadline(&self) -> Duration {
        let doublings = self.late.load(Ordering::Relaxed).min(MOST_DOUBLINGS);
        self.deadline * 2_u32.pow(doublings)
    }

    /// Does the work of a probe; one that is broken off counts as late.
    async fn run<R>(&self, work: impl Future<Output = R>) -> R {
        self.late.fetch_add(1, Ordering::Relaxed);
        let result = work.await;
        self.late.store(0, Ordering::Relaxed);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_was_not_given_time_enough_gets_more() {
        let second = Duration::from_secs(1);
        let time = Growing::new(second);
        let mut given = Vec::new();
        for _ in 0..7 {
            given.push(time.deadline().as_secs());
            let never = time.run(std::future::pending::<()>());
            assert!(tokio::time::timeout(time.deadline(), never).await.is_err());
        }
        assert_eq!(given, [1, 2, 4, 8, 16, 16, 16]);
        time.run(async {}).await;
        assert_eq!(time.deadline(), second);
    }
}
