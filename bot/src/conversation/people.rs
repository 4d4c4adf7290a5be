//! Who is there: met when they come, parted from when they leave, and recalled for while they
//! still speak.

use std::collections::HashMap;

use memory::Who;
use mumble::SessionId;

use super::Conversation;
use super::callers::Callers;
use crate::ear::Drafted;
use crate::manner::Manner;
use crate::past::Begun;
use crate::person;
use crate::turns::About;

/// Everybody on the server who was met, and what is being recalled for whoever speaks. Bounded by
/// the users of the server.
#[derive(Debug, Default)]
pub(crate) struct People {
    met: HashMap<SessionId, Who>,
    recalls: HashMap<SessionId, Begun>,
    pub(super) callers: Callers,
}

impl Conversation {
    /// Somebody is there, or begins to speak: what is known of them is made ready.
    pub(super) fn meet(&mut self, session: SessionId) {
        let roster = self.client.roster();
        let is_me = roster.me().is_some_and(|me| me.session == session);
        let Some(user) = roster.user(session).filter(|_| !is_me) else {
            return;
        };
        let past = &self.answerer.past;
        let who = past.who(user);
        past.memory().meet(&who);
        self.people.met.insert(session, who);
    }

    /// The assistant has come to a server where others are already.
    pub(super) fn meet_everybody(&mut self) {
        let roster = self.client.roster();
        for user in roster.users() {
            self.meet(user.session);
            // Who was there first is not welcomed.
            let here = roster.me().is_some_and(|me| me.channel == user.channel);
            if here && person::is_caller(&user.name) {
                self.people.callers.insert(user.session);
            }
        }
    }

    /// Somebody has left.
    pub(super) fn part_from(&mut self, session: SessionId) {
        self.people.recalls.remove(&session);
        self.people.callers.remove(&session);
        if let Some(who) = self.people.met.remove(&session) {
            self.answerer.past.memory().leave(&who);
        }
        self.answerer.past.part_from(session);
    }

    /// The connection is gone, and every visit with it.
    pub(super) fn part_from_everybody(&mut self) {
        self.people.recalls.clear();
        self.people.callers.clear();
        for (_, who) in self.people.met.drain() {
            self.answerer.past.memory().leave(&who);
        }
        self.answerer.past.part_from_everybody();
    }

    /// Somebody pauses: if they go on, what is recalled now is not asked for.
    pub(super) fn handle_drafted(&mut self, drafted: Drafted) {
        let Drafted { about, text } = drafted;
        let About {
            speaker, manner, ..
        } = about;
        self.people.recalls.remove(&speaker);
        // Of people who talk to each other nothing is looked up.
        if self.is_ours(about, &text)
            && let Some(begun) = self.recall(speaker, manner, &text)
        {
            self.people.recalls.insert(speaker, begun);
        }
    }

    /// What is recalled for somebody's words, perhaps since they paused; nothing for a wish, which
    /// needs no memory of what was said.
    pub(super) fn recall(
        &mut self,
        speaker: SessionId,
        manner: Manner,
        text: &str,
    ) -> Option<Begun> {
        let begun = self.people.recalls.remove(&speaker);
        let roster = self.client.roster();
        let user = roster.user(speaker)?;
        let Self { answerer, .. } = self;
        if answerer.wishes.may_be(text) {
            return None;
        }
        let who = answerer.past.who(user);
        let asker = answerer.scene(speaker, (&who, &user.name), manner).asker;
        Some(match begun {
            Some(begun) if begun.is_for(&asker, text) => begun,
            _ => answerer.past.begin(asker, text),
        })
    }
}
