//! Acts: asked one at a time, and settled by what the server says next.
//!
//! A server answers an act with the change that it brought about or with a `PermissionDenied`,
//! and neither says what it answers: [`answered`] knows an answer by what is in it.

mod answered;
mod asking;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{Output, Session, refusal};
use crate::act::{Act, ActError, Asked, Done, Lifetime, MOST_ACTS, Outcome};
use crate::control::Control;
use crate::event::{ChannelId, Event};
use crate::proto::control as proto;

use asking::Begin;

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
    /// The ping behind it, for an act that a server obeys without a word: servers answer in
    /// order.
    ping: Option<u64>,
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
        if let Some(answer) = self.asked.answer {
            let _ = answer.send(self.outcome);
        }
    }
}

impl Session {
    /// Takes an act; it begins at a [`Session::handle_timeout`] when its turn has come.
    pub(crate) fn act(&mut self, asked: Asked) {
        self.acts.waiting.push_back(asked);
    }

    /// Asks again for what was set before this connection.
    pub(super) fn keep_up(&mut self) {
        let asked = self.kept.acts().map(|act| Asked { act, answer: None });
        self.acts.waiting.extend(asked);
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
            if next.answer.as_ref().is_some_and(oneshot::Sender::is_closed) {
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
            let ping = matches!(asked.act, Act::Tokens(_)).then(|| self.micros(now));
            self.acts.running = Some(Running { asked, until, ping });
            match begin {
                Begin::Ask(message) => {
                    self.send(message);
                    if ping.is_some() {
                        self.send_ping(now);
                    }
                }
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
    pub(super) fn answer_in(&mut self, told: &Control) -> Option<Outcome> {
        let running = self.acts.running.as_mut()?;
        let me = self.roster.me()?.session;
        if let (Control::Ping(pong), Some(ping)) = (told, running.ping) {
            return (pong.timestamp? >= ping).then_some(Ok(Done::That));
        }
        let outcome = answered::by(&running.asked.act, told, me)?;
        if let (Ok(Done::Made(channel)), Act::Create { lifetime, .. }) =
            (&outcome, &running.asked.act)
            && *lifetime == Lifetime::Temporary
        {
            running.asked.act = Act::GoInto(*channel);
            return None;
        }
        Some(outcome)
    }

    /// Whether the own user has asked for something that moves it.
    pub(super) fn is_going(&self) -> bool {
        let act = self.acts.running.as_ref().map(|running| &running.asked.act);
        matches!(act, Some(Act::GoInto(_)))
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
            match (&asked.answer, &outcome) {
                (None, Err(ActError::Denied(denied))) => {
                    let denied = Event::Denied(denied.clone());
                    self.output.push_back(Output::Event(denied));
                }
                (None, Err(error)) => {
                    tracing::debug!(%error, "what was set before is not told to the server again");
                }
                _ => {}
            }
            self.output
                .push_back(Output::Answer(Answer { asked, outcome }));
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
