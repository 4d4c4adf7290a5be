//! The ways in which a server is made to fail, one column of a matrix each.

use std::time::Duration;

use super::{Faults, Proxy, Tcp};

/// Longer than every deadline of the assistant.
const BEYOND: Duration = Duration::from_secs(120);

/// What goes wrong on the way to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Everything takes longer than anybody waits.
    Latency,
    /// Nobody listens.
    Refused,
    /// Connections stand, and nothing comes.
    Hang,
    /// Connections are reset.
    Reset,
    /// Half of an answer comes.
    Half,
    /// HTTP 500.
    Status500,
    /// Something comes that is no answer.
    Garbage,
    /// The answer comes byte by byte.
    Trickle,
}

impl Fault {
    /// Each of them: what HTTP can suffer.
    pub const ALL: [Self; 8] = [
        Self::Latency,
        Self::Refused,
        Self::Hang,
        Self::Reset,
        Self::Half,
        Self::Status500,
        Self::Garbage,
        Self::Trickle,
    ];

    /// Those of any TCP connection.
    pub const TCP: [Self; 5] = [
        Self::Latency,
        Self::Refused,
        Self::Hang,
        Self::Reset,
        Self::Half,
    ];

    /// Lets it strike everything that goes through the proxy.
    pub fn strikes(self, proxy: &Proxy) {
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
