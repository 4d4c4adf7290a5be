//! What people say of who they are and of those around them.

use jiff::Zoned;

use super::Draft;
use super::clause::{after, after_any, until, words};
use super::myself::myself;
use super::wording::{called, theirs, whole};
use crate::dates;
use crate::entry::Kind;

/// What one must know not to hurt somebody.
pub(super) const VITAL: u8 = 9;

/// What does not change, or seldom.
pub(super) const LASTING: u8 = 7;

/// What people have for a moment, or only in speech.
pub(super) const PASSING: [&str; 34] = [
    "question",
    "problem",
    "idea",
    "feeling",
    "headache",
    "cold",
    "minute",
    "look",
    "point",
    "favour",
    "favor",
    "request",
    "guess",
    "bad",
    "turn",
    "internet",
    "connection",
    "microphone",
    "mic",
    "answer",
    "head",
    "god",
    "goodness",
    "mistake",
    "thought",
    "plan",
    "day",
    "pleasure",
    "break",
    "chat",
    "opinion",
    "issue",
    "friend",
    "moment",
];

/// What something is just now; "my mother is coming" lasts until she came.
const PASSING_STATES: [&str; 36] = [
    "coming", "going", "getting", "doing", "being", "here", "there", "gone", "back", "ready",
    "late", "on", "in", "at", "fine", "ok", "okay", "good", "bad", "great", "tired", "sick", "not",
    "very", "so", "too", "really", "just", "about", "asleep", "hungry", "broken", "killing",
    "hurting", "that", "to",
];

/// What a clause says about who says it.
pub(super) fn about(clause: &str, now: &Zoned) -> Option<Draft> {
    name(clause)
        .or_else(|| birthday(clause, now))
        .or_else(|| theirs_is(clause))
        .or_else(|| myself(clause))
}

/// "My name is Sam", "call me Sam".
fn name(clause: &str) -> Option<Draft> {
    let (how, rest) = after_any(
        clause,
        &[
            "my name is",
            "you can call me",
            "call me",
            "i am called",
            "people call me",
            "everybody calls me",
            "my friends call me",
        ],
    )?;
    let name = called(rest)?;
    // "Call me later" and "call me when you are done" give no name.
    let calls = how.ends_with("call me");
    let no_name = [
        "later", "back", "tomorrow", "when", "at", "if", "a", "an", "the", "in", "on", "again",
        "crazy", "maybe", "now", "today", "tonight", "please", "not", "by", "anything", "whatever",
    ];
    let first = words(name).next()?;
    let refused = no_name.contains(&first.as_str()) && (calls || first == "not");
    (!refused).then(|| {
        Draft::new(Kind::Fact, format!("is called {name}"))
            .about("name")
            .weighing(VITAL)
    })
}

/// "My birthday is March 3rd", "I was born on 3 March 1990".
fn birthday(clause: &str, now: &Zoned) -> Option<Draft> {
    let (how, rest) = after_any(
        clause,
        &[
            "my birthday is on",
            "my birthday is",
            "i was born on",
            "i was born",
        ],
    )?;
    let found = dates::find(rest, now).into_iter().next()?;
    let day = rest[found.span.clone()].trim();
    let day = after(day, "on").unwrap_or(day);
    let text = if how.starts_with("my") {
        format!("their birthday is {day}")
    } else {
        format!("was born on {day}")
    };
    let draft = Draft::new(Kind::Fact, text)
        .about("birthday")
        .weighing(LASTING);
    // The day comes every year; only one that is ahead is due.
    Some(if found.when > now.timestamp() && how.starts_with("my") {
        draft.dated(&found, now)
    } else {
        draft
    })
}

/// "My dog is called Rex", "my sister's name is Anna", "my favourite colour is blue".
fn theirs_is(clause: &str) -> Option<Draft> {
    let rest = after(clause, "my").or_else(|| after(clause, "our"))?;
    let thing = until(rest, &[" is ", " are "]);
    let (_, value) = after_any(rest[thing.len()..].trim_start(), &["is", "are"])?;
    let thing = thing.trim();
    let count = words(thing).count();
    let known = words(thing)
        .all(|word| !["my", "i", "says", "thinks", "said", "you"].contains(&word.as_str()));
    if !(1..=3).contains(&count) || !known || value.is_empty() {
        return None;
    }
    if let Some((_, name)) = after_any(value, &["called", "named"]) {
        return Some(named(thing, called(name)?));
    }
    if let Some(thing) = thing.strip_suffix("'s name") {
        return Some(named(thing, called(value)?));
    }
    let value = whole(value)?;
    let first = words(value).next()?;
    let last = words(thing).last()?;
    let placed = first == "in" && value.split(' ').nth(1)?.starts_with(char::is_uppercase);
    if PASSING.contains(&last.as_str()) || (PASSING_STATES.contains(&first.as_str()) && !placed) {
        return None;
    }
    // "My sister is Anna" names her; "my car is red" names nothing.
    let text = format!("their {thing} is {}", theirs(value));
    let draft = Draft::new(Kind::Fact, text).about(thing);
    let favourite = after(thing, "favourite").is_some();
    Some(if favourite {
        Draft {
            kind: Kind::Preference,
            ..draft
        }
        .weighing(LASTING)
    } else {
        draft
    })
}

fn named(thing: &str, name: &str) -> Draft {
    Draft::new(Kind::Fact, format!("their {thing} is called {name}"))
        .about(format!("{thing}'s name"))
        .weighing(LASTING)
}
