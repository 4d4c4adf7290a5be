//! The ways in which an engine is made to fail.

use std::time::Duration;

use world::{Faults, Proxy, Tcp};

/// Longer than every deadline of the assistant.
const BEYOND: Duration = Duration::from_secs(120);

/// One column of the matrix.
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

impl Fault {
    pub(super) const ALL: [Self; 8] = [
        Self::Latency,
        Self::Refused,
        Self::Hang,
        Self::Reset,
        Self::Half,
        Self::Status500,
        Self::Garbage,
        Self::Trickle,
    ];

    /// Lets it strike everything that goes through the proxy.
    pub(super) fn strikes(self, proxy: &Proxy) {
        let tcp = match self {
            Self::Latency => Tcp::Passes,
            Self::Refused => Tcp::Refuses,
            Self::Hang => Tcp::Hangs,
            Self::Reset => Tcp::Resets,
            Self::Half => Tcp::Halves,
            Self::Status500 => Tcp::Fails,
            Self::Garbage => Tcp::Babbles,
            Self::Trickle => Tcp::Trickles,
        };
        let delay = match self {
            Self::Latency => BEYOND,
            _ => Duration::ZERO,
        };
        let fault = Faults {
            tcp,
            delay,
            ..Faults::default()
        };
        proxy.change(|faults| *faults = fault);
    }
}
