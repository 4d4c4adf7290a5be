//! What can go wrong between a user and a server, in words that say what to do.

use std::{io, sync::Arc, time::Duration};

use thiserror::Error;

use crate::denied::Denied;
use crate::pin::Fingerprint;

/// Why a connection did not come about or did not last.
#[derive(Clone, Debug, Error)]
pub enum JoinError {
    /// The name could not be resolved, or nothing answered.
    #[error("cannot reach {host}:{port}: {source}; is the Mumble server running there?")]
    Unreachable {
        /// As configured.
        host: String,
        /// As configured.
        port: u16,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// Something listens there that is not a Mumble server.
    #[error("{host}:{port} does not speak the Mumble protocol ({detail}); check host and port")]
    NotMumble {
        /// As configured.
        host: String,
        /// As configured.
        port: u16,
        /// What was found instead.
        detail: String,
    },
    /// The server closed the connection before it said anything.
    #[error(
        "{host}:{port} hung up before the login: this address or certificate is probably banned \
         there (a server bans for some minutes after many connections); wait, or ask its \
         administrator"
    )]
    HungUp {
        /// As configured.
        host: String,
        /// As configured.
        port: u16,
    },
    /// The server shows another certificate than the pinned one.
    #[error(
        "the certificate of {host}:{port} has changed: expected {expected}, found {found}; if the \
         server's administrator has renewed it, accept it by `mumble-ai trust {host}:{port}`"
    )]
    PinMismatch {
        /// As configured.
        host: String,
        /// As configured.
        port: u16,
        /// The pinned certificate.
        expected: Fingerprint,
        /// The one that the server shows now.
        found: Fingerprint,
    },
    /// The user's own certificate or the pins cannot be read or written.
    #[error("{0}")]
    State(#[from] StateError),
    /// The server wants a password and this was not it, or the name belongs to somebody else.
    #[error(
        "the server does not accept the password for \"{username}\", or the name is registered \
         with another certificate ({reason}); check MUMBLE_PASSWORD and MUMBLE_USERNAME"
    )]
    WrongPassword {
        /// As configured.
        username: String,
        /// What the server said.
        reason: String,
    },
    /// Somebody of this name is there already.
    #[error(
        "the name \"{username}\" is already in use on the server, by somebody with another \
         certificate; end the other one, or set another MUMBLE_USERNAME"
    )]
    NameInUse {
        /// As configured.
        username: String,
    },
    /// The server has rules for names and this one breaks them.
    #[error(
        "the server does not allow the name \"{username}\" ({reason}); set another MUMBLE_USERNAME"
    )]
    InvalidName {
        /// As configured.
        username: String,
        /// What the server said.
        reason: String,
    },
    /// The server does not accept the client certificate.
    #[error(
        "the server does not accept the client certificate ({0}); register it there, or remove \
         identity.pem from the state folder to make a new one"
    )]
    CertificateRejected(String),
    /// As many users as the server allows are there.
    #[error("the server is full; it is tried again later")]
    ServerFull,
    /// The server lets nobody in at the moment.
    #[error("the server lets nobody in now ({0}); it is tried again later")]
    NotNow(String),
    /// As many connections as a server bears have been made already, by this program or by
    /// another one with the same state folder; no connection was tried.
    #[error(
        "too many connections within two minutes, one more may get this address banned; the \
         next one is made in {} s",
        .wait.as_secs() + 1
    )]
    TooOften {
        /// How long no other connection is made.
        wait: Duration,
    },
    /// Another refusal.
    #[error("the server refuses the login: {0}")]
    Rejected(String),
    /// The channel to go to does not exist.
    #[error(
        "there is no channel \"{path}\" on the server; set MUMBLE_CHANNEL to one of: {}",
        .known.join(", ")
    )]
    UnknownChannel {
        /// As configured.
        path: String,
        /// The paths of the channels that exist (the first [`KNOWN_CHANNELS`]).
        known: Vec<String>,
    },
    /// The channel exists and the server keeps the user out of it.
    #[error("cannot go to the channel \"{path}\": {denied}")]
    ChannelRefused {
        /// As configured.
        path: String,
        /// What the server does not allow.
        denied: Denied,
    },
    /// Somebody removed the user from the server.
    #[error("kicked by {by}: {reason}")]
    Kicked {
        /// A name, or "the server".
        by: String,
        /// What they said.
        reason: String,
    },
    /// Another connection with the same certificate, or the same name from the same address,
    /// has taken this one's place.
    #[error(
        "another program has joined as \"{username}\" with the same certificate or from the same \
         address, and took this one's place; end one of the two, or give each a MUMBLE_USERNAME \
         and a STATE_DIR of its own"
    )]
    Displaced {
        /// As configured.
        username: String,
    },
    /// Somebody banned the user.
    #[error("banned from the server: {0}; ask its administrator")]
    Banned(String),
    /// The server did not answer in time.
    #[error("no answer from {host}:{port} within {seconds} s ({during})")]
    TimedOut {
        /// As configured.
        host: String,
        /// As configured.
        port: u16,
        /// How long was waited.
        seconds: u64,
        /// What for.
        during: &'static str,
    },
    /// An established connection broke.
    #[error("the connection to {host}:{port} broke: {detail}")]
    Broken {
        /// As configured.
        host: String,
        /// As configured.
        port: u16,
        /// How.
        detail: String,
    },
}

