//! The stores, and what can go wrong with each.

use world::Fault;

/// One of the stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Database,
    Redis,
    Chromadb,
}

impl Part {
    pub(super) const ALL: [Self; 3] = [Self::Database, Self::Redis, Self::Chromadb];

    /// As /health calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Redis => "redis",
            Self::Chromadb => "chromadb",
        }
    }

    /// What can go wrong with it: some faults are of HTTP alone.
    pub(super) fn faults(self) -> &'static [Fault] {
        match self {
            Self::Database | Self::Redis => &Fault::TCP,
            Self::Chromadb => &Fault::ALL,
        }
    }
}
