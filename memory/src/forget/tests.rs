//! What is forgotten stays so: while the database is away, after a restart, after a restore, and
//! when another process forgets.

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::forgotten::File;
use crate::memory::Settings;
use crate::person::Person;
use crate::scripted::{self, Mood, Running, settings, turn, until};
use crate::turn::Turn;

const ROOM: u64 = 1 << 20;

fn ann() -> Person {
    Person::new("a1")
}

fn everything_of_ann() -> Forget {
    Forget::Person(ann(), Timestamp::now())
}

/// All that is on the disk, but for the list.
fn on_disk(folder: &Path) -> String {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let but_list = files.filter(|path| !path.ends_with("forgotten"));
    but_list
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

#[tokio::test]
async fn what_is_forgotten_leaves_store_and_cache_and_is_on_the_list() {
    let home = TempDir::new().unwrap();
    let (memory, store) = scripted::memory(home.path(), ROOM);
    let _running = Running::start(memory.clone());
    let kept = turn("b2", "kept");
    memory.remember(turn("a1", "gone"));
    memory.remember(kept.clone());
    until(|| store.said().len() == 2).await;
    let forgotten = memory.forget(everything_of_ann()).await.unwrap();
    assert_eq!(forgotten.turns, 1);
    assert_eq!(store.said(), ["kept"]);
    assert_eq!(store.emptied(), 1);
    let list = fs::read_to_string(home.path().join("forgotten")).unwrap();
    assert!(list.contains("a1") && !list.contains("gone"), "{list}");
    assert!(!kept.sides().iter().any(|side| memory.is_forgotten(side)));
}

#[tokio::test(start_paused = true)]
async fn forgetting_while_the_database_is_away_is_done_when_it_is_back() {
    let home = TempDir::new().unwrap();
    let (memory, store) = scripted::memory(home.path(), ROOM);
    let running = Running::start(memory.clone());
    let before = turn("a1", "before the outage");
    memory.remember(before.clone());
    until(|| !store.said().is_empty()).await;
    store.is(Mood::Away);
    memory.remember(turn("a1", "during the outage"));
    memory.flush().await;
    let told = memory.forget(everything_of_ann()).await;
    assert!(matches!(told, Err(MemoryError::Later(_))), "{told:?}");
    assert!(!on_disk(home.path()).contains("outage"));
    assert!(before.sides().iter().all(|side| memory.is_forgotten(side)));
    // And what is said after it is remembered.
    memory.remember(turn("a1", "afterwards"));
    memory.flush().await;
    running.stop().await;
    drop(memory);

    let memory = scripted::again(&store, settings(home.path(), ROOM));
    store.is(Mood::Well);
    let _running = Running::start(memory);
    until(|| store.said() == ["afterwards"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_restored_backup_brings_nobody_back() {
    let home = TempDir::new().unwrap();
    let (memory, store) = scripted::memory(home.path(), ROOM);
    let gone = turn("a1", "gone");
    memory.forget(everything_of_ann()).await.unwrap();
    // It comes back with the database, and with the journal of that time.
    store.is(Mood::Away);
    drop(memory);
    let list = home.path().join("forgotten");
    let kept = fs::read(&list).unwrap();
    fs::remove_file(&list).unwrap();
    let then = Running::start(scripted::again(&store, settings(home.path(), ROOM)));
    then.memory.remember(gone.clone());
    then.memory.flush().await;
    then.stop().await;
    assert!(on_disk(home.path()).contains("gone"));
    fs::write(&list, kept).unwrap();
    store.bring_back(gone);
    store.bring_back(turn("a1", "said since"));
    let memory = scripted::again(&store, settings(home.path(), ROOM));
    // What waits is told only after that.
    memory.remember(turn("a1", "new"));
    let _running = Running::start(memory.clone());
    // The journal at once, the database as soon as it is back.
    until(|| !on_disk(home.path()).contains("gone")).await;
    store.is(Mood::Well);
    until(|| store.said() == ["said since", "new"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_another_process_forgets_is_forgotten_here_too() {
    let home = TempDir::new().unwrap();
    let (memory, store) = scripted::memory(home.path(), ROOM);
    let _running = Running::start(memory.clone());
    store.is(Mood::Away);
    let gone = turn("a1", "gone");
    memory.remember(gone.clone());
    memory.flush().await;
    File::in_folder(home.path())
        .add(&everything_of_ann())
        .unwrap();
    until(|| gone.sides().iter().all(|side| memory.is_forgotten(side))).await;
    until(|| !on_disk(home.path()).contains("gone")).await;
    store.is(Mood::Well);
    until(|| !store.forgotten().is_empty() && memory.backlog().waiting == 0).await;
    assert_eq!(store.said(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_read_is_no_list_of_nobody() {
    let home = TempDir::new().unwrap();
    let list = home.path().join("forgotten");
    // What no process can read as a file, whoever runs it.
    fs::create_dir(&list).unwrap();
    let (memory, store) = scripted::memory(home.path(), ROOM);
    let there = turn("a1", "there");
    store.bring_back(there.clone());
    let told = memory.apply_forgotten().await;
    assert!(matches!(told, Err(MemoryError::Unread(_))), "{told:?}");
    assert!(there.sides().iter().all(|side| memory.is_forgotten(side)));
    let _running = Running::start(memory.clone());
    memory.remember(turn("b2", "waits"));
    until(|| on_disk(home.path()).contains("waits")).await;
    until(|| memory.backlog().store.is_some()).await;
    assert_eq!(store.said(), ["there"]);
    // As soon as it can be read, all is as it should be.
    fs::remove_dir(&list).unwrap();
    File::in_folder(home.path())
        .add(&everything_of_ann())
        .unwrap();
    until(|| store.said() == ["waits"]).await;
    assert_eq!(memory.backlog().store, None);
}

#[tokio::test]
async fn a_damaged_line_is_told_and_the_others_are_heeded() {
    let home = TempDir::new().unwrap();
    fs::write(home.path().join("forgotten"), "0123 damaged\n").unwrap();
    let list = File::in_folder(home.path());
    list.add(&everything_of_ann()).unwrap();
    let (memory, store) = scripted::memory(home.path(), ROOM);
    store.bring_back(Turn {
        at: Timestamp::UNIX_EPOCH,
        ..turn("a1", "gone")
    });
    let told = memory.apply_forgotten().await;
    let damaged = matches!(told, Err(MemoryError::Damaged { lines: 1, .. }));
    assert!(damaged, "{told:?}");
    assert_eq!(store.said(), Vec::<String>::new());
}

#[tokio::test]
async fn only_what_is_older_than_the_retention_goes() {
    let home = TempDir::new().unwrap();
    let (memory, store) = scripted::memory(home.path(), ROOM);
    let day = SignedDuration::from_hours(24);
    let now = Timestamp::now() + day;
    store.bring_back(turn("a1", "of yesterday"));
    assert_eq!(memory.expire(now).await.unwrap(), Forgotten::default());
    let memory = scripted::again(
        &store,
        Settings {
            retention: Some(Duration::from_secs(3_600)),
            ..settings(home.path(), ROOM)
        },
    );
    store.bring_back(Turn {
        at: now,
        ..turn("a1", "of today")
    });
    assert_eq!(memory.expire(now).await.unwrap().turns, 1);
    assert_eq!(store.said(), ["of today"]);
}
