//! Turns, as they were said.

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::error::Error;

use super::super::LastTalk;
use super::super::rows::{self, Statement, TURN};
use super::count;
use crate::person::Place;
use crate::turn::Turn;

/// The newest turns of a place, oldest first.
pub(super) async fn last(
    db: &mut AnyConnection,
    place: &Place,
    since: Timestamp,
    limit: usize,
) -> Result<LastTalk, Error> {
    let newest = rows::statement(format!(
        "SELECT {TURN} FROM turns WHERE place = $1 AND at >= $2 ORDER BY at DESC, id DESC LIMIT $3"
    ));
    let newest = newest
        .bind(rows::place_word(place))
        .bind(rows::time(since))
        .bind(count(limit));
    let mut turns = turns(db, newest).await?;
    turns.reverse();
    Ok(LastTalk { turns })
}

/// Turns that nothing was learnt from, oldest first.
pub(super) async fn unread(
    db: &mut AnyConnection,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<Turn>, Error> {
    let oldest = rows::statement(format!(
        "SELECT {TURN} FROM turns WHERE state = 'new' AND at < $1 ORDER BY at, id LIMIT $2"
    ));
    turns(db, oldest.bind(rows::time(before)).bind(count(limit))).await
}

/// Turns that were read and are not summed up, of whoever has the oldest.
pub(super) async fn unsummarised(
    db: &mut AnyConnection,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<Turn>, Error> {
    let oldest = rows::statement(format!(
        "SELECT {TURN} FROM turns WHERE state = 'read' AND at < $1 AND person = (
             SELECT first.person FROM turns AS first
             WHERE first.state = 'read' AND first.at < $1 ORDER BY first.at, first.id LIMIT 1)
         ORDER BY at, id LIMIT $2"
    ));
    turns(db, oldest.bind(rows::time(before)).bind(count(limit))).await
}

/// The turns that a statement gives.
pub(super) async fn turns(
    db: &mut AnyConnection,
    statement: Statement,
) -> Result<Vec<Turn>, Error> {
    let rows = statement.fetch_all(db).await?;
    rows.iter().map(rows::turn).collect()
}
