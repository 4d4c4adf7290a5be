//! What is due is told once, and again until then; the clock is the test's own.

use tempfile::TempDir;

use super::*;
use crate::scripted::{Mood, Scripted, entry};

/// Longer than it takes until something comes again.
const LONG: Duration = Duration::from_secs(60);

/// Reminders at work over a store in which one is due.
struct House {
    reminders: Reminders,
    due: mpsc::Receiver<Vec<Entry>>,
    store: Scripted,
    id: Id,
    shutdown: CancellationToken,
    _folder: TempDir,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Scripted::default();
        let plants = entry("water the plants");
        let id = plants.id;
        store.with(|shelf| shelf.due = vec![plants]);
        let reminders = Reminders::new(store.memory(folder.path()));
        let (sender, due) = mpsc::channel(1);
        let shutdown = CancellationToken::new();
        tokio::spawn(reminders.clone().run(sender, shutdown.clone()));
        Self {
            reminders,
            due,
            store,
            id,
            shutdown,
            _folder: folder,
        }
    }

    fn is(&self, mood: Mood) {
        self.store.with(|shelf| shelf.mood = mood);
    }

    /// What comes next, if anything does for long.
    async fn comes(&mut self) -> Option<Vec<Id>> {
        let due = timeout(LONG, self.due.recv()).await.ok()?;
        Some(due?.iter().map(|entry| entry.id).collect())
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_due_comes_again_until_it_was_told_and_then_never() {
    let mut house = House::new();
    for _ in 0..3 {
        assert_eq!(house.comes().await, Some(vec![house.id]));
    }
    house.reminders.told(&[house.id]);
    // One may have been on its way.
    house.due.try_recv().ok();
    assert_eq!(house.comes().await, None);
    assert_eq!(house.store.with(|shelf| shelf.told.clone()), [house.id]);
}

#[tokio::test(start_paused = true)]
async fn what_was_told_while_the_store_was_away_does_not_come_again() {
    let mut house = House::new();
    assert_eq!(house.comes().await, Some(vec![house.id]));
    for mood in [Mood::Away, Mood::Silent] {
        house.is(mood);
        house.reminders.told(&[house.id]);
        house.due.try_recv().ok();
        assert_eq!(house.comes().await, None, "{mood:?}");
    }
    house.is(Mood::Well);
    assert_eq!(house.comes().await, None);
    let told = house.store.with(|shelf| shelf.told.clone());
    assert!(told.contains(&house.id), "the store has learnt it");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_asked_again() {
    let mut house = House::new();
    assert_eq!(house.comes().await, Some(vec![house.id]));
    house.is(Mood::Silent);
    house.due.try_recv().ok();
    assert_eq!(house.comes().await, None);
    house.is(Mood::Well);
    assert_eq!(house.comes().await, Some(vec![house.id]));
}

#[tokio::test(start_paused = true)]
async fn a_reminder_is_at_most_so_late() {
    let mut house = House::new();
    assert_eq!(house.comes().await, Some(vec![house.id]));
    house.due.try_recv().ok();
    let asked = tokio::time::Instant::now();
    assert_eq!(house.comes().await, Some(vec![house.id]));
    assert!(asked.elapsed() <= EVERY, "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn of_too_many_that_were_told_the_first_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let reminders = Reminders::new(Scripted::default().memory(folder.path()));
    let ids: Vec<Id> = (0..=MOST_TOLD).map(|_| Id::new()).collect();
    reminders.told(&ids);
    let told = reminders.lock().clone();
    assert_eq!(told.len(), MOST_TOLD);
    assert!(!told.contains(&ids[0]) && told.contains(&ids[MOST_TOLD]));
}

#[tokio::test(start_paused = true)]
async fn nothing_comes_after_the_end() {
    let mut house = House::new();
    assert_eq!(house.comes().await, Some(vec![house.id]));
    house.shutdown.cancel();
    house.due.try_recv().ok();
    assert_eq!(house.comes().await, None);
    assert!(house.due.is_closed());
}
