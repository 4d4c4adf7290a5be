//! Reading and summing up in the background, which yields to everybody who speaks.
//!
//! What is stated plainly is learnt as soon as its turn is in the store. The model reads turns when
//! it has been calm for [`CALM`], and is broken off the moment it is not; the store knows what is
//! still unread, so nothing is lost by that.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt as _;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use llm::Request;
use tokio::time::{sleep, timeout};

use crate::calm::Calm;
use crate::entry::Kind;
use crate::memory::Memory;
use crate::merge::merge;
use crate::person::Person;
use crate::statements::{self, Statements};
use crate::store::{Filter, Learnt, StoreError};
use crate::turn::{Id, Turn};
use crate::{extract, summary};

/// How long nobody must have spoken before the model reads.
const CALM: Duration = Duration::from_secs(5);

/// Between two looks when nothing was left to read, or the model or the store was away.
const PAUSE: Duration = Duration::from_secs(60);

/// The model may take so long over one turn.
const READING: Duration = Duration::from_secs(60);

/// Longest answer that is read, in bytes; a model that goes on is broken off.
const LONGEST_ANSWER: usize = 16 * 1024;

/// A turn that could not be read so often counts as read: the others wait behind it.
const TRIES: u32 = 3;

/// Turns that are looked at together; one that was broken off goes behind the others of them.
const PORTION: usize = 16;

/// Turns about which tries are remembered; beyond it all is tried anew.
const MOST_TRIED: usize = 1_000;

/// Talk is summed up when it is this old.
const OLD: SignedDuration = SignedDuration::from_hours(24);

/// Entries of a person beside which new ones are put, the newest.
const KNOWN: usize = 1_000;

/// What is taken out of turns.
const LEARNT: [Kind; 6] = [
    Kind::Fact,
    Kind::Preference,
    Kind::Task,
    Kind::Event,
    Kind::Reminder,
    Kind::Entity,
];

/// What came of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// There may be more.
    Done,
    /// Nothing is left.
    Nothing,
    /// The store or the model is away.
    Away,
}

/// Why the model has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unread {
    /// It is well, and this it does not manage.
    TooHard,
    /// It is away.
    Away,
}

/// How often each turn was begun, and how often the model failed at it.
#[derive(Debug, Default)]
struct Tries {
    begun: HashMap<Id, u32>,
    failed: HashMap<Id, u32>,
}

impl Tries {
    fn begin(&mut self, turn: Id) {
        if self.begun.len() >= MOST_TRIED {
            *self = Self::default();
        }
        *self.begun.entry(turn).or_default() += 1;
    }

    /// Whether it is given up now.
    fn fail(&mut self, turn: Id) -> bool {
        let failed = self.failed.entry(turn).or_default();
        *failed += 1;
        *failed >= TRIES
    }

    fn succeed(&mut self, turn: Id) {
        self.begun.remove(&turn);
        self.failed.remove(&turn);
    }

    fn begun(&self, turn: Id) -> u32 {
        self.begun.get(&turn).copied().unwrap_or(0)
    }
}

impl Memory {
    /// Reads and sums up whenever it is calm, for ever.
    pub(crate) async fn study(&self, mut calm: Calm) {
        let mut tries = Tries::default();
        loop {
            calm.lasting(CALM).await;
            match calm.whilst(self.study_once(&mut tries)).await {
                Some(Step::Done) | None => {}
                Some(Step::Nothing | Step::Away) => {
                    calm.whilst(sleep(PAUSE)).await;
                }
            }
        }
    }

    /// Learns what a turn states plainly, without the model. What does not reach the store now is
    /// learnt when the turn is read.
    pub(crate) async fn learn_at_once(&self, turn: &Turn) -> Result<(), StoreError> {
        let Some(person) = turn.who.person() else {
            return Ok(());
        };
        // Whether anything is stated is the same on every clock.
        let house = turn.at.to_zoned(self.settings().time_zone.clone());
        if statements::read(&turn.said, &house) == Statements::default() {
            return Ok(());
        }
        let now = self.clock_of(person, turn.at).await;
        let statements = statements::read(&turn.said, &now);
        self.learn(turn, person, &statements, Vec::new()).await
    }

    async fn study_once(&self, tries: &mut Tries) -> Step {
        let store = &self.parts().store;
        let Ok(unread) = store.unread(Timestamp::MAX, PORTION).await else {
            return Step::Away;
        };
        let next = unread.into_iter().min_by_key(|turn| tries.begun(turn.id));
        let done = match next {
            Some(turn) => self.read_turn(&turn, tries).await,
            None => self.sum_up(tries).await,
        };
        done.unwrap_or(Step::Away)
    }

