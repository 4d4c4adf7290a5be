//! Acts: asked one at a time, and settled by what the server says next.
//!
//! A server answers an act with the change that it brought about or with a `PermissionDenied`,
//! and neither says what it answers: [`answered`] knows an answer by what is in it.

mod answered;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{Output, Session, refusal};
use crate::act::{Act, ActError, Asked, Done, Lifetime, MOST_ACTS, Outcome};
use crate::control::Control;
use crate::event::{ChannelId, SessionId};
use crate::proto::control as proto;

/// How long a server may take to answer an act. It answers at once or never.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// The acts of one connection.
#[derive(Debug, Default)]
pub(super) struct Acts {
    waiting: VecDeque<Asked>,
    running: Option<Running>,
}

/// An act that the server has been asked for.
#[derive(Debug)]
struct Running {
    asked: Asked,
    until: Instant,
}

/// An outcome on its way to who asked. The shell gives it when it has done all that comes
/// before, so that whoever acts sees what came of it.
#[derive(Debug)]
pub(crate) struct Answer {
    asked: Asked,
    outcome: Outcome,
}

impl Answer {
    /// Tells who asked, if they still want to know.
    pub(crate) fn give(self) {
        let _ = self.asked.answer.send(self.outcome);
    }
}

/// What an act begins with.
enum Begin {
    /// With this message.
    Ask(Control),
    /// It is settled before anything is asked.
    Settled(Outcome),
}

impl Session {
    /// Takes an act; it begins at a [`Session::handle_timeout`] when its turn has come.
    pub(crate) fn act(&mut self, asked: Asked) {
        self.acts.waiting.push_back(asked);
    }

    /// Whether an act would be taken now.
    pub(crate) fn has_room_for_act(&self) -> bool {
        self.acts.waiting.len() < MOST_ACTS
    }

    /// Begins the acts whose turn has come, and ends one that the server does not answer.
    pub(super) fn run_acts(&mut self, now: Instant) {
        if self
            .acts
            .running
            .as_ref()
            .is_some_and(|act| now >= act.until)
        {
            let seconds = ANSWER_TIME.as_secs();
            self.settle(Err(ActError::NoAnswer { seconds }));
        }
        while self.acts.running.is_none() {
            let Some(next) = self.acts.waiting.front() else {
                return;
            };
            if next.answer.is_closed() {
                self.acts.waiting.pop_front();
                continue;
            }
            let begin = self.begin(&next.act);
            if let Begin::Ask(message) = &begin
                && self.is_counted(message)
                && !self.pace.take(now)
            {
                return;
            }
            let Some(mut asked) = self.acts.waiting.pop_front() else {
                return;
            };
            // Who follows goes where the other was when it was asked.
            if let (Act::Follow(_), Begin::Ask(Control::UserState(state))) = (&asked.act, &begin) {
                asked.act = Act::Enter(ChannelId(state.channel_id.unwrap_or_default()));
            }
            let until = now + ANSWER_TIME;
            self.acts.running = Some(Running { asked, until });
            match begin {
                Begin::Ask(message) => self.send(message),
                Begin::Settled(outcome) => self.settle(outcome),
            }
        }
    }

    /// When [`Session::run_acts`] wants to be called.
    pub(super) fn acts_deadline(&self) -> Option<Instant> {
        match &self.acts.running {
            Some(running) => Some(running.until),
            None => (!self.acts.waiting.is_empty()).then(|| self.pace.ready()),
        }
    }

    /// What a message says about the running act.
    pub(super) fn answer_in(&self, told: &Control) -> Option<Outcome> {
        let running = self.acts.running.as_ref()?;
        let me = self.roster.me()?.session;
        answered::by(&running.asked.act, told, me)
    }

    /// Whether a denial is the answer to the running act.
    pub(super) fn deny_act(&mut self, denied: &proto::PermissionDenied) -> bool {
        let Some(running) = &self.acts.running else {
            return false;
        };
        let denied = refusal::denied(&self.roster, denied);
        let ours = answered::denies(&running.asked.act, &denied);
        if ours {
            self.settle(Err(denied.into()));
        }
        ours
    }

    pub(super) fn settle(&mut self, outcome: Outcome) {
        if let Some(Running { asked, .. }) = self.acts.running.take() {
            self.output
                .push_back(Output::Answer(Answer { asked, outcome }));
        }
    }

    /// What to ask for an act, as things are now. A server says nothing to what it finds
    /// senseless (a user who left, a change that changes nothing), so that is found here.
    fn begin(&self, act: &Act) -> Begin {
        match self.message_for(act) {
            Ok(Some(message)) => Begin::Ask(message),
            Ok(None) => Begin::Settled(Ok(Done::That)),
            Err(error) => Begin::Settled(Err(error)),
        }
    }

    /// The message that asks for an act; none when it is done already.
    fn message_for(&self, act: &Act) -> Result<Option<Control>, ActError> {
        let me = self.roster.me().ok_or(ActError::NotJoined)?;
        let user = |session: SessionId| {
            let user = self.roster.user(session);
            user.ok_or(ActError::NoSuchUser(session))
        };
        let there = |channel| {
            let channel_there = self.roster.channel(channel);
            channel_there.ok_or(ActError::NoSuchChannel(channel))
        };
        let state = |session: SessionId| proto::UserState {
            session: Some(session.0),
            ..proto::UserState::default()
        };
        let moved = |session, channel| -> Result<Option<Control>, ActError> {
            there(channel)?;
            let moved = proto::UserState {
                channel_id: Some(channel.0),
                ..state(session)
            };
            let is_there = user(session)?.channel == channel;
            Ok((!is_there).then_some(Control::UserState(moved)))
        };
        let removed = |session: SessionId, reason: &str, ban| {
            user(session)?;
            Ok(Some(Control::UserRemove(proto::UserRemove {
                session: Some(session.0),
                actor: None,
                reason: Some(reason.to_owned()),
                ban,
            })))
        };
        match act {
            Act::Enter(channel) => moved(me.session, *channel),
            Act::Follow(session) => moved(me.session, user(*session)?.channel),
            Act::Move { user, to } => moved(*user, *to),
            Act::Create {
                parent,
                name,
                lifetime,
            } => {
                there(*parent)?;
                Ok(Some(Control::ChannelState(proto::ChannelState {
                    parent: Some(parent.0),
                    name: Some(name.clone()),
                    temporary: Some(*lifetime == Lifetime::Temporary),
                    ..proto::ChannelState::default()
                })))
            }
            Act::Remove(channel) => {
                there(*channel)?;
                let channel_id = Some(channel.0);
                Ok(Some(Control::ChannelRemove(proto::ChannelRemove {
                    channel_id,
                })))
            }
            Act::Kick { user, reason } => removed(*user, reason, None),
            Act::Ban { user, reason } => removed(*user, reason, Some(true)),
            Act::Mute {
                user: session,
                mute,
            } => {
                let is_so = user(*session)?.mute == *mute;
                let muted = proto::UserState {
                    mute: Some(*mute),
                    ..state(*session)
                };
                Ok((!is_so).then_some(Control::UserState(muted)))
            }
        }
    }

    /// Whether the server counts a message against the user's rate: changes of the own state
    /// and new channels.
    fn is_counted(&self, message: &Control) -> bool {
        let me = self.roster.me().map(|me| me.session.0);
        match message {
            Control::UserState(state) => state.session == me,
            Control::ChannelState(state) => state.channel_id.is_none(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
