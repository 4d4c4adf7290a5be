//! Reminders: spoken when nobody is in the way, written otherwise.

use std::collections::BTreeMap;
use std::time::Instant;

use memory::{Entry, Person, Who};
use mumble::{Roster, SessionId, To, User};

use super::Conversation;
use crate::ask::{Ask, Reminder};
use crate::manner::Manner;
use crate::second_person::to_them;
use crate::turns::{About, Outcome, State, Way};

/// Things told at once; more are told when these were heard.
const AT_ONCE: usize = 3;

impl Conversation {
    /// These are due, all of them not told yet. Who is not there is told when they come: what is
    /// due comes again until it was told.
    pub(super) fn handle_due(&mut self, now: Instant, due: Vec<Entry>) {
        let mut of_each: BTreeMap<Person, Vec<Entry>> = BTreeMap::new();
        for entry in due {
            of_each.entry(entry.person.clone()).or_default().push(entry);
        }
        let roster = self.client.roster();
        for (person, mut entries) in of_each {
            if let Some(user) = self.find(&roster, &person) {
                entries.truncate(AT_ONCE);
                self.remind(now, &roster, user, &entries);
            }
        }
    }

    /// The person, where they can be spoken to if they have joined more than once.
    fn find<'a>(&self, roster: &'a Roster, person: &Person) -> Option<&'a User> {
        let who = Who::Known(person.clone());
        let sessions = roster
            .users()
            .filter(|user| self.answerer.past.who(user) == who);
        sessions.max_by_key(|user| can_hear(roster, user))
    }

    fn remind(&mut self, now: Instant, roster: &Roster, user: &User, due: &[Entry]) {
        let who = self.answerer.past.who(user);
        let scene = self
            .answerer
            .scene(user.session, (&who, &user.name), Manner::Aloud);
        let company = scene.asker.company;
        // Whether others may hear of it was not asked of them here.
        let may_be_heard = |entry: &Entry| entry.audience.may_be_told(company, false);
        let about = About::at_once(now, user.session, Way::Spoken, Manner::Aloud);
        if !(can_hear(roster, user) && due.iter().all(may_be_heard)) {
            return self.remind_in_writing(now, about, due);
        }
        // Nobody is interrupted by a reminder: it comes again in a moment.
        if self.is_free() {
            let turn = self.numbers.next();
            self.begin(now, turn, about, State::Waiting);
            self.offer(
                now,
                Ask::Reminder(Reminder {
                    turn,
                    speaker: user.session,
                    text: told(due),
                    ids: due.iter().map(|entry| entry.id).collect(),
                }),
            );
            self.answer_next(now);
        }
    }

    /// Whether nobody speaks, is answered or waits to be.
    pub(super) fn is_free(&self) -> bool {
        self.floor.is_idle()
            && self.present.answer.is_none()
            && self.present.unanswered.is_empty()
            && self.ears.speaking() == 0
    }

    fn remind_in_writing(&mut self, now: Instant, about: About, due: &[Entry]) {
        let turn = self.numbers.next();
        let about = About {
            way: Way::Typed,
            manner: Manner::Whispered,
            ..about
        };
        self.begin(now, turn, about, State::Writing);
        let outcome = if self.write_to(about.speaker, &told(due)) {
            let ids: Vec<_> = due.iter().map(|entry| entry.id).collect();
            self.answerer.reminders.told(&ids);
            Outcome::Reminded
        } else {
            Outcome::LostConnection
        };
        self.end(now, turn, outcome);
    }

    fn write_to(&self, session: SessionId, text: &str) -> bool {
        self.answerer.send(To::User(session), text)
    }
}

/// Whether what is said in the assistant's channel reaches this user.
fn can_hear(roster: &Roster, user: &User) -> bool {
    let here = roster.me().is_some_and(|me| me.channel == user.channel);
    here && !user.deaf && !user.self_deaf
}

/// What they are told.
fn told(due: &[Entry]) -> String {
    let things: Vec<String> = due.iter().map(|entry| to_them(&entry.text)).collect();
    format!("I was to remind you: {}.", things.join(". And: "))
}
