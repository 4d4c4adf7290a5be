//! The stores, and the ways in which they are made to fail.

use std::time::Duration;

use world::{Faults, Proxy, Tcp};

/// Longer than every deadline of the assistant.
const BEYOND: Duration = Duration::from_secs(120);

/// One of the stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Database,
    Redis,
    Chromadb,
}

/// What goes wrong on the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Latency,
    Refused,
    Hang,
    Reset,
    Half,
    Status500,
    Garbage,
    Trickle,
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
            Self::Database | Self::Redis => &[
                Fault::Latency,
                Fault::Refused,
                Fault::Hang,
                Fault::Reset,
                Fault::Half,
            ],
            Self::Chromadb => &[
                Fault::Latency,
                Fault::Refused,
                Fault::Hang,
                Fault::Reset,
                Fault::Half,
                Fault::Status500,
                Fault::Garbage,
                Fault::Trickle,
            ],
        }
    }
}

impl Fault {
    /// Lets it strike everything that goes through the proxy.
    pub(super) fn strikes(self, proxy: &Proxy) {
        let (tcp, delay) = match self {
            Self::Latency => (Tcp::Passes, BEYOND),
            Self::Refused => (Tcp::Refuses, Duration::ZERO),
            Self::Hang => (Tcp::Hangs, Duration::ZERO),
            Self::Reset => (Tcp::Resets, Duration::ZERO),
            Self::Half => (Tcp::Halves, Duration::ZERO),
            Self::Status500 => (Tcp::Fails, Duration::ZERO),
            Self::Garbage => (Tcp::Babbles, Duration::ZERO),
            Self::Trickle => (Tcp::Trickles, Duration::ZERO),
        };
        proxy.change(|faults| {
            *faults = Faults {
                tcp,
                delay,
                ..Faults::default()
            };
        });
    }
}
