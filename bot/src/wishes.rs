//! Grants wishes: what somebody asks of the assistant's memory is done, and answered truthfully.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use memory::store::Forget;
use memory::{Asker, Company, Entry, MemoryError, Person, Who};

use crate::past::Past;
use crate::second_person::sentence_to_them;
use crate::wish::{Since, Wish};

/// How long a yes is taken for the answer to "everything?".
const CONFIRMATION: Duration = Duration::from_secs(60);

/// People who may be asked for a yes at once; the one asked first is not any more when another
/// comes.
const MOST_ASKED: usize = 64;

/// Things that are read aloud of what is known; people listen to no more.
const READ_ALOUD: usize = 3;

/// Things in the list that is written; a longer one is for whoever runs the assistant to export.
const LISTED: usize = 100;

/// The look for the last exchange is one into this process, or at worst into the store.
const LOOK_BACK: Duration = Duration::from_secs(2);

const NOTHING_KEPT: &str = "Nothing of what you say is kept beyond this visit.";
const SURE: &str = "Do you want me to forget everything about you? Say yes to forget everything.";
const LATER: &str = "I will not speak of it any more. My memory is out of reach now, so it is \
                     written down that it is to be forgotten, and it will be as soon as it is back.";
const NOT_FORGOTTEN: &str =
    "Something went wrong, and I am not sure that it is forgotten. Please tell whoever runs me.";
const OFF_FOR_NOW: &str = "We are off the record: I will not remember what you say. My memory is \
                           out of reach, so please say it again should I be restarted.";
const NOT_KEPT: &str =
    "I cannot reach my memory now, so nothing has changed. Please ask again later.";

/// What was granted, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    /// The answer, spoken or written as the wish was.
    pub(crate) answer: String,
    /// What is written to the person alone besides.
    pub(crate) list: Option<String>,
}

/// Grants wishes. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    past: Past,
    /// What the assistant is called.
    names: Arc<[String]>,
    /// Who was asked whether they mean it, and when.
    asked: Arc<Mutex<HashMap<Who, Instant>>>,
}

impl Wishes {
    /// Wishes to an assistant of these names about this past.
    pub(crate) fn new(past: Past, names: &[String]) -> Self {
        Self {
            past,
            names: names.into(),
            asked: Arc::default(),
        }
    }

    /// Other names.
    pub(crate) fn tune(&mut self, names: &[String]) {
        self.names = names.into();
    }

    /// Whether a text may be a wish, so that nothing need be recalled for it.
    pub(crate) fn may_be(&self, text: &str) -> bool {
        self.in_text(text).is_some()
    }

    /// The wish that somebody's words are. A yes or a no is one while they are asked for it;
    /// whatever else they say lets the question rest.
    pub(crate) fn read(&self, now: Instant, who: &Who, text: &str) -> Option<Wish> {
        let asked = self.asked().remove(who);
        let asked = asked.is_some_and(|at| now.saturating_duration_since(at) < CONFIRMATION);
        let answers = |wish: &Wish| asked || !matches!(wish, Wish::Yes | Wish::No);
        self.in_text(text).filter(answers)
    }

    fn in_text(&self, text: &str) -> Option<Wish> {
        Wish::in_text(text, self.names.iter().map(String::as_str))
    }

    /// Does what is wished.
    pub(crate) async fn grant(&self, wish: Wish, asker: &Asker) -> Granted {
        let granted = match (&asker.who, wish) {
            (Who::Visitor(_), wish) => self.grant_visitor(wish, &asker.who).into(),
            (Who::Known(person), Wish::Tell) => self.tell(person, asker.company).await,
            (Who::Known(person), wish) => self.grant_known(wish, person, asker).await.into(),
        };
        self.past.change();
        granted
    }

    /// Of a visitor there is this visit's talk and nothing else.
    fn grant_visitor(&self, wish: Wish, who: &Who) -> String {
        match wish {
            Wish::ForgetThat | Wish::ForgetSince(_) | Wish::ForgetMe | Wish::Yes => {
                self.past.memory().leave(who);
                format!("I have forgotten what you said. {NOTHING_KEPT}")
            }
            Wish::No
            | Wish::Tell
            | Wish::OffRecord
            | Wish::OnRecord
            | Wish::PrivateAloud
            | Wish::PrivateQuiet
            | Wish::Zone(_) => NOTHING_KEPT.to_owned(),
        }
    }

