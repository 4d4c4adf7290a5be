//! Which word of the server answers which act.

use crate::act::{Act, ActError, Done, Outcome};
use crate::control::Control;
use crate::denied::{Denied, Permission};
use crate::event::{ChannelId, SessionId};
use crate::proto::control::UserState;

/// What a change tells about an act of this user; none when it is about something else.
pub(super) fn by(act: &Act, told: &Control, me: SessionId) -> Option<Outcome> {
    let done = || Some(Ok(Done::That));
    match (act, told) {
        (Act::Enter(to), Control::UserState(state)) if is_in(state, me, *to) => done(),
        (Act::Move { user, to }, Control::UserState(state)) if is_in(state, *user, *to) => done(),
        (Act::Mute { user, mute }, Control::UserState(state))
            if is_about(state, *user) && state.mute == Some(*mute) =>
        {
            done()
        }
        (Act::Create { parent, name, .. }, Control::ChannelState(state))
            if state.parent == Some(parent.0) && state.name.as_ref() == Some(name) =>
        {
            let channel = ChannelId(state.channel_id?);
            Some(Ok(Done::Made(channel)))
        }
        (Act::Remove(channel), Control::ChannelRemove(remove))
            if remove.channel_id == Some(channel.0) =>
        {
            done()
        }
        (Act::Kick { user, .. } | Act::Ban { user, .. }, Control::UserRemove(remove))
            if remove.session == Some(user.0) =>
        {
            // Somebody who leaves in that moment is gone, but not banned.
            let banned = !matches!(act, Act::Ban { .. }) || remove.ban == Some(true);
            Some(if banned {
                Ok(Done::That)
            } else {
                Err(ActError::NoSuchUser(*user))
            })
        }
        // What an act is about may go while it is asked; a server then says nothing to it.
        (Act::Move { user, .. } | Act::Mute { user, .. }, Control::UserRemove(remove))
            if remove.session == Some(user.0) =>
        {
            Some(Err(ActError::NoSuchUser(*user)))
        }
        (
            Act::Enter(channel)
            | Act::Move { to: channel, .. }
            | Act::Create {
                parent: channel, ..
            },
            Control::ChannelRemove(remove),
        ) if remove.channel_id == Some(channel.0) => Some(Err(ActError::NoSuchChannel(*channel))),
        _ => None,
    }
}

/// Whether a denial can be the answer to an act. Texts are denied too, and do not wait for it.
pub(super) fn denies(act: &Act, denied: &Denied) -> bool {
    use Permission::*;
    let permission = match denied {
        Denied::Permission { permission, .. } => *permission,
        Denied::TextTooLong => return false,
        _ => return true,
    };
    let needed: &[Permission] = match act {
        Act::Enter(_) | Act::Follow(_) | Act::Move { .. } => &[Enter, Move, Traverse],
        Act::Create { .. } => &[MakeChannel, MakeTempChannel],
        Act::Remove(_) => &[Write],
        Act::Kick { .. } | Act::Ban { .. } => &[Kick, Ban],
        Act::Mute { .. } => &[MuteDeafen],
    };
    needed.contains(&permission) || matches!(permission, Unknown(_))
}

fn is_in(state: &UserState, user: SessionId, channel: ChannelId) -> bool {
    is_about(state, user) && state.channel_id == Some(channel.0)
}

fn is_about(state: &UserState, user: SessionId) -> bool {
    state.session == Some(user.0)
}
