//! One engine behind its breaker: who may ask it now, and what became of it.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use thiserror::Error;
use tokio::sync::{Notify, Semaphore, watch};

use crate::breaker::{Breaker, Settings, State};
use crate::health::{Latencies, Snapshot};

mod call;
mod errand;

pub use call::Call;
pub(crate) use errand::Away;

/// How many may ask an engine at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls in flight. 0 is taken for 1.
    pub in_flight: usize,
    /// Calls that wait for a place; a further one is refused at once.
    pub queue: usize,
}

impl Default for Limits {
    /// Two in flight, for most engines work through requests one after another, so more would
    /// only make each other late; eight wait.
    fn default() -> Self {
        Self {
            in_flight: 2,
            queue: 8,
        }
    }
}

/// Why a call was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// The engine is left alone until it answers again.
    #[error("it is left alone until it answers again")]
    Open,
    /// Every place is taken, and so is every place in the queue.
    #[error("too many requests are waiting for it already")]
    Busy,
}

/// One instance of an engine, with its breaker; a clone is the same one.
#[derive(Clone)]
pub struct Dependency(Arc<Inner>);

struct Inner {
    name: String,
    places: Semaphore,
    /// Places in the queue.
    queue: Semaphore,
    queue_length: usize,
    record: Mutex<Record>,
    /// What a chain chooses by, so that choosing takes no lock: calls in flight, or
    /// [`LEFT_ALONE`].
    load: AtomicU32,
    state: watch::Sender<State>,
    /// Rung when an errand may be due earlier than was known.
    rearranged: Notify,
}

/// What is known of the engine.
struct Record {
    breaker: Breaker,
    outage: Option<u64>,
    reachable: Option<bool>,
    /// The last call that said anything said that it cannot be used as it is set up.
    unfit: bool,
    last_error: Option<(Instant, String)>,
    last_success: Option<Instant>,
    latencies: Latencies,
    calls: u64,
    failures: u64,
    refused: u64,
    trips: u64,
    probes: u64,
}

/// The load of an engine that admits nobody.
const LEFT_ALONE: u32 = u32::MAX;

/// Runs of failures of all engines, so that no two have the same number.
static OUTAGES: AtomicU64 = AtomicU64::new(1);

