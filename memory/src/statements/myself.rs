//! What people say of themselves: "I live in Lyon", "I like tea", "I am allergic to nuts".

use super::Draft;
use super::clause::{after, after_any, until, words};
use super::person::{LASTING, PASSING, VITAL};
use super::wording::{called, theirs, whole, without_adverbs};
use crate::entry::Kind;

/// Where the name of a place or an employer ends.
const PLACE_ENDS: [&str; 20] = [
    " last ",
    " yesterday",
    " with ",
    " and ",
    " but ",
    " because ",
    " since ",
    " for ",
    " now",
    " at the moment",
    " these days",
    " any more",
    " which ",
    " where ",
    " who ",
    " so ",
    " again",
    " too",
    " as ",
    ",",
];

/// What the likes of nobody are about: they point at something just said.
const POINTING: [&str; 14] = [
    "it", "that", "this", "you", "your", "him", "her", "them", "these", "those", "what", "how",
    "when", "the way",
];

/// What people are for long, in one word.
const LASTING_STATES: [&str; 14] = [
    "vegetarian",
    "vegan",
    "pregnant",
    "diabetic",
    "married",
    "single",
    "retired",
    "divorced",
    "left-handed",
    "deaf",
    "blind",
    "colour-blind",
    "celiac",
    "engaged",
];

/// What begins with "I".
pub(super) fn myself(clause: &str) -> Option<Draft> {
    let rest = after(clause, "i").or_else(|| after(clause, "we"))?;
    let rest = without_adverbs(rest);
    // "I have just moved to Lyon" is "I moved to Lyon"; "I lived in Paris" is over.
    let perfect = after(rest, "have")
        .map(without_adverbs)
        .filter(|rest| after_any(rest, &["moved to", "lived in", "been living in"]).is_some());
    if perfect.is_none() && after(rest, "lived in").is_some() {
        return None;
    }
    let rest = perfect.unwrap_or(rest);
    if let Some(state) = after(rest, "am") {
        return state_of(without_adverbs(state));
    }
    home(rest)
        .or_else(|| work(rest))
        .or_else(|| taste(rest))
        .or_else(|| having(rest))
        .or_else(|| doing(rest))
}

fn home(rest: &str) -> Option<Draft> {
    let (how, place) = after_any(
        rest,
        &[
            "live in",
            "live at",
            "live near",
            "live on",
            "moved to",
            "lived in",
            "been living in",
            "come from",
            "grew up in",
            "was born in",
        ],
    )?;
    let place = whole(until(place, &PLACE_ENDS))?;
    let pointing = ["here", "there", "it", "that", "this"];
    if pointing.contains(&place.to_lowercase().as_str()) {
        return None;
    }
    Some(
        match how {
            "come from" => origin(place),
            "grew up in" => {
                Draft::new(Kind::Fact, format!("grew up in {place}")).about("childhood")
            }
            "was born in" => Draft::new(Kind::Fact, format!("was born in {place}")).about("birth"),
            _ => {
                let at = match how {
                    "live at" => "at",
                    "live near" => "near",
                    "live on" => "on",
                    _ => "in",
                };
                Draft::new(Kind::Fact, format!("lives {at} {}", theirs(place))).about("home")
            }
        }
        .weighing(LASTING),
    )
}

fn origin(place: &str) -> Draft {
    Draft::new(Kind::Fact, format!("is from {place}"))
        .about("origin")
        .weighing(LASTING)
}

fn work(rest: &str) -> Option<Draft> {
    let (how, place) = after_any(
        rest,
        &[
            "work as",
            "work at",
            "work for",
            "work in",
            "work with",
            "study",
        ],
    )?;
    let place = if how == "work as" {
        until(place, &[" at ", " for ", ",", " and "])
    } else {
        until(place, &PLACE_ENDS)
    };
    let place = theirs(whole(place)?);
    let draft = match how {
        "work as" => Draft::new(Kind::Fact, format!("works as {place}")).about("job"),
        "study" => Draft::new(Kind::Fact, format!("studies {place}")).about("studies"),
        "work with" => Draft::new(Kind::Fact, format!("works with {place}")),
        _ => Draft::new(Kind::Fact, format!("works {} {place}", &how[5..])).about("workplace"),
    };
    Some(draft.weighing(LASTING))
}

/// "I like tea", "I can not stand noise".
fn taste(rest: &str) -> Option<Draft> {
    const VERBS: [(&str, &str); 10] = [
        ("do not like", "does not like"),
        ("not like", "does not like"),
        ("can not stand", "can not stand"),
        ("like", "likes"),
        ("love", "loves"),
        ("enjoy", "enjoys"),
        ("adore", "adores"),
        ("prefer", "prefers"),
        ("hate", "hates"),
        ("dislike", "dislikes"),
    ];
    let (shown, what) = VERBS
        .iter()
        .find_map(|(verb, shown)| after(rest, verb).map(|what| (*shown, what)))?;
    let what = whole(what)?;
    if after_any(what, &POINTING).is_some() {
        return None;
    }
    let about = until(
        what,
        &[" more than ", " over ", " but ", " because ", " when ", ","],
    );
    let about = if shown == "prefers" {
        until(about, &[" to "])
    } else {
        about
    };
    let text = format!("{shown} {}", theirs(what));
    Some(Draft::new(Kind::Preference, text).about(format!("taste for {}", theirs(about))))
}

