//! What a user is told: who came, who spoke, what was written, and what went wrong.

use std::{
    fmt,
    time::{Duration, Instant},
};

use audio::Pcm;

use crate::denied::Denied;
use crate::error::JoinError;

/// A user's number on the server, given anew at each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u32);

/// A channel's number on the server; 0 is the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub u32);

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// The user is logged in and in its channel.
    Joined {
        /// The user itself.
        me: SessionId,
        /// What the server told about itself.
        server: ServerInfo,
    },
    /// An attempt to connect failed, or a connection broke. The next attempt comes by itself;
    /// [`Client::standing`](crate::Client::standing) tells since when and what it takes.
    Lost {
        /// Why.
        error: JoinError,
        /// When it will be tried again.
        retry_in: Duration,
        /// How many texts, or pieces of long ones, were taken and are lost with the connection.
        unsent: usize,
    },
    /// Back on the server, but neither the channel it was in nor the configured one is there or
    /// open to it: it is where the server put it, and goes to the channel when that is made.
    Astray {
        /// The path of the channel that it was to return to.
        wanted: String,
    },
    /// Somebody spoke.
    Heard(Heard),
    /// Somebody wrote.
    Text(TextMessage),
    /// Somebody came, left or changed; see [`Client::roster`](crate::Client::roster).
    Roster(RosterChange),
    /// The server told something new about itself; soon after [`Event::Joined`] mostly, and
    /// whenever its settings change.
    ServerChanged(ServerInfo),
    /// The server refused something that no act waits for, such as a text.
    Denied(Denied),
}

/// What a server tells about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerInfo {
    /// Its name for its own version, such as "1.3.4".
    pub release: String,
    /// Its protocol version.
    pub version: Version,
    /// The highest bit rate that it allows a speaker, headers included, if it has a limit.
    pub max_bandwidth: Option<u32>,
    /// Its greeting, as plain text.
    pub welcome: String,
    /// Whether UDP had answered by now; it may do so later, or cease to.
    pub udp: bool,
    /// The longest text that it takes, in UTF-16 code units of HTML, if it has a limit. Longer
    /// ones are sent in pieces.
    pub message_length: Option<u32>,
    /// The longest text with pictures that it takes, in the same units, if it has a limit.
    pub image_length: Option<u32>,
    /// Whether texts may be HTML, once it told; texts are sent without any where not.
    pub allows_html: Option<bool>,
    /// How many users it takes, once it told.
    pub max_users: Option<u32>,
    /// Whether users may say that they record, once it told (since 1.5).
    pub allows_recording: Option<bool>,
    /// What it would like its users to do.
    pub suggests: Suggestions,
}

/// What a server would like its users to do; nobody is held to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Suggestions {
    /// To use this version of Mumble or a newer one.
    pub version: Option<Version>,
    /// To tell where they are in a game, or not to.
    pub positional: Option<bool>,
    /// To hold a key while they talk, or not to.
    pub push_to_talk: Option<bool>,
}

/// A protocol version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// As in **1**.3.4.
    pub major: u16,
    /// As in 1.**3**.4.
    pub minor: u16,
    /// As in 1.3.**4**.
    pub patch: u16,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// How well a connection works; the counts begin with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Whether voice goes by UDP now; else it goes through the TCP tunnel.
    pub udp: bool,
    /// Mean time of a ping there and back by UDP, once one came back.
    pub udp_ping: Option<Duration>,
    /// Mean time of a ping there and back by TCP, once one came back.
    pub tcp_ping: Option<Duration>,
    /// Datagrams that arrived whole.
    pub good: u32,
    /// Of these, how many came behind a later one.
    pub late: u32,
    /// Datagrams that never came.
    pub lost: u32,
    /// Datagrams that were forged, repeated, much too late or too short.
    pub dropped: u32,
    /// How often the keys' counters had to be agreed on anew.
    pub resyncs: u32,
    /// Messages, datagrams and Opus packets that could not be read.
    pub unreadable: u64,
}

/// A piece of what somebody says, in the order in which it was spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Who.
    pub speaker: SessionId,
    /// Whom they spoke to.
    pub scope: Scope,
    /// The place of its first sample in the speaker's time, in units of 10 ms. Without a pause
    /// each piece begins where the one before it ended; the speaker's client may begin anew at
    /// any number after one.
    pub sequence: u64,
    /// The sound, at the configured rate; may be empty when `last` is set.
    pub pcm: Pcm,
    /// Whether the speaker released the talk key (or its own detector saw the end).
    pub last: bool,
    /// How much of `pcm` was made up in place of lost packets. Silence that keeps the time of
    /// a longer hole is not counted.
    pub concealed: Duration,
    /// When this piece was complete: its packet had come, and all before it had come or been
    /// given up.
    pub received: Instant,
}

/// Whom somebody speaks to, and so why it is heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// To their own channel, which is the hearer's too or linked to it.
    #[default]
    Normal,
    /// To the hearer's channel, from another one.
    Shout,
    /// To the hearer among a few people, whoever else is in the channel.
    Whisper,
    /// To another channel, to which the hearer listens.
    Listened,
}

/// A written message.
#[derive(Clone, PartialEq, Eq)]
pub struct TextMessage {
    /// Who wrote it; none when the server itself did.
    pub from: Option<SessionId>,
    /// The writer's name, as known when it arrived; "the server" without a writer.
    pub from_name: String,
    /// Who can read it.
    pub to: TextScope,
    /// What it says, as plain text.
    pub text: String,
}

impl fmt::Debug for TextMessage {
    /// What people say does not belong into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextMessage")
            .field("from", &self.from)
            .field("to", &self.to)
            .field("chars", &self.text.chars().count())
            .finish_non_exhaustive()
    }
}

/// Who can read a written message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextScope {
    /// Everybody in this channel.
    Channel(ChannelId),
    /// This user alone.
    Private,
}

/// Where a text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// To everybody in a channel.
    Channel(ChannelId),
    /// To one user.
    User(SessionId),
}

/// A change among users or channels. The roster shows the state after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RosterChange {
    /// A user came.
    UserJoined {
        /// Who.
        session: SessionId,
    },
    /// A user left; the roster does not know it any more.
    UserLeft {
        /// Who.
        session: SessionId,
    },
    /// A user went to another channel, or was put there. The own user when it went itself.
    UserMoved {
        /// Who.
        session: SessionId,
    },
    /// Somebody else put the own user into another channel.
    MovedByOther {
        /// Who; none when the server did, as it does when a channel is removed.
        by: Option<SessionId>,
        /// Where the own user was before.
        from: ChannelId,
    },
    /// Something else about a user changed, such as being muted.
    UserChanged {
        /// Who.
        session: SessionId,
    },
    /// A channel was made or renamed.
    ChannelChanged {
        /// Which.
        channel: ChannelId,
    },
    /// A channel was removed.
    ChannelRemoved {
        /// Which.
        channel: ChannelId,
    },
}
