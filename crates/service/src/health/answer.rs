//! What `/health` answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::board::View;
use super::clock::Clock;
use super::condition::Condition;
use super::memory::Memory;
use super::presence::Presence;
use super::verdict::{Status, verdict};

/// What can be configured, in the order in which a turn meets it. What is not, is null.
const SERVICES: [&str; 6] = [
    "whisper", "ollama", "piper", "database", "redis", "chromadb",
];

/// The Mumble server, which is not watched like the others: the assistant lives in it.
const MUMBLE: &str = "mumble";

/// The answer of `/health`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What it all comes to.
    pub status: Status,
    /// A line for each thing that keeps the status from being a better one.
    pub reasons: Vec<String>,
    /// Whether each service is up; null when it is not configured.
    pub services: BTreeMap<String, Option<bool>>,
    /// How each configured service is.
    pub dependencies: BTreeMap<String, Condition>,
    /// How memory fares; null when nothing is remembered.
    pub memory: Option<Memory>,
    /// When this was answered, in seconds since 1970.
    pub timestamp: f64,
}

impl Answer {
    pub(super) fn new(view: &View, clock: Clock) -> Self {
        let (status, reasons) = verdict(view, clock);
        let mut services: BTreeMap<_, _> = SERVICES.map(|name| (name.to_owned(), None)).into();
        let mut dependencies = BTreeMap::new();
        for service in &view.services {
            services.insert(service.name.to_owned(), Some(service.is_up()));
            if let Some(condition) = Condition::of_service(service, clock) {
                dependencies.insert(service.name.to_owned(), condition);
            }
        }
        let joined = matches!(view.presence, Presence::Joined { .. });
        services.insert(MUMBLE.to_owned(), Some(joined));
        let mumble = Condition::of_mumble(&view.presence, clock);
        dependencies.insert(MUMBLE.to_owned(), mumble);
        Self {
            status,
            reasons,
            services,
            dependencies,
            memory: view.memory.clone(),
            timestamp: clock.unix(clock.now),
        }
    }
}
