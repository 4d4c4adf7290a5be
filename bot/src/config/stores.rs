//! Where what is remembered lies: the rooms of the database, the cache and the index.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};
use service::settings::limits::{
    THRESHOLD, filled, fraction, millis, number, refused, some_address, some_filled,
};

use super::Circuit;

/// Room `[database]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Address with name, user and password in it; wins over the single ones.
    #[serde(default, deserialize_with = "some_url::<_, Postgres>")]
    pub url: Option<SecretString>,
    /// Host; without it and without an address there is no database.
    #[serde(default, deserialize_with = "some_filled")]
    pub host: Option<String>,
    /// Port.
    #[serde(deserialize_with = "number::<_, 1, 65_535, _>")]
    pub port: u16,
    /// The database's name.
    #[serde(deserialize_with = "filled")]
    pub name: String,
    /// The assistant's user in it.
    #[serde(deserialize_with = "filled")]
    pub user: String,
    /// The user's password.
    pub password: Option<SecretString>,
    /// Deadline of a call.
    #[serde(rename = "deadline_ms", deserialize_with = "millis")]
    pub deadline: Duration,
    /// Failures in a row after which it is left alone.
    #[serde(deserialize_with = "number::<_, 1, THRESHOLD, _>")]
    pub circuit_threshold: u32,
    /// The longest wait before it is tried again.
    #[serde(rename = "circuit_timeout_s", deserialize_with = "fraction")]
    pub circuit_timeout: Duration,
}

/// Room `[redis]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// Address, which can hold a password; without it there is no cache.
    #[serde(default, deserialize_with = "some_url::<_, Cache>")]
    pub url: Option<SecretString>,
    /// Deadline of a call.
    #[serde(rename = "deadline_ms", deserialize_with = "millis")]
    pub deadline: Duration,
    /// Failures in a row after which it is left alone.
    #[serde(deserialize_with = "number::<_, 1, THRESHOLD, _>")]
    pub circuit_threshold: u32,
    /// The longest wait before it is tried again.
    #[serde(rename = "circuit_timeout_s", deserialize_with = "fraction")]
    pub circuit_timeout: Duration,
}

/// Room `[chromadb]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chromadb {
    /// Base address; without it there is no index.
    #[serde(default, deserialize_with = "some_address")]
    pub url: Option<String>,
    /// Deadline of a call.
    #[serde(rename = "deadline_ms", deserialize_with = "millis")]
    pub deadline: Duration,
    /// Failures in a row after which it is left alone.
    #[serde(deserialize_with = "number::<_, 1, THRESHOLD, _>")]
    pub circuit_threshold: u32,
    /// The longest wait before it is tried again.
    #[serde(rename = "circuit_timeout_s", deserialize_with = "fraction")]
    pub circuit_timeout: Duration,
}

/// What an address of a kind of server begins with.
pub(super) trait Scheme {
    /// One of these.
    const PREFIXES: &[&str];
    /// An example for people.
    const EXAMPLE: &str;
}

enum Postgres {}

impl Scheme for Postgres {
    const PREFIXES: &[&str] = &["postgres://", "postgresql://"];
    const EXAMPLE: &str = "postgres://user:password@127.0.0.1:5432/mumble_ai";
}

enum Cache {}

impl Scheme for Cache {
    const PREFIXES: &[&str] = &["redis://", "rediss://"];
    const EXAMPLE: &str = "redis://127.0.0.1:6379";
}

impl Database {
    /// When its breaker opens.
    #[must_use]
    pub fn circuit(&self) -> Circuit {
        Circuit {
            threshold: self.circuit_threshold,
            timeout: self.circuit_timeout,
        }
    }
}

impl Redis {
    /// When its breaker opens.
    #[must_use]
    pub fn circuit(&self) -> Circuit {
        Circuit {
            threshold: self.circuit_threshold,
            timeout: self.circuit_timeout,
        }
    }
}

impl Chromadb {
    /// When its breaker opens.
    #[must_use]
    pub fn circuit(&self) -> Circuit {
        Circuit {
            threshold: self.circuit_threshold,
            timeout: self.circuit_timeout,
        }
    }
}

/// An address that can hold a password: it is kept as a secret and never told.
fn some_url<'de, D: Deserializer<'de>, S: Scheme>(
    deserializer: D,
) -> Result<Option<SecretString>, D::Error> {
    let url = SecretString::deserialize(deserializer)?;
    let rest = S::PREFIXES
        .iter()
        .find_map(|scheme| url.expose_secret().strip_prefix(scheme));
    if rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) {
        Ok(Some(url))
    } else {
        Err(refused(format!(
            "expected an address such as {}",
            S::EXAMPLE
        )))
    }
}