    async fn grant_known(&self, wish: Wish, person: &Person, asker: &Asker) -> String {
        let now = Timestamp::now();
        match wish {
            Wish::ForgetThat => self.forget_that(person, asker).await,
            Wish::ForgetSince(Since::LastHour) => {
                let since = now - jiff::SignedDuration::from_hours(1);
                let done = "I have forgotten what you said in the last hour.";
                self.forget(Forget::Since(person.clone(), since, now), done)
                    .await
            }
            Wish::ForgetSince(Since::Today) => {
                let since = self.midnight(person, now).await;
                let done = "I have forgotten what you said today.";
                self.forget(Forget::Since(person.clone(), since, now), done)
                    .await
            }
            Wish::ForgetMe => {
                self.ask(Instant::now(), &asker.who);
                SURE.to_owned()
            }
            Wish::Yes => {
                let done = "I have forgotten everything about you.";
                self.forget(Forget::Person(person.clone(), now), done).await
            }
            Wish::No => "All right, I have forgotten nothing.".to_owned(),
            // It is told elsewhere, with its list.
            Wish::Tell => String::new(),
            Wish::OffRecord => {
                let done = "We are off the record: I will not remember what you say from now on. \
                            Say on the record to end that.";
                let wish = self.past.memory().wish(person, memory::Wish::OffRecord);
                match wish.await {
                    Ok(()) => done.to_owned(),
                    Err(error) => {
                        tracing::warn!(%error, "off the record in this process alone");
                        OFF_FOR_NOW.to_owned()
                    }
                }
            }
            Wish::OnRecord => {
                let done = "We are on the record: I remember what you say from now on.";
                self.set(person, memory::Wish::OnRecord, done).await
            }
            Wish::PrivateAloud => {
                let done = "I may talk about your private things before others now.";
                self.set(person, memory::Wish::PrivateAloud, done).await
            }
            Wish::PrivateQuiet => {
                let done = "I will not talk about your private things before others.";
                self.set(person, memory::Wish::PrivateQuiet, done).await
            }
            Wish::Zone(None) => "I know no time zone of that name.".to_owned(),
            Wish::Zone(Some(zone)) => {
                let done = format!("Your time zone is {}.", zone.replace('_', " "));
                self.set(person, memory::Wish::TimeZone(zone), &done).await
            }
        }
    }

    async fn forget_that(&self, person: &Person, asker: &Asker) -> String {
        let until = tokio::time::Instant::now() + LOOK_BACK;
        let recalled = self.past.memory().recall(asker, "", until).await;
        let mut own = recalled.talk.iter().rev();
        match own.find(|said| said.who == asker.who) {
            None => "There is nothing here that I could forget.".to_owned(),
            Some(said) => {
                let what = Forget::Turns(person.clone(), vec![said.turn]);
                self.forget(what, "I have forgotten it.").await
            }
        }
    }

    /// Forgets, and says what came of it.
    async fn forget(&self, what: Forget, done: &str) -> String {
        match self.past.memory().forget(what).await {
            Ok(_) => done.to_owned(),
            Err(error) => {
                tracing::warn!(%error, "not everything is forgotten that somebody wished to be");
                match error {
                    MemoryError::Later(_) | MemoryError::BrokenOff => LATER,
                    _ => NOT_FORGOTTEN,
                }
                .to_owned()
            }
        }
    }

    async fn set(&self, person: &Person, wish: memory::Wish, done: &str) -> String {
        match self.past.memory().wish(person, wish).await {
            Ok(()) => done.to_owned(),
            Err(error) => {
                tracing::warn!(%error, "what somebody wished of their memory was not kept");
                NOT_KEPT.to_owned()
            }
        }
    }

    /// Tells what is known: aloud a little of it, all of it in a list to the person alone.
    async fn tell(&self, person: &Person, company: Company) -> Granted {
        // The list goes to the person alone, whoever else hears the answer.
        let known = self.past.memory().known(person, Company::Alone).await;
        let many = known.len();
        if many == 0 {
            let answer = "I have noted nothing about you yet, besides what we talked about.";
            return answer.to_owned().into();
        }
        let things = if many == 1 { "thing" } else { "things" };
        let mut answer = format!("I know {many} {things} about you. ");
        if company == Company::Alone {
            if many > READ_ALOUD {
                answer.push_str("The latest are these. ");
            }
            for entry in known.iter().take(READ_ALOUD) {
                write!(answer, "{}. ", sentence_to_them(&entry.text)).ok();
            }
        }
        answer.push_str("I have written you the list.");
        Granted {
            answer,
            list: Some(list(&known)),
        }
    }

    /// When this day began where the person lives.
    async fn midnight(&self, person: &Person, now: Timestamp) -> Timestamp {
        let memory = self.past.memory();
        let profile = memory.profile(person).await;
        let told: Option<String> = profile.and_then(|profile| profile.time_zone);
        let zone = told.and_then(|zone| TimeZone::get(&zone).ok());
        let zone = zone.unwrap_or_else(|| memory.settings().time_zone.clone());
        let midnight = now.to_zoned(zone).start_of_day();
        midnight.map_or(now, |midnight| midnight.timestamp())
    }

    fn ask(&self, now: Instant, who: &Who) {
        let mut asked = self.asked();
        let first = asked.iter().min_by_key(|(_, at)| **at);
        let first = first.map(|(who, _)| who.clone());
        if let Some(first) = first.filter(|_| asked.len() >= MOST_ASKED) {
            asked.remove(&first);
        }
        asked.insert(who.clone(), now);
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<Who, Instant>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<String> for Granted {
    fn from(answer: String) -> Self {
        Self { answer, list: None }
    }
}

fn list(known: &[Entry]) -> String {
    let mut list = "What I know about you:".to_owned();
    for entry in known.iter().take(LISTED) {
        write!(list, "\n- {}", sentence_to_them(&entry.text)).ok();
    }
    if known.len() > LISTED {
        let more = known.len() - LISTED;
        write!(list, "\nand {more} more; whoever runs me can export them.").ok();
    }
    list
}

#[cfg(test)]
mod tests;
