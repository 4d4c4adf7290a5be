//! Who joins which server, and how: everything that can be set about a Mumble user.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use secrecy::SecretString;
use thiserror::Error;

use crate::beat::Beat;
use crate::limiter::ConnectionLimit;
use crate::pin::Fingerprint;

/// The port that Mumble servers listen on, for TCP and UDP alike.
pub const DEFAULT_PORT: u16 = 64738;

/// 40 kbit/s of Opus: transparent for one voice, and with 14.4 kbit/s of packet headers still
/// under the 72 kbit/s that a server allows by default.
pub const DEFAULT_BITRATE: u32 = 40_000;

/// Everything that can be set about a Mumble user; [`Config::new`] fills in the defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name or address of the server.
    pub host: String,
    /// TCP and UDP port of the server.
    pub port: u16,
    /// The name to appear under.
    pub username: String,
    /// The server's password, or that of a registered name. Default: none.
    pub password: Option<SecretString>,
    /// Access tokens for channels that ask for one. Default: none.
    pub tokens: Vec<SecretString>,
    /// The channel to go to, as a path from the root: `Root/AI`, or just `AI`.
    /// Default: the channel that the server puts newcomers in.
    pub channel: Option<String>,
    /// How the server's certificate is checked. Default: [`Pin::Tofu`].
    pub pin: Pin,
    /// Folder of the client certificate (the user's identity) and of the pinned servers.
    /// It is created when missing.
    pub state_dir: PathBuf,
    /// Bit rate of the voice that is sent, in bit/s. Default: [`DEFAULT_BITRATE`].
    /// It is lowered to what the server allows.
    pub bitrate: u32,
    /// Sampling rate in Hz at which speakers are heard: 8, 12, 16, 24 or 48 kHz.
    /// Default: 16 kHz, what recognisers take; Opus decodes straight to it.
    pub hear_rate: u32,
    /// Whether to try UDP for the voice. Default: true; the TCP tunnel is used while UDP does
    /// not answer.
    pub udp: bool,
    /// The pace that it keeps, where many users of one process keep the same. Default: none; it is
    /// woken by each datagram, and says each packet of its voice to the millisecond.
    pub beat: Option<Beat>,
    /// How often connections are made at all. Default: one that is kept in `state_dir`, so that
    /// a program that is started again and again is held up too. Users that join one server from
    /// one address should share one.
    pub limit: ConnectionLimit,
    /// How long is waited between attempts to connect.
    pub retry: Retry,
}

impl Config {
    /// The defaults for a user of this name on this server.
    pub fn new(
        host: impl Into<String>,
        port: u16,
        username: impl Into<String>,
        state_dir: impl Into<PathBuf>,
    ) -> Self {
        let state_dir = state_dir.into();
        Self {
            host: host.into(),
            port,
            username: username.into(),
            password: None,
            tokens: Vec::new(),
            channel: None,
            pin: Pin::Tofu,
            limit: ConnectionLimit::kept_in(&state_dir),
            state_dir,
            bitrate: DEFAULT_BITRATE,
            hear_rate: audio::SPEECH_HZ,
            udp: true,
            beat: None,
            retry: Retry::default(),
        }
    }
}

/// The waits between attempts to connect. There is always a next attempt, and chance is part of
/// every wait, so that those whom one server lost do not come back all at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The wait after a first failure that heals by itself; it doubles with each one that
    /// follows. Default: 0.5 s, for a server that restarts is back within a second or two.
    pub first: Duration,
    /// What the doubling ends at. Default: 30 s.
    pub longest: Duration,
    /// The wait after a failure that somebody must do something about. Default: 60 s. Whoever is
    /// kicked or displaced again and again waits up to ten times as long.
    pub slow: Duration,
    /// A connection that held this long was a good one: the waits begin anew after it.
    /// Default: 10 s; one that always breaks sooner is made ever more rarely.
    pub settled: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(30),
            slow: Duration::from_secs(60),
            settled: Duration::from_secs(10),
        }
    }
}

/// How the server's certificate is checked. Mumble servers mostly sign their own, so no
/// authority can vouch for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pin {
    /// Trust on first use: the certificate seen first is kept per host and port, and only that
    /// one is accepted from then on.
    #[default]
    Tofu,
    /// Any certificate will do. Whoever sits on the path can listen.
    Off,
    /// Only the certificate with this SHA-256 digest.
    Sha256([u8; 32]),
}

impl FromStr for Pin {
    type Err = InvalidPin;

    /// Reads `tofu`, `off`, or 64 hex digits that may be grouped by colons.
    fn from_str(text: &str) -> Result<Self, InvalidPin> {
        match text.trim().to_ascii_lowercase().as_str() {
            "tofu" => Ok(Self::Tofu),
            "off" => Ok(Self::Off),
            digits => digits
                .parse()
                .map(|fingerprint: Fingerprint| Self::Sha256(fingerprint.0))
                .map_err(|_| InvalidPin),
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tofu => f.write_str("tofu"),
            Self::Off => f.write_str("off"),
            Self::Sha256(digest) => Fingerprint(*digest).fmt(f),
        }
    }
}

/// A text that is no [`Pin`].
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("not a pin: write tofu, off, or the 64 hex digits of the certificate's SHA-256")]
pub struct InvalidPin;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_in_each_of_its_spellings() {
        let digest = [0xab; 32];
        assert_eq!("tofu".parse(), Ok(Pin::Tofu));
        assert_eq!(" OFF ".parse(), Ok(Pin::Off));
        assert_eq!("ab".repeat(32).parse(), Ok(Pin::Sha256(digest)));
        assert_eq!(vec!["AB"; 32].join(":").parse(), Ok(Pin::Sha256(digest)));
    }

    #[test]
    fn what_is_printed_is_read_again() {
        for pin in [Pin::Tofu, Pin::Off, Pin::Sha256([7; 32])] {
            assert_eq!(pin.to_string().parse(), Ok(pin));
        }
    }

    #[test]
    fn nothing_else_is_a_pin() {
        for text in [
            "",
            "on",
            "ab",
            "xy".repeat(32).as_str(),
            "é".repeat(32).as_str(),
        ] {
            assert_eq!(text.parse::<Pin>(), Err(InvalidPin), "{text}");
        }
    }

    #[test]
    fn a_password_does_not_show_in_debug_output() {
        let mut config = Config::new("localhost", 1, "AI", "/nowhere");
        config.password = Some("hunter2".into());
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
