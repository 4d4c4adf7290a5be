//! The fixed set of conversations, asked about.

use std::collections::BTreeMap;

use jiff::Timestamp;
use memory::Memory;
use world::remembered::{self, Part, Score, Set};

use crate::stores::Stores;

/// How the set fared with some stores.
#[derive(Debug)]
pub(crate) struct Quality {
    pub(crate) stores: Stores,
    pub(crate) scores: BTreeMap<Part, Score>,
}

pub(crate) async fn measure(ollama: &str, stores: Stores) -> Quality {
    let opened = stores.open(remembered::packaged(ollama));
    let now = Timestamp::now();
    let set = Set::fixed();
    let settings = remembered::settings(opened.folder.path());
    set.fill(&opened.parts, settings.clone(), now).await;
    let memory = Memory::new(opened.parts.clone(), settings);
    let scores = set.judge(&memory, now).await;
    Quality { stores, scores }
}
