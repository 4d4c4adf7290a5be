//! Reminders: asks what is due, and remembers whom it told.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use memory::{Entry, Id, Memory};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How often it is asked what is due: so late may a reminder be.
const EVERY: Duration = Duration::from_secs(5);

/// A question to the store that takes longer is given up until the next time.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reminders that were told and of which memory does not know yet. Beyond it the oldest is
/// forgotten, and told again.
const MOST_TOLD: usize = 1_000;

/// What is due, and what was told. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Reminders {
    memory: Memory,
    told: Arc<Mutex<BTreeSet<Id>>>,
    fresh: Arc<Notify>,
}

impl Reminders {
    /// The reminders of everybody in `memory`.
    pub(crate) fn new(memory: Memory) -> Self {
        Self {
            memory,
            told: Arc::default(),
            fresh: Arc::default(),
        }
    }

    /// Somebody was told of these. They do not come again, whatever becomes of the store.
    pub(crate) fn told(&self, ids: &[Id]) {
        let mut told = self.lock();
        told.extend(ids);
        while told.len() > MOST_TOLD {
            told.pop_first();
        }
        self.fresh.notify_one();
    }

    /// Sends what is due to `due` until `shutdown`, again and again until it was told: the person
    /// may not be there yet, or in the middle of a talk. Waits while the last is not taken.
    pub(crate) async fn run(self, due: mpsc::Sender<Vec<Entry>>, shutdown: CancellationToken) {
        let mut clock = tokio::time::interval(EVERY);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let work = async {
            loop {
                tokio::select! {
                    _ = clock.tick() => {}
                    () = self.fresh.notified() => {}
                }
                let found = self.look().await;
                if !found.is_empty() && due.send(found).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = work => {}
        }
    }

    /// What is due and was not told. What was told is written down first.
    async fn look(&self) -> Vec<Entry> {
        let now = Timestamp::now();
        let told: Vec<Id> = self.lock().iter().copied().collect();
        // Memory knows it from now on, whether or not the store does yet.
        if !told.is_empty()
            && timeout(PATIENCE, self.memory.told(&told, now))
                .await
                .is_ok()
        {
            let mut untold = self.lock();
            told.iter().for_each(|id| {
                untold.remove(id);
            });
        }
        let due = timeout(PATIENCE, self.memory.due(now)).await;
        let told = self.lock().clone();
        let mut due = due.unwrap_or_default();
        due.retain(|entry| !told.contains(&entry.id));
        due
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Id>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
