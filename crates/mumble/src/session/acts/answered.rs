//! Which word of the server answers which act.

use crate::act::{Act, ActError, Done, Outcome};
use crate::control::Control;
use crate::denied::{Denied, Permission};
use crate::event::{ChannelId, SessionId};
use crate::proto::control::UserState;
use crate::text;

/// What a change tells about an act of this user; none when it is about something else.
pub(super) fn by(act: &Act, told: &Control, me: SessionId) -> Option<Outcome> {
    let done = || Some(Ok(Done::That));
    match (act, told) {
        (Act::Enter(to), Control::UserState(state)) if is_in(state, me, *to) => done(),
        (Act::GoInto(made), Control::UserState(state)) if is_in(state, me, *made) => {
            Some(Ok(Done::Made(*made)))
        }
        (Act::Move { user, to }, Control::UserState(state)) if is_in(state, *user, *to) => done(),
        (Act::Listen(channel), Control::UserState(state))
            if is_about(state, me) && state.listening_channel_add.contains(&channel.0) =>
        {
            done()
        }
        (Act::StopListening(channel), Control::UserState(state))
            if is_about(state, me) && state.listening_channel_remove.contains(&channel.0) =>
        {
            done()
        }
        (Act::Appear(presence), Control::UserState(state))
            if is_about(state, me)
                && state.self_mute == Some(presence.is_muted())
                && state.self_deaf.unwrap_or_default() == presence.is_deaf() =>
        {
            done()
        }
        // A long comment comes back as its digest.
        (Act::Comment(_), Control::UserState(state))
            if is_about(state, me) && (state.comment.is_some() || state.comment_hash.is_some()) =>
        {
            done()
        }
        (Act::Register, Control::UserState(state))
            if is_about(state, me) && state.user_id.is_some() =>
        {
            done()
        }
        (Act::ReadComment(user), Control::UserState(state)) if is_about(state, *user) => {
            let html = state.comment.as_deref()?;
            Some(Ok(Done::Read(text::plain(html))))
        }
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
        (
            Act::Move { user, .. } | Act::Mute { user, .. } | Act::ReadComment(user),
            Control::UserRemove(remove),
        ) if remove.session == Some(user.0) => Some(Err(ActError::NoSuchUser(*user))),
        (
            Act::Enter(channel)
            | Act::GoInto(channel)
            | Act::Listen(channel)
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
        Denied::TextTooLong => return matches!(act, Act::Comment(_)),
        _ => return true,
    };
    let needed: &[Permission] = match act {
        Act::Enter(_) | Act::Follow(_) | Act::Move { .. } => &[Enter, Move, Traverse],
        Act::Create { .. } | Act::GoInto(_) => &[MakeChannel, MakeTempChannel],
        Act::Remove(_) => &[Write],
        Act::Kick { .. } | Act::Ban { .. } => &[Kick, Ban],
        Act::Mute { .. } => &[MuteDeafen],
        Act::Listen(_) => &[Listen],
        Act::Register => &[Register, SelfRegister],
        // Nobody needs a permission for these.
        Act::StopListening(_)
        | Act::Appear(_)
        | Act::Comment(_)
        | Act::Tokens(_)
        | Act::ReadComment(_) => &[],
    };
    needed.contains(&permission) || matches!(permission, Unknown(_))
}

fn is_in(state: &UserState, user: SessionId, channel: ChannelId) -> bool {
    is_about(state, user) && state.channel_id == Some(channel.0)
}

fn is_about(state: &UserState, user: SessionId) -> bool {
    state.session == Some(user.0)
}
