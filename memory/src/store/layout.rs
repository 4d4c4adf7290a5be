//! How a database is laid out: brought up to date by the steps in `migrations/`.

use sqlx::AnyConnection;
use sqlx::Connection as _;
use sqlx::error::Error;
use sqlx::migrate::{MigrateError, Migrator};

use super::StoreError;
use super::place::{Dialect, Door};
use super::trouble::{trouble, trouble_of_migration};

static SQLITE: Migrator = sqlx::migrate!("../migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("../migrations/postgres");

/// Takes the steps that the database has not seen; of several processes one takes them and the
/// others wait.
pub(super) async fn bring_up(door: &Door, db: &mut AnyConnection) -> Result<(), StoreError> {
    let steps = match door.dialect {
        Dialect::Sqlite => &SQLITE,
        Dialect::Postgres => &POSTGRES,
    };
    let known = steps.iter().map(|step| step.version).max().unwrap_or(0);
    match version(db).await.map_err(|error| trouble(door, &error))? {
        Some(found) if found == known => return Ok(()),
        Some(found) if found > known => return Err(StoreError::Newer { found, known }),
        Some(_) | None => {}
    }
    let taken = match door.dialect {
        Dialect::Sqlite => take_alone(steps, db).await,
        // A lock of the server's own makes others wait.
        Dialect::Postgres => steps.run_direct(None, db, false).await,
    };
    taken.map_err(|error| trouble_of_migration(door, &error, known))
}

/// The newest step that the database has seen; none where it is new.
async fn version(db: &mut AnyConnection) -> Result<Option<i64>, Error> {
    let newest = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success");
    match newest.fetch_one(db).await {
        Ok(version) => Ok(version),
        Err(Error::Database(error)) if is_missing_table(error.code().as_deref()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Postgres has a code for it; for SQLite it is an error like any other in a statement.
fn is_missing_table(code: Option<&str>) -> bool {
    matches!(code, Some("42P01" | "1"))
}

/// SQLite's migrator takes no lock of its own: one transaction that may write, around everything,
/// is one.
async fn take_alone(steps: &Migrator, db: &mut AnyConnection) -> Result<(), MigrateError> {
    let mut alone = db.begin_with("BEGIN IMMEDIATE").await?;
    steps.run_direct(None, &mut *alone, false).await?;
    alone.commit().await?;
    Ok(())
}