/// "I have a dog called Rex", "I have two children".
fn having(rest: &str) -> Option<Draft> {
    let (_, thing) = after_any(rest, &["have got", "have"])?;
    let thing = whole(thing)?;
    let (one, thing) = match after_any(thing, &["an", "a"]) {
        Some((_, thing)) => (true, thing),
        None => (false, thing),
    };
    for joint in [" called ", " named ", " whose name is "] {
        let kind = until(thing, &[joint]);
        if kind.len() < thing.len() {
            let name = called(&thing[kind.len() + joint.len()..])?;
            let slot = format!("{}'s name", kind.to_lowercase());
            let kind = if one {
                format!("a {kind}")
            } else {
                kind.to_owned()
            };
            let text = format!("has {kind} called {name}");
            let draft = Draft::new(Kind::Fact, text).weighing(LASTING);
            return Some(if one { draft.about(slot) } else { draft });
        }
    }
    let passing = words(thing).any(|word| PASSING.contains(&word.as_str()));
    let counted = words(thing).next().is_some_and(|first| {
        [
            "two", "three", "four", "five", "six", "many", "several", "no",
        ]
        .contains(&first.as_str())
            || first.bytes().all(|byte| byte.is_ascii_digit())
    });
    let short = words(thing).count() <= 5;
    if passing || !short || !(one || counted) {
        return None;
    }
    let article = match (one, thing.starts_with(['a', 'e', 'i', 'o', 'u'])) {
        (false, _) => "",
        (true, false) => "a ",
        (true, true) => "an ",
    };
    Some(Draft::new(
        Kind::Fact,
        format!("has {article}{}", theirs(thing)),
    ))
}

/// "I speak Welsh", "I play the cello".
fn doing(rest: &str) -> Option<Draft> {
    const VERBS: [(&str, &str); 6] = [
        ("speak", "speaks"),
        ("play", "plays"),
        ("drive a", "drives a"),
        ("drive an", "drives an"),
        ("own a", "owns a"),
        ("own an", "owns an"),
    ];
    let (shown, what) = VERBS
        .iter()
        .find_map(|(verb, shown)| after(rest, verb).map(|what| (*shown, what)))?;
    let what = whole(what)?;
    let pointing = after_any(what, &POINTING).is_some() || after(what, "to").is_some();
    (!pointing).then(|| Draft::new(Kind::Fact, format!("{shown} {}", theirs(what))))
}

/// What comes after "I am".
fn state_of(state: &str) -> Option<Draft> {
    if let Some(what) = after(state, "allergic to") {
        let what = whole(what)?;
        return Some(
            Draft::new(Kind::Fact, format!("is allergic to {what}"))
                .about(format!("allergy to {what}"))
                .weighing(VITAL),
        );
    }
    if let Some(place) = after(state, "from") {
        return Some(origin(whole(until(place, &PLACE_ENDS))?));
    }
    if let Some(place) = after(state, "living in") {
        return home(&format!("live in {place}"));
    }
    if let Some((how, rest)) = after_any(
        state,
        &["working as", "working at", "working for", "studying"],
    ) {
        let verb = if how == "studying" {
            "study".to_owned()
        } else {
            how.replace("ing", "")
        };
        return work(&format!("{verb} {rest}"));
    }
    if let Some((_, what)) = after_any(
        state,
        &["a big fan of", "a fan of", "a huge fan of", "fond of"],
    ) {
        let what = whole(what)?;
        return Some(
            Draft::new(Kind::Preference, format!("likes {}", theirs(what)))
                .about(format!("taste for {}", theirs(what))),
        );
    }
    let state = whole(state)?;
    if let Some(age) = words(state)
        .next()
        .filter(|age| age.bytes().all(|b| b.is_ascii_digit()))
    {
        let told = words(state).count() == 1 || state.ends_with("years old");
        return told.then(|| {
            Draft::new(Kind::Fact, format!("is {age} years old"))
                .about("age")
                .weighing(LASTING)
        });
    }
    if LASTING_STATES.contains(&state.to_lowercase().as_str()) {
        return Some(Draft::new(Kind::Fact, format!("is {state}")).weighing(LASTING));
    }
    let (article, what) = after_any(state, &["an", "a"])?;
    let first = words(what).next()?;
    let vague = [
        "bit", "little", "lot", "bad", "good", "big", "huge", "fool", "idiot", "few",
    ];
    let short = words(what).count() <= 3;
    (short && !vague.contains(&first.as_str()))
        .then(|| Draft::new(Kind::Fact, format!("is {article} {what}")).weighing(LASTING))
}