/// The time by the runtime's clock, which tests may have stopped.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Dependency {
    /// An engine that is taken to be well until it shows otherwise. `name` is for logs and
    /// /health.
    pub fn new(name: impl Into<String>, settings: Settings, limits: Limits) -> Self {
        let in_flight = limits.in_flight.clamp(1, Semaphore::MAX_PERMITS);
        let queue_length = limits.queue.min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Inner {
            name: name.into(),
            places: Semaphore::new(in_flight),
            queue: Semaphore::new(queue_length),
            queue_length,
            record: Mutex::new(Record {
                breaker: Breaker::new(settings, now()),
                outage: None,
                reachable: None,
                unfit: false,
                last_error: None,
                last_success: None,
                latencies: Latencies::new(),
                calls: 0,
                failures: 0,
                refused: 0,
                trips: 0,
                probes: 0,
            }),
            load: AtomicU32::new(0),
            state: watch::Sender::new(State::Closed),
            rearranged: Notify::new(),
        }))
    }

    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Asks for leave to call the engine; waits for a place if all are taken, in order of coming.
    ///
    /// # Errors
    /// [`Refused::Open`] when the breaker is not closed, or opens while this waits;
    /// [`Refused::Busy`] when the queue is full.
    pub async fn admit(&self) -> Result<Call, Refused> {
        if let Some(admitted) = self.admit_at_once(now()) {
            return admitted;
        }
        let admitted = self.place().await.and_then(|()| self.enter(now()));
        if admitted.is_err() {
            self.record().refused += 1;
        }
        admitted
    }

    /// The same without waiting: `None` when all places are taken.
    pub(crate) fn admit_at_once(&self, now: Instant) -> Option<Result<Call, Refused>> {
        self.0.places.try_acquire().ok()?.forget();
        let admitted = self.enter(now);
        if admitted.is_err() {
            self.record().refused += 1;
        }
        Some(admitted)
    }

    /// Calls under way, or `None` while nobody is admitted.
    pub(crate) fn load(&self) -> Option<u32> {
        let load = self.0.load.load(Ordering::Relaxed);
        (load != LEFT_ALONE).then_some(load)
    }

    /// Whether a call would be admitted without waiting.
    pub fn has_room(&self) -> bool {
        self.state() == State::Closed && self.0.places.available_permits() > 0
    }

    /// The state of its breaker.
    pub fn state(&self) -> State {
        self.record().breaker.state()
    }

    /// Calls under way.
    pub fn in_flight(&self) -> usize {
        self.record().breaker.in_flight() as usize
    }

    /// The present run of failures, by a number that no other run of any engine has; `None`
    /// when the last that was heard of the engine was good.
    pub fn outage(&self) -> Option<u64> {
        self.record().outage
    }

    /// Tells each change of the state.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.0.state.subscribe()
    }

    /// Changes the breaker's numbers while it works.
    pub fn tune(&self, settings: Settings) {
        self.record().breaker.tune(settings, now());
        self.0.rearranged.notify_one();
    }

    /// What is known of the engine at `now`.
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let waiting = self.0.queue_length - self.0.queue.available_permits();
        let record = self.record();
        let latencies = record.latencies.clone();
        let snapshot = Snapshot {
            name: self.0.name.clone(),
            at: now,
            state: record.breaker.state(),
            since: record.breaker.since(),
            outage: record.outage,
            reachable: record.reachable,
            unfit: record.unfit,
            last_error: record.last_error.clone(),
            last_success: record.last_success,
            latency: None,
            calls: record.calls,
            failures: record.failures,
            refused: record.refused,
            trips: record.trips,
            probes: record.probes,
            in_flight: record.breaker.in_flight() as usize,
            waiting,
        };
        drop(record);
        Snapshot {
            latency: latencies.summary(),
            ..snapshot
        }
    }

    /// The last failure's reason, in words for people who run the program.
    pub(crate) fn last_words(&self) -> Option<String> {
        let record = self.record();
        record.last_error.as_ref().map(|(_, reason)| reason.clone())
    }

    /// Takes a place after waiting for it in the queue.
    async fn place(&self) -> Result<(), Refused> {
        let inner = &*self.0;
        if self.state() != State::Closed {
            return Err(Refused::Open);
        }
        // Should the engine be given up meanwhile, the call that showed it frees a place: whoever
        // takes it is refused by the breaker and passes it on.
        let _queued = inner.queue.try_acquire().map_err(|_| Refused::Busy)?;
        let place = inner.places.acquire().await;
        place.expect("the places are never closed").forget();
        Ok(())
    }

    /// Uses a place that was taken.
    fn enter(&self, now: Instant) -> Result<Call, Refused> {
        let mut record = self.record();
        let Some(ticket) = record.breaker.admit() else {
            drop(record);
            self.0.places.add_permits(1);
            return Err(Refused::Open);
        };
        record.calls += 1;
        self.0.load.store(record.load(), Ordering::Relaxed);
        drop(record);
        Ok(Call::begun(self, ticket, now))
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.0.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the record, and tells everybody when that changed the state.
    fn observe<R>(&self, change: impl FnOnce(&mut Record) -> R) -> R {
        let mut record = self.record();
        let (before, since) = (record.breaker.state(), record.breaker.since());
        let result = change(&mut record);
        let after = record.breaker.state();
        record.number_outage();
        self.0.load.store(record.load(), Ordering::Relaxed);
        if before == after {
            return result;
        }
        if before == State::Closed {
            record.trips += 1;
        }
        // Under the lock, so that the last one told is the last one that was.
        self.0.state.send_replace(after);
        let reason = match after {
            State::Open => record.last_error.as_ref().map(|(_, reason)| reason.clone()),
            State::Closed | State::HalfOpen => None,
        };
        drop(record);
        self.0.rearranged.notify_one();
        self.log(before, after, reason.as_deref(), since);
        result
    }

    fn log(&self, before: State, after: State, reason: Option<&str>, since: Instant) {
        let engine = &*self.0.name;
        let reason = reason.unwrap_or("no reason is known");
        match (before, after) {
            (State::Closed, _) => {
                tracing::warn!(engine, reason, "failed too often and is left alone for now");
            }
            (_, State::Closed) => {
                let away_s = now().saturating_duration_since(since).as_secs_f64();
                tracing::info!(engine, away_s, "answers again");
            }
            (_, State::HalfOpen) => tracing::debug!(engine, "is probed"),
            (_, State::Open) => tracing::debug!(engine, reason, "failed its probe"),
        }
    }
}

impl fmt::Debug for Dependency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Dependency")
            .field("name", &self.0.name)
            .field("state", &self.state())
            .finish()
    }
}

impl Record {
    fn good(&mut self, now: Instant) {
        self.reachable = Some(true);
        self.last_success = Some(now);
    }

    fn bad(&mut self, now: Instant, reason: &str) {
        self.last_error = Some((now, reason.to_owned()));
    }

    fn load(&self) -> u32 {
        match self.breaker.state() {
            State::Closed => self.breaker.in_flight(),
            State::HalfOpen | State::Open => LEFT_ALONE,
        }
    }

    fn number_outage(&mut self) {
        if !self.breaker.failing() {
            self.outage = None;
        } else if self.outage.is_none() {
            self.outage = Some(OUTAGES.fetch_add(1, Ordering::Relaxed));
        }
    }
}

#[cfg(test)]
mod tests;
