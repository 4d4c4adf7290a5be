//! What went wrong in a database, in words for whoever runs the assistant.
//!
//! A database quotes what it was given: its own words are passed on only where they can hold
//! nothing that somebody said.

use std::io;

use sqlx::error::{DatabaseError, Error};
use sqlx::migrate::MigrateError;

use super::StoreError;
use super::place::{Dialect, Door};

/// Primary result codes of SQLite: <https://sqlite.org/rescode.html>.
mod sqlite {
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READONLY: i32 = 8;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const TOOBIG: i32 = 18;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const MISMATCH: i32 = 20;
    pub(super) const NOTADB: i32 = 26;
    /// The file beside the database that processes share could not be made longer.
    pub(super) const IOERR_SHMSIZE: i32 = 4874;
    /// A row names another that is not there.
    pub(super) const CONSTRAINT_FOREIGNKEY: i32 = 787;
}

/// What an error of a statement or a connection means.
pub(super) fn trouble(door: &Door, error: &Error) -> StoreError {
    let name = &door.name;
    match error {
        Error::Io(error) => unavailable(door, &io_words(error)),
        Error::Tls(_) => unavailable(door, "no encrypted connection could be made"),
        Error::Database(error) => match door.dialect {
            Dialect::Sqlite => of_sqlite(door, &**error),
            Dialect::Postgres => of_postgres(door, &**error),
        },
        Error::Configuration(_) => StoreError::Refused {
            reason: format!("the address of the database {name} does not make sense"),
        },
        // The database is well, and asking again changes nothing.
        Error::ColumnDecode { index, .. } => StoreError::Refused {
            reason: format!(
                "the database {name}: a row cannot be read, for this program never writes what stands in its column {index}: mend it, or restore a backup"
            ),
        },
        Error::Protocol(_) => {
            unavailable(door, "what answers there does not speak as Postgres does")
        }
        _ => unavailable(door, "the connection broke off"),
    }
}

/// What an error of bringing a database up to date means; `known` is the newest step.
pub(super) fn trouble_of_migration(door: &Door, error: &MigrateError, known: i64) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            trouble(door, error)
        }
        MigrateError::VersionMissing(found) if *found > known => StoreError::Newer {
            found: *found,
            known,
        },
        MigrateError::VersionMissing(step) | MigrateError::VersionMismatch(step) => unavailable(
            door,
            &format!("step {step} of its layout is not that of this program: restore a backup"),
        ),
        MigrateError::Dirty(step) => unavailable(
            door,
            &format!("step {step} of its layout was left half done: restore a backup"),
        ),
        _ => unavailable(door, "its layout could not be brought up to date"),
    }
}

/// A place that cannot be used. Whatever was to be kept there is to be kept elsewhere meanwhile,
/// so this is said of everything that somebody can mend without changing what is kept.
pub(super) fn unavailable(door: &Door, why: &str) -> StoreError {
    StoreError::Unavailable {
        reason: format!("the database {}: {why}", door.name),
    }
}

fn refused(door: &Door, code: &str) -> StoreError {
    StoreError::Refused {
        reason: format!(
            "the database {} does not take this (code {code})",
            door.name
        ),
    }
}

fn full(door: &Door) -> StoreError {
    StoreError::Full {
        place: format!("the database {}", door.name),
    }
}

fn io_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nobody listens there: start it".to_owned(),
        kind => format!("cannot be reached: {kind}"),
    }
}

fn of_sqlite(door: &Door, error: &dyn DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default();
    let extended: i32 = code.parse().unwrap_or_default();
    if extended == sqlite::IOERR_SHMSIZE {
        return full(door);
    }
    if extended == sqlite::CONSTRAINT_FOREIGNKEY {
        return unavailable(door, "somebody was forgotten meanwhile: try again");
    }
    match extended & 0xff {
        sqlite::FULL => full(door),
        sqlite::BUSY | sqlite::LOCKED => unavailable(door, "another program holds it: try again"),
        sqlite::READONLY => unavailable(
            door,
            "it cannot be written: let the assistant's user write the file and its folder",
        ),
        sqlite::CANTOPEN => unavailable(
            door,
            "it cannot be opened: let the assistant's user read and write the folder",
        ),
        sqlite::CORRUPT => unavailable(door, "it is damaged: restore a backup"),
        sqlite::NOTADB => unavailable(door, "it is no database: move the file away"),
        sqlite::CONSTRAINT | sqlite::TOOBIG | sqlite::MISMATCH => refused(door, &code),
        _ => unavailable(
            door,
            &format!("its disk does not do as it should (code {code})"),
        ),
    }
}

fn of_postgres(door: &Door, error: &dyn DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default();
    // These messages name users, databases and tables, and nothing that somebody said.
    let words = error.message();
    match code.as_ref() {
        "53100" => full(door),
        "23503" => unavailable(door, "somebody was forgotten meanwhile: try again"),
        "42501" => unavailable(
            door,
            &format!("{words}: let its user create tables (GRANT CREATE, USAGE ON SCHEMA public)"),
        ),
        "28000" | "28P01" => {
            unavailable(door, &format!("{words}: set the right user and password"))
        }
        "3D000" => unavailable(door, &format!("{words}: create it")),
        "25006" => unavailable(
            door,
            "it can only be read: name the server that can be written",
        ),
        "53300" => unavailable(door, "it has too many connections"),
        code if code.starts_with("57P") => unavailable(door, "it is starting or ending"),
        code if code.starts_with("22") || code.starts_with("23") => refused(door, code),
        code => unavailable(door, &format!("it does not do as it should (code {code})")),
    }
}
