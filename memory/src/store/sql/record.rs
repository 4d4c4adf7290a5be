//! Remembering a turn.

use sqlx::AnyConnection;
use sqlx::error::Error;

use super::super::rows::{self, LONGEST_NAME, LONGEST_TEXT};
use super::{AT_ONCE, learn, outbox};
use crate::person::Person;
use crate::turn::Turn;

/// Writes everything about a turn, unless it is there already or was forgotten.
pub(super) async fn record(
    db: &mut AnyConnection,
    person: &Person,
    turn: &Turn,
) -> Result<(), Error> {
    let id = turn.id.to_string();
    let known = sqlx::query(
        "SELECT id FROM turns WHERE id = $1 UNION ALL SELECT turn FROM forgotten WHERE turn = $1",
    );
    if known
        .bind(id.clone())
        .fetch_optional(&mut *db)
        .await?
        .is_some()
    {
        return Ok(());
    }
    meet(db, person, turn).await?;
    // Another process may have written it since.
    let written = sqlx::query(
        "INSERT INTO turns (id, person, name, place, at, said, heard, audience)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.clone())
    .bind(rows::key(person))
    .bind(rows::clean(&turn.name, LONGEST_NAME))
    .bind(rows::place_word(&turn.place))
    .bind(rows::time(turn.at))
    .bind(rows::clean(&turn.said, LONGEST_TEXT))
    .bind(rows::clean(&turn.heard, LONGEST_TEXT))
    .bind(rows::audience_word(turn.audience))
    .execute(&mut *db)
    .await?;
    if written.rows_affected() == 0 {
        return Ok(());
    }
    let witnesses: Vec<_> = turn
        .witnesses
        .iter()
        .filter_map(|who| who.person())
        .collect();
    for witnesses in witnesses.chunks(AT_ONCE) {
        let values: Vec<_> = (2..)
            .take(witnesses.len())
            .map(|n| format!("($1, ${n})"))
            .collect();
        let mut insert = rows::statement(format!(
            "INSERT INTO witnesses (turn, person) VALUES {} ON CONFLICT DO NOTHING",
            values.join(", ")
        ))
        .bind(id.clone());
        for witness in witnesses {
            insert = insert.bind(rows::key(witness));
        }
        insert.execute(&mut *db).await?;
    }
    for side in turn.sides() {
        learn::write(db, &side).await?;
        outbox::put(db, side.id, person).await?;
    }
    Ok(())
}

/// The person was heard: a turn that comes late changes neither their name nor when they were
/// heard last.
async fn meet(db: &mut AnyConnection, person: &Person, turn: &Turn) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO people (person, name, first_seen, last_seen) VALUES ($1, $2, $3, $3)
         ON CONFLICT (person) DO UPDATE SET
             name = CASE WHEN people.last_seen <= excluded.last_seen
                 THEN excluded.name ELSE people.name END,
             first_seen = CASE WHEN people.first_seen <= excluded.first_seen
                 THEN people.first_seen ELSE excluded.first_seen END,
             last_seen = CASE WHEN people.last_seen <= excluded.last_seen
                 THEN excluded.last_seen ELSE people.last_seen END",
    )
    .bind(rows::key(person))
    .bind(rows::clean(&turn.name, LONGEST_NAME))
    .bind(rows::time(turn.at))
    .execute(db)
    .await?;
    Ok(())
}
