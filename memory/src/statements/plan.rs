//! What is to come: reminders, tasks and appointments, and that they are called off.

use jiff::Zoned;

use super::clause::{after, after_any, until, words};
use super::wording::{is_short, theirs};
use super::{Draft, Ending, Ends};
use crate::dates::{self, Found};
use crate::entry::Kind;

/// What is weighed more than other things: somebody asked for it.
const ASKED_FOR: u8 = 8;

/// An appointment, or something to be done.
const PLANNED: u8 = 6;

/// A reminder or a task that the person asks to be kept.
pub(super) fn request(clause: &str, now: &Zoned) -> Option<Draft> {
    if let Some((_, rest)) = after_any(clause, &["wake me up", "wake me"]) {
        let (found, _) = date(rest, now)?;
        return Some(reminder("wake up", &found, now));
    }
    if let Some((what, rest)) = after_any(
        clause,
        &[
            "remind me",
            "set a reminder",
            "set me a reminder",
            "set an alarm",
            "set a timer",
        ],
    ) {
        // A timer "for 10 minutes" rings in 10 minutes.
        let rest = match after(rest, "for") {
            Some(length) if date(rest, now).is_none() => format!("in {length}"),
            _ => rest.to_owned(),
        };
        let Some((found, rest)) = date(&rest, now) else {
            let task = purpose(&rest);
            let named = what == "remind me" && is_short(&task);
            return named.then(|| Draft::new(Kind::Task, task).weighing(PLANNED));
        };
        let text = purpose(&rest);
        let text = if text.is_empty() { "reminder" } else { &text };
        return Some(reminder(text, &found, now));
    }
    let (_, rest) = after_any(clause, &["remember to", "do not forget to"])?;
    match date(rest, now) {
        Some((found, rest)) => Some(reminder(&purpose(&rest), &found, now)),
        None => Some(Draft::new(Kind::Task, purpose(rest)).weighing(PLANNED)),
    }
    .filter(|draft| is_short(&draft.text))
}

fn reminder(text: &str, found: &Found, now: &Zoned) -> Draft {
    Draft::new(Kind::Reminder, text)
        .weighing(ASKED_FOR)
        .dated(found, now)
}

/// What somebody asks to be remembered: what comes after "remember that".
pub(super) fn to_remember(clause: &str) -> Option<&str> {
    let (_, rest) = after_any(
        clause,
        &[
            "remember that",
            "do not forget that",
            "keep in mind that",
            "note that",
            "do not forget",
            "remember",
        ],
    )?;
    // "Remember me?" and "remember when we met" ask back.
    let asks = after_any(
        rest,
        &[
            "me", "when", "what", "how", "this", "that", "it", "to", "the time",
        ],
    );
    (asks.is_none() && words(rest).count() >= 2).then_some(rest)
}

/// What was asked to be remembered and follows no other rule, as it was said.
pub(super) fn remembered(text: &str, now: &Zoned) -> Option<Draft> {
    if !is_short(text) {
        return None;
    }
    Some(match date(text, now) {
        Some((found, _)) => Draft::new(Kind::Event, theirs(text)).dated(&found, now),
        None => Draft::new(Kind::Fact, theirs(text)),
    })
    .map(|draft| draft.weighing(ASKED_FOR))
}

/// An appointment or a task with a date.
pub(super) fn planned(clause: &str, now: &Zoned) -> Option<Draft> {
    let (found, rest) = date(clause, now)?;
    if let Some((_, doing)) = after_any(
        &rest,
        &[
            "i have to",
            "i need to",
            "i must",
            "i have got to",
            "we have to",
        ],
    ) {
        return named(Kind::Task, doing, &found, now);
    }
    let (_, thing) = after_any(
        &rest,
        &[
            "i have got a",
            "i have got an",
            "i have an",
            "i have a",
            "i have my",
            "we have a",
            "we have an",
            "there is a",
            "there is an",
            "i got a",
            "i got an",
        ],
    )
    .or_else(|| {
        let (_, rest) = after_any(&rest, &["my", "our"])?;
        let verbs = [
            " is",
            " starts",
            " begins",
            " takes place",
            " will be",
            " was moved",
            " has been moved",
            " is moved",
        ];
        let thing = until(rest, &verbs);
        let behind = &rest[thing.len()..];
        // "My meeting is" and nothing behind but the date that was taken out.
        let (_, left) = after_any(
            behind.trim_start(),
            &[
                "is now",
                "is moved",
                "is",
                "starts",
                "begins",
                "takes place",
                "will be",
                "was moved",
                "has been moved",
            ],
        )?;
        let left = left.trim_matches(|c: char| !c.is_alphanumeric());
        (["", "to"].contains(&left) && thing != "birthday").then_some(("my", thing))
    })
    .unzip();
    if let Some(thing) = thing {
        let thing = until(thing, &[" but ", " so ", " because "]).trim();
        let slot = until(thing, &[" with ", " at ", " in ", " for ", " about "]);
        return named(Kind::Event, thing, &found, now).map(|draft| draft.about(slot));
    }
    let (subject, doing) = after_any(&rest, &["i am", "we are", "i will", "we will"])?;
    let first = words(doing).next()?;
    let doing = match subject {
        "i am" | "we are" if !first.ends_with("ing") => return None,
        "i will" | "we will" if first == "not" => return None,
        "i am" | "we are" => doing.strip_prefix("going to ").unwrap_or(doing),
        _ => doing,
    };
    named(Kind::Event, doing, &found, now)
}

