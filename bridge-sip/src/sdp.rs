//! What a call is made of, as the two ends write it to each other: session descriptions.
//!
//! The grammar is RFC 8866 (before it RFC 4566); what a line means in an offer or an answer is
//! RFC 3264 and lives in [`crate::offer`]. Reading is strict about what decides where sound goes
//! (addresses, ports, payload types, contradictions) and tolerant of the rest: lines that are
//! missing and not needed, unknown attributes, bare line feeds, names in another character set.

use std::net::IpAddr;

mod format;
mod read;
mod write;

pub use format::{FIRST_DYNAMIC, Format, Map, parameter};
pub use read::{Error, LONGEST, LONGEST_LINE, MOST_FORMATS, MOST_LINES, MOST_MEDIA, read};

/// A whole session description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who wrote it, and which version of it this is.
    pub origin: Origin,
    /// The address of each stream that names none itself; may be unspecified (0.0.0.0), which
    /// was the way to put a call on hold before RFC 3264.
    pub connection: Option<IpAddr>,
    /// The direction of each stream that names none itself.
    pub direction: Option<Direction>,
    /// The streams, in the order that both ends keep for the whole call.
    pub media: Vec<Media>,
}

/// The `o=` line (RFC 8866 section 5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// A user name without blanks, or `-`.
    pub user: String,
    /// What the session is known by; the same for the whole call.
    pub id: u64,
    /// Goes up by one with each change (RFC 3264 section 8).
    pub version: u64,
    /// An address or a name without blanks. Nothing is ever sent to it.
    pub host: String,
}

/// One `m=` line and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// What flows.
    pub kind: Kind,
    /// Where it is awaited; 0 refuses or ends the stream.
    pub port: u16,
    /// By what protocol.
    pub protocol: Protocol,
    /// In which formats, the preferred one first.
    pub formats: Vec<Format>,
    /// Where, when it is not where the session says.
    pub connection: Option<IpAddr>,
    /// Which way, when it is not the session's.
    pub direction: Option<Direction>,
    /// How much sound a packet should hold, in ms (`a=ptime`).
    pub ptime: Option<u16>,
    /// How much sound a packet may hold at most, in ms (`a=maxptime`).
    pub maxptime: Option<u16>,
    /// Whether RTCP may use the port of the sound (RFC 5761).
    pub rtcp_mux: bool,
}

/// What flows in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sound.
    Audio,
    /// Anything else, by its name: it is refused, and named again in doing so.
    Other(String),
}

/// How a stream is carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Plain RTP (RFC 3551), the one that is spoken here.
    RtpAvp,
    /// The same with leave to report at once (RFC 4585): nobody has to, so it is spoken as well.
    RtpAvpf,
    /// Anything else, by its name; encrypted RTP (`RTP/SAVP`, `UDP/TLS/RTP/SAVPF`) too.
    Other(String),
}

/// Which way sound flows, as seen by the one who says it (RFC 3264 section 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways; what holds when nothing is said.
    #[default]
    SendRecv,
    /// Only away from the speaker of this line: the other is held.
    SendOnly,
    /// Only towards the speaker of this line.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// From whether its speaker sends and receives.
    pub fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether who says it sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether who says it receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same flow as the other end sees it.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// What is left of it when `other` has to be true as well.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::new(
            self.sends() && other.sends(),
            self.receives() && other.receives(),
        )
    }

    /// The attribute, as in `a=sendrecv`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    fn parse(attribute: &str) -> Option<Self> {
        [
            Self::SendRecv,
            Self::SendOnly,
            Self::RecvOnly,
            Self::Inactive,
        ]
        .into_iter()
        .find(|direction| direction.as_str() == attribute)
    }
}

impl Kind {
    /// The word of the `m=` line.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Audio => "audio",
            Self::Other(name) => name,
        }
    }

    fn parse(word: &str) -> Self {
        if word.eq_ignore_ascii_case("audio") {
            Self::Audio
        } else {
            Self::Other(word.to_owned())
        }
    }
}

impl Protocol {
    /// The word of the `m=` line.
    pub fn as_str(&self) -> &str {
        match self {
            Self::RtpAvp => "RTP/AVP",
            Self::RtpAvpf => "RTP/AVPF",
            Self::Other(name) => name,
        }
    }

    fn parse(word: &str) -> Self {
        let mut plain = [Self::RtpAvp, Self::RtpAvpf].into_iter();
        let found = plain.find(|protocol| word.eq_ignore_ascii_case(protocol.as_str()));
        found.unwrap_or_else(|| Self::Other(word.to_owned()))
    }

    /// Whether it is RTP that is not encrypted: formats are payload types, and sound can be read.
    pub fn is_plain_rtp(&self) -> bool {
        matches!(self, Self::RtpAvp | Self::RtpAvpf)
    }
}

#[cfg(test)]
mod tests;
