//! The stores that are measured: all in one folder, or the real servers on this machine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use llm::Embed;
use memory::Parts;
use memory::store::{Postgres, Where};
use sqlx::Connection as _;
use tempfile::TempDir;
use world::{Store, remembered};

/// Which stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stores {
    Embedded,
    Servers,
}

/// The real servers. They end when this is dropped.
struct Servers {
    postgres: Store,
    redis: Store,
    chroma: Store,
}

/// Stores that nothing is in yet, for as long as this is there.
pub(crate) struct Opened {
    pub(crate) parts: Parts,
    pub(crate) folder: TempDir,
    servers: Option<Servers>,
}

impl Stores {
    pub(crate) const BOTH: [Self; 2] = [Self::Embedded, Self::Servers];

    /// By which it is asked for.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Servers => "servers",
        }
    }

    /// As it stands in the table.
    pub(crate) fn shown(self) -> &'static str {
        match self {
            Self::Embedded => "in one folder",
            Self::Servers => "Postgres, Redis, Chroma",
        }
    }

    pub(crate) fn open(self, embed: Arc<dyn Embed>) -> Opened {
        let folder = TempDir::new().expect("a folder can be made");
        let (parts, servers) = match self {
            Self::Embedded => (remembered::embedded(folder.path(), embed), None),
            Self::Servers => {
                let servers = Servers::start(folder.path());
                (servers.parts(embed), Some(servers))
            }
        };
        Opened {
            parts,
            folder,
            servers,
        }
    }
}

impl Opened {
    /// Has a server write to its disk when it likes, so that filling it is a matter of minutes.
    pub(crate) async fn hurry(&self) {
        self.tell("ALTER DATABASE postgres SET synchronous_commit = off")
            .await;
    }

    /// Has done now what a server does by itself a minute after much was written.
    pub(crate) async fn settle(&self) {
        self.tell("VACUUM ANALYZE").await;
    }

    async fn tell(&self, statement: &'static str) {
        let Some(servers) = &self.servers else { return };
        let mut db = sqlx::PgConnection::connect(&servers.address())
            .await
            .expect("the server is there");
        let told = sqlx::raw_sql(statement).execute(&mut db).await;
        told.expect("the server does it");
    }
}

impl Servers {
    fn start(folder: &Path) -> Self {
        let inside = |name: &str| {
            let path = folder.join(name);
            std::fs::create_dir(&path).expect("a folder can be made");
            path
        };
        Self {
            postgres: Store::postgres(),
            redis: Store::redis(&inside("redis"), "no"),
            chroma: Store::chroma(&inside("chroma")),
        }
    }

    fn address(&self) -> String {
        let port = self.postgres.port();
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }

    fn parts(&self, embed: Arc<dyn Embed>) -> Parts {
        let deadline = Duration::from_secs(60);
        let postgres = Where::Postgres(Postgres::Address(self.address().into()));
        let redis = memory::cache::redis::Settings {
            url: format!("redis://127.0.0.1:{}/0", self.redis.port()).into(),
            deadline,
        };
        let chroma = memory::index::chroma::Settings {
            url: format!("http://127.0.0.1:{}", self.chroma.port()),
            model: embed.model().to_owned(),
            deadline,
        };
        Parts {
            store: memory::store::open(&postgres).expect("it is an address"),
            index: memory::index::open(memory::index::Settings::Chroma(chroma))
                .expect("it is an address"),
            cache: memory::cache::open(memory::cache::Settings::Redis(redis))
                .expect("it is an address"),
            embed,
            chat: remembered::nobody(),
        }
    }
}