fn named(kind: Kind, text: &str, found: &Found, now: &Zoned) -> Option<Draft> {
    let text = tidy(text);
    is_short(&text).then(|| Draft::new(kind, text).weighing(PLANNED).dated(found, now))
}

/// Something that is no longer so, or was called off.
pub(super) fn ending(clause: &str, now: &Zoned) -> Option<Ending> {
    let ending = |what, text: &str| {
        let (on, text) = match date(text, now) {
            Some((found, rest)) => (Some(found.when), tidy(&rest)),
            None => (None, tidy(text)),
        };
        is_short(&text).then_some(Ending { what, text, on })
    };
    if let Some((_, rest)) = after_any(
        clause,
        &[
            "i no longer",
            "i am no longer",
            "i stopped",
            "i quit",
            "i gave up",
        ],
    ) {
        return ending(Ends::Anything, rest);
    }
    if let Some((_, rest)) = after_any(clause, &["i do not", "i am not", "we do not"]) {
        let kept = until(rest, &[" any more", " any longer"]);
        let place = after_any(rest, &["live in", "work at", "work for", "work as"]).is_some();
        return (kept.len() < rest.len() || place)
            .then(|| ending(Ends::Anything, kept))
            .flatten();
    }
    let called_off = [
        " is cancelled",
        " is canceled",
        " was cancelled",
        " was canceled",
        " has been cancelled",
        " has been canceled",
        " is called off",
        " is off",
    ];
    if let Some((_, rest)) = after_any(clause, &["my", "the", "our"]) {
        let thing = until(rest, &called_off);
        return (thing.len() < rest.len())
            .then(|| ending(Ends::Planned, &format!("{thing} {}", date_words(rest, now))))
            .flatten();
    }
    let (_, rest) = after_any(
        clause,
        &[
            "cancel",
            "delete the reminder",
            "remove the reminder",
            "forget the reminder",
            "delete the appointment",
            "remove the appointment",
            "you do not need to remind me",
            "do not remind me",
            "never mind the",
        ],
    )?;
    let rest = without_article(rest);
    let rest = after_any(rest, &["reminder", "appointment"])
        .filter(|(_, rest)| !rest.is_empty())
        .map_or(rest, |(_, rest)| rest);
    let rest =
        after_any(rest, &["about", "to", "of", "for", "that"]).map_or(rest, |(_, rest)| rest);
    ending(Ends::Planned, without_article(rest))
}

fn without_article(text: &str) -> &str {
    after_any(text, &["my", "the", "our", "all"]).map_or(text, |(_, rest)| rest)
}

/// The words of a date in the text, to be put behind what has none.
fn date_words<'a>(text: &'a str, now: &Zoned) -> &'a str {
    let found = dates::find(text, now).into_iter().next();
    found.map_or("", |found| &text[found.span])
}

/// The first date in a text that is not over, and the text without it.
fn date(text: &str, now: &Zoned) -> Option<(Found, String)> {
    let today = now.start_of_day().ok()?.timestamp();
    let found = dates::find(text, now).into_iter().find(|found| {
        let from = if found.all_day {
            today
        } else {
            now.timestamp()
        };
        found.when >= from
    })?;
    let before = text[..found.span.start].trim_end_matches([' ', ',']);
    let behind = text[found.span.end..].trim_start_matches([' ', ',']);
    let rest = format!("{before} {behind}").trim().to_owned();
    Some((found, rest))
}

/// What a reminder is for: without "to" and "about" before it.
fn purpose(text: &str) -> String {
    let text = text.trim_matches(|c: char| !c.is_alphanumeric());
    let text = after_any(text, &["please"]).map_or(text, |(_, rest)| rest);
    let purpose = after_any(
        text,
        &["to", "about", "that", "of", "for", "i have to", "i need to"],
    );
    tidy(purpose.map_or(text, |(_, rest)| rest))
}

/// Without marks and small words at its ends.
fn tidy(text: &str) -> String {
    let mut text = text.trim_matches(|c: char| !c.is_alphanumeric() && c != ')');
    for ending in [" please", " again", " then", " too", " and", " is"] {
        text = text.strip_suffix(ending).unwrap_or(text);
    }
    text.trim().to_owned()
}
