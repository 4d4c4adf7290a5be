//! Tests of the store in a file; what every store promises is tried in `tests/it/contract/`.

use futures::future::join_all;

use super::*;
use crate::entry::Kind;
use crate::person::{Company, Who};
use crate::store::{Learnt, Words};
use crate::turn::Audience;

fn ann() -> Person {
    Person::new("a1b2c3d4e5f6")
}

fn turn(said: &str, heard: &str) -> Turn {
    Turn {
        id: Id::new(),
        who: Who::Known(ann()),
        name: "Ann".to_owned(),
        place: Place::Channel(3),
        at: Timestamp::from_second(1_700_000_000).unwrap(),
        said: said.to_owned(),
        heard: heard.to_owned(),
        audience: Audience::Shared,
        witnesses: Vec::new(),
    }
}

/// A file with something in it that a breakdown of the rows would show.
async fn filled(folder: &tempfile::TempDir) -> (Arc<dyn Store>, Turn) {
    let store = open(&Where::File(folder.path().join("deep/memory.db"))).unwrap();
    let turn = turn("my dog is called Bello", "a fine name");
    store.record(&turn).await.unwrap();
    (store, turn)
}

fn about<'a>(person: &'a Person, terms: &'a [String]) -> Words<'a> {
    Words {
        person,
        company: Company::Alone,
        private_too: false,
        terms,
        limit: 5,
    }
}

#[tokio::test]
async fn a_new_file_is_ready_and_keeps_what_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let (store, turn) = filled(&folder).await;
    store.check().await.unwrap();
    let terms = ["bello".to_owned()];
    let found = store.search(about(&ann(), &terms)).await.unwrap();
    assert_eq!(found[0].0, turn.sides()[0]);
    drop(store);
    let again = open(&Where::File(folder.path().join("deep/memory.db"))).unwrap();
    assert_eq!(again.unread(Timestamp::MAX, 9).await.unwrap(), [turn]);
}

#[tokio::test]
async fn many_may_open_a_new_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = Where::File(folder.path().join("memory.db"));
    let stores: Vec<_> = (0..8).map(|_| open(&file).unwrap()).collect();
    let turns: Vec<_> = (0..8).map(|_| turn("hello", "there")).collect();
    let all = stores
        .iter()
        .zip(&turns)
        .map(|(store, turn)| store.record(turn));
    for done in join_all(all).await {
        done.unwrap();
    }
    assert_eq!(stores[0].unread(Timestamp::MAX, 99).await.unwrap().len(), 8);
}

#[tokio::test]
async fn what_is_forgotten_is_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (store, turn) = filled(&folder).await;
    assert!(there(&folder, "bello"));
    let all = Forget::Person(ann(), turn.at);
    let forgotten = store.forget(&all).await.unwrap();
    assert_eq!((forgotten.turns, forgotten.count), (1, 2));
    store.scrub().await.unwrap();
    assert!(!there(&folder, "bello"));
    // Whose it was is told to the index, and then stands nowhere either.
    assert!(there(&folder, ann().as_str()));
    settle(&*store).await;
    drop(store);
    let again = open(&Where::File(folder.path().join("deep/memory.db"))).unwrap();
    again.scrub().await.unwrap();
    assert!(!there(&folder, "a1b2c3d4"));
}

#[tokio::test]
async fn many_turns_leave_no_copy_in_any_page() {
    const EACH: usize = 400;
    let folder = tempfile::tempdir().unwrap();
    let (store, first) = filled(&folder).await;
    let file = Where::File(folder.path().join("deep/memory.db"));
    let there_too = Connections::new(Door::new(&file).unwrap());
    let mut work = there_too.write().await.unwrap();
    let ben = Person::new("b2b2b2b2b2b2");
    for number in 0..EACH {
        // So many words that pages are split again and again, in another order than they lie.
        let said = format!("lisbon{} and zanzibar{number}", number * 7919 % EACH);
        let of_ann = turn(&said, "where is that");
        let of_ben = Turn {
            who: Who::Known(ben.clone()),
            ..turn(&format!("reykjavik{number}"), "it is cold there")
        };
        let done = record::record(&mut work.db, &ann(), &of_ann).await;
        done.unwrap();
        let done = record::record(&mut work.db, &ben, &of_ben).await;
        done.unwrap();
    }
    work.finish(Ok(())).await.unwrap();
    let all = Forget::Person(ann(), first.at);
    let forgotten = store.forget(&all).await.unwrap();
    assert_eq!(forgotten.turns as usize, EACH + 1);
    settle(&*store).await;
    store.scrub().await.unwrap();
    for gone in ["zanzibar", "lisbon", "bello", "a1b2c3d4"] {
        assert!(!there(&folder, gone), "{gone}");
    }
    // And the index of words is whole, and overwrites as before.
    let terms = ["reykjavik123".to_owned(), "zanzibar7".to_owned()];
    let found = store.search(about(&ben, &terms)).await.unwrap();
    assert_eq!(found.len(), 1);
    let mut work = there_too.read().await.unwrap();
    let whole = "INSERT INTO words (words, rank) VALUES ('integrity-check', 1)";
    let done = sqlx::raw_sql(whole).execute(&mut work.db).await;
    work.finish(done).await.unwrap();
}

