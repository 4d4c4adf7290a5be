//! What a network can do wrong.

use std::time::Duration;

/// What the network does wrong. Default: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// What becomes of datagrams. Default: all get through.
    pub udp: Udp,
    /// What becomes of TCP connections. Default: they work.
    pub tcp: Tcp,
    /// Each datagram is lost with this chance, in percent, either way. Default: 0.
    pub loss_percent: f64,
    /// Each datagram is held back by 30 ms with this chance, in percent, so that others overtake
    /// it. Default: 0.
    pub reorder_percent: f64,
    /// How much longer everything takes one way, TCP and UDP. Default: 0.
    pub delay: Duration,
}

/// What becomes of datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Udp {
    /// All get through, apart from what loss takes.
    #[default]
    Passes,
    /// Only those from the server get through.
    DropsUp,
    /// Only those to the server get through.
    DropsDown,
    /// None gets through.
    DropsBoth,
    /// Each one comes as random bytes of the same length, either way.
    Garbles,
}

/// What becomes of TCP connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tcp {
    /// They work.
    #[default]
    Passes,
    /// They stay open, and what is sent waits.
    Hangs,
    /// What users send waits; what the server sends gets through.
    HangsUp,
    /// Nobody listens: new ones are refused by the system, and the others end.
    Refuses,
    /// Half of an answer gets through, then the connection is reset.
    Resets,
    /// Half of an answer gets through, then the connection ends in good order.
    Halves,
    /// Each request of HTTP is answered 500 with a reason in JSON, and does not reach the server.
    Fails,
    /// Each request of HTTP is answered by random bytes, and does not reach the server.
    Babbles,
    /// The head of an answer gets through, then one byte each 50 ms: whoever only waits for the
    /// next bytes waits for minutes.
    Trickles,
}
