//! Everything that memory stands on, behind breakers.

use std::sync::Arc;
use std::time::Duration;

use llm::Request;
use memory::Parts;
use resilience::{Dependency, Limits};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    ChatPatience, Guarded, GuardedCache, GuardedChat, GuardedEmbed, GuardedIndex, GuardedStore,
    Patience,
};
use crate::config::{Circuit, Config};
use crate::stores::{Part, Stores};

/// Requests to the database: as many as it is given connections. What is written and learnt in
/// the background waits in line with what people ask, and a full house does not fill it.
const DATABASE: Limits = Limits {
    in_flight: 6,
    queue: 64,
};

/// Requests to the cache, which answers many at once.
const CACHE: Limits = Limits {
    in_flight: 16,
    queue: 64,
};

/// Requests to the index: what a few people ask at once, and one change in the background.
const INDEX: Limits = Limits {
    in_flight: 4,
    queue: 32,
};

/// Requests for vectors: the same.
const EMBEDDING: Limits = Limits {
    in_flight: 4,
    queue: 32,
};

/// Requests to the model that reads turns: one after another, and nobody waits for them.
const READER: Limits = Limits {
    in_flight: 1,
    queue: 4,
};

/// A store has no spare.
const ONE: usize = 1;

/// Everything that memory stands on; a clone guards the same.
#[derive(Clone, Debug)]
pub struct StoreGuards {
    database: Named<GuardedStore>,
    cache: Named<GuardedCache>,
    index: Named<GuardedIndex>,
    embedding: Named<GuardedEmbed>,
    reader: Option<Named<GuardedChat>>,
}

/// A guard, with what /health calls it.
#[derive(Clone, Debug)]
struct Named<T> {
    service: &'static str,
    guard: T,
}

impl StoreGuards {
    /// Breakers around `stores`. Vectors heed the breaker of the model beside which they are made.
    #[must_use]
    pub fn new(stores: Stores, config: &Config, chat: &GuardedChat) -> Self {
        let rules = Rules::of(config);
        let embedding = behind(stores.embedding, &rules.embedding, EMBEDDING);
        let chats = chat.dependencies();
        Self {
            database: behind(stores.database, &rules.database, DATABASE),
            cache: behind(stores.cache, &rules.cache, CACHE),
            index: behind(stores.index, &rules.index, INDEX),
            embedding: Named {
                service: embedding.service,
                guard: GuardedEmbed::new(embedding.guard, chats),
            },
            reader: stores
                .reader
                .map(|reader| behind(reader, &rules.reader, READER)),
        }
    }

    /// The breaker of each, by what /health calls it.
    #[must_use]
    pub fn dependencies(&self) -> Vec<(&'static str, Vec<Dependency>)> {
        let mut all = vec![
            (self.database.service, self.database.guard.dependencies()),
            (self.cache.service, self.cache.guard.dependencies()),
            (self.index.service, self.index.guard.dependencies()),
            (
                self.embedding.service,
                self.embedding.guard.guarded.dependencies(),
            ),
        ];
        let reader = self.reader.iter();
        all.extend(reader.map(|reader| (reader.service, reader.guard.dependencies())));
        all
    }

    /// Looks after each until `shutdown`; the model that reads is probed with `prompt`.
    pub fn tend(&self, prompt: &Request, tasks: &mut JoinSet<()>, shutdown: &CancellationToken) {
        self.database.guard.tend(&(), tasks, shutdown);
        self.cache.guard.tend(&(), tasks, shutdown);
        self.index.guard.tend(&(), tasks, shutdown);
        self.embedding.guard.guarded.tend(&(), tasks, shutdown);
        if let Some(reader) = &self.reader {
            reader.guard.tend(prompt, tasks, shutdown);
        }
    }

    /// Changes the numbers of breakers and deadlines while they are at work.
    pub(crate) fn tune(&self, config: &Config) {
        let rules = Rules::of(config);
        rules.database.tune(&self.database.guard);
        rules.cache.tune(&self.cache.guard);
        rules.index.tune(&self.index.guard);
        rules.embedding.tune(&self.embedding.guard.guarded);
        if let Some(reader) = &self.reader {
            rules.reader.tune(&reader.guard);
        }
    }

    /// What a memory is made of; turns are read by `chat`, unless a model of its own does.
    #[must_use]
    pub fn parts(&self, chat: &GuardedChat) -> Parts {
        let reader = self.reader.as_ref().map(|reader| &reader.guard);
        Parts {
            store: Arc::new(self.database.guard.clone()),
            index: Arc::new(self.index.guard.clone()),
            cache: Arc::new(self.cache.guard.clone()),
            embed: Arc::new(self.embedding.guard.clone()),
            chat: Arc::new(reader.unwrap_or(chat).clone()),
        }
    }
}

/// The guard of a part that has no spare.
fn behind<T: ?Sized, P: Copy>(
    part: Part<T>,
    rule: &Rule<P>,
    limits: Limits,
) -> Named<Guarded<T, P>> {
    let Rule { breaker, patience } = rule;
    Named {
        service: part.service,
        guard: Guarded::new(vec![part.at], breaker, limits, *patience),
    }
}

/// When a breaker opens, and how patient it is.
struct Rule<P = Patience> {
    breaker: resilience::Settings,
    patience: P,
}

impl<P: Copy> Rule<P> {
    fn tune<T: ?Sized>(&self, guard: &Guarded<T, P>) {
        guard.tune(&self.breaker, self.patience);
    }
}

/// The rule of each part. Model and vectors have that of the model that answers.
struct Rules {
    database: Rule,
    cache: Rule,
    index: Rule,
    embedding: Rule,
    reader: Rule<ChatPatience>,
}

impl Rules {
    fn of(config: &Config) -> Self {
        let patience = |deadline: Duration| Patience {
            deadline,
            attempts: ONE,
        };
        let rule = |circuit: Circuit, deadline: Duration| Rule {
            breaker: config.breaker(circuit),
            patience: patience(deadline),
        };
        Self {
            database: rule(config.database.circuit(), config.database.deadline),
            cache: rule(config.redis.circuit(), config.redis.deadline),
            index: rule(config.chromadb.circuit(), config.chromadb.deadline),
            embedding: rule(config.ollama.circuit(), config.embedding.deadline),
            reader: Rule {
                breaker: config.breaker(config.ollama.circuit()),
                patience: ChatPatience {
                    first: patience(config.ollama.first_token),
                    next_token: config.ollama.next_token,
                },
            },
        }
    }
}
