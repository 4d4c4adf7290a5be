//! The connections to the database: a few, made when they are needed.
//!
//! Not sqlx's own pool: that tries a refused connection again and again until its timeout, and then
//! tells only that time is up. Here whoever needs a connection and finds none idle makes one, and
//! sees at once why it cannot be made. A connection whose work was broken off is closed, which
//! undoes the work.

use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use sqlx::AnyConnection;
use sqlx::error::Error;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::place::{Dialect, Door};
use super::trouble::{trouble, unavailable};
use super::{StoreError, layout};

/// Connections at once. Recall, the writer and the work in the background use one each.
const MOST: usize = 6;

/// A connection that did something so lately is taken for one that still answers: no server ends
/// and starts again in so short a time, and within one recall to ask each time would be half of all
/// that is asked.
const ANSWERS: Duration = Duration::from_millis(50);

/// Between two tries while another process opens the same new file. SQLite itself waits for locks,
/// but not for this one.
const PAUSE: Duration = Duration::from_millis(20);

/// So often the opening of a file is tried: for two seconds.
const TRIES: u32 = 100;

/// How each connection to a file begins.
///
/// The log of changes lies beside the file, so that readers and a writer do not wait for each
/// other; what is committed outlives the process, and the last moments may be lost only when the
/// computer loses its power. What is taken out is overwritten where it stood; for its copies see
/// [`Connections::scrub`]. A log that grew is cut again.
const FILE_SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
     PRAGMA secure_delete = ON; PRAGMA journal_size_limit = 4194304; PRAGMA cache_size = -16384";

/// How each connection to a server begins. A statement whose caller gave up ends as well. All of
/// ours take milliseconds: compiling them, or starting processes that help, would take longer.
const SERVER_SETTINGS: &str = "SET application_name = 'mumble-ai'; SET statement_timeout = '60s'; \
     SET jit = off; SET max_parallel_workers_per_gather = 0";

/// Notes in the file itself, by the number that SQLite leaves to its user, that something was taken
/// out; so it is known to whoever opens the file next, also after a crash.
const TRACES: &str = "PRAGMA user_version = 1";
const NO_TRACES: &str = "PRAGMA user_version = 0";

/// Writes a file anew. What others said is not written into a folder for temporary files meanwhile.
const WRITE_ANEW: &str = "PRAGMA temp_store = MEMORY; VACUUM; PRAGMA temp_store = DEFAULT";

/// The connections to one database.
#[derive(Debug)]
pub(super) struct Connections {
    pub(super) door: Door,
    /// Those that nobody uses, the last used last, each with when that was.
    idle: Mutex<Vec<(AnyConnection, Instant)>>,
    room: Semaphore,
}

/// A connection in use. Dropped before [`Work::finish`], all that was done by it is undone.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) db: AnyConnection,
    home: &'a Connections,
    ends_by: Option<&'static str>,
    _room: SemaphorePermit<'a>,
}

impl Connections {
    pub(super) fn new(door: Door) -> Self {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        Self {
            door,
            idle: Mutex::default(),
            room: Semaphore::new(MOST),
        }
    }

