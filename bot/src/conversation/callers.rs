//! Telephone callers: welcomed when they come, and somebody else each time.

use std::collections::HashSet;
use std::time::Instant;

use mumble::{SessionId, User};

use super::Conversation;
use crate::ask::{Ask, Greeting, Question};
use crate::manner::Manner;
use crate::person;
use crate::turns::{About, Outcome, State, Way};

/// The telephone callers who are in the assistant's channel.
pub(crate) type Callers = HashSet<SessionId>;

impl Conversation {
    /// Somebody came to a channel. A telephone caller is welcomed in the assistant's, and has hung
    /// up where they leave it: whoever is on the same line later is somebody else.
    pub(super) fn handle_moved(&mut self, now: Instant, session: SessionId) {
        let roster = self.client.roster();
        let Some(me) = roster.me() else {
            return;
        };
        let is_caller = |user: &&User| person::is_caller(&user.name);
        let Some(user) = roster.user(session).filter(is_caller) else {
            return;
        };
        if user.channel != me.channel {
            if self.people.callers.remove(&session) {
                self.handle_left(now, session);
                self.end_unheard_of(now, session);
            }
        } else if self.people.callers.insert(session) {
            self.meet(session);
            self.greet(now, user);
        }
    }

    /// Whether whoever is spoken to is still there; a telephone caller is while they are in the
    /// channel.
    pub(super) fn is_here(&self, session: SessionId) -> bool {
        let roster = self.client.roster();
        let user = roster.user(session);
        user.is_some_and(|user| {
            !person::is_caller(&user.name) || self.people.callers.contains(&session)
        })
    }

    /// Whether whoever asked this is still there.
    pub(super) fn is_still(&self, question: &Question) -> bool {
        let roster = self.client.roster();
        let user = roster.user(question.speaker);
        user.is_some_and(|user| self.answerer.past.who(user) == question.who)
    }

    /// What is still being written down of somebody who has gone is not for whoever comes next.
    fn end_unheard_of(&mut self, now: Instant, session: SessionId) {
        for turn in self.turns.of(session, State::Recognising) {
            self.ears.give_up(turn);
            self.end(now, turn, Outcome::Left);
        }
    }

    fn greet(&mut self, now: Instant, user: &User) {
        let text = self.config.turn.greeting.trim();
        // Nobody is interrupted by a welcome.
        if text.is_empty() || user.self_deaf || user.deaf || !self.is_free() {
            return;
        }
        let text = text.replace("{name}", &self.config.mumble.username);
        let turn = self.numbers.next();
        let about = About::at_once(now, user.session, Way::Spoken, Manner::Aloud);
        self.begin(now, turn, about, State::Waiting);
        self.offer(
            now,
            Ask::Greeting(Greeting {
                turn,
                speaker: user.session,
                text,
            }),
        );
        self.answer_next(now);
    }
}
