//! What belongs together, and what of a summary is believed.

use jiff::Timestamp;

use super::*;
use crate::person::{Person, Place, Who};
use crate::turn::{Audience, Id};

const IDLE: Duration = Duration::from_secs(1_800);

fn turn(minute: i64, channel: u32, audience: Audience) -> Turn {
    Turn {
        id: Id::new(),
        who: Who::Known(Person::new("aa")),
        name: "Sam".to_owned(),
        place: Place::Channel(channel),
        at: Timestamp::from_second(1_800_000_000 + minute * 60).unwrap(),
        said: "we paint the kitchen yellow with Anna".to_owned(),
        heard: "take 5 litres of paint".to_owned(),
        audience,
        witnesses: Vec::new(),
    }
}

#[test]
fn a_summary_is_of_one_session_one_place_and_one_audience() {
    let shared = |minute| turn(minute, 0, Audience::Shared);
    let session = [shared(0), shared(20), shared(100)];
    assert_eq!(portion(&session, IDLE).len(), 2);
    assert_eq!(
        portion(&[shared(0), turn(1, 7, Audience::Shared)], IDLE).len(),
        1
    );
    assert_eq!(
        portion(&[shared(0), turn(1, 0, Audience::Private)], IDLE).len(),
        1
    );
    let long: Vec<_> = (0..90).map(shared).collect();
    assert_eq!(portion(&long, IDLE).len(), MOST_TURNS);
    assert!(portion(&[], IDLE).is_empty());
}

#[test]
fn what_was_said_is_kept_and_what_nobody_said_is_not() {
    let turns = [turn(0, 0, Audience::Private), turn(1, 0, Audience::Private)];
    let kept = entry("They paint the kitchen yellow with Anna.", &turns).unwrap();
    assert_eq!(
        (kept.kind, kept.audience),
        (Kind::Summary, Audience::Private)
    );
    for invented in [
        "",
        "...",
        "They paint the kitchen yellow with Bruno.",
        "They paint the kitchen yellow with 7 litres.",
        "The stock market fell and elections follow.",
    ] {
        assert_eq!(entry(invented, &turns), None, "{invented}");
    }
}

#[test]
fn a_summary_and_its_request_are_bounded() {
    let mut long = turn(0, 0, Audience::Shared);
    long.said = "naïve kitchen ".repeat(10_000);
    let turns = vec![long; MOST_TURNS];
    let request = request(portion(&turns, IDLE), &Options::default());
    assert!(request.messages[1].content.len() < 2 * LONGEST_TALK);
    let answer = "We paint the kitchen. ".repeat(1_000);
    assert!(entry(&answer, &turns).is_none_or(|entry| entry.text.chars().count() <= LONGEST));
    let kept = entry(&answer, &[turn(0, 0, Audience::Shared)]).unwrap();
    assert!(kept.text.chars().count() <= LONGEST && kept.text.ends_with('.'));
}
