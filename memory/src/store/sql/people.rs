//! People: their wishes, and everything of one of them.

use sqlx::AnyConnection;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use sqlx::error::Error;

use super::super::rows::{self, ENTRY, LONGEST_NAME, PROFILE, TURN};
use super::super::{Export, Listed, Profile};
use super::{find, talk};
use crate::person::Person;

pub(super) async fn profile(
    db: &mut AnyConnection,
    person: &Person,
) -> Result<Option<Profile>, Error> {
    let one = rows::statement(format!("SELECT {PROFILE} FROM people WHERE person = $1"));
    let row = one.bind(rows::key(person)).fetch_optional(db).await?;
    row.as_ref().map(rows::profile).transpose()
}

pub(super) async fn save(db: &mut AnyConnection, profile: &Profile) -> Result<(), Error> {
    let zone = profile.time_zone.as_deref();
    sqlx::query(
        "INSERT INTO people (person, name, time_zone, private, record, first_seen, last_seen)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (person) DO UPDATE SET name = excluded.name, time_zone = excluded.time_zone,
             private = excluded.private, record = excluded.record,
             first_seen = excluded.first_seen, last_seen = excluded.last_seen",
    )
    .bind(rows::key(&profile.person))
    .bind(rows::clean(&profile.name, LONGEST_NAME))
    .bind(zone.map(|zone| rows::clean(zone, LONGEST_NAME)))
    .bind(rows::private_word(profile.private_aloud))
    .bind(rows::record_word(profile.off_record))
    .bind(rows::time(profile.first_seen))
    .bind(rows::time(profile.last_seen))
    .execute(db)
    .await?;
    Ok(())
}

/// Everybody, last heard first.
pub(super) async fn all(db: &mut AnyConnection) -> Result<Vec<Listed>, Error> {
    let all = rows::statement(format!(
        "SELECT {PROFILE},
             (SELECT count(*) FROM turns WHERE turns.person = people.person) AS turns,
             (SELECT count(*) FROM entries WHERE entries.person = people.person
                 AND entries.kind NOT IN ('said', 'heard')) AS entries
         FROM people ORDER BY people.last_seen DESC, people.person"
    ));
    let listed = |row: &AnyRow| {
        Ok(Listed {
            profile: rows::profile(row)?,
            turns: number(row, "turns")?,
            entries: number(row, "entries")?,
        })
    };
    all.fetch_all(db).await?.iter().map(listed).collect()
}

/// Everything of one person.
pub(super) async fn export(db: &mut AnyConnection, person: &Person) -> Result<Export, Error> {
    let turns = rows::statement(format!(
        "SELECT {TURN} FROM turns WHERE person = $1 ORDER BY at, id"
    ));
    let entries = rows::statement(format!(
        "SELECT {ENTRY} FROM entries WHERE person = $1 AND kind NOT IN ('said', 'heard')
         ORDER BY at, id"
    ));
    Ok(Export {
        profile: profile(db, person).await?,
        turns: talk::turns(db, turns.bind(rows::key(person))).await?,
        entries: find::listed(db, entries.bind(rows::key(person))).await?,
    })
}

fn number(row: &AnyRow, column: &str) -> Result<u64, Error> {
    let number: i64 = row.try_get(column)?;
    Ok(u64::try_from(number).unwrap_or(0))
}
