//! Turns on their way, while disks and databases come and go.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::person::Who;
use crate::scripted::{self, Mood, Running, Scripted, settings, turn, until};

const ROOM: u64 = 1 << 20;

fn in_journal(folder: &Path) -> String {
    fs::read_to_string(folder.join("journal")).unwrap_or_default()
}

async fn started(home: &TempDir) -> (Running, Arc<Scripted>) {
    let (memory, store) = scripted::memory(home.path(), ROOM);
    (Running::start(memory), store)
}

#[tokio::test]
async fn turns_come_to_the_store_in_their_order_and_leave_the_journal() {
    let home = TempDir::new().unwrap();
    let (running, store) = started(&home).await;
    for text in ["one", "two", "three"] {
        running.memory.remember(turn("a1", text));
    }
    until(|| running.memory.backlog().waiting == 0 && store.said().len() == 3).await;
    assert_eq!(store.said(), ["one", "two", "three"]);
    running.stop().await;
    assert_eq!(in_journal(home.path()), "");
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_turns_wait_on_the_disk_and_come_when_it_is_back() {
    let home = TempDir::new().unwrap();
    let (running, store) = started(&home).await;
    store.is(Mood::Away);
    running.memory.remember(turn("a1", "one"));
    running.memory.remember(turn("a1", "two"));
    running.memory.flush().await;
    assert!(in_journal(home.path()).contains("two"));
    until(|| running.memory.backlog().store.is_some()).await;
    assert_eq!(running.memory.backlog().waiting, 2);
    // As after a crash: a new memory over the same folder.
    running.stop().await;
    let running = Running::start(scripted::again(&store, settings(home.path(), ROOM)));
    running.memory.remember(turn("a1", "three"));
    store.is(Mood::Well);
    until(|| store.said().len() == 3).await;
    assert_eq!(store.said(), ["one", "two", "three"]);
    until(|| running.memory.backlog() == Backlog::default()).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_just_before_the_end_is_on_the_disk() {
    let home = TempDir::new().unwrap();
    let (running, store) = started(&home).await;
    store.is(Mood::Away);
    running.memory.remember(turn("a1", "the last word"));
    running.stop().await;
    assert!(in_journal(home.path()).contains("the last word"));
}

#[tokio::test]
async fn a_visitor_never_reaches_the_disk() {
    let home = TempDir::new().unwrap();
    let (running, store) = started(&home).await;
    store.is(Mood::Away);
    running.memory.remember(Turn {
        who: Who::Visitor(7),
        ..turn("a1", "a secret")
    });
    running.memory.remember(Turn {
        witnesses: vec![Who::Visitor(7)],
        ..turn("a1", "known")
    });
    running.memory.flush().await;
    let text = in_journal(home.path());
    assert!(text.contains("known"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    assert!(!text.contains("Visitor"), "{text}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_disk_turns_go_to_the_store_all_the_same_and_it_is_told() {
    let home = TempDir::new().unwrap();
    // A file where the folder should be.
    let folder = home.path().join("memory");
    fs::write(&folder, "").unwrap();
    let (memory, store) = scripted::memory(&folder, ROOM);
    let running = Running::start(memory);
    running.memory.remember(turn("a1", "one"));
    until(|| store.said() == ["one"]).await;
    let trouble = running.memory.backlog().journal.unwrap();
    assert!(trouble.contains("memory"), "{trouble}");

    store.is(Mood::Away);
    running.memory.remember(turn("a1", "two"));
    until(|| running.memory.backlog().store.is_some()).await;
    assert_eq!(running.memory.backlog().waiting, 1);
    fs::remove_file(&folder).unwrap();
    running.memory.flush().await;
    assert!(in_journal(&folder).contains("two"));
    store.is(Mood::Well);
    until(|| running.memory.backlog() == Backlog::default()).await;
    assert_eq!(store.said(), ["one", "two"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_journal_holds_turns_back_until_there_is_room() {
    let home = TempDir::new().unwrap();
    let (memory, store) = scripted::memory(home.path(), 1_500);
    let running = Running::start(memory);
    store.is(Mood::Away);
    for text in ["one", "two", "three"] {
        running.memory.remember(turn("a1", &text.repeat(100)));
    }
    until(|| running.memory.backlog().journal.is_some()).await;
    let trouble = running.memory.backlog().journal.unwrap();
    assert!(trouble.contains("MEMORY_JOURNAL_MAX_MB"), "{trouble}");
    store.is(Mood::Well);
    until(|| store.said().len() == 3).await;
    assert_eq!(
        store.said(),
        ["one", "two", "three"].map(|text| text.repeat(100))
    );
    until(|| running.memory.backlog() == Backlog::default()).await;
    running.stop().await;
}

#[tokio::test]
async fn a_turn_that_nobody_takes_is_counted_as_lost() {
    let home = TempDir::new().unwrap();
    // Nobody brings anything to the journal here.
    let (memory, _store) = scripted::memory(home.path(), ROOM);
    for _ in 0..=LINE {
        memory.remember(turn("a1", "one"));
    }
    let backlog = memory.backlog();
    assert_eq!((backlog.lost, backlog.waiting), (1, LINE as u64));
}

#[tokio::test(start_paused = true)]
async fn what_the_store_refuses_for_ever_is_set_aside_and_the_rest_goes_on() {
    let home = TempDir::new().unwrap();
    let (running, store) = started(&home).await;
    let bad = turn("a1", "bad");
    store.is(Mood::Refuses(bad.id));
    running.memory.remember(bad);
    running.memory.remember(turn("a1", "good"));
    until(|| store.said() == ["good"]).await;
    assert_eq!(running.memory.backlog().refused, 1);
    let aside = fs::read_to_string(home.path().join("journal.damaged")).unwrap();
    assert!(aside.contains("bad"), "{aside}");
    running.stop().await;
}
