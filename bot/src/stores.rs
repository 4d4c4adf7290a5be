//! What memory stands on, as the settings name it: servers where there is an address, else what is
//! built in.

use std::sync::Arc;
use std::time::Duration;

use llm::{Chat, Embed};
use memory::Parts;
use memory::cache::{self, Cache};
use memory::index::{self, Index};
use memory::store::{self, Postgres, Store, StoreError, Where};
use secrecy::ExposeSecret as _;
use service::settings::without_password;

use crate::app;
use crate::config::{Config, Database};
use crate::engines::{self, At, EngineError};
use crate::guard::StoreGuards;

/// Where a Redis listens that is not said to listen elsewhere.
const REDIS_PORT: u16 = 6379;

/// What /health shows in place of an address for what is built in.
const BUILT_IN: &str = "in this process";

/// The dialect of embedding that is no server.
const IN_PROCESS: &str = "minilm";

/// The least deadline for a command: somebody started it and waits for its end.
const COMMAND: Duration = Duration::from_secs(60);

/// All that memory stands on. No connection is made yet.
#[derive(Debug)]
pub struct Stores {
    /// The truth.
    pub database: Part<dyn Store>,
    /// What is at hand.
    pub cache: Part<dyn Cache>,
    /// What lies near in meaning.
    pub index: Part<dyn Index>,
    /// What makes texts into vectors.
    pub embedding: Part<dyn Embed>,
    /// The model that reads finished turns, where it is not the one that answers.
    pub reader: Option<Part<dyn Chat>>,
}

/// One of the things that memory stands on.
#[derive(Debug)]
pub struct Part<T: ?Sized> {
    /// As /health calls it.
    pub service: &'static str,
    /// Where it is.
    pub at: At<T>,
}

impl Stores {
    /// What the settings name.
    ///
    /// # Errors
    /// When an address is none, or a dialect is unknown.
    pub fn open(config: &Config) -> Result<Self, EngineError> {
        Ok(Self {
            database: database(config)?,
            cache: cache(config)?,
            index: index(config)?,
            embedding: embedding(config)?,
            reader: reader(config)?,
        })
    }
}

/// What memory stands on for a command: nothing is left alone after failures, for nobody looks
/// after it, and everything has its time.
///
/// # Errors
/// When an address is none, or a dialect is unknown.
pub fn memory_parts(config: &Config) -> Result<Parts, EngineError> {
    let mut config = config.clone();
    let Config {
        ollama,
        embedding,
        database,
        redis,
        chromadb,
        ..
    } = &mut config;
    for threshold in [
        &mut ollama.circuit_threshold,
        &mut database.circuit_threshold,
        &mut redis.circuit_threshold,
        &mut chromadb.circuit_threshold,
    ] {
        *threshold = u32::MAX;
    }
    for deadline in [
        &mut embedding.deadline,
        &mut database.deadline,
        &mut redis.deadline,
        &mut chromadb.deadline,
    ] {
        *deadline = COMMAND.max(*deadline);
    }
    let chat = app::guards(&config)?.ollama;
    let stores = StoreGuards::new(Stores::open(&config)?, &config, &chat);
    Ok(stores.parts(&chat))
}

/// The database that is configured, or a file.
///
/// # Errors
/// When the address is none.
pub fn database(config: &Config) -> Result<Part<dyn Store>, EngineError> {
    let Database {
        url,
        host,
        port,
        name,
        user,
        password,
        ..
    } = &config.database;
    let (service, address, place) = match (url, host) {
        (Some(url), _) => (
            "database",
            places(url.expose_secret(), *port),
            Where::Postgres(Postgres::Address(url.clone())),
        ),
        (None, Some(host)) => (
            "database",
            named(host, *port),
            Where::Postgres(Postgres::Settings {
                host: host.clone(),
                port: *port,
                database: name.clone(),
                user: user.clone(),
                password: password.clone(),
            }),
        ),
        (None, None) => {
            let file = config.memory_folder().join("memory.db");
            ("sqlite", file.display().to_string(), Where::File(file))
        }
    };
    let opened = store::open(&place);
    part(service, address, opened).map_err(EngineError::Database)
}

/// The Redis that is configured, or a cache in this process.
///
/// # Errors
/// When the address is none.
pub fn cache(config: &Config) -> Result<Part<dyn Cache>, EngineError> {
    let (service, address, settings) = match &config.redis.url {
        Some(url) => {
            let settings = cache::redis::Settings {
                url: url.clone(),
                deadline: config.redis.deadline,
            };
            let address = places(url.expose_secret(), REDIS_PORT);
            ("redis", address, cache::Settings::Redis(settings))
        }
        None => {
            let bytes = cache::LOCAL_BYTES;
            let settings = cache::Settings::Local { bytes };
            ("cache", BUILT_IN.to_owned(), settings)
        }
    };
    part(service, address, cache::open(settings)).map_err(EngineError::Redis)
}

