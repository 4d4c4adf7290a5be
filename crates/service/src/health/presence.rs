//! How the Mumble user stands, in the words of the board.

use std::time::{Duration, Instant};

/// Whether the user is on its Mumble server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is there.
    Joined {
        /// Since when.
        since: Instant,
    },
    /// It is not, or not yet.
    Away {
        /// Since when; at the start, since the process began.
        since: Instant,
        /// Why, for whoever is to help.
        why: String,
        /// How many attempts in a row have failed.
        failures: u32,
    },
}

/// What the line to the Mumble server has carried since it was last made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Whether voice goes by UDP now; else it goes through the TCP tunnel.
    pub udp: bool,
    /// Mean time there and back by the way that voice goes, once it was measured.
    pub ping: Option<Duration>,
    /// Datagrams that arrived whole.
    pub good: u64,
    /// Of these, how many came behind a later one.
    pub late: u64,
    /// Datagrams that never came.
    pub lost: u64,
    /// Datagrams that were forged, repeated or too late to be of use.
    pub dropped: u64,
}
