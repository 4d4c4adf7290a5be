//! Users who come, go and change, as the server tells it.

use std::sync::Arc;

use super::{Output, Phase, Session, refusal};
use crate::error::JoinError;
use crate::event::{ChannelId, Event, RosterChange, SessionId};
use crate::proto::control as proto;
use crate::text;

impl Session {
    pub(super) fn handle_user_state(&mut self, state: proto::UserState) {
        let was_silenced = self.is_silenced();
        let actor = state.actor.map(SessionId);
        let before = self.roster.me().map(|me| (me.session, me.channel));
        let change = Arc::make_mut(&mut self.roster).update_user(state);
        let change = change.map(|change| self.by_whom(change, actor, before));
        self.tell(change);
        self.settle_in();
        if self.is_silenced() && !was_silenced {
            tracing::warn!("the server has muted this user: nobody hears what it says");
        }
    }

    /// Tells a move of the own user by somebody else from one that it wanted.
    fn by_whom(
        &self,
        change: RosterChange,
        actor: Option<SessionId>,
        before: Option<(SessionId, ChannelId)>,
    ) -> RosterChange {
        match (change, before) {
            (RosterChange::UserMoved { session }, Some((me, from)))
                if session == me && actor != Some(me) && !self.is_going() =>
            {
                RosterChange::MovedByOther { by: actor, from }
            }
            _ => change,
        }
    }

    fn is_silenced(&self) -> bool {
        self.roster.me().is_some_and(|me| me.mute || me.suppress)
    }

    pub(super) fn handle_user_remove(
        &mut self,
        remove: proto::UserRemove,
    ) -> Result<(), JoinError> {
        let Some(session) = remove.session.map(SessionId) else {
            return Ok(());
        };
        if self.roster.me().is_some_and(|me| me.session == session) {
            let reason = match text::plain(&remove.reason.unwrap_or_default()) {
                reason if reason.is_empty() => "no reason given".to_owned(),
                reason => reason,
            };
            let actor = remove.actor.map(SessionId);
            return Err(if remove.ban == Some(true) {
                JoinError::Banned(reason)
            } else if actor.is_none() && refusal::is_displacement(&reason) {
                let username = self.config.username.clone();
                JoinError::Displaced { username }
            } else {
                let by = self.name_of(actor);
                JoinError::Kicked { by, reason }
            });
        }
        self.hearing.forget(session);
        let change = Arc::make_mut(&mut self.roster).remove_user(session);
        self.tell(change);
        Ok(())
    }

    /// Tells of a change, once there is somebody to tell: before the login is complete the
    /// roster is still being filled.
    pub(super) fn tell(&mut self, change: Option<RosterChange>) {
        if let Some(change) = change.filter(|_| self.phase == Phase::Joined) {
            self.output.push_back(Output::Event(Event::Roster(change)));
        }
    }

    pub(super) fn name_of(&self, session: Option<SessionId>) -> String {
        match session.map(|session| self.roster.user(session)) {
            Some(Some(user)) => user.name.clone(),
            Some(None) => "somebody who left".to_owned(),
            None => "the server".to_owned(),
        }
    }
}