/// The Chroma that is configured, or exact search in this process.
///
/// # Errors
/// When the address is none.
pub fn index(config: &Config) -> Result<Part<dyn Index>, EngineError> {
    let model = config.embedding.model.clone();
    let (service, address, settings) = match &config.chromadb.url {
        Some(url) => {
            let settings = index::chroma::Settings {
                url: url.clone(),
                model,
                deadline: config.chromadb.deadline,
            };
            let address = without_password(url.clone());
            ("chromadb", address, index::Settings::Chroma(settings))
        }
        None => {
            let file = config.memory_folder().join("vectors.db");
            let address = file.display().to_string();
            let settings = index::exact::Settings {
                file,
                model,
                held: index::exact::Settings::HELD,
            };
            ("vectors", address, index::Settings::Exact(settings))
        }
    };
    part(service, address, index::open(settings)).map_err(EngineError::Chromadb)
}

/// What makes texts into vectors.
///
/// # Errors
/// When the dialect is unknown, the address is none, or the files are not there.
pub fn embedding(config: &Config) -> Result<Part<dyn Embed>, EngineError> {
    let dialect = &config.embedding.dialect;
    let source = config.embedding_source();
    let address = if dialect == IN_PROCESS {
        source.folder.display().to_string()
    } else {
        without_password(source.server.url.clone())
    };
    let engine = llm::embed::open(dialect, source).map_err(EngineError::Embedding)?;
    Ok(Part {
        service: "embedding",
        at: At { address, engine },
    })
}

/// The model that reads finished turns, if it is another than that which answers.
///
/// # Errors
/// When the dialect is unknown, or the address is none.
pub fn reader(config: &Config) -> Result<Option<Part<dyn Chat>>, EngineError> {
    let Some(model) = &config.memory.model else {
        return Ok(None);
    };
    let mut config = config.ollama.clone();
    config.model.clone_from(model);
    let first = engines::chat(&config)?.into_iter().next();
    Ok(first.map(|at| Part {
        service: "reader",
        at,
    }))
}

fn part<T: ?Sized>(
    service: &'static str,
    address: String,
    opened: Result<Arc<T>, StoreError>,
) -> Result<Part<T>, StoreError> {
    let engine = opened?;
    Ok(Part {
        service,
        at: At { address, engine },
    })
}

/// Where the servers of an address listen, without its name and password:
/// `scheme://user:password@host:port,host:port/name`. One without a host means this computer.
fn places(address: &str, port: u16) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    // What stands before the last @ is a name and a password, whatever signs are in it.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let hosts = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let places: Vec<String> = hosts.split(',').map(|host| place(host, port)).collect();
    places.join(",")
}

fn place(text: &str, port: u16) -> String {
    let (host, port_given) = match text.rsplit_once(':') {
        // A colon inside brackets belongs to the address.
        Some((host, digits)) if !digits.contains(']') => (host, digits.parse().ok()),
        _ => (text, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    named(host, port_given.unwrap_or(port))
}

fn named(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_tells_where_to_look_and_nothing_of_its_password() {
        for (address, expected) in [
            ("postgres://ann:secret@db:6000/talk", "db:6000"),
            ("postgresql://db", "db:5432"),
            ("postgres://ann:se/cr@et?@db/talk?sslmode=off", "db:5432"),
            ("redis://:secret@[::1]:7000/0", "[::1]:7000"),
            ("redis://[fd00::2]/0", "[fd00::2]:5432"),
            ("postgres:///talk", "127.0.0.1:5432"),
        ] {
            assert_eq!(places(address, 5432), expected, "{address}");
        }
        let two = places("postgres://ann@first,second:6000/talk", 5432);
        assert_eq!(two, "first:5432,second:6000");
    }

    proptest! {
        #[test]
        fn no_address_is_too_strange_to_be_shown(address in ".*", port in 1_u16..) {
            prop_assert!(!places(&address, port).is_empty());
        }

        #[test]
        fn no_password_is_shown(password in "[^/?#]{1,20}") {
            let address = format!("redis://ann:{password}@cache:6379/0");
            prop_assert_eq!(places(&address, 1), "cache:6379");
        }
    }
}
