//! Who is in a talk, what each may see of it, and when it is over.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{Kept, MOST_PLACES, MOST_TURNS, Sessions, State};
use crate::person::{Asker, Company, Person, Place, Who};
use crate::store::Forget;
use crate::turn::{Audience, Id, Turn};

const IDLE: Duration = Duration::from_secs(30 * 60);
const AGAIN: Duration = Duration::from_secs(10 * 60);

fn sessions() -> Sessions {
    Sessions::new(IDLE, AGAIN)
}

fn known(name: &str) -> Who {
    Who::Known(Person::new(name))
}

fn minute(number: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(number)
}

fn turn(who: Who, said: &str, at: Timestamp) -> Turn {
    Turn {
        id: Id::new(),
        who,
        name: "somebody".to_owned(),
        place: Place::Channel(7),
        at,
        said: said.to_owned(),
        heard: "Well.".to_owned(),
        audience: Audience::Shared,
        witnesses: Vec::new(),
    }
}

fn asker(who: Who, company: Company) -> Asker {
    Asker {
        who,
        name: "somebody".to_owned(),
        place: Place::Channel(7),
        company,
    }
}

fn said(sessions: &Sessions, asker: &Asker, now: Timestamp) -> Vec<String> {
    let talk = sessions.talk(asker, false, now, 10);
    talk.into_iter().map(|said| said.said).collect()
}

#[test]
fn an_idle_session_is_taken_up_again_and_a_longer_silence_ends_it() {
    let mut sessions = sessions();
    let ann = asker(known("ann"), Company::Alone);
    sessions.add(turn(known("ann"), "one", minute(0)));
    assert_eq!(sessions.state(&ann.place, minute(30)), State::Active);
    assert_eq!(sessions.state(&ann.place, minute(31)), State::Idle);
    sessions.add(turn(known("ann"), "two", minute(40)));
    assert_eq!(said(&sessions, &ann, minute(80)), ["one", "two"]);
    assert_eq!(said(&sessions, &ann, minute(81)), Vec::<String>::new());
    sessions.add(turn(known("ann"), "three", minute(81)));
    assert_eq!(said(&sessions, &ann, minute(81)), ["three"]);
}

#[test]
fn a_session_of_before_is_continued_by_what_is_said_now() {
    let mut sessions = sessions();
    let ann = asker(known("ann"), Company::Alone);
    assert_eq!(sessions.state(&ann.place, minute(50)), State::Unknown);
    sessions.add(turn(known("ann"), "now", minute(50)));
    assert!(sessions.wants_look(&ann.place));
    let before = vec![
        turn(known("ann"), "another day", minute(5)),
        turn(known("ann"), "before", minute(46)),
    ];
    sessions.restore(&ann.place, before, minute(50));
    assert!(!sessions.wants_look(&ann.place));
    assert_eq!(said(&sessions, &ann, minute(50)), ["before", "now"]);
}

#[test]
fn a_turn_of_others_is_shown_to_those_who_witnessed_it() {
    let mut sessions = sessions();
    let mut heard = turn(known("ann"), "hello all", minute(0));
    heard.witnesses = vec![known("ben"), Who::Visitor(3)];
    sessions.add(heard);
    for (who, sees) in [
        (known("ann"), true),
        (known("ben"), true),
        (Who::Visitor(3), true),
        (known("eve"), false),
        (Who::Visitor(4), false),
    ] {
        let shown = said(&sessions, &asker(who.clone(), Company::Others), minute(1));
        assert_eq!(shown.len(), usize::from(sees), "{who:?}");
    }
}

#[test]
fn what_was_said_in_private_is_shown_alone_or_where_it_is_allowed() {
    let mut sessions = sessions();
    let mut secret = turn(known("ann"), "a secret", minute(0));
    secret.audience = Audience::Private;
    sessions.add(secret);
    let before_others = asker(known("ann"), Company::Others);
    assert!(said(&sessions, &before_others, minute(1)).is_empty());
    assert_eq!(sessions.talk(&before_others, true, minute(1), 10).len(), 1);
    let alone = asker(known("ann"), Company::Alone);
    assert_eq!(said(&sessions, &alone, minute(1)), ["a secret"]);
}

