//! To whom an utterance goes: the own channel, some users, another channel.

use crate::event::{ChannelId, SessionId};
use crate::proto::control::{VoiceTarget, voice_target};

/// To whom an utterance goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// To everybody in the own channel, in channels linked to it and to those who listen to it.
    #[default]
    Normal,
    /// To these users alone, wherever they are (a whisper). The server leaves out those whose
    /// channels do not allow it.
    Users(Vec<SessionId>),
    /// To everybody in another channel, if it allows that (a shout).
    Channel {
        /// Which.
        id: ChannelId,
        /// Whether to the channels linked to it too.
        links: bool,
        /// Whether to the channels below it too.
        children: bool,
        /// To the members of this group of the channel's only; none means everybody.
        group: Option<String>,
    },
    /// Back to the own user alone, by way of the server: to try the way there and back.
    Loopback,
}

impl Target {
    /// The message by which the server learns what `number` means; none for targets that need
    /// none.
    pub(crate) fn registration(&self, number: u8) -> Option<VoiceTarget> {
        let target = match self {
            Self::Normal | Self::Loopback => return None,
            Self::Users(users) => voice_target::Target {
                session: users.iter().map(|user| user.0).collect(),
                ..voice_target::Target::default()
            },
            Self::Channel {
                id,
                links,
                children,
                group,
            } => voice_target::Target {
                channel_id: Some(id.0),
                links: Some(*links),
                children: Some(*children),
                group: group.clone(),
                ..voice_target::Target::default()
            },
        };
        Some(VoiceTarget {
            id: Some(u32::from(number)),
            targets: vec![target],
        })
    }
}
