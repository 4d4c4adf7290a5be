//! What can go wrong between a user and a server, in words that say what to do.

use std::io;

use thiserror::Error;

use crate::denied::Denied;
use crate::pin::Fingerprint;

/// Why a connection did not come about or did not last.
#[derive(Debug, Error)]
pub enum JoinError {
    /// The name could not be resolved, or nothing answered.
    #[error("cannot reach {host}:{port}: {source}; is the Mumble server running there?")]
    Unreachable {
        /// As configured.
        host: String,
        /// As configured.
        port: u16,
        /// What the operating system said.
        source: io::Error,
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
        "the name \"{username}\" is already in use on the server; end the other one, or set \
         another MUMBLE_USERNAME"
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

impl JoinError {
    /// Whether it may pass by itself, so that trying again soon makes sense.
    ///
    /// What does not heal is retried too, but slowly, for somebody may change the server.
    pub fn heals(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::HungUp { .. }
            | Self::NameInUse { .. }
            | Self::ServerFull
            | Self::TimedOut { .. }
            | Self::Broken { .. } => true,
            // Whoever kicks does not want the user back at once; and a second program of the
            // same name on this machine would be kicked in turn, for ever.
            Self::Kicked { .. }
            | Self::NotMumble { .. }
            | Self::PinMismatch { .. }
            | Self::State(_)
            | Self::WrongPassword { .. }
            | Self::InvalidName { .. }
            | Self::CertificateRejected(_)
            | Self::Rejected(_)
            | Self::UnknownChannel { .. }
            | Self::ChannelRefused { .. }
            | Self::Banned(_) => false,
        }
    }
}

/// A file of the state folder cannot be used.
#[derive(Debug, Error)]
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
        assert!(!error.heals());
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