/// How many channels an error lists at most; more would not be read.
pub const KNOWN_CHANNELS: usize = 20;

/// What it takes until a user can be on its server again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// Time: it is tried again soon, and ever later.
    HealsByItself,
    /// A person, who changes a setting or the server. It is tried again slowly, so that nothing
    /// has to be restarted after that.
    NeedsSomebody,
}

impl JoinError {
    /// Whether it passes by itself.
    pub fn outlook(&self) -> Outlook {
        match self {
            Self::Unreachable { .. }
            | Self::HungUp { .. }
            | Self::ServerFull
            | Self::NotNow(_)
            | Self::TooOften { .. }
            | Self::TimedOut { .. }
            | Self::Broken { .. } => Outlook::HealsByItself,
            Self::NotMumble { .. }
            | Self::PinMismatch { .. }
            | Self::State(_)
            | Self::WrongPassword { .. }
            | Self::NameInUse { .. }
            | Self::InvalidName { .. }
            | Self::CertificateRejected(_)
            | Self::Rejected(_)
            | Self::UnknownChannel { .. }
            | Self::ChannelRefused { .. }
            | Self::Kicked { .. }
            | Self::Displaced { .. }
            | Self::Banned(_) => Outlook::NeedsSomebody,
        }
    }
}

/// A file of the state folder cannot be used.
#[derive(Clone, Debug, Error)]
#[error("cannot use {path}: {detail}; check STATE_DIR and its permissions")]
pub struct StateError {
    /// The file or folder.
    pub path: String,
    /// What is wrong with it.
    pub detail: String,
}

/// Why a text was not taken for sending.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TextError {
    /// There is no connection now.
    #[error("not connected to the Mumble server; the text was not sent")]
    NotJoined,
    /// Too many texts wait already.
    #[error("too many texts wait to be sent; the text was not sent")]
    Full,
    /// There is nothing in it.
    #[error("an empty text is not sent")]
    Empty,
}

/// Why sound was not, or not wholly, spoken.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SpeechError {
    /// There is no connection, or it broke in between.
    #[error("not connected to the Mumble server; the speech was not finished")]
    NotJoined,
    /// Too many utterances wait already.
    #[error("too many utterances wait to be spoken; this one was not")]
    Full,
    /// It was stopped.
    #[error("the speech was stopped")]
    Stopped,
    /// The encoder refused it.
    #[error("the speech cannot be encoded")]
    Encoder,
    /// Whom it was for is not on the server.
    #[error("nobody of those to be spoken to is on the Mumble server")]
    NobodyThere,
    /// Encoded sound that cannot be sent as it is.
    #[error("not packets of 20 ms of Opus, at most 1000 bytes each; encode the sound so")]
    NotAFrame,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_certificate_names_the_command_that_accepts_it() {
        let error = JoinError::PinMismatch {
            host: "talk.example".into(),
            port: 64738,
            expected: Fingerprint([1; 32]),
            found: Fingerprint([2; 32]),
        };
        assert!(
            error
                .to_string()
                .contains("`mumble-ai trust talk.example:64738`")
        );
        assert_eq!(error.outlook(), Outlook::NeedsSomebody);
    }

    #[test]
    fn an_unknown_channel_lists_those_that_exist() {
        let error = JoinError::UnknownChannel {
            path: "Root/IA".into(),
            known: vec!["Root".into(), "Root/AI".into()],
        };
        assert!(error.to_string().ends_with("one of: Root, Root/AI"));
    }
}
