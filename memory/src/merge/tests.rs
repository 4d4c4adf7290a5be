//! What stays, what is replaced and what ends, turn after turn.

use jiff::Zoned;
use jiff::civil::datetime;

use super::*;
use crate::person::{Place, Who};
use crate::statements;
use crate::turn::{Audience, Id};

fn sam() -> Person {
    Person::new("aa11")
}

fn now() -> Zoned {
    datetime(2026, 11, 20, 10, 0, 0, 0)
        .in_tz("Europe/Paris")
        .unwrap()
}

fn turn(said: &str, minute: i64) -> Turn {
    Turn {
        id: Id::new(),
        who: Who::Known(sam()),
        name: "Sam".to_owned(),
        place: Place::Channel(0),
        at: now().timestamp() + SignedDuration::from_mins(minute),
        said: said.to_owned(),
        heard: String::new(),
        audience: Audience::Shared,
        witnesses: Vec::new(),
    }
}

/// The entries after a change, as a store would have them.
fn apply(known: &mut Vec<Entry>, learnt: &Learnt) {
    for entry in &learnt.entries {
        known.retain(|old| old.id != entry.id);
        known.push(entry.clone());
    }
    for (id, since) in &learnt.ended {
        let old = known.iter_mut().find(|old| old.id == *id).unwrap();
        old.ended = Some(*since);
    }
}

/// What is still so after these turns, each a minute after the one before.
fn after(said: &[&str]) -> Vec<String> {
    let mut known = Vec::new();
    for (minute, said) in (0..).zip(said) {
        let turn = turn(said, minute);
        let statements = statements::read(said, &now());
        let learnt = merge(&turn, &sam(), &statements, &known);
        apply(&mut known, &learnt);
    }
    let alive = known.iter().filter(|entry| entry.ended.is_none());
    alive.map(|entry| entry.text.clone()).collect()
}

#[test]
fn what_changed_replaces_what_was() {
    assert_eq!(
        after(&["I live in Paris", "I moved to Lyon"]),
        ["lives in Lyon"]
    );
    assert_eq!(
        after(&["My dog is called Rex", "my dog's name is Bella"]),
        ["their dog is called Bella"]
    );
    assert_eq!(
        after(&["I like mushrooms", "I don't like mushrooms"]),
        ["does not like mushrooms"]
    );
    assert_eq!(
        after(&["My flight is on Monday", "My flight is now on Tuesday"]),
        ["flight"]
    );
}

#[test]
fn the_same_is_kept_once() {
    assert_eq!(
        after(&["I live in Paris", "I live in Paris"]),
        ["lives in Paris"]
    );
    assert_eq!(
        after(&["I'm a teacher", "I am a teacher."]),
        ["is a teacher"]
    );
    assert_eq!(
        after(&["Remind me to buy milk", "remind me to buy the milk"]),
        ["buy milk"]
    );
}

#[test]
fn what_is_different_stays_beside_it() {
    assert_eq!(
        after(&["I'm allergic to nuts", "I'm allergic to eggs"]),
        ["is allergic to nuts", "is allergic to eggs"]
    );
    assert_eq!(
        after(&[
            "remind me in 10 minutes to call Anna",
            "remind me in two hours to call Anna"
        ]),
        ["call Anna", "call Anna"]
    );
}

#[test]
fn what_is_no_longer_so_ends() {
    assert!(after(&["I live in Paris", "I no longer live in Paris"]).is_empty());
    assert!(after(&["I live in Paris", "I don't live in Paris anymore"]).is_empty());
    assert_eq!(
        after(&[
            "I work at the coffee shop",
            "I like coffee",
            "I no longer like coffee"
        ]),
        ["works at the coffee shop"]
    );
    assert_eq!(
        after(&["I live in Paris", "I no longer live in Rome"]),
        ["lives in Paris"]
    );
}

#[test]
fn what_is_called_off_ends_alone() {
    let plans = [
        "I have a dentist appointment on Thursday at 3",
        "I'm meeting Anna on Thursday",
    ];
    let mut said = plans.to_vec();
    said.push("Please cancel the dentist");
    assert_eq!(after(&said), ["meeting Anna"]);
    let reminders = [
        "remind me in 10 minutes to call Anna",
        "remind me on Friday to call Anna",
        "cancel the reminder to call Anna",
    ];
    // The next one, and not that of next week.
    assert_eq!(after(&reminders), ["call Anna"]);
}

#[test]
fn the_higher_importance_stays() {
    let statements = |importance| Statements {
        drafts: vec![Draft {
            kind: Kind::Fact,
            slot: None,
            text: "plays chess on Sundays".to_owned(),
            importance,
            due: None,
            all_day: false,
        }],
        endings: Vec::new(),
    };
    let mut known = Vec::new();
    for importance in [5, 9, 2] {
        let learnt = merge(&turn("", 0), &sam(), &statements(importance), &known);
        apply(&mut known, &learnt);
    }
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].importance, 9);
}

#[test]
fn a_turn_read_twice_changes_nothing_the_second_time() {
    let turn = turn(
        "remind me in 10 minutes to call Anna, and I live in Lyon",
        0,
    );
    let statements = statements::read(&turn.said, &now());
    let mut known = Vec::new();
    apply(&mut known, &merge(&turn, &sam(), &statements, &[]));
    assert_eq!(known.len(), 2);
    // Told, replaced: it must not come back.
    known[0].told = Some(turn.at);
    known[1].ended = Some(turn.at);
    assert_eq!(merge(&turn, &sam(), &statements, &known), Learnt::default());
}

#[test]
fn an_older_turn_that_is_read_later_does_not_replace_a_newer_one() {
    let (older, newer) = (turn("I live in Paris", 0), turn("I live in Lyon", 5));
    let mut known = Vec::new();
    for turn in [&newer, &older] {
        let statements = statements::read(&turn.said, &now());
        let learnt = merge(turn, &sam(), &statements, &known);
        apply(&mut known, &learnt);
    }
    let alive: Vec<_> = known.iter().filter(|entry| entry.ended.is_none()).collect();
    assert_eq!(alive.len(), 1);
    assert_eq!(alive[0].text, "lives in Lyon");
}

#[test]
fn what_was_said_in_private_stays_private() {
    let mut said = turn("I live in Paris", 0);
    said.audience = Audience::Private;
    let learnt = merge(&said, &sam(), &statements::read(&said.said, &now()), &[]);
    assert_eq!(learnt.entries[0].audience, Audience::Private);
}
