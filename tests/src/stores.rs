//! The real stores, Postgres, Redis and Chroma: each started for the test that wants it.

use std::path::Path;

use crate::served::{Served, free_port};

/// A running store on 127.0.0.1. It ends when this is dropped, and its data stay where a folder
/// was named for them.
#[derive(Debug)]
pub struct Store {
    port: u16,
    _served: Served,
}

impl Store {
    /// A new Postgres, whose one user is `postgres` and whose one database is `postgres`.
    ///
    /// # Panics
    /// When it does not start, as the others do.
    pub fn postgres() -> Self {
        Self::start("postgres", None, &[])
    }

    /// A Postgres on a port that somebody knows already, with its data in `folder`/data.
    pub fn postgres_at(port: u16, folder: &Path) -> Self {
        let served = Served::start("postgres", port, Some(folder), &[]);
        Self {
            port,
            _served: served,
        }
    }

    /// A Redis with its data in `folder`/data; `log` is what `appendonly` is set to.
    pub fn redis(folder: &Path, log: &str) -> Self {
        Self::start("redis", Some(folder), &[("REDIS_APPENDONLY", log)])
    }

    /// A Chroma with its data in `folder`/data.
    pub fn chroma(folder: &Path) -> Self {
        Self::start("chroma", Some(folder), &[])
    }

    /// A Chroma 0.5.0, which speaks the first version of the API, with its data in `folder`/data.
    pub fn chroma_0_5(folder: &Path) -> Self {
        Self::start("chroma-0.5", Some(folder), &[])
    }

    fn start(part: &str, folder: Option<&Path>, environment: &[(&str, &str)]) -> Self {
        let port = free_port();
        let served = Served::start(part, port, folder, environment);
        Self {
            port,
            _served: served,
        }
    }

    /// Its TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }
}
