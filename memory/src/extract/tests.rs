//! Answers as models give them, good and bad.

use jiff::civil::datetime;
use proptest::prelude::*;

use super::*;
use crate::person::{Person, Place, Who};
use crate::turn::{Audience, Id};

fn now() -> Zoned {
    datetime(2026, 11, 20, 10, 0, 0, 0)
        .in_tz("Europe/Paris")
        .unwrap()
}

fn turn(said: &str) -> Turn {
    Turn {
        id: Id::new(),
        who: Who::Known(Person::new("aa")),
        name: "Sam".to_owned(),
        place: Place::Channel(0),
        at: now().timestamp(),
        said: said.to_owned(),
        heard: String::new(),
        audience: Audience::Shared,
        witnesses: Vec::new(),
    }
}

const SAID: &str = "I sold my bicycle and bought a sailing boat, and we cross to Corsica on Monday. \
                    Do you like Rome?";

fn believed(answer: &str) -> Option<Vec<String>> {
    let drafts = understood(answer, &turn(SAID), &now())?;
    Some(drafts.into_iter().map(|draft| draft.text).collect())
}

fn item(kind: &str, text: &str, when: &str) -> String {
    format!(
        r#"{{"items":[{{"kind":"{kind}","text":"{text}","slot":"none","importance":7,"when":{when}}}]}}"#
    )
}

#[test]
fn what_was_said_is_believed() {
    let answer = item("fact", "The user bought a sailing boat.", "null");
    assert_eq!(believed(&answer).unwrap(), ["bought a sailing boat"]);
    let fenced = format!("Here it is:\n```json\n{answer}\n```");
    assert_eq!(believed(&fenced).unwrap(), ["bought a sailing boat"]);
}

#[test]
fn what_was_not_said_is_thrown_away() {
    for text in [
        "bought a red sailing boat",
        "lives in Paris",
        "likes Rome",
        "is called John",
        "null",
        "",
        "has",
    ] {
        assert_eq!(
            believed(&item("fact", text, "null")).unwrap(),
            [""; 0],
            "{text}"
        );
    }
}

#[test]
fn the_date_is_the_one_that_the_person_named() {
    let drafts = |when: &str| {
        understood(
            &item("event", "cross to Corsica", when),
            &turn(SAID),
            &now(),
        )
        .unwrap()
    };
    let due = drafts(r#""on Monday""#)[0].due.unwrap();
    let there = due.to_zoned(now().time_zone().clone());
    assert_eq!(there.strftime("%F").to_string(), "2026-11-23");
    // Invented, in no calendar, missing.
    for when in [
        r#""tomorrow""#,
        r#""30 February""#,
        r#""2026-02-31""#,
        "null",
        r#""null""#,
        "7",
    ] {
        assert_eq!(drafts(when), [], "{when}");
    }
}

#[test]
fn an_answer_of_another_shape_is_none_and_a_wrong_item_takes_no_other_with_it() {
    for answer in [
        "",
        "no",
        "{",
        "}{",
        "[]",
        r#"{"items":3}"#,
        r#"{"facts":[]}"#,
        "{\"items\":[}",
    ] {
        assert_eq!(believed(answer), None, "{answer}");
    }
    let answer = r#"{"items":[3,null,{"kind":"opinion","text":"sold a bicycle"},{"kind":"fact"},
        {"kind":"fact","text":"sold their bicycle","importance":99,"slot":7}]}"#;
    let drafts = understood(answer, &turn(SAID), &now()).unwrap();
    assert_eq!(drafts.len(), 1);
    assert_eq!(
        (drafts[0].importance, drafts[0].slot.as_deref()),
        (10, None)
    );
}

#[test]
fn a_turn_of_questions_and_greetings_is_not_given_to_the_model() {
    for said in [
        "",
        "hello",
        "What is the weather like in Rome today?",
        "thank you",
        "ok, good",
    ] {
        assert!(!is_worth_reading(&turn(said)), "{said}");
    }
    assert!(is_worth_reading(&turn(SAID)));
}

#[test]
fn the_model_is_held_to_the_form_and_to_a_length() {
    let request = request(&turn(&"ça ".repeat(100_000)), &Options::default());
    assert!(matches!(request.options.format, Some(Format::Schema(_))));
    assert_eq!(request.options.num_predict, Some(ANSWER));
    assert!(request.messages[1].content.len() < LONGEST + 100);
}

proptest! {
    #[test]
    fn no_answer_is_too_strange_to_be_thrown_away(answer in "\\PC{0,300}", said in "\\PC{0,100}") {
        understood(&answer, &turn(&said), &now());
    }

    #[test]
    fn items_of_any_content_are_believed_or_not(
        kind in prop::sample::select(vec!["fact", "event", "reminder", "null", "x"]),
        text in "[ a-zA-Zé?'\u{1F980}]{0,200}",
        importance in prop::num::f64::ANY,
        when in "[ a-z0-9:-]{0,30}",
    ) {
        let answer = json!({"items": [{"kind": kind, "text": text, "importance": importance, "when": when, "slot": "home"}]});
        for draft in understood(&answer.to_string(), &turn(&format!("I said {text} {when}")), &now()).unwrap() {
            prop_assert!((1..=10).contains(&draft.importance));
            prop_assert!(!draft.text.is_empty());
        }
    }
}
