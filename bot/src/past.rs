//! What a conversation has to do with memory: recall in time, remember afterwards.
//!
//! Recall begins as soon as words are known, perhaps at a pause before the turn has ended, and
//! never holds an answer back for longer than its deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use llm::Message;
use memory::{Asker, Id, Memory, Recalled, Turn, Who};
use mumble::{Roster, SessionId};
use service::health;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::person::{Remembered, Scene, Spot};
use crate::prompt::{beginning, prompt};
use visits::Visits;

mod visits;

/// Memory keeps the deadline itself. Whoever waits here longer than this beyond it has found a
/// fault of the program, or a machine that is very busy.
const GRACE: Duration = Duration::from_millis(50);

/// What was said before, as the conversation sees it. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    memory: Memory,
    remembered: Remembered,
    visits: Visits,
    /// How long recall may take.
    deadline: Duration,
    /// Recalls that memory itself did not end in time.
    overdue: Arc<AtomicU64>,
    /// Moves with everything that is remembered or forgotten: what was recalled before is old.
    edition: Arc<AtomicU64>,
}

/// A recall that has begun. Dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Begun {
    asker: Asker,
    text: String,
    edition: u64,
    until: Instant,
    task: AbortOnDropHandle<Recalled>,
}

impl Begun {
    /// Whether it was begun for these words of this asker.
    pub(crate) fn is_for(&self, asker: &Asker, text: &str) -> bool {
        self.asker == *asker && self.text == text
    }
}

impl Past {
    /// The past in `memory`, of which an answer is given what is recalled within `deadline`.
    pub(crate) fn new(memory: Memory, remembered: Remembered, deadline: Duration) -> Self {
        Self {
            memory,
            remembered,
            visits: Visits::default(),
            deadline,
            overdue: Arc::default(),
            edition: Arc::default(),
        }
    }

    /// Another deadline.
    pub(crate) fn tune(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    /// The memory itself, for wishes and reminders.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Who a user of the server is.
    pub(crate) fn who(&self, user: &mumble::User) -> Who {
        self.visits.who(self.remembered.who(user))
    }

    /// The scene of somebody who asks now.
    pub(crate) fn scene(
        &self,
        roster: &Roster,
        session: SessionId,
        person: (&Who, &str),
        spot: Spot,
    ) -> Scene {
        let mut scene = self.remembered.scene(roster, session, person, spot);
        for witness in &mut scene.witnesses {
            *witness = self.visits.who(witness.clone());
        }
        scene
    }

    /// A visitor's visit is over; whoever comes under the same number is somebody else.
    pub(crate) fn part_from(&self, session: SessionId) {
        self.visits.end(session);
    }

    /// Every visit is over.
    pub(crate) fn part_from_everybody(&self) {
        self.visits.end_all();
    }

    /// Begins to recall for these words. What comes of it is thrown away unless it is asked for
    /// the same asker and the same words.
    pub(crate) fn begin(&self, asker: Asker, text: &str) -> Begun {
        let until = Instant::now() + self.deadline;
        let memory = self.memory.clone();
        let task = {
            let (asker, text) = (asker.clone(), text.to_owned());
            tokio::spawn(async move { memory.recall(&asker, &text, until).await })
        };
        Begun {
            asker,
            text: text.to_owned(),
            edition: self.edition.load(Ordering::Relaxed),
            until,
            task: AbortOnDropHandle::new(task),
        }
    }

    /// The prompt for what `asker` says, with what is recalled in time.
    pub(crate) async fn prompt(
        &self,
        begun: Option<Begun>,
        asker: &Asker,
        text: &str,
        system: &str,
    ) -> Vec<Message> {
        let recalled = self.recall(begun, asker, text).await;
        prompt(system, &recalled, asker, text, &self.now(&recalled))
    }

    /// How the prompt for whatever `asker` says next will begin, as far as that is known now.
    pub(crate) async fn beginning(&self, asker: &Asker, system: &str) -> Vec<Message> {
        let recalled = self.recall(None, asker, "").await;
        beginning(system, &recalled, asker, &self.now(&recalled))
    }

    async fn recall(&self, begun: Option<Begun>, asker: &Asker, text: &str) -> Recalled {
        let edition = self.edition.load(Ordering::Relaxed);
        let fits = |begun: &Begun| begun.is_for(asker, text) && begun.edition == edition;
        let begun = begun
            .filter(fits)
            .unwrap_or_else(|| self.begin(asker.clone(), text));
        let recalled = timeout_at(begun.until + GRACE, begun.task).await;
        // It panicked, or did not keep the deadline.
        recalled.ok().and_then(Result::ok).unwrap_or_else(|| {
            self.overdue.fetch_add(1, Ordering::Relaxed);
            Recalled::default()
        })
    }

    /// How memory fares; nothing when it is switched off.
    pub(crate) fn health(&self) -> Option<health::Memory> {
        if self.remembered == Remembered::Nobody {
            return None;
        }
        let (counts, backlog) = (self.memory.recall_counts(), self.memory.backlog());
        Some(health::Memory {
            recalls: counts.recalls,
            late: counts.late + self.overdue.load(Ordering::Relaxed),
            without_session: counts.without_session,
            without_profile: counts.without_profile,
            without_meaning: counts.without_meaning,
            without_words: counts.without_words,
            entries: counts.entries,
            waiting: backlog.waiting,
            lost: backlog.lost,
            refused: backlog.refused,
            journal: backlog.journal,
            database: backlog.store,
        })
    }

    /// What time it is where the person lives of whom this was recalled.
    fn now(&self, recalled: &Recalled) -> Zoned {
        let told = recalled.profile.as_ref();
        let told = told.and_then(|profile| profile.time_zone.as_deref());
        let zone = told.and_then(|zone| TimeZone::get(zone).ok());
        let zone = zone.unwrap_or_else(|| self.memory.settings().time_zone.clone());
        Timestamp::now().to_zoned(zone)
    }

    /// Remembers an exchange that began in one scene and ended in another: what was said, and
    /// what was really heard of the answer.
    pub(crate) fn remember(&self, began: &Scene, ended: &Scene, said: &str, heard: &str) {
        let (audience, witnesses) = began.heard_by(ended);
        let Asker {
            who, name, place, ..
        } = began.asker.clone();
        self.memory.remember(Turn {
            id: Id::new(),
            who,
            name,
            place,
            at: Timestamp::now(),
            said: said.to_owned(),
            heard: heard.to_owned(),
            audience,
            witnesses,
        });
        self.change();
    }

    /// Something was remembered or forgotten.
    pub(crate) fn change(&self) {
        self.edition.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
