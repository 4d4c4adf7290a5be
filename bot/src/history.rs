//! What was said lately: the last turns of a session, oldest first, as they were really heard.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use llm::{Message, Role};

/// Where a conversation takes place; each place remembers for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// The channel, spoken and typed: everybody there hears and reads it anyway.
    Channel,
    /// Private messages and whispers with one person, by certificate hash, or by session without
    /// one.
    Private(String),
}

/// Private conversations kept at once; the one idle for longest is forgotten first.
const PRIVATE_PLACES: usize = 64;

/// The sessions of all places.
#[derive(Debug)]
pub(crate) struct Histories {
    places: HashMap<Place, History>,
    turns: usize,
    idle: Duration,
}

#[derive(Debug)]
struct History {
    exchanges: VecDeque<Exchange>,
    last: Instant,
}

#[derive(Debug)]
struct Exchange {
    who: String,
    said: String,
    heard: String,
}

impl Histories {
    /// Keeps `turns` exchanges for each place, and forgets a place after `idle` without one.
    pub(crate) fn new(turns: usize, idle: Duration) -> Self {
        Self {
            places: HashMap::new(),
            turns,
            idle,
        }
    }

    /// Other bounds; what is beyond them is forgotten with the next exchange.
    pub(crate) fn tune(&mut self, turns: usize, idle: Duration) {
        self.turns = turns;
        self.idle = idle;
    }

    /// Adds an exchange: what `who` said and what they really heard of the answer.
    pub(crate) fn add(&mut self, now: Instant, place: Place, who: &str, said: &str, heard: &str) {
        self.forget_idle(now);
        if !self.places.contains_key(&place)
            && self.places.len() > PRIVATE_PLACES
            && let Some(oldest) = self
                .places
                .iter()
                .filter(|(place, _)| **place != Place::Channel)
                .min_by_key(|(_, history)| history.last)
                .map(|(place, _)| place.clone())
        {
            self.places.remove(&oldest);
        }
        let history = self.places.entry(place).or_insert_with(|| History {
            exchanges: VecDeque::new(),
            last: now,
        });
        history.last = now;
        history.exchanges.push_back(Exchange {
            who: who.to_owned(),
            said: said.to_owned(),
            heard: heard.to_owned(),
        });
        while history.exchanges.len() > self.turns {
            history.exchanges.pop_front();
        }
    }

    /// The prompt for what `who` says now: system message, the turns so far, the new one.
    ///
    /// Names stand before what people said as soon as more than one person takes part.
    pub(crate) fn prompt(
        &mut self,
        now: Instant,
        place: &Place,
        system: &str,
        who: &str,
        says: &str,
    ) -> Vec<Message> {
        self.forget_idle(now);
        let empty = VecDeque::new();
        let exchanges = self
            .places
            .get(place)
            .map_or(&empty, |history| &history.exchanges);
        let several = exchanges.iter().any(|exchange| exchange.who != who);
        let named = |who: &str, text: &str| {
            if several {
                format!("{who}: {text}")
            } else {
                text.to_owned()
            }
        };
        let mut messages = vec![Message::new(Role::System, system)];
        for exchange in exchanges {
            messages.push(Message::new(
                Role::User,
                named(&exchange.who, &exchange.said),
            ));
            if !exchange.heard.is_empty() {
                messages.push(Message::new(Role::Assistant, exchange.heard.as_str()));
            }
        }
        messages.push(Message::new(Role::User, named(who, says)));
        messages
    }

    fn forget_idle(&mut self, now: Instant) {
        let idle = self.idle;
        self.places
            .retain(|_, history| now.saturating_duration_since(history.last) < idle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(1800);

    fn texts(messages: &[Message]) -> Vec<&str> {
        messages.iter().map(|m| m.content.as_str()).collect()
    }

    #[test]
    fn the_last_turns_stand_oldest_first() {
        let (now, mut h) = (Instant::now(), Histories::new(2, IDLE));
        for n in 1..=3 {
            h.add(
                now,
                Place::Channel,
                "Anna",
                &format!("q{n}"),
                &format!("a{n}"),
            );
        }
        let prompt = h.prompt(now, &Place::Channel, "be kind", "Anna", "q4");
        assert_eq!(texts(&prompt), ["be kind", "q2", "a2", "q3", "a3", "q4"]);
    }

    #[test]
    fn names_stand_there_once_several_people_talk() {
        let (now, mut h) = (Instant::now(), Histories::new(5, IDLE));
        h.add(now, Place::Channel, "Anna", "hello", "hi");
        let prompt = h.prompt(now, &Place::Channel, "s", "Ben", "and me?");
        assert_eq!(texts(&prompt), ["s", "Anna: hello", "hi", "Ben: and me?"]);
    }

    #[test]
    fn an_answer_that_nobody_heard_is_not_in_the_prompt() {
        let (now, mut h) = (Instant::now(), Histories::new(5, IDLE));
        h.add(now, Place::Channel, "Anna", "hello", "");
        assert_eq!(
            texts(&h.prompt(now, &Place::Channel, "s", "Anna", "hello?")),
            ["s", "hello", "hello?"]
        );
    }

    #[test]
    fn private_words_stay_private_and_idle_sessions_end() {
        let (now, mut h) = (Instant::now(), Histories::new(5, IDLE));
        h.add(now, Place::Private("a1".into()), "Anna", "secret", "ok");
        assert_eq!(
            texts(&h.prompt(now, &Place::Channel, "s", "Anna", "q")),
            ["s", "q"]
        );
        assert_eq!(
            h.prompt(now + IDLE, &Place::Private("a1".into()), "s", "Anna", "q")
                .len(),
            2
        );
    }

    #[test]
    fn strangers_cannot_fill_the_memory() {
        let (now, mut h) = (Instant::now(), Histories::new(5, IDLE));
        h.add(now, Place::Channel, "Anna", "hello", "hi");
        for n in 0..500 {
            h.add(
                now + Duration::from_millis(n),
                Place::Private(n.to_string()),
                "x",
                "q",
                "a",
            );
        }
        assert!(h.places.len() <= PRIVATE_PLACES + 1);
        assert!(h.places.contains_key(&Place::Channel));
    }
}
