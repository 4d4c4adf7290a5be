//! The promises of `memory::store::Store`, tried in a file and on a real Postgres.

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use memory::store::{Change, Forget, Postgres, Store, Where, Words, open};
use memory::{Audience, Company, Entry, Id, Kind, Person, Place, Turn, Who};
use sqlx::Connection as _;
use tempfile::TempDir;

mod finding;
mod forgetting;
mod hostile;
mod learning;
mod people;
mod remembering;

/// A store for one promise, with nothing in it.
pub(super) struct Fresh {
    pub(super) store: Arc<dyn Store>,
    _folder: Option<TempDir>,
}

/// One server for all promises. It ends with this process, which holds the other end of its leash.
static SERVER: LazyLock<world::Store> = LazyLock::new(world::Store::postgres);

impl Fresh {
    pub(super) fn in_a_file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("memory.db");
        Self {
            store: open(&Where::File(file)).unwrap(),
            _folder: Some(folder),
        }
    }

    pub(super) async fn on_a_server() -> Self {
        Self {
            store: open(&Where::Postgres(Postgres::Address(
                empty_schema().await.into(),
            )))
            .unwrap(),
            _folder: None,
        }
    }
}

/// The address of a corner of the server in which nothing is yet.
pub(super) async fn empty_schema() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("promise{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let port = tokio::task::spawn_blocking(|| SERVER.port()).await.unwrap();
    let server = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let mut db = sqlx::PgConnection::connect(&server).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {name}"));
    sqlx::raw_sql(create).execute(&mut db).await.unwrap();
    format!("{server}?options=-c%20search_path%3D{name}")
}

/// Each promise is kept by each store.
macro_rules! promises {
    ($($part:ident: $($promise:ident),+;)+) => {
        mod in_a_file {
            $($(#[tokio::test]
            async fn $promise() {
                let fresh = super::Fresh::in_a_file();
                super::$part::$promise(&*fresh.store).await;
            })+)+
        }

        mod on_a_server {
            $($(#[tokio::test]
            async fn $promise() {
                let fresh = super::Fresh::on_a_server().await;
                super::$part::$promise(&*fresh.store).await;
            })+)+
        }
    };
}

promises! {
    remembering:
        a_turn_is_remembered_with_both_its_sides,
        a_turn_that_comes_twice_is_remembered_once,
        a_visitor_is_not_remembered,
        the_last_talk_of_a_place_is_its_newest_turns,
        a_turn_that_comes_late_changes_no_name,
        many_writers_lose_nothing;
    finding:
        entries_are_found_by_their_words,
        rarer_words_say_more,
        nobody_finds_what_another_said,
        what_was_said_in_private_is_found_alone,
        entries_that_are_gone_are_left_out,
        entries_are_listed_by_what_they_are,
        reminders_are_due_until_they_are_told;
    learning:
        turns_are_read_once,
        old_talk_is_summed_up_person_by_person,
        what_was_learnt_happens_at_once_or_not_at_all,
        what_comes_from_a_forgotten_turn_is_not_learnt,
        a_change_replaces_what_was,
        the_outbox_has_the_last_change_of_each_entry,
        an_empty_index_is_told_everything;
    forgetting:
        a_turn_takes_with_it_what_comes_from_it,
        a_forgotten_turn_does_not_come_back,
        a_summary_goes_with_the_first_of_its_turns,
        a_single_entry_leaves_its_turn_too,
        a_while_is_forgotten_and_no_more,
        a_person_is_forgotten_with_everything,
        who_comes_again_is_new,
        what_is_old_is_forgotten_but_for_what_is_due,
        everybody_can_be_forgotten,
        only_ones_own_can_be_forgotten,
        many_are_counted_and_not_all_named;
    people:
        wishes_are_kept,
        people_are_listed_last_heard_first,
        everything_of_a_person_can_be_taken_out;
    hostile:
        text_of_every_kind_comes_back,
        too_much_is_cut_at_a_sign,
        sql_in_a_name_is_a_name,
        a_question_of_anything_is_answered;
}

fn person(name: &str) -> Person {
    Person::new(format!("{name}0123456789abcdef"))
}

/// A moment, in seconds after a day long ago.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

/// A moment after everything.
fn later() -> Timestamp {
    at(1_000_000_000)
}

fn said(name: &str, said: &str, seconds: i64) -> Turn {
    Turn {
        id: Id::new(),
        who: Who::Known(person(name)),
        name: name.to_owned(),
        place: Place::Channel(1),
        at: at(seconds),
        said: said.to_owned(),
        heard: "I see".to_owned(),
        audience: Audience::Shared,
        witnesses: Vec::new(),
    }
}

/// Something that was learnt from a turn.
fn learnt(turn: &Turn, kind: Kind, text: &str) -> Entry {
    Entry {
        id: Id::new(),
        kind,
        text: text.to_owned(),
        ..turn.sides()[0].clone()
    }
}

async fn found(store: &dyn Store, name: &str, company: Company, words: &[&str]) -> Vec<String> {
    let person = person(name);
    let terms: Vec<_> = words.iter().map(ToString::to_string).collect();
    let words = Words {
        person: &person,
        company,
        private_too: false,
        terms: &terms,
        limit: 10,
    };
    let found = store.search(words).await.unwrap();
    let scores: Vec<_> = found.iter().map(|(_, score)| *score).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?} do not fall");
    found.into_iter().map(|(entry, _)| entry.text).collect()
}

async fn turns(store: &dyn Store) -> Vec<String> {
    let turns = store.unread(later(), 1000).await.unwrap();
    turns.into_iter().map(|turn| turn.said).collect()
}

/// What the index has to learn, after which it has.
async fn drained(store: &dyn Store) -> Vec<Change> {
    let changes = store.outbox(10_000).await.unwrap();
    assert!(changes.is_sorted_by(|a, b| a.number < b.number));
    let numbers: Vec<_> = changes.iter().map(|change| change.number).collect();
    store.settled(&numbers).await.unwrap();
    assert_eq!(store.outbox(10_000).await.unwrap(), []);
    changes
}

async fn forget(store: &dyn Store, what: Forget) -> (u64, u64) {
    let forgotten = store.forget(&what).await.unwrap();
    (forgotten.turns, forgotten.count)
}
