//! Recall: what of the past belongs into the next prompt, found in the time there is.
//!
//! The present talk, the profile, what lies near in meaning and what holds the same words are
//! looked for at the same time, and each may be late or away by itself: then the answer is given
//! without it. What was found twice comes first (reciprocal rank), what is not near enough does
//! not come at all. Whatever the stores answer, nothing of anybody else and nothing private before
//! others leaves this room.

use std::future::Future;

use futures::FutureExt as _;
use futures::future::Shared;
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::entry::Entry;
use crate::memory::Memory;
use crate::person::{Asker, Company};
use crate::session::Said;
use crate::store::{Profile, StoreError};
use crate::words;

mod about;
mod context;
mod counts;
mod desk;
mod evidence;
mod find;
mod fuse;
mod hot;
mod note;

pub use counts::Counts;
pub(crate) use desk::Desk;

use context::Around;
use find::Found;
use hot::Hot;

/// Days ahead in which something that is due is told of unasked.
pub const UPCOMING_DAYS: i64 = 14;

/// Entries that are due in a prompt at most; the earliest.
const MOST_UPCOMING: usize = 10;

/// Share of the time until the deadline that finding may take; the rest is for reading, from the
/// store, what belongs to what was found.
const FINDING: f32 = 0.85;

/// What of the past belongs into the next prompt.
#[derive(Clone, Debug, Default)]
pub struct Recalled {
    /// The present session as the asker may see it, oldest first.
    pub talk: Vec<Said>,
    /// What was said or learnt earlier and is near to the question, best first.
    pub entries: Vec<Recollection>,
    /// What is due within [`UPCOMING_DAYS`], earliest first.
    pub upcoming: Vec<Entry>,
    /// Who asks, as far as they are known.
    pub profile: Option<Profile>,
    /// What did not come, and why.
    pub missing: Vec<Missing>,
}

/// An entry from earlier.
#[derive(Clone, Debug, PartialEq)]
pub struct Recollection {
    /// The entry. One that has ended, or that tells of what has ended, says since when.
    pub entry: Entry,
    /// How near to the question, 0 to 1.
    pub nearness: f32,
}

/// A part of recall that did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Missing {
    /// Which.
    pub part: Part,
    /// Why.
    pub why: Why,
}

/// What recall consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// What was being talked about before this process began.
    Session,
    /// The profile, facts, and what is due.
    Profile,
    /// What lies near in meaning.
    Meaning,
    /// What holds the same words.
    Words,
}

/// Why a part did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// It was not there at the deadline.
    Late,
    /// Who should have brought it is away or refuses.
    Away,
}

impl Memory {
    /// What belongs into the prompt of an answer to `question`; to none yet, if that is empty: then
    /// it is not counted, and has the talk and what is due. It never fails and never takes
    /// longer than until the deadline; what is late or away is named in [`Recalled::missing`] and
    /// counted.
    pub async fn recall(&self, asker: &Asker, question: &str, deadline: Instant) -> Recalled {
        self.recall_at(asker, question, Timestamp::now(), deadline)
            .await
    }

    /// The same at a moment that the caller names.
    pub async fn recall_at(
        &self,
        asker: &Asker,
        question: &str,
        now: Timestamp,
        deadline: Instant,
    ) -> Recalled {
        let finding = share(deadline, FINDING);
        let look = in_time(finding, self.look_back(&asker.place, now));
        let Some(person) = asker.who.person() else {
            let looked = look.await;
            let mut recalled = Recalled::default();
            recalled.note_missing(Part::Session, &looked);
            recalled.talk = self.talk(asker, false, now);
            self.count(question, &recalled);
            return recalled;
        };

        let hot = in_time(finding, self.hot(person, now)).boxed().shared();
        let terms = words::distinct(question);
        let allowed = allowed(asker.company, hot.clone()).boxed().shared();
        let near = in_time(
            finding,
            self.near(asker, person, question, &terms, allowed.clone()),
        );
        let same = in_time(finding, self.same_words(asker, person, &terms, allowed));
        let (looked, hot, near, same) = tokio::join!(look, hot, near, same);

        let mut recalled = Recalled::default();
        recalled.note_missing(Part::Session, &looked);
        recalled.note_missing(Part::Profile, &hot);
        recalled.note_missing(Part::Meaning, &near);
        recalled.note_missing(Part::Words, &same);
        let hot = hot.unwrap_or_default();
        let private_too = hot.private_aloud();
        recalled.talk = self.talk(asker, private_too, now);
        let found = Found {
            near: near.unwrap_or_default(),
            same: same.unwrap_or_default(),
        };
        let around = Around {
            person,
            question,
            present: recalled.talk.iter().map(|said| said.turn).collect(),
            outdated: hot::outdated(&hot.learnt),
            deadline,
        };
        let entries = fuse::fuse(
            &found,
            &terms,
            &around.present,
            &around.outdated,
            self.settings(),
            now,
        );
        let mut entries = self.in_context(entries, &around).await;
        entries.retain(|known| self.may_come(&known.entry, asker, private_too));
        entries.truncate(self.settings().long_term);
        recalled.entries = entries;
        recalled.upcoming = hot.upcoming(now, &self.settings().time_zone);
        recalled
            .upcoming
            .retain(|entry| self.may_come(entry, asker, private_too));
        recalled.upcoming.truncate(MOST_UPCOMING);
        recalled.profile = hot
            .profile
            .clone()
            .filter(|profile| profile.person == *person);
        self.count(question, &recalled);
        recalled
    }

    fn count(&self, question: &str, recalled: &Recalled) {
        if !question.is_empty() {
            self.desk().counts.count(recalled);
        }
    }

    /// The last gate, whatever the stores answered: nothing of anybody else, nothing private before
    /// others, nothing that is on the list of the forgotten.
    fn may_come(&self, entry: &Entry, asker: &Asker, private_too: bool) -> bool {
        asker.who.person() == Some(&entry.person)
            && entry.audience.may_be_told(asker.company, private_too)
            && !self.is_forgotten(entry)
    }
}

impl Recalled {
    fn note_missing<T>(&mut self, part: Part, came: &Result<T, Why>) {
        if let Err(why) = came {
            self.missing.push(Missing { part, why: *why });
        }
    }
}

/// Whether private things may be found: alone they may, before others where the profile says so.
/// Nobody waits for the profile who is alone.
async fn allowed(company: Company, hot: Shared<impl Future<Output = Result<Hot, Why>>>) -> bool {
    match company {
        Company::Alone => false,
        Company::Others => hot.await.is_ok_and(|hot| hot.private_aloud()),
    }
}

/// What came before the deadline.
async fn in_time<T>(
    deadline: Instant,
    part: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Why> {
    match timeout_at(deadline, part).await {
        Ok(Ok(came)) => Ok(came),
        Ok(Err(StoreError::Late(_))) | Err(_) => Err(Why::Late),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a part of recall is away");
            Err(Why::Away)
        }
    }
}

/// A moment before the deadline, so that a share of the time from now has passed.
fn share(deadline: Instant, share: f32) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now).mul_f32(share)
}

#[cfg(test)]
mod tests;
