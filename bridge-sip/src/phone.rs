//! The telephone network: calls that come in, as one small interface for whoever holds them.
//!
//! [`Phone::open`] listens; each call that comes is a [`Ring`], which is refused or taken. A call
//! that was taken is a [`Dialog`]. Everything that a SIP stack does lives below: in `stack` the
//! one that is used, in `socket` and `stream` the strict check of what comes before it gets
//! there. [`registrar`] makes a PBX send its calls here.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::future::BoxFuture;
use thiserror::Error;

use crate::timer;

mod challenge;
mod domain;
mod doorkeeper;
pub mod registrar;
mod shares;
mod socket;
mod stack;
mod stream;
#[cfg(test)]
mod tests;

pub use domain::{Domain, NoDomain, Unknown, reached_at};
pub use doorkeeper::{Door, TurnedAway, UNACKNOWLEDGED};
pub use stack::{Called, Phone, Ring};

/// Where and as whom calls are taken.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address and port listened on, by UDP and TCP.
    pub listen: SocketAddr,
    /// The address that telephones are told, where it is another one: that of a router, for one.
    pub public: Option<IpAddr>,
    /// How long an answer may be on its way to a telephone and back: what is not acknowledged is
    /// repeated after it, and given up after 64 times as long (RFC 3261 section 17.1.1.1). [`T1`]
    /// by default.
    pub t1: Duration,
}

/// The time that RFC 3261 recommends where nothing is known of the network.
pub const T1: Duration = Duration::from_millis(500);

/// Calls cannot be taken.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The port is taken, or the address is not one of this machine.
    #[error(
        "cannot listen on {address} for calls ({transport}): {source}; set SIP_PORT or SIP_BIND"
    )]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// UDP or TCP.
        transport: &'static str,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The SIP stack does not start.
    #[error("the telephone line does not start: {0}")]
    Stack(String),
}

/// A status that a call is refused by, and what is said beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status, such as 488.
    pub status: u16,
    /// Further headers, by name and value.
    pub headers: Vec<(&'static str, String)>,
}

impl Refusal {
    /// A refusal with nothing beside it.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What a call says of itself when it comes.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The name that the caller's telephone shows.
    pub display: Option<String>,
    /// The number, or what stands in its place.
    pub number: Option<String>,
    /// What was dialled.
    pub dialled: Option<String>,
    /// Where it came from.
    pub source: SocketAddr,
    /// The description of its sound; empty when this end is to offer first.
    pub offer: Vec<u8>,
    /// What it says about the session timer.
    pub timer: timer::Asked,
    /// The values of its `Authorization` headers.
    pub authorization: Vec<String>,
    /// Whether it came from an address that is believed without a proof.
    pub believed: bool,
}

/// A caller's name and number do not belong into logs.
impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invitation")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// What happens to a call that was taken.
pub enum Event {
    /// The other end has acknowledged an answer, with the description in it if there was one.
    Acknowledged {
        /// The description; empty mostly.
        answer: Vec<u8>,
    },
    /// A call of this end has been answered, or is about to be, with the other end's description.
    Answered {
        /// The description.
        answer: Vec<u8>,
        /// Whether sound is all that was answered so far (183).
        early: bool,
    },
    /// The other end wants to change something, or presses a key; it awaits a [`Reply`].
    Asked(Request, Reply),
    /// The call is over.
    Ended(Ending),
}

/// What the other end asks in the middle of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Another agreement, or only a sign of life.
    Change {
        /// The description offered; empty for none.
        offer: Vec<u8>,
        /// Whether an INVITE without an offer wants this end's.
        invites: bool,
        /// What it says about the session timer.
        timer: timer::Asked,
    },
    /// A piece of information, such as a pressed key.
    Info {
        /// What it is.
        content_type: String,
        /// As it came.
        body: Vec<u8>,
    },
    /// Whether this end is there.
    Options,
    /// Anything else; it is refused.
    Other,
}

/// How a call has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The caller gave up before the call was answered.
    Cancelled,
    /// The other end has hung up.
    HungUp,
    /// This end has hung up, or refused.
    Ours,
    /// The other end has refused a call of this end, by this status.
    Declined(u16),
    /// The other end never acknowledged the answer, or never gave one.
    Vanished,
}

/// What sends an answer: status, headers, body.
type Sender = Box<dyn FnOnce(u16, Vec<(&'static str, String)>, Vec<u8>) + Send>;

/// The answer to a [`Request`]. Dropping it answers by 500.
pub struct Reply {
    send: Option<Sender>,
}

impl Reply {
    /// An answer that is sent by `send`: status, headers, body.
    pub fn new(
        send: impl FnOnce(u16, Vec<(&'static str, String)>, Vec<u8>) + Send + 'static,
    ) -> Self {
        Self {
            send: Some(Box::new(send)),
        }
    }

    /// Sends it.
    pub fn send(mut self, status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8>) {
        if let Some(send) = self.send.take() {
            send(status, headers, body);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(send) = self.send.take() {
            send(500, Vec::new(), Vec::new());
        }
    }
}

/// How a sign of life of this end was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// Well, with this `Session-Expires`.
    Granted(Option<timer::SessionExpires>),
    /// Not.
    Failed(timer::Failed),
}

/// A call that was taken, as its holder sees the signalling. Dropping it does not end the call.
pub trait Dialog: Send {
    /// What happens next; waits for it. Nothing follows [`Event::Ended`].
    fn next(&mut self) -> BoxFuture<'_, Event>;

    /// Tells where sound is taken before the call is answered (183).
    fn early(&self, description: &[u8]);

    /// Answers the call (200).
    fn answer(&self, description: &[u8], headers: Vec<(&'static str, String)>);

    /// Refuses a call that was not answered yet.
    fn refuse(&self, refusal: Refusal);

    /// Hangs up a call that was answered; one of this end is cancelled where it was not.
    fn hang_up(&self) -> BoxFuture<'static, ()>;

    /// Gives a sign of life with the description that holds, and tells how it was taken.
    fn refresh(&self, asked: timer::Asked, description: Vec<u8>) -> BoxFuture<'static, Refreshed>;
}