/// Whether any file of a folder holds a word.
fn there(folder: &tempfile::TempDir, word: &str) -> bool {
    let files = std::fs::read_dir(folder.path().join("deep")).unwrap();
    let mut all = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    all.any(|bytes| {
        bytes
            .to_ascii_lowercase()
            .windows(word.len())
            .any(|part| part == word.as_bytes())
    })
}

/// As the index does that learns everything.
async fn settle(store: &dyn Store) {
    let changes = store.outbox(10_000).await.unwrap();
    let numbers: Vec<i64> = changes.iter().map(|change| change.number).collect();
    store.settled(&numbers).await.unwrap();
}

#[tokio::test]
async fn work_that_is_broken_off_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = filled(&folder).await;
    let broken = turn("this is broken off", "");
    // Dropped at each of its first waits, one later each time.
    for waits in 0..12 {
        let mut record = store.record(&broken);
        for _ in 0..waits {
            if futures::poll!(&mut record).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(record);
        let entries = store.entries(&broken.id.sides()).await.unwrap();
        let turns = store.unread(Timestamp::MAX, 99).await.unwrap();
        assert_eq!(entries.len(), turns.len() - 1, "all of it or nothing");
    }
    store.record(&broken).await.unwrap();
    assert_eq!(store.unread(Timestamp::MAX, 99).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_file_of_a_newer_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = filled(&folder).await;
    drop(store);
    let file = Where::File(folder.path().join("deep/memory.db"));
    let there = Connections::new(Door::new(&file).unwrap());
    let mut work = there.write().await.unwrap();
    let newer = sqlx::raw_sql(
        "INSERT INTO _sqlx_migrations VALUES (9999, 'later', '2030-01-01', true, x'00', 1)",
    );
    let done = newer.execute(&mut work.db).await;
    work.finish(done).await.unwrap();
    let error = open(&file).unwrap().check().await.unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found: 9999, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_full_disk_is_told_and_what_was_there_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (_, first) = filled(&folder).await;
    let file = Where::File(folder.path().join("deep/memory.db"));
    let small = Connections::new(Door::new(&file).unwrap());
    let mut work = small.read().await.unwrap();
    // No more pages than there are: what a full disk says, on any machine.
    let limit = sqlx::raw_sql("PRAGMA max_page_count = 1")
        .execute(&mut work.db)
        .await;
    work.finish(limit).await.unwrap();
    let store = Sql { connections: small };
    let long = turn(&"many words ".repeat(4000), "");
    let error = store.record(&long).await.unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert_eq!(store.unread(Timestamp::MAX, 99).await.unwrap(), [first]);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_told_of_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("memory.db");
    let text = "this is a letter and no database, and it is longer than a header ".repeat(20);
    std::fs::write(&file, &text).unwrap();
    let store = open(&Where::File(file.clone())).unwrap();
    let error = store.check().await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("it is no database: move the file away"),
        "{error}"
    );
    assert_eq!(std::fs::read_to_string(file).unwrap(), text);
}

#[tokio::test]
async fn words_are_found_by_what_this_program_makes_of_them_after_relearning() {
    let folder = tempfile::tempdir().unwrap();
    let (store, turn) = filled(&folder).await;
    let file = Where::File(folder.path().join("deep/memory.db"));
    let there = Connections::new(Door::new(&file).unwrap());
    let mut work = there.write().await.unwrap();
    let older = sqlx::raw_sql("UPDATE entries SET terms = 'a1b2c3d4:otherwise'");
    let done = older.execute(&mut work.db).await;
    work.finish(done).await.unwrap();
    let terms = ["bello".to_owned()];
    assert_eq!(store.search(about(&ann(), &terms)).await.unwrap(), []);
    assert_eq!(store.relearn().await.unwrap(), 2);
    assert_eq!(
        store.search(about(&ann(), &terms)).await.unwrap()[0].0.turn,
        Some(turn.id)
    );
    let read = Learnt {
        read: vec![turn.id],
        ..Learnt::default()
    };
    store.learn(&read).await.unwrap();
    assert_eq!(turn.sides()[0].kind, Kind::Said);
}
