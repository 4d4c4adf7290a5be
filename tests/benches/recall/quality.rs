//! The fixed set of conversations, asked about.

use std::collections::BTreeMap;

use jiff::Timestamp;
use memory::{Memory, Parts};
use tempfile::TempDir;
use world::remembered::{self, Part, Score, Set};

use crate::speed::Servers;

/// How the set fared with some stores.
#[derive(Debug)]
pub(crate) struct Quality {
    pub(crate) stores: &'static str,
    pub(crate) scores: BTreeMap<Part, Score>,
}

pub(crate) async fn measure(ollama: &str) -> Vec<Quality> {
    let folder = TempDir::new().expect("a folder can be made");
    let parts = remembered::embedded(folder.path(), remembered::packaged(ollama));
    let embedded = judge("in one folder", parts, &folder).await;
    let folder = TempDir::new().expect("a folder can be made");
    let servers = Servers::start(folder.path());
    let parts = servers.parts(remembered::packaged(ollama));
    vec![
        embedded,
        judge("Postgres, Redis, Chroma", parts, &folder).await,
    ]
}

async fn judge(stores: &'static str, parts: Parts, folder: &TempDir) -> Quality {
    let now = Timestamp::now();
    let set = Set::fixed();
    let settings = remembered::settings(folder.path());
    set.fill(&parts, settings.clone(), now).await;
    let scores = set.judge(&Memory::new(parts, settings), now).await;
    Quality { stores, scores }
}
