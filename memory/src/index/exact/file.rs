//! The file of the vectors: a SQLite database of its own, which can be deleted at any time, since
//! everything in it can be made anew from the store.

use std::path::PathBuf;
use std::time::Duration;

use futures::TryStreamExt as _;
use sqlx::error::DatabaseError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};
use sqlx::sqlite::{SqliteRow, SqliteSynchronous};
use sqlx::{Row as _, SqliteConnection};
use tokio::sync::OnceCell;

use super::slab::Fixed;
use crate::index::{Point, of_word, word};
use crate::person::Person;
use crate::store::StoreError;
use crate::turn::{Audience, Id};

/// How the tables are laid out. A file of another layout is emptied: it can be made anew.
const LAYOUT: i64 = 1;

/// How long to wait for a connection of ours, and for another process that has the file locked.
const PATIENCE: Duration = Duration::from_secs(2);

/// One connection writes; another reads meanwhile.
const CONNECTIONS: u32 = 2;

/// A vector of 384 numbers has 768 bytes; in pages of this size twenty lie together.
const PAGE: u32 = 16_384;

/// A file up to this size is written anew whenever something was taken out of it, in bytes: it takes
/// a fifth of a second. A larger one is when a person was, or everything; a point says whose it is
/// and how what was said lies among other texts, and holds no word.
const SMALL: i64 = 32 << 20;

/// Notes in the file itself, by the number that SQLite leaves to its user, that something was taken
/// out of it: copies may be left in the unused parts of its pages until it is written anew.
const TRACES: &str = "PRAGMA user_version = 1";
const NO_TRACES: &str = "PRAGMA user_version = 0";
const WRITE_ANEW: &str = "PRAGMA temp_store = MEMORY; VACUUM; PRAGMA temp_store = DEFAULT";

/// Rows that may wait between the thread of the database and us.
const ROWS_WAITING: usize = 1_024;

const TABLES: &[&str] = &[
    "CREATE TABLE about (layout INTEGER NOT NULL, model TEXT NOT NULL, dimensions INTEGER)",
    // Without row numbers a table lies in the order of its key: all of one person together.
    "CREATE TABLE points (
        person TEXT NOT NULL,
        id TEXT NOT NULL,
        kind TEXT NOT NULL,
        audience TEXT NOT NULL,
        vector BLOB NOT NULL,
        PRIMARY KEY (person, id)
    ) WITHOUT ROWID",
];

/// The file, opened when it is first needed.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    model: String,
    pool: OnceCell<SqlitePool>,
}

impl File {
    /// The file at this place, for vectors of this model. Nothing is touched yet.
    pub(super) fn new(path: PathBuf, model: String) -> Self {
        Self {
            path,
            model,
            pool: OnceCell::new(),
        }
    }

    /// Opens it, and makes it ready if it is new, of another layout, or of another model.
    pub(super) async fn pool(&self) -> Result<&SqlitePool, StoreError> {
        self.pool
            .get_or_try_init(|| async {
                if let Some(folder) = self.path.parent() {
                    tokio::fs::create_dir_all(folder)
                        .await
                        .map_err(|error| self.unreachable(&error))?;
                }
                let options = SqliteConnectOptions::new()
                    .filename(&self.path)
                    .create_if_missing(true)
                    .page_size(PAGE)
                    .journal_mode(SqliteJournalMode::Wal)
                    // The store is told that a point is kept: then it must be.
                    .synchronous(SqliteSynchronous::Full)
                    // What is forgotten is overwritten: whose points they were stands beside them.
                    .pragma("secure_delete", "ON")
                    .row_buffer_size(ROWS_WAITING)
                    .busy_timeout(PATIENCE);
                let pool = SqlitePoolOptions::new()
                    .max_connections(CONNECTIONS)
                    .acquire_timeout(PATIENCE)
                    .connect_with(options)
                    .await
                    .map_err(|error| self.told(&error))?;
                self.lay_out(&pool)
                    .await
                    .map_err(|error| self.told(&error))?;
                Ok(pool)
            })
            .await
    }

