//! Where the database is: a file of this computer, or a Postgres server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::ConnectOptions as _;
use sqlx::any::AnyConnectOptions;

use super::StoreError;

/// The port of Postgres.
const POSTGRES_PORT: u16 = 5432;

/// Where the database is.
#[derive(Clone, Debug)]
pub enum Where {
    /// SQLite, in this file. It is made when it is not there, and so is its folder.
    File(PathBuf),
    /// A Postgres server.
    Postgres(Postgres),
}

/// How a Postgres server is reached.
#[derive(Clone, Debug)]
pub enum Postgres {
    /// By an address with everything in it: `postgres://user:password@host:port/database`.
    Address(SecretString),
    /// By single settings.
    Settings {
        /// Name or address of the host, or the folder of its Unix socket.
        host: String,
        /// Its port.
        port: u16,
        /// The database there.
        database: String,
        /// Whom to log in as.
        user: String,
        /// Their password, if they have one.
        password: Option<SecretString>,
    },
}

/// Which SQL is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// What is needed to connect.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) dialect: Dialect,
    pub(super) options: AnyConnectOptions,
    /// The place as it may be shown: without user and password.
    pub(super) name: String,
    /// The file, where it is one.
    pub(super) file: Option<PathBuf>,
}

impl Door {
    pub(super) fn new(place: &Where) -> Result<Self, StoreError> {
        match place {
            Where::File(file) => Self::to_file(file),
            Where::Postgres(Postgres::Address(address)) => {
                // Some name a driver of another language too: postgresql+asyncpg://.
                let address = address.expose_secret();
                let Some((scheme, rest)) = address.split_once("://") else {
                    return Err(strange_address());
                };
                match scheme.split('+').next() {
                    Some("postgres" | "postgresql") => {
                        Self::to_server(&format!("postgres://{rest}"))
                    }
                    _ => Err(strange_address()),
                }
            }
            Where::Postgres(Postgres::Settings {
                host,
                port,
                database,
                user,
                password,
            }) => {
                let [user, database] = [user, database].map(|text| escaped(text));
                let password = password.as_ref().map_or_else(String::new, |password| {
                    format!(":{}", escaped(password.expose_secret()))
                });
                let host = match host.as_str() {
                    folder if folder.starts_with('/') => escaped(folder),
                    address if address.contains(':') && !address.starts_with('[') => {
                        format!("[{address}]")
                    }
                    host => host.to_owned(),
                };
                Self::to_server(&format!(
                    "postgres://{user}{password}@{host}:{port}/{database}"
                ))
            }
        }
    }

    fn to_file(file: &Path) -> Result<Self, StoreError> {
        let refused = |reason: String| StoreError::Refused { reason };
        let file = std::path::absolute(file)
            .map_err(|error| refused(format!("{}: {error}", file.display())))?;
        let path = file
            .to_str()
            .ok_or_else(|| refused(format!("{}: name a path that is text", file.display())))?;
        let parts: Vec<_> = path.split('/').map(escaped).collect();
        let options = options(&format!("sqlite://{}?mode=rwc", parts.join("/")))?;
        Ok(Self {
            dialect: Dialect::Sqlite,
            options,
            name: path.to_owned(),
            file: Some(file),
        })
    }

    fn to_server(address: &str) -> Result<Self, StoreError> {
        let options = options(address)?;
        let url = &options.database_url;
        let name = format!(
            "{}:{}{}",
            url.host_str().unwrap_or("127.0.0.1"),
            url.port().unwrap_or(POSTGRES_PORT),
            url.path()
        );
        Ok(Self {
            dialect: Dialect::Postgres,
            options,
            name,
            file: None,
        })
    }
}

/// Shows no user and no password.
impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Door").field(&self.name).finish()
    }
}

fn options(address: &str) -> Result<AnyConnectOptions, StoreError> {
    let options = AnyConnectOptions::from_str(address).map_err(|_| strange_address())?;
    // Statements are ours and hold nobody's words, but they are many.
    Ok(options.disable_statement_logging())
}

/// The address itself is not shown: it holds a password.
fn strange_address() -> StoreError {
    StoreError::Refused {
        reason: "the address of the database does not make sense: it is like postgres://user:password@host:5432/database, with % codes for special signs in the password".to_owned(),
    }
}

/// A text as part of an address, each sign that could mean something there as a % code.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let sign = |byte: u8| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(sign).collect()
}

#[cfg(test)]
mod tests;
