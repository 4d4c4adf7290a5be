//! Reminders that are due, each told once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::entry::Entry;
use crate::memory::Memory;
use crate::turn::Id;

/// At most so many reminders are due at once; the rest follows when these were told.
const AT_ONCE: usize = 100;

/// Reminders that were told and that the store does not yet know to be; one that it never hears of
/// is told again after the next start.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<HashMap<Id, Timestamp>>);

impl Told {
    fn ids(&self) -> MutexGuard<'_, HashMap<Id, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// The reminders of all people that are due by `now` and were not told yet, earliest first;
    /// also those that became due while the assistant was off. None while the store is away.
    ///
    /// One that has a day and no hour is due at nine in the morning, in its person's time zone.
    pub async fn due(&self, now: Timestamp) -> Vec<Entry> {
        self.settle_told().await;
        let mut due = match self.parts().store.due(now, AT_ONCE).await {
            Ok(due) => due,
            Err(error) => {
                tracing::debug!(%error, "no reminder is known to be due");
                return Vec::new();
            }
        };
        let told = self.told_lately().ids();
        due.retain(|entry| !told.contains_key(&entry.id) && !self.is_forgotten(entry));
        due
    }

    /// Somebody was told of these at `at`: they are not due again, also while the store is away.
    pub async fn told(&self, ids: &[Id], at: Timestamp) {
        let told = ids.iter().map(|id| (*id, at));
        self.told_lately().ids().extend(told);
        self.settle_told().await;
    }

    /// Lets the store know what was told.
    async fn settle_told(&self) {
        let told: Vec<_> = {
            let ids = self.told_lately().ids();
            ids.iter().map(|(id, at)| (*id, *at)).collect()
        };
        for (id, at) in told {
            match self.parts().store.told(&[id], at).await {
                Ok(()) => {
                    self.told_lately().ids().remove(&id);
                }
                Err(error) => {
                    tracing::debug!(%error, "the store does not know yet that a reminder was told");
                    return;
                }
            }
        }
    }
}