#[test]
fn a_visitor_leaves_nothing_behind() {
    let mut sessions = sessions();
    let place = Place::Channel(7);
    let visitor = Who::Visitor(3);
    let mut heard = turn(known("ann"), "hello", minute(0));
    heard.witnesses = vec![visitor.clone()];
    sessions.add(heard);
    sessions.add(turn(visitor.clone(), "hi", minute(1)));
    let lasting = sessions.lasting(&place, minute(1));
    assert_eq!(lasting.len(), 1, "no cache is given a visitor's turn");
    assert!(lasting[0].witnesses.is_empty());
    sessions.leave(&visitor);
    let again = asker(visitor, Company::Others);
    assert!(said(&sessions, &again, minute(2)).is_empty());
}

#[test]
fn what_is_off_the_record_is_talked_about_and_not_given_to_the_cache() {
    let mut sessions = sessions();
    let ann = asker(known("ann"), Company::Alone);
    sessions.take(turn(known("ann"), "one", minute(0)), Kept::Everywhere);
    sessions.take(turn(known("ann"), "two", minute(1)), Kept::Here);
    assert_eq!(said(&sessions, &ann, minute(2)), ["one", "two"]);
    let lasting = sessions.lasting(&ann.place, minute(2));
    let lasting: Vec<_> = lasting.iter().map(|turn| &*turn.said).collect();
    assert_eq!(lasting, ["one"]);
}

#[test]
fn what_is_forgotten_is_gone_from_the_talk() {
    let mut sessions = sessions();
    let first = turn(known("ann"), "one", minute(0));
    let id = first.id;
    sessions.add(first);
    sessions.add(turn(known("ann"), "two", minute(1)));
    sessions.add(turn(known("ben"), "three", minute(2)));
    let ann = Person::new("ann");
    let changed = sessions.forget(&Forget::Turns(ann.clone(), vec![id]));
    assert_eq!(changed, [Place::Channel(7)]);
    let asks = asker(known("ann"), Company::Alone);
    assert_eq!(said(&sessions, &asks, minute(2)), ["two"]);
    sessions.forget(&Forget::Person(ann, minute(2)));
    assert!(said(&sessions, &asks, minute(2)).is_empty());
    let ben = asker(known("ben"), Company::Alone);
    assert_eq!(said(&sessions, &ben, minute(2)), ["three"]);
}

#[test]
fn places_and_turns_are_bounded() {
    let mut sessions = sessions();
    for number in 0..MOST_TURNS as i64 + 5 {
        sessions.add(turn(known("ann"), "so", minute(number)));
    }
    let now = minute(MOST_TURNS as i64 + 4);
    assert_eq!(sessions.lasting(&Place::Channel(7), now).len(), MOST_TURNS);
    for number in 0..MOST_PLACES as u32 + 5 {
        let mut other = turn(known("ann"), "so", now);
        other.place = Place::Channel(1_000 + number);
        sessions.add(other);
    }
    assert_eq!(sessions.places.len(), MOST_PLACES);
}

proptest! {
    #[test]
    fn nobody_is_shown_what_they_neither_said_nor_witnessed(
        turns in prop::collection::vec((0_u32..4, 0_u32..4, any::<bool>(), 0_i64..100), 0..40),
        who in 0_u32..4,
        alone in any::<bool>(),
        allowed in any::<bool>(),
    ) {
        let person = |number: u32| known(&number.to_string());
        let mut sessions = sessions();
        for (speaker, witness, private, at) in turns {
            let mut turn = turn(person(speaker), &speaker.to_string(), minute(at));
            turn.witnesses = vec![person(witness)];
            if private {
                turn.audience = Audience::Private;
            }
            turn.name = witness.to_string();
            turn.heard = private.to_string();
            sessions.add(turn);
        }
        let company = if alone { Company::Alone } else { Company::Others };
        for said in sessions.talk(&asker(person(who), company), allowed, minute(100), 10) {
            let own = said.who == person(who);
            prop_assert!(own || said.name == who.to_string());
            prop_assert!(said.heard == "false" || own && (alone || allowed));
        }
    }
}
