//! Every step of the database's layout, taken on data: what was there is there afterwards.

use std::path::Path;

use memory::store::{Postgres, Where, open};
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, Connection as _};

use super::store::empty_schema;

/// What somebody wrote when the database had seen the steps up to this one.
const ROWS: [(i64, &str); 2] = [
    (
        1,
        "INSERT INTO people (person, name, time_zone, private, record, first_seen, last_seen)
             VALUES ('ann', 'Ann', 'Europe/Paris', 'aloud', 'on', 1000, 2000);
         INSERT INTO turns (id, person, name, place, at, said, heard, audience)
             VALUES ('00000000-0000-7000-8000-000000000001', 'ann', 'Ann', 'channel:1', 1000,
                 'my dog is called Bello', 'a fine name', 'shared');
         INSERT INTO witnesses (turn, person)
             VALUES ('00000000-0000-7000-8000-000000000001', 'ben');
         INSERT INTO entries (id, person, kind, text, terms, at, audience, turn, slot, importance)
             VALUES ('00000000-0000-7000-8000-0000000000e1', 'ann', 'fact', 'has a dog',
                 'ann:dog', 1000, 'shared', '00000000-0000-7000-8000-000000000001', 'dog', 5);
         INSERT INTO outbox (entry, person)
             VALUES ('00000000-0000-7000-8000-0000000000e1', 'ann');",
    ),
    (
        2,
        "INSERT INTO entries (id, person, kind, text, terms, at, audience, importance)
             VALUES ('00000000-0000-7000-8000-0000000000e2', 'ann', 'summary', 'of a dog',
                 'ann:dog', 1500, 'shared', 5);
         UPDATE turns SET state = 'summed', summary = '00000000-0000-7000-8000-0000000000e2';
         INSERT INTO forgotten (turn, at)
             VALUES ('00000000-0000-7000-8000-000000000002', 900);",
    ),
];

#[tokio::test]
async fn what_was_written_before_a_step_is_there_after_it_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for (last, _) in ROWS {
        let file = folder.path().join(format!("{last}.db"));
        let address = format!("sqlite://{}?mode=rwc", file.display());
        written_at_each_step(&address, "../migrations/sqlite", last).await;
        look_into(&Where::File(file), last).await;
    }
}

#[tokio::test]
async fn what_was_written_before_a_step_is_there_after_it_on_a_server() {
    for (last, _) in ROWS {
        let address = empty_schema().await;
        written_at_each_step(&address, "../migrations/postgres", last).await;
        look_into(&Where::Postgres(Postgres::Address(address.into())), last).await;
    }
}

/// Takes the steps up to `last`, one at a time, and writes rows after each.
async fn written_at_each_step(address: &str, folder: &str, last: i64) {
    sqlx::any::install_default_drivers();
    let steps = Migrator::new(Path::new(folder)).await.unwrap();
    let versions: Vec<_> = steps.iter().map(|step| step.version).collect();
    assert_eq!(
        versions,
        ROWS.map(|(version, _)| version),
        "each step has rows here"
    );
    let mut db = AnyConnection::connect(address).await.unwrap();
    for (version, rows) in ROWS.into_iter().filter(|(version, _)| *version <= last) {
        steps.run_to(version, &mut db).await.unwrap();
        sqlx::raw_sql(rows).execute(&mut db).await.unwrap();
    }
    db.close().await.unwrap();
}

/// The program takes the steps that are left, and finds everything.
async fn look_into(place: &Where, last: i64) {
    let store = open(place).unwrap();
    let ann = memory::Person::new("ann");
    let export = store.export(&ann).await.unwrap();
    let profile = export.profile.unwrap();
    assert_eq!(profile.time_zone.as_deref(), Some("Europe/Paris"));
    assert!(profile.private_aloud && !profile.off_record);
    assert_eq!(export.turns[0].said, "my dog is called Bello");
    assert_eq!(export.turns[0].witnesses.len(), 1);
    let entries: Vec<_> = export.entries.iter().map(|entry| &*entry.text).collect();
    let expected = ["has a dog", "of a dog"];
    assert_eq!(entries, expected[..usize::try_from(last).unwrap()]);
    assert_eq!(store.outbox(9).await.unwrap().len(), 1);
    let words = memory::store::Words {
        person: &ann,
        company: memory::Company::Alone,
        private_too: false,
        terms: &["dog".to_owned()],
        limit: 9,
    };
    assert_eq!(store.search(words).await.unwrap().len(), entries.len());
    // The turn can be forgotten with what comes from it, as by the newest layout.
    let turn = vec![export.turns[0].id];
    let forgotten = store
        .forget(&memory::store::Forget::Turns(ann, turn))
        .await
        .unwrap();
    assert_eq!((forgotten.turns, forgotten.count), (1, last as u64));
}