    async fn read_turn(&self, turn: &Turn, tries: &mut Tries) -> Result<Step, StoreError> {
        tries.begin(turn.id);
        let Some(person) = turn.who.person() else {
            return self.give_up(turn.id).await;
        };
        let now = self.clock_of(person, turn.at).await;
        let mut statements = statements::read(&turn.said, &now);
        if extract::is_worth_reading(turn) {
            let request = extract::request(turn, &self.settings().reading);
            let answer = self.ask(request).await;
            let drafts = answer
                .and_then(|answer| extract::understood(&answer, turn, &now).ok_or(Unread::TooHard));
            match drafts {
                Ok(drafts) => statements.drafts.extend(drafts),
                Err(Unread::Away) => return Ok(Step::Away),
                Err(Unread::TooHard) if !tries.fail(turn.id) => return Ok(Step::Done),
                Err(Unread::TooHard) => {
                    tracing::debug!(id = %turn.id, "the model cannot read a turn: it is left at what its rules say");
                }
            }
        }
        self.learn(turn, person, &statements, vec![turn.id]).await?;
        tries.succeed(turn.id);
        Ok(Step::Done)
    }

    async fn sum_up(&self, tries: &mut Tries) -> Result<Step, StoreError> {
        let before = Timestamp::now().checked_sub(OLD).unwrap_or(Timestamp::MIN);
        let store = &self.parts().store;
        let old = store.unsummarised(before, summary::MOST_TURNS).await?;
        let portion = summary::portion(&old, self.settings().idle_after);
        let Some(first) = portion.first() else {
            return Ok(Step::Nothing);
        };
        let mut entries = Vec::new();
        if summary::is_worth_it(portion) {
            tries.begin(first.id);
            let request = summary::request(portion, &self.settings().reading);
            let answer = self.ask(request).await;
            match answer.and_then(|text| summary::entry(&text, portion).ok_or(Unread::TooHard)) {
                Ok(entry) => entries.push(entry),
                Err(Unread::Away) => return Ok(Step::Away),
                Err(Unread::TooHard) if !tries.fail(first.id) => return Ok(Step::Done),
                Err(Unread::TooHard) => {}
            }
        }
        let learnt = Learnt {
            entries,
            summarised: portion.iter().map(|turn| turn.id).collect(),
            ..Learnt::default()
        };
        store.learn(&learnt).await?;
        tries.succeed(first.id);
        if let Some(person) = first.who.person() {
            self.stale(person).await;
        }
        Ok(Step::Done)
    }

    async fn give_up(&self, turn: Id) -> Result<Step, StoreError> {
        let learnt = Learnt {
            read: vec![turn],
            ..Learnt::default()
        };
        self.parts().store.learn(&learnt).await.map(|()| Step::Done)
    }

    /// Puts what was stated beside what is known, and writes what changes by it.
    async fn learn(
        &self,
        turn: &Turn,
        person: &Person,
        statements: &Statements,
        read: Vec<Id>,
    ) -> Result<(), StoreError> {
        let store = &self.parts().store;
        let known = if *statements == Statements::default() {
            Vec::new()
        } else {
            let filter = Filter {
                person,
                kinds: &LEARNT,
                ended_too: true,
                due_from: None,
                due_until: None,
                limit: KNOWN,
            };
            store.list(filter).await?
        };
        let mut learnt = merge(turn, person, statements, &known);
        learnt.read = read;
        if learnt == Learnt::default() {
            return Ok(());
        }
        store.learn(&learnt).await?;
        if !(learnt.entries.is_empty() && learnt.ended.is_empty()) {
            self.stale(person).await;
        }
        Ok(())
    }

    /// The model's whole answer. Dropping this closes the connection to it.
    async fn ask(&self, request: Request) -> Result<String, Unread> {
        let chat = &self.parts().chat;
        let mut pieces = chat.chat(request);
        let whole = async {
            let mut answer = String::new();
            while let Some(piece) = pieces.next().await {
                match piece {
                    Ok(piece) => answer.push_str(&piece),
                    Err(_) => return None,
                }
                if answer.len() > LONGEST_ANSWER {
                    break;
                }
            }
            Some(answer)
        };
        match timeout(READING, whole).await {
            Ok(Some(answer)) => Ok(answer),
            // A model that is well and does not manage this must not keep the others waiting.
            _ => match timeout(READING, chat.check()).await {
                Ok(Ok(())) => Err(Unread::TooHard),
                _ => Err(Unread::Away),
            },
        }
    }

    /// A moment on the clock of a person: in the time zone that they told, or that of the house.
    async fn clock_of(&self, person: &Person, at: Timestamp) -> Zoned {
        let profile = self.parts().store.profile(person).await.ok().flatten();
        let told = profile
            .and_then(|profile| profile.time_zone)
            .and_then(|name| TimeZone::get(&name).ok());
        at.to_zoned(told.unwrap_or_else(|| self.settings().time_zone.clone()))
    }
}

#[cfg(test)]
mod tests;