    /// A connection for single statements that read.
    pub(super) async fn read(&self) -> Result<Work<'_>, StoreError> {
        let room = self.room.acquire().await;
        let room = room.map_err(|_| unavailable(&self.door, "it is closed"))?;
        let db = match self.idle_one().await {
            Some(db) => db,
            None => self.dial().await?,
        };
        Ok(Work {
            db,
            home: self,
            ends_by: None,
            _room: room,
        })
    }

    /// A connection for several statements that read the same moment.
    pub(super) async fn read_at_once(&self) -> Result<Work<'_>, StoreError> {
        self.begin(match self.door.dialect {
            Dialect::Sqlite => "BEGIN",
            Dialect::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        })
        .await
    }

    /// A connection for statements that happen all or not at all.
    pub(super) async fn write(&self) -> Result<Work<'_>, StoreError> {
        self.begin(match self.door.dialect {
            // The right to write is taken at once: two that read first and then wanted to write
            // could not both go on.
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres => "BEGIN",
        })
        .await
    }

    async fn begin(&self, how: &'static str) -> Result<Work<'_>, StoreError> {
        let mut work = self.read().await?;
        let begun = sqlx::raw_sql(how).execute(&mut work.db).await;
        begun.map_err(|error| trouble(&self.door, &error))?;
        work.ends_by = Some("COMMIT");
        Ok(work)
    }

    /// Whether the database is there and can be used, also while all connections are busy.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        let mut db = match self.idle_one().await {
            Some(db) => db,
            None => self.dial().await?,
        };
        if self.door.dialect == Dialect::Sqlite {
            // Only one who asks to write learns that the file cannot be written.
            let asked = sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK").execute(&mut db);
            asked.await.map_err(|error| trouble(&self.door, &error))?;
        }
        self.keep(db);
        Ok(())
    }

    /// Has what was taken out leave the last byte of the file, and of the log of changes beside it:
    /// when pages of a file are filled anew, copies of rows stay behind in the unused part of a page,
    /// and nothing overwrites those but writing the file anew. A server does that by itself, in its
    /// own time.
    pub(super) async fn scrub(&self) -> Result<(), StoreError> {
        if self.door.dialect == Dialect::Postgres {
            return Ok(());
        }
        let mut work = self.read().await?;
        let done = written_anew(&mut work.db).await;
        work.finish(done).await
    }

    /// An idle connection that still answers.
    async fn idle_one(&self) -> Option<AnyConnection> {
        let (mut db, used) = self.idle().pop()?;
        let is_file = self.door.dialect == Dialect::Sqlite;
        if is_file || used.elapsed() < ANSWERS || db.ping().await.is_ok() {
            return Some(db);
        }
        // The server has ended meanwhile, and with it the others.
        self.idle().clear();
        None
    }

    /// A new connection to a database that is up to date.
    async fn dial(&self) -> Result<AnyConnection, StoreError> {
        let Door { dialect, file, .. } = &self.door;
        if let Some(folder) = file.as_deref().and_then(std::path::Path::parent) {
            let made = tokio::fs::create_dir_all(folder).await;
            made.map_err(|error| trouble(&self.door, &Error::Io(error)))?;
        }
        let mut tries = TRIES;
        let mut db = loop {
            match self.settled().await {
                Ok(db) => break db,
                Err(error) if *dialect == Dialect::Sqlite && tries > 0 && is_busy(&error) => {
                    tries -= 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(trouble(&self.door, &error)),
            }
        };
        layout::bring_up(&self.door, &mut db).await?;
        Ok(db)
    }

    async fn settled(&self) -> Result<AnyConnection, Error> {
        let mut db = self.door.options.connect().await?;
        let settings = match self.door.dialect {
            Dialect::Sqlite => FILE_SETTINGS,
            Dialect::Postgres => SERVER_SETTINGS,
        };
        sqlx::raw_sql(settings).execute(&mut db).await?;
        Ok(db)
    }

    fn keep(&self, db: AnyConnection) {
        let mut idle = self.idle();
        if idle.len() < MOST {
            idle.push((db, Instant::now()));
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(AnyConnection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work<'_> {
    /// Ends the work: what was done becomes lasting if all of it succeeded, and the connection is
    /// kept for the next one.
    pub(super) async fn finish<T>(mut self, done: Result<T, Error>) -> Result<T, StoreError> {
        let done = match (done, self.ends_by) {
            (Ok(value), Some(end)) => {
                let ended = sqlx::raw_sql(end).execute(&mut self.db).await;
                ended.map(|_| value)
            }
            (done, _) => done,
        };
        match done {
            Ok(value) => {
                self.home.keep(self.db);
                Ok(value)
            }
            Err(error) => Err(trouble(&self.home.door, &error)),
        }
    }
}

/// Notes that the bytes of what this work takes out may stay until [`Connections::scrub`].
pub(super) async fn note_traces(dialect: Dialect, db: &mut AnyConnection) -> Result<(), Error> {
    if dialect == Dialect::Sqlite {
        sqlx::raw_sql(TRACES).execute(db).await?;
    }
    Ok(())
}

async fn written_anew(db: &mut AnyConnection) -> Result<(), Error> {
    let traces: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *db)
        .await?;
    if traces == 0 {
        return Ok(());
    }
    sqlx::raw_sql(WRITE_ANEW).execute(&mut *db).await?;
    let cut = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)");
    let busy: i64 = cut.fetch_one(&mut *db).await?.try_get(0)?;
    // Where somebody still reads what was, it is done the next time.
    if busy == 0 {
        sqlx::raw_sql(NO_TRACES).execute(db).await?;
    }
    Ok(())
}

fn is_busy(error: &Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.parse().is_ok_and(|code: i32| code & 0xff == 5))
}
