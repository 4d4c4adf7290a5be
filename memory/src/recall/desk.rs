//! What recall has at hand between questions: the sessions, and the vectors of late questions.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache as Recent;
use tokio::sync::Notify;

use super::counts::Counters;
use crate::memory::Settings;
use crate::person::{Person, Place};
use crate::session::Sessions;

/// Questions whose vector is at hand: each pause of a speaker may ask the same again.
const MOST_QUESTIONS: u64 = 200;

/// How long a question's vector stays at hand. Shorter than model servers keep a model that
/// nobody asks (Ollama: 5 minutes), so that the greeting of [`crate::Memory::meet`] keeps it warm.
const QUESTION_KEPT: Duration = Duration::from_secs(4 * 60);

#[derive(Debug)]
pub(crate) struct Desk {
    pub(super) questions: Recent<String, Arc<[f32]>>,
    pub(crate) counts: Counters,
    sessions: Mutex<Sessions>,
    /// Places whose session the cache has yet to learn; as many as there are sessions at most.
    changed: Mutex<HashSet<Place>>,
    /// Who wished that nothing is remembered: of those who were met or wished it here.
    off_record: Mutex<HashSet<Person>>,
    pub(crate) wake: Notify,
    /// Goes up with every change that makes what is at hand stale, so that what was read before
    /// it is not put into the cache after it.
    pub(super) changes: AtomicU64,
}

impl Desk {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            questions: Recent::builder()
                .max_capacity(MOST_QUESTIONS)
                .time_to_live(QUESTION_KEPT)
                .build(),
            counts: Counters::default(),
            sessions: Mutex::new(Sessions::new(settings.idle_after, settings.again_within)),
            changed: Mutex::default(),
            off_record: Mutex::default(),
            wake: Notify::new(),
            changes: AtomicU64::new(0),
        }
    }

    /// The sessions. Nothing panics while it holds them; if it did, they are still whole.
    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn mark(&self, place: Place) {
        self.lock_changed().insert(place);
        self.wake.notify_one();
    }

    pub(crate) fn take_changed(&self) -> HashSet<Place> {
        std::mem::take(&mut *self.lock_changed())
    }

    pub(crate) fn change(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether nothing of this person is to be remembered.
    pub(crate) fn is_off_record(&self, person: &Person) -> bool {
        self.lock_off_record().contains(person)
    }

    /// Nothing of this person is to be remembered from now on.
    pub(crate) fn go_off_record(&self, person: &Person) {
        self.lock_off_record().insert(person.clone());
    }

    /// They are remembered again.
    pub(crate) fn go_on_record(&self, person: &Person) {
        self.lock_off_record().remove(person);
    }

    fn lock_off_record(&self) -> MutexGuard<'_, HashSet<Person>> {
        self.off_record
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_changed(&self) -> MutexGuard<'_, HashSet<Place>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