    async fn lay_out(&self, pool: &SqlitePool) -> Result<(), sqlx::Error> {
        let mut change = pool.begin_with("BEGIN IMMEDIATE").await?;
        let tables: i64 =
            sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE name = 'about'")
                .fetch_one(&mut *change)
                .await?;
        let ours = tables == 1 && {
            let about: Option<(i64, String)> = sqlx::query_as("SELECT layout, model FROM about")
                .fetch_optional(&mut *change)
                .await?;
            about.is_some_and(|(layout, model)| layout == LAYOUT && model == self.model)
        };
        if !ours {
            sqlx::query("DROP TABLE IF EXISTS about")
                .execute(&mut *change)
                .await?;
            sqlx::query("DROP TABLE IF EXISTS points")
                .execute(&mut *change)
                .await?;
            for table in TABLES {
                sqlx::query(*table).execute(&mut *change).await?;
            }
            sqlx::query("INSERT INTO about (layout, model) VALUES (?, ?)")
                .bind(LAYOUT)
                .bind(&self.model)
                .execute(&mut *change)
                .await?;
        }
        change.commit().await
    }

    /// How many numbers its vectors have; none while it has none.
    pub(super) async fn dimensions(&self) -> Result<Option<usize>, StoreError> {
        let pool = self.pool().await?;
        let found: Result<Option<i64>, _> = sqlx::query_scalar("SELECT dimensions FROM about")
            .fetch_one(pool)
            .await;
        let found = found.map_err(|error| self.told(&error))?;
        Ok(found.and_then(|number| usize::try_from(number).ok()))
    }

    /// Writes all of these points, or none.
    pub(super) async fn write(
        &self,
        points: &[(Point, Fixed)],
        dimensions: usize,
    ) -> Result<(), StoreError> {
        let pool = self.pool().await?;
        let written = async {
            let mut change = pool.begin_with("BEGIN IMMEDIATE").await?;
            sqlx::query("UPDATE about SET dimensions = ? WHERE dimensions IS NULL")
                .bind(i64::try_from(dimensions).unwrap_or(i64::MAX))
                .execute(&mut *change)
                .await?;
            for (point, vector) in points {
                sqlx::query(
                    "INSERT OR REPLACE INTO points (person, id, kind, audience, vector)
                     VALUES (?, ?, ?, ?, ?)",
                )
                .bind(point.person.as_str())
                .bind(point.id.to_string())
                .bind(point.kind.word())
                .bind(word(point.audience))
                .bind(vector.to_bytes())
                .execute(&mut *change)
                .await?;
            }
            change.commit().await
        };
        written.await.map_err(|error| self.told(&error))
    }

    /// Takes these entries out.
    pub(super) async fn delete(&self, person: &Person, ids: &[Id]) -> Result<(), StoreError> {
        let pool = self.pool().await?;
        let written = async {
            let mut change = pool.begin_with("BEGIN IMMEDIATE").await?;
            let mut gone = 0;
            for id in ids {
                gone += delete_one(&mut change, person, *id).await?;
            }
            note_traces(&mut change, gone).await?;
            change.commit().await
        };
        written.await.map_err(|error| self.told(&error))?;
        scrub(pool, Scrub::IfSmall).await;
        Ok(())
    }

    /// Takes everything of a person out.
    pub(super) async fn delete_person(&self, person: &Person) -> Result<(), StoreError> {
        let pool = self.pool().await?;
        let deleted = async {
            let mut change = pool.begin_with("BEGIN IMMEDIATE").await?;
            let gone = sqlx::query("DELETE FROM points WHERE person = ?")
                .bind(person.as_str())
                .execute(&mut *change)
                .await?;
            note_traces(&mut change, gone.rows_affected()).await?;
            change.commit().await
        };
        deleted.await.map_err(|error| self.told(&error))?;
        scrub(pool, Scrub::Always).await;
        Ok(())
    }

    /// Takes everything out; the next vectors may be of any length.
    pub(super) async fn clear(&self) -> Result<(), StoreError> {
        let pool = self.pool().await?;
        let cleared = async {
            let mut change = pool.begin_with("BEGIN IMMEDIATE").await?;
            let gone = sqlx::query("DELETE FROM points")
                .execute(&mut *change)
                .await?;
            sqlx::query("UPDATE about SET dimensions = NULL")
                .execute(&mut *change)
                .await?;
            note_traces(&mut change, gone.rows_affected()).await?;
            change.commit().await
        };
        cleared.await.map_err(|error| self.told(&error))?;
        scrub(pool, Scrub::Always).await;
        Ok(())
    }

