//! How an act is asked of the server, as things are now.
//!
//! A server says nothing to what it finds senseless (a user who left, a change that changes
//! nothing), so that is found here.

use crate::act::{Act, ActError, Done, Lifetime, Outcome};
use crate::control::Control;
use crate::event::{ChannelId, SessionId, Version};
use crate::proto::control as proto;
use crate::roster::{About, Channel, User};
use crate::session::{Session, login};
use crate::text;

/// The first version whose servers let users listen to channels from elsewhere.
const LISTENING_SINCE: Version = Version {
    major: 1,
    minor: 4,
    patch: 0,
};

/// What an act begins with.
pub(super) enum Begin {
    /// With this message.
    Ask(Control),
    /// It is settled before anything is asked.
    Settled(Outcome),
}

impl Session {
    /// How an act begins.
    pub(super) fn begin(&self, act: &Act) -> Begin {
        match self.message_for(act) {
            Ok(Some(message)) => Begin::Ask(message),
            Ok(None) => Begin::Settled(Ok(self.done_already(act))),
            Err(error) => Begin::Settled(Err(error)),
        }
    }

    /// The message that asks for an act; none when it is done already.
    fn message_for(&self, act: &Act) -> Result<Option<Control>, ActError> {
        let me = self.roster.me().ok_or(ActError::NotJoined)?;
        match act {
            Act::Enter(channel) => self.going(me, *channel),
            Act::Follow(user) => self.going(me, self.user(*user)?.channel),
            Act::Move { user, to } => self.going(self.user(*user)?, *to),
            // Nobody asks for it: it is what becomes of a Create.
            Act::GoInto(_) => Ok(None),
            Act::Create {
                parent,
                name,
                lifetime,
            } => {
                self.channel(*parent)?;
                Ok(Some(Control::ChannelState(proto::ChannelState {
                    parent: Some(parent.0),
                    name: Some(name.clone()),
                    temporary: Some(*lifetime == Lifetime::Temporary),
                    ..proto::ChannelState::default()
                })))
            }
            Act::Remove(channel) => {
                let channel_id = Some(self.channel(*channel)?.id.0);
                let remove = proto::ChannelRemove { channel_id };
                Ok(Some(Control::ChannelRemove(remove)))
            }
            Act::Kick { user, reason } => self.removing(*user, reason, None),
            Act::Ban { user, reason } => self.removing(*user, reason, Some(true)),
            Act::Mute { user, mute } => {
                let user = self.user(*user)?;
                let muted = proto::UserState {
                    mute: Some(*mute),
                    ..state(user)
                };
                Ok(Some(Control::UserState(muted)).filter(|_| user.mute != *mute))
            }
            Act::Listen(channel) => {
                self.needs(LISTENING_SINCE)?;
                let listening = proto::UserState {
                    listening_channel_add: vec![self.channel(*channel)?.id.0],
                    ..state(me)
                };
                let is_so = me.listens_to.contains(channel);
                Ok((!is_so).then_some(Control::UserState(listening)))
            }
            Act::StopListening(channel) => {
                let stopped = proto::UserState {
                    listening_channel_remove: vec![channel.0],
                    ..state(me)
                };
                let is_so = !me.listens_to.contains(channel);
                Ok((!is_so).then_some(Control::UserState(stopped)))
            }
            Act::Appear(presence) => {
                let (mute, deaf) = (presence.is_muted(), presence.is_deaf());
                let appearing = proto::UserState {
                    self_mute: Some(mute),
                    self_deaf: Some(deaf),
                    ..state(me)
                };
                let is_so = (me.self_mute, me.self_deaf) == (mute, deaf);
                Ok((!is_so).then_some(Control::UserState(appearing)))
            }
            Act::Comment(plain) => Ok(Some(Control::UserState(proto::UserState {
                comment: Some(self.outbox.written(plain)),
                ..state(me)
            }))),
            Act::Tokens(tokens) => Ok(Some(Control::Authenticate(proto::Authenticate {
                tokens: login::exposed(tokens),
                ..proto::Authenticate::default()
            }))),
            Act::Register => {
                // The server chooses the number.
                let registered = proto::UserState {
                    user_id: Some(0),
                    ..state(me)
                };
                Ok(me
                    .user_id
                    .is_none()
                    .then_some(Control::UserState(registered)))
            }
            Act::ReadComment(user) => {
                let user = self.user(*user)?;
                let asked = proto::RequestBlob {
                    session_comment: vec![user.session.0],
                    ..proto::RequestBlob::default()
                };
                let is_long = matches!(user.comment, About::Long(_));
                Ok(is_long.then_some(Control::RequestBlob(asked)))
            }
        }
    }

    /// What comes of an act that needs no message.
    fn done_already(&self, act: &Act) -> Done {
        let Act::ReadComment(user) = act else {
            return Done::That;
        };
        match self.roster.user(*user).map(|user| &user.comment) {
            Some(About::Short(html)) => Done::Read(text::plain(html)),
            _ => Done::Read(String::new()),
        }
    }

    fn going(&self, user: &User, to: ChannelId) -> Result<Option<Control>, ActError> {
        let channel_id = Some(self.channel(to)?.id.0);
        let moved = proto::UserState {
            channel_id,
            ..state(user)
        };
        Ok((user.channel != to).then_some(Control::UserState(moved)))
    }

    fn removing(
        &self,
        user: SessionId,
        reason: &str,
        ban: Option<bool>,
    ) -> Result<Option<Control>, ActError> {
        Ok(Some(Control::UserRemove(proto::UserRemove {
            session: Some(self.user(user)?.session.0),
            actor: None,
            reason: Some(reason.to_owned()),
            ban,
        })))
    }

    fn user(&self, session: SessionId) -> Result<&User, ActError> {
        let user = self.roster.user(session);
        user.ok_or(ActError::NoSuchUser(session))
    }

    fn channel(&self, id: ChannelId) -> Result<&Channel, ActError> {
        let channel = self.roster.channel(id);
        channel.ok_or(ActError::NoSuchChannel(id))
    }

    fn needs(&self, needs: Version) -> Result<(), ActError> {
        let has = self.server.version;
        if has < needs {
            return Err(ActError::NotSupported { needs, has });
        }
        Ok(())
    }
}

/// A word about this user, before what is said is said.
fn state(user: &User) -> proto::UserState {
    proto::UserState {
        session: Some(user.session.0),
        ..proto::UserState::default()
    }
}
