//! What the index has yet to learn.

use sqlx::AnyConnection;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use sqlx::error::Error;

use super::super::Change;
use super::super::connections::note_traces;
use super::super::place::Dialect;
use super::super::rows::{self, ENTRY};
use super::{AT_ONCE, count, find};
use crate::person::Person;
use crate::turn::Id;

/// How an entry that is there already gets the number of its last change.
const LATEST: &str = "ON CONFLICT (entry) DO UPDATE SET number = excluded.number";

/// An entry of a person was changed or taken out.
pub(super) async fn put(db: &mut AnyConnection, id: Id, person: &Person) -> Result<(), Error> {
    let put = rows::statement(format!(
        "INSERT INTO outbox (entry, person) VALUES ($1, $2) {LATEST}"
    ));
    let put = put.bind(id.to_string()).bind(rows::key(person));
    put.execute(db).await?;
    Ok(())
}

/// Entries were changed or taken out: those that `which` selects by name.
pub(super) fn put_all(which: &str) -> String {
    format!(
        "INSERT INTO outbox (entry, person)
         SELECT id, person FROM entries WHERE {which} ORDER BY number {LATEST}"
    )
}

/// Of changes, those whose entry is there no more.
const GONE: &str = "NOT EXISTS (SELECT 1 FROM entries WHERE entries.id = outbox.entry)";

/// Changes, oldest first.
pub(super) async fn waiting(db: &mut AnyConnection, limit: usize) -> Result<Vec<Change>, Error> {
    changes(db, "true", limit).await
}

/// Entries that are to be taken out, oldest change first.
pub(super) async fn gone(db: &mut AnyConnection, limit: usize) -> Result<Vec<Change>, Error> {
    changes(db, GONE, limit).await
}

async fn changes(db: &mut AnyConnection, which: &str, limit: usize) -> Result<Vec<Change>, Error> {
    let waiting = rows::statement(format!(
        "SELECT outbox.number, outbox.entry, outbox.person AS whose, {ENTRY}
         FROM outbox LEFT JOIN entries ON entries.id = outbox.entry
         WHERE {which} ORDER BY outbox.number LIMIT $1"
    ));
    let rows = waiting.bind(count(limit)).fetch_all(db).await?;
    let change = |row: &AnyRow| {
        let there: Option<String> = row.try_get("id")?;
        Ok(Change {
            number: row.try_get("number")?,
            id: rows::id(row, "entry")?,
            person: Person::new(row.try_get::<String, _>("whose")?),
            entry: there.map(|_| rows::entry(row)).transpose()?,
        })
    };
    rows.iter().map(change).collect()
}

/// These were learnt.
pub(super) async fn settled(
    dialect: Dialect,
    db: &mut AnyConnection,
    numbers: &[i64],
) -> Result<(), Error> {
    let mut taken_out = 0;
    for numbers in numbers.chunks(AT_ONCE) {
        let these = format!("number IN ({})", rows::places(1, numbers.len()));
        let learnt = |which: String| {
            let learnt = rows::statement(format!("DELETE FROM outbox WHERE {which}"));
            numbers
                .iter()
                .fold(learnt, |learnt, number| learnt.bind(*number))
        };
        let gone = learnt(format!("{these} AND {GONE}"));
        taken_out += gone.execute(&mut *db).await?.rows_affected();
        learnt(these).execute(&mut *db).await?;
    }
    if taken_out > 0 {
        // Whose entries they were stood here last.
        note_traces(dialect, db).await?;
    }
    Ok(())
}

/// Every entry is to be learnt anew, and found by the words that this program makes of it.
pub(super) async fn relearn(db: &mut AnyConnection) -> Result<u64, Error> {
    let mut last = i64::MIN;
    loop {
        let next = sqlx::query(
            "SELECT number, person, text, terms FROM entries WHERE number > $1
             ORDER BY number LIMIT $2",
        );
        let rows = next
            .bind(last)
            .bind(count(AT_ONCE))
            .fetch_all(&mut *db)
            .await?;
        let Some(end) = rows.last() else { break };
        last = end.try_get("number")?;
        for row in &rows {
            let person = Person::new(row.try_get::<String, _>("person")?);
            let terms = find::terms(&person, row.try_get("text")?);
            if terms != row.try_get::<String, _>("terms")? {
                let renew = sqlx::query("UPDATE entries SET terms = $2 WHERE number = $1");
                let number: i64 = row.try_get("number")?;
                renew.bind(number).bind(terms).execute(&mut *db).await?;
            }
        }
    }
    let all = rows::statement(put_all("true"));
    Ok(all.execute(db).await?.rows_affected())
}