    /// How many points there are.
    pub(super) async fn count(&self, person: Option<&Person>) -> Result<u64, StoreError> {
        let pool = self.pool().await?;
        let count = match person {
            Some(person) => sqlx::query_scalar("SELECT count(*) FROM points WHERE person = ?")
                .bind(person.as_str())
                .fetch_one(pool),
            None => sqlx::query_scalar("SELECT count(*) FROM points").fetch_one(pool),
        };
        let count: i64 = count.await.map_err(|error| self.told(&error))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Gives every point of a person to `take`. What is not readable is left out.
    pub(super) async fn read(
        &self,
        person: &Person,
        mut take: impl FnMut(Id, Audience, &[u8]),
    ) -> Result<(), StoreError> {
        let pool = self.pool().await?;
        let mut rows = sqlx::query("SELECT id, audience, vector FROM points WHERE person = ?")
            .bind(person.as_str())
            .fetch(pool);
        while let Some(row) = rows.try_next().await.map_err(|error| self.told(&error))? {
            if let Some((id, audience)) = names(&row)
                && let Ok(vector) = row.try_get(2)
            {
                take(id, audience, vector);
            }
        }
        Ok(())
    }

    fn unreachable(&self, error: &dyn std::fmt::Display) -> StoreError {
        let path = self.path.display();
        StoreError::Unavailable {
            reason: format!("the vectors in {path} cannot be reached: {error}"),
        }
    }

    /// SQLite's primary result codes: https://www.sqlite.org/rescode.html
    fn told(&self, error: &sqlx::Error) -> StoreError {
        let path = self.path.display();
        let code = error.as_database_error().and_then(DatabaseError::code);
        let code: Option<u32> = code.and_then(|code| code.parse().ok());
        match code.map(|code| code & 0xff) {
            Some(13) => StoreError::Full {
                place: path.to_string(),
            },
            Some(11 | 26) => StoreError::Refused {
                reason: format!("{path} is damaged: delete it, it will be made anew"),
            },
            _ => self.unreachable(error),
        }
    }
}

/// When a file is written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scrub {
    /// Up to [`SMALL`].
    IfSmall,
    Always,
}

async fn note_traces(change: &mut SqliteConnection, gone: u64) -> Result<(), sqlx::Error> {
    if gone > 0 {
        sqlx::raw_sql(TRACES).execute(change).await?;
    }
    Ok(())
}

/// Has what was taken out leave the last byte of the file, and of the log of changes beside it.
/// What cannot be done now is noted in the file, and done the next time.
async fn scrub(pool: &SqlitePool, how: Scrub) {
    if let Err(error) = written_anew(pool, how).await {
        tracing::debug!(%error, "what was taken out of the vectors is overwritten later");
    }
}

async fn written_anew(pool: &SqlitePool, how: Scrub) -> Result<(), sqlx::Error> {
    let mut db = pool.acquire().await?;
    let traces: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *db)
        .await?;
    if traces == 0 {
        return Ok(());
    }
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
        .fetch_one(&mut *db)
        .await?;
    let anew = how == Scrub::Always || pages * i64::from(PAGE) <= SMALL;
    if anew {
        sqlx::raw_sql(WRITE_ANEW).execute(&mut *db).await?;
    }
    let cut: (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_one(&mut *db)
        .await?;
    // Where somebody still reads what was, it is done the next time.
    if anew && cut.0 == 0 {
        sqlx::raw_sql(NO_TRACES).execute(&mut *db).await?;
    }
    Ok(())
}

async fn delete_one(
    change: &mut SqliteConnection,
    person: &Person,
    id: Id,
) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query("DELETE FROM points WHERE person = ? AND id = ?")
        .bind(person.as_str())
        .bind(id.to_string())
        .execute(change)
        .await?;
    Ok(deleted.rows_affected())
}

fn names(row: &SqliteRow) -> Option<(Id, Audience)> {
    let id: &str = row.try_get(0).ok()?;
    let audience: &str = row.try_get(1).ok()?;
    Some((id.parse().ok()?, of_word(audience)?))
}
