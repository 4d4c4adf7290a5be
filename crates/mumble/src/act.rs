//! What can be asked of a server, and what may come of it.

use secrecy::SecretString;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::denied::Denied;
use crate::event::{ChannelId, SessionId, Version};

/// How many acts wait at most for their turn; one more is refused.
pub(crate) const MOST_ACTS: usize = 16;

/// How long a channel lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until its last user leaves. Whoever makes it is put into it.
    Temporary,
    /// Until it is removed.
    Permanent,
}

/// What a user takes part in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// It hears, and is heard.
    #[default]
    Open,
    /// It has muted itself: it hears and is not heard.
    Muted,
    /// It has deafened itself: it neither hears nor is heard.
    Deaf,
}

impl Presence {
    pub(crate) fn is_muted(self) -> bool {
        self != Self::Open
    }

    pub(crate) fn is_deaf(self) -> bool {
        self == Self::Deaf
    }
}

/// Why an act came to nothing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ActError {
    /// There is no connection now.
    #[error("not connected to the Mumble server; try again when it is back")]
    NotJoined,
    /// The connection broke before the answer came; it may or may not have been done.
    #[error("the connection broke before the server answered; see what has become of it")]
    ConnectionLost,
    /// Too many acts wait already.
    #[error("too much is asked of the server already; wait for some of it")]
    Full,
    /// The server said nothing to it.
    #[error("the server did not answer within {seconds} s; it passed it over, or is too busy")]
    NoAnswer {
        /// How long was waited.
        seconds: u64,
    },
    /// The server does not allow it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// That user is not on the server, or left meanwhile.
    #[error("that user is not on the server any more")]
    NoSuchUser(SessionId),
    /// That channel is not there, or was removed meanwhile.
    #[error("that channel is not on the server any more")]
    NoSuchChannel(ChannelId),
    /// The server is too old for it.
    #[error("the server is Mumble {has} and this needs {needs}: update the server")]
    NotSupported {
        /// The version that has it first.
        needs: Version,
        /// The server's version.
        has: Version,
    },
}

/// Something to ask of the server. One is asked at a time, for answers do not say what to.
#[derive(Debug)]
pub(crate) enum Act {
    /// Go to a channel.
    Enter(ChannelId),
    /// Go where somebody is.
    Follow(SessionId),
    /// Make a channel.
    Create {
        parent: ChannelId,
        name: String,
        lifetime: Lifetime,
    },
    /// Be put into a temporary channel that has just been made.
    GoInto(ChannelId),
    /// Remove a channel with all below it.
    Remove(ChannelId),
    /// Remove somebody from the server.
    Kick { user: SessionId, reason: String },
    /// Remove somebody from the server for good.
    Ban { user: SessionId, reason: String },
    /// Put somebody into a channel.
    Move { user: SessionId, to: ChannelId },
    /// Hear another channel too.
    Listen(ChannelId),
    /// Hear it no more.
    StopListening(ChannelId),
    /// Mute or deafen the own user, or not.
    Appear(Presence),
    /// Tell about the own user.
    Comment(String),
    /// Open channels by these from now on, instead of those before.
    Tokens(Vec<SecretString>),
    /// Have the own name kept for the own certificate.
    Register,
    /// Read what somebody tells about itself.
    ReadComment(SessionId),
    /// Let nobody hear somebody, or again.
    Mute { user: SessionId, mute: bool },
}

/// What an act brought about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// What was asked.
    That,
    /// A channel of this number.
    Made(ChannelId),
    /// This plain text was read.
    Read(String),
}

/// What becomes of an act.
pub(crate) type Outcome = Result<Done, ActError>;

/// An act, and where its outcome is awaited.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) act: Act,
    /// None for what is asked again after a reconnect.
    pub(crate) answer: Option<oneshot::Sender<Outcome>>,
}
