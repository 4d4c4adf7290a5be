//! Typed messages: which of them are for us, and where their answers go.

use std::time::Instant;

use memory::Who;
use mumble::{TextMessage, TextScope, To};

use super::Conversation;
use crate::errand::Errand;
use crate::manner::Manner;
use crate::person::Spot;
use crate::turns::{About, Outcome, State, Way};
use crate::typed::{Sent, Typed, Written};

/// What is typed to somebody for whom there is no room.
const PATIENCE: &str = "I am still answering earlier messages. Please ask again in a moment.";

impl Conversation {
    pub(super) fn handle_text(&mut self, now: Instant, message: TextMessage) {
        let TextMessage {
            from,
            from_name,
            to,
            text,
        } = message;
        let roster = self.client.roster();
        // The server's own notices have no author; and nobody answers themselves.
        let Some(session) = from.filter(|&from| roster.me().is_some_and(|me| me.session != from))
        else {
            return;
        };
        if text.trim().is_empty() {
            return;
        }
        let turn = self.numbers.next();
        let mut about = About::at_once(now, session, Way::Typed, Manner::Aloud);
        let errand = Errand::in_text(&text, self.names.iter().map(String::as_str));
        let (spot, to) = match to {
            TextScope::Private => {
                about.manner = Manner::Whispered;
                (Spot::Private, To::User(session))
            }
            TextScope::Channel(channel) => {
                if !self.is_ours(about, &text) {
                    self.begin(now, turn, about, State::Queued);
                    return self.end(now, turn, Outcome::NotAddressed);
                }
                // Who is sent away answers where it will be read.
                let to = errand.map_or(To::Channel(channel), |_| To::User(session));
                (Spot::Channel(channel), to)
            }
        };
        let errand = errand.zip(self.home).map(|(errand, home)| Sent {
            errand,
            by: session,
            home,
        });
        let author = roster
            .user(session)
            .map(|user| self.answerer.past.who(user));
        self.begin(now, turn, about, State::Queued);
        let full = self.typed.ask(Typed {
            turn,
            by: session,
            // Who has left already is nobody we know.
            who: author.unwrap_or(Who::Visitor(session.0)),
            name: from_name,
            text,
            spot,
            to,
            errand,
        });
        if let Some(refused) = full {
            self.answerer.send(refused.to, PATIENCE);
            self.end(now, turn, Outcome::Crowded);
        }
    }

    pub(super) fn handle_written(&mut self, now: Instant, written: Written) {
        let Written { turn, to, outcome } = written;
        let outcome = outcome.unwrap_or_else(|_panicked| {
            self.apologise_in_writing(to);
            Outcome::Broken
        });
        self.end(now, turn, outcome);
    }
}
