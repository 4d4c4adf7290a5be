//! The board: what the parts of the process have said about themselves.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use resilience::{Dependency, Snapshot};

use super::answer::Answer;
use super::clock::Clock;
use super::log::{Log, Page};
use super::memory::Memory;
use super::metrics::Metrics;
use super::presence::{Line, Presence};
use super::turn::Turn;
use super::verdict::is_stuck;

/// What the parts of a process say about themselves. Clones are the same board.
///
/// Writing on it takes a moment and waits for nobody, so every part can do it from anywhere.
#[derive(Clone)]
pub struct Board {
    facts: Arc<Mutex<Facts>>,
    metrics: Arc<Metrics>,
}

/// Everything that was written.
struct Facts {
    started: Instant,
    presence: Presence,
    line: Line,
    speakers: usize,
    beat: Instant,
    begun: u64,
    log: Log,
    memory: Option<Memory>,
    watched: Vec<(&'static str, Vec<Dependency>)>,
}

/// The board at one moment.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) started: Instant,
    pub(super) presence: Presence,
    pub(super) line: Line,
    pub(super) speakers: usize,
    pub(super) beat: Instant,
    pub(super) begun: u64,
    pub(super) memory: Option<Memory>,
    pub(super) services: Vec<Service>,
}

/// One service and its servers at one moment.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) instances: Vec<Snapshot>,
}

impl Service {
    /// Whether one of its servers can be asked, as far as is known.
    pub(super) fn is_up(&self) -> bool {
        self.instances.iter().any(Snapshot::well)
    }
}

impl Board {
    /// A board on which nothing is written yet, for a process that begins now.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        let facts = Facts {
            started: now,
            presence: Presence::Away {
                since: now,
                why: "not connected yet".to_owned(),
                failures: 0,
            },
            line: Line::default(),
            speakers: 0,
            beat: now,
            begun: 0,
            log: Log::default(),
            memory: None,
            watched: Vec::new(),
        };
        Self {
            facts: Arc::new(Mutex::new(facts)),
            metrics: Arc::default(),
        }
    }

    /// Shows these servers from now on as the service `service`: `whisper`, `ollama`, `piper`,
    /// `database`, `redis` or `chromadb`. They take the place of those it had before; no servers
    /// are a service that is not configured.
    pub fn watch(&self, service: &'static str, servers: Vec<Dependency>) {
        let mut facts = self.facts();
        facts.watched.retain(|(name, _)| *name != service);
        if !servers.is_empty() {
            facts.watched.push((service, servers));
        }
    }

    /// The Mumble user has joined, or is not on its server any more.
    pub fn presence(&self, presence: Presence) {
        self.facts().presence = presence;
    }

    /// What the line to the Mumble server has carried so far.
    pub fn line(&self, line: Line) {
        self.facts().line = line;
    }

    /// So many people speak at this moment.
    pub fn speakers(&self, speakers: usize) {
        self.facts().speakers = speakers;
    }

    /// How memory fares; never told, nothing is remembered.
    pub fn memory(&self, memory: Memory) {
        self.facts().memory = Some(memory);
    }

    /// The pipeline is alive: its loop has just gone round.
    pub fn beat(&self, now: Instant) {
        self.facts().beat = now;
    }

    /// Somebody's turn has begun. Each one that begins must end by [`Board::turn_ended`].
    pub fn turn_began(&self) {
        self.facts().begun += 1;
    }

    /// A turn has ended. The last [`TURNS_KEPT`](super::TURNS_KEPT) are kept to look back on.
    pub fn turn_ended(&self, turn: Turn) {
        self.metrics.count(&turn);
        self.facts().log.add(turn);
    }

    /// What `/health` answers now.
    #[must_use]
    pub fn health(&self) -> Answer {
        let clock = Clock::read();
        Answer::new(&self.view(clock.now), clock)
    }

    /// What `/metrics` answers now.
    #[must_use]
    pub fn metrics(&self) -> String {
        let clock = Clock::read();
        self.metrics.page(self.view(clock.now), clock)
    }

    /// Whether the pipeline's loop goes round.
    #[must_use]
    pub fn is_live(&self) -> bool {
        let clock = Clock::read();
        !is_stuck(&self.view(clock.now), clock)
    }

    pub(super) fn turns(&self) -> Page {
        let facts = self.facts();
        facts.log.page(facts.begun, Clock::read())
    }

    pub(super) fn view(&self, now: Instant) -> View {
        let facts = self.facts();
        let watched = facts.watched.clone();
        let view = View {
            started: facts.started,
            presence: facts.presence.clone(),
            line: facts.line,
            speakers: facts.speakers,
            beat: facts.beat,
            begun: facts.begun,
            memory: facts.memory.clone(),
            services: Vec::new(),
        };
        // The servers have locks of their own; nobody who writes here waits for those.
        drop(facts);
        let service = |(name, servers): (&'static str, Vec<Dependency>)| Service {
            name,
            instances: servers.iter().map(|server| server.snapshot(now)).collect(),
        };
        View {
            services: watched.into_iter().map(service).collect(),
            ..view
        }
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Board")
            .field(&self.view(Instant::now()))
            .finish()
    }
}
