//! A Postgres that is away, comes back, or does not do what it is asked: told at once and clearly.

use std::time::{Duration, Instant};

use memory::store::{Postgres, Store, StoreError, Where, open};
use memory::{Audience, Id, Person, Place, Turn, Who};
use sqlx::Connection as _;

use super::store::empty_schema;

/// A refused connection is seen within this time: no timeout of anybody's has anything to do with
/// it.
const AT_ONCE: Duration = Duration::from_millis(100);

fn server(address: &str) -> std::sync::Arc<dyn Store> {
    open(&Where::Postgres(Postgres::Address(address.into()))).unwrap()
}

fn on_port(port: u16) -> String {
    format!("postgres://postgres:secret@127.0.0.1:{port}/postgres")
}

fn turn() -> Turn {
    Turn {
        id: Id::new(),
        who: Who::Known(Person::new("ann")),
        name: "Ann".to_owned(),
        place: Place::Channel(0),
        at: jiff::Timestamp::from_second(1).unwrap(),
        said: "hello".to_owned(),
        heard: String::new(),
        audience: Audience::Shared,
        witnesses: Vec::new(),
    }
}

async fn turns(store: &dyn Store) -> usize {
    let turns = store.unread(jiff::Timestamp::MAX, 99).await.unwrap();
    turns.len()
}

async fn refused(store: &dyn Store) -> String {
    let mut quickest = Duration::MAX;
    let mut reason = String::new();
    // The quickest of a few, because the machine may have much to do.
    for _ in 0..5 {
        let begin = Instant::now();
        let error = store.record(&turn()).await.unwrap_err();
        assert_eq!(Err(error.clone()), store.check().await);
        quickest = quickest.min(begin.elapsed());
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        reason = error.to_string();
    }
    assert!(quickest < AT_ONCE, "{quickest:?}");
    reason
}

#[tokio::test]
async fn a_server_that_is_away_is_seen_at_once_and_used_when_it_comes() {
    let port = world::free_port();
    let store = server(&on_port(port));
    let reason = refused(&*store).await;
    let expected =
        format!("the database 127.0.0.1:{port}/postgres: nobody listens there: start it");
    assert_eq!(reason, expected);

    let folder = tempfile::tempdir().unwrap();
    let running = world::Store::postgres_at(port, folder.path());
    store.check().await.unwrap();
    store.record(&turn()).await.unwrap();

    drop(running);
    assert_eq!(refused(&*store).await, expected);
    let again = world::Store::postgres_at(port, folder.path());
    store.record(&turn()).await.unwrap();
    assert_eq!(turns(&*store).await, 2);

    // It ends and starts while nobody asks anything of it.
    drop(again);
    let _again = world::Store::postgres_at(port, folder.path());
    assert_eq!(turns(&*store).await, 2);
}

#[tokio::test]
async fn an_empty_database_is_laid_out_once_by_many() {
    let address = empty_schema().await;
    let stores: Vec<_> = (0..6).map(|_| server(&address)).collect();
    let all = stores
        .iter()
        .map(|store| async { store.record(&turn()).await });
    for done in futures::future::join_all(all).await {
        done.unwrap();
    }
    assert_eq!(turns(&*stores[0]).await, 6);
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let address = empty_schema().await;
    server(&address).check().await.unwrap();
    run(&address, "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', true, '', 1)").await;
    let store = server(&address);
    let error = store.check().await.unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found: 9999, .. }),
        "{error}"
    );
    assert_eq!(store.record(&turn()).await, Err(error));
}

#[tokio::test]
async fn what_somebody_must_mend_is_told_in_one_line() {
    let address = empty_schema().await;
    run(&address, "CREATE ROLE guest LOGIN").await;
    let (server_itself, _) = address.split_once('?').unwrap();
    let as_guest = server_itself.replace("postgres@", "guest:secret@");
    for (address, expected) in [
        (
            as_guest.clone(),
            "permission denied for schema public: let its user create tables",
        ),
        (
            format!("{as_guest}s"),
            "database \"postgress\" does not exist: create it",
        ),
        (
            as_guest.replace("guest", "nobody"),
            "role \"nobody\" does not exist: set the right user",
        ),
    ] {
        let error = server(&address).check().await.unwrap_err();
        // What can be mended is no reason to give up what is to be kept.
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        let line = error.to_string();
        assert!(line.contains(expected), "{line}");
        assert!(!line.contains("secret") && !line.contains('\n'), "{line}");
    }
}

async fn run(address: &str, sql: &'static str) {
    let mut db = sqlx::PgConnection::connect(address).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
}
