//! What a server does not allow, in words that say what to do about it.

use std::fmt;

use thiserror::Error;

/// A server's refusal of something that was asked of it: `PermissionDenied` of the protocol, all
/// its kinds up to Mumble 1.5.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Denied {
    /// Somebody lacks a permission.
    #[error(
        "the server does not let {who} {}: give it the {permission} permission there",
        .permission.deed(.channel)
    )]
    Permission {
        /// Which.
        permission: Permission,
        /// Where, as a path from the root.
        channel: String,
        /// Who lacks it: "this user", or a name.
        who: String,
    },
    /// The one who may do everything stays as it is.
    #[error("nobody but SuperUser itself may do that to SuperUser")]
    SuperUser,
    /// The name of a channel is not allowed, or used beside it already.
    #[error("the server does not take this channel name: it is in use there, or against its rules")]
    ChannelName,
    /// Longer than the server takes texts, comments or pictures.
    #[error("the text is too long for the server: shorten it, or raise textmessagelength there")]
    TextTooLong,
    /// Something that cannot be done in a temporary channel.
    #[error("the server does not do that in a temporary channel: use a permanent one")]
    TemporaryChannel,
    /// Only for users with a certificate.
    #[error("the server does that only for users with a certificate")]
    MissingCertificate,
    /// The name of a user is not allowed.
    #[error("the server does not allow the user name \"{0}\": choose another")]
    UserName(String),
    /// As many users as the channel allows are there.
    #[error("the channel is full: try again when somebody has left, or raise its limit")]
    ChannelFull,
    /// Channels within channels, deeper than the server allows.
    #[error("channels are not nested deeper on this server: make it further up")]
    NestingLimit,
    /// As many channels as the server allows are there.
    #[error("the server has as many channels as it allows: remove one first")]
    ChannelCountLimit,
    /// As many users as the server allows listen to the channel already.
    #[error("the server lets nobody else listen to this channel: raise listenersperchannel there")]
    ChannelListenerLimit,
    /// The user listens to as many channels as the server allows.
    #[error("the server lets this user listen to no further channel: stop listening to another")]
    UserListenerLimit,
    /// A refusal in the server's own words.
    #[error("the server refuses: {0}")]
    Other(String),
}

/// Something that a server's access lists grant or deny, channel by channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// To change the channel and its access lists.
    Write,
    /// To see what lies below.
    Traverse,
    /// To go into the channel.
    Enter,
    /// To be heard there.
    Speak,
    /// To mute and deafen others.
    MuteDeafen,
    /// To move users from there.
    Move,
    /// To make channels below.
    MakeChannel,
    /// To link the channel to others.
    LinkChannel,
    /// To whisper to it from elsewhere.
    Whisper,
    /// To write texts to it.
    TextMessage,
    /// To make channels below that go when they are empty.
    MakeTempChannel,
    /// To hear it from elsewhere.
    Listen,
    /// To remove users from the server.
    Kick,
    /// To keep users off the server.
    Ban,
    /// To register other users.
    Register,
    /// To register oneself.
    SelfRegister,
    /// To empty other users' comments and pictures.
    ResetUserContent,
    /// A permission of a newer server.
    Unknown(u32),
}

/// Each permission with its bit in the protocol (`ChanACL::Perm` of the server).
const BITS: [(u32, Permission); 17] = [
    (0x1, Permission::Write),
    (0x2, Permission::Traverse),
    (0x4, Permission::Enter),
    (0x8, Permission::Speak),
    (0x10, Permission::MuteDeafen),
    (0x20, Permission::Move),
    (0x40, Permission::MakeChannel),
    (0x80, Permission::LinkChannel),
    (0x100, Permission::Whisper),
    (0x200, Permission::TextMessage),
    (0x400, Permission::MakeTempChannel),
    (0x800, Permission::Listen),
    (0x1_0000, Permission::Kick),
    (0x2_0000, Permission::Ban),
    (0x4_0000, Permission::Register),
    (0x8_0000, Permission::SelfRegister),
    (0x10_0000, Permission::ResetUserContent),
];

impl Permission {
    /// The first permission among these bits: a server names both Kick and Ban where either
    /// would do.
    pub(crate) fn from_bits(bits: u32) -> Self {
        BITS.iter()
            .find(|(bit, _)| bits & bit != 0)
            .map_or(Self::Unknown(bits), |&(_, permission)| permission)
    }

    /// Whether it is among these bits.
    pub(crate) fn is_in(self, bits: u32) -> bool {
        let bit = BITS.iter().find(|&&(_, permission)| permission == self);
        bit.is_some_and(|(bit, _)| bits & bit != 0)
    }

    /// What it allows, of a channel.
    fn deed(self, channel: &str) -> String {
        let what = match self {
            Self::Write => "change",
            Self::Traverse => "look into",
            Self::Enter => "enter",
            Self::Speak => "speak in",
            Self::MuteDeafen => "mute or deafen others in",
            Self::Move => "move others from or to",
            Self::MakeChannel => "make channels in",
            Self::LinkChannel => "link",
            Self::Whisper => "whisper to",
            Self::TextMessage => "write texts to",
            Self::MakeTempChannel => "make temporary channels in",
            Self::Listen => "listen to",
            Self::Kick => return "kick others".to_owned(),
            Self::Ban => return "ban others".to_owned(),
            Self::Register => return "register others".to_owned(),
            Self::SelfRegister => return "register itself".to_owned(),
            Self::ResetUserContent => return "reset what others tell of themselves".to_owned(),
            Self::Unknown(_) => "do that in",
        };
        format!("{what} {channel}")
    }
}

impl fmt::Display for Permission {
    /// As the clients' editors of access lists call it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Write => "Write ACL",
            Self::Traverse => "Traverse",
            Self::Enter => "Enter",
            Self::Speak => "Speak",
            Self::MuteDeafen => "Mute/Deafen",
            Self::Move => "Move",
            Self::MakeChannel => "Make channel",
            Self::LinkChannel => "Link channel",
            Self::Whisper => "Whisper",
            Self::TextMessage => "Text message",
            Self::MakeTempChannel => "Make temporary",
            Self::Listen => "Listen",
            Self::Kick => "Kick",
            Self::Ban => "Ban",
            Self::Register => "Register User",
            Self::SelfRegister => "Register Self",
            Self::ResetUserContent => "Reset User Content",
            Self::Unknown(bits) => return write!(f, "{bits:#x}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_permission_names_what_to_give_where() {
        let denied = Denied::Permission {
            permission: Permission::Enter,
            channel: "Root/AI".into(),
            who: "this user".into(),
        };
        assert_eq!(
            denied.to_string(),
            "the server does not let this user enter Root/AI: give it the Enter permission there"
        );
    }

    #[test]
    fn each_bit_is_a_permission_of_its_own() {
        for (bit, permission) in BITS {
            assert_eq!(Permission::from_bits(bit), permission);
        }
        assert_eq!(Permission::from_bits(0x3_0000), Permission::Kick);
        assert_eq!(
            Permission::from_bits(0x8000_0000),
            Permission::Unknown(0x8000_0000)
        );
    }
}
