//! What people say of themselves and of those around them.

use jiff::Zoned;

use super::Draft;
use super::clause::{after, after_any, until, words};
use crate::dates;
use crate::entry::Kind;

/// Longest statement that is kept, in characters: what is longer is a story.
const LONGEST: usize = 160;

/// Most words of a name.
const NAME: usize = 4;

/// What one must know not to hurt somebody.
const VITAL: u8 = 9;

/// What does not change, or seldom.
const LASTING: u8 = 7;

/// Words between "I" and what is said, which change nothing.
const ADVERBS: [&str; 22] = [
    "really",
    "absolutely",
    "also",
    "actually",
    "still",
    "just",
    "now",
    "totally",
    "truly",
    "always",
    "usually",
    "mostly",
    "currently",
    "recently",
    "already",
    "quite",
    "do",
    "only",
    "very much",
    "definitely",
    "am now",
    "finally",
];

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

/// What ends a statement and says nothing.
const TAILS: [&str; 12] = [
    " now",
    " too",
    " as well",
    " a lot",
    " very much",
    " so much",
    " please",
    " by the way",
    " actually",
    " though",
    " these days",
    " at the moment",
];

/// What people have for a moment, or only in speech.
const PASSING: [&str; 34] = [
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

/// What begins with "I".
fn myself(clause: &str) -> Option<Draft> {
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

fn without_adverbs(mut rest: &str) -> &str {
    // "Do not" is no adverb.
    while let Some((_, more)) =
        after_any(rest, &ADVERBS).filter(|_| after(rest, "do not").is_none())
    {
        rest = more;
    }
    rest
}

/// A name: the words up to the next thing that is said, when they are few.
fn called(rest: &str) -> Option<&str> {
    let name = until(
        rest,
        &[
            " and ",
            " but ",
            ",",
            " by the way",
            " now",
            " please",
            " from now",
            " because ",
            " so ",
            " instead",
            " who ",
            " which ",
        ],
    );
    let name = name.trim_matches(|c: char| !c.is_alphanumeric());
    let fits = (1..=NAME).contains(&words(name).count()) && is_short(name);
    fits.then_some(name)
}

/// A statement to its end, without what says nothing.
fn whole(text: &str) -> Option<&str> {
    let mut text = text.trim_matches(|c: char| !c.is_alphanumeric());
    while let Some(shorter) = TAILS.iter().find_map(|tail| text.strip_suffix(tail)) {
        text = shorter;
    }
    is_short(text).then_some(text)
}

/// Whether a text is there and short enough for an entry.
pub(super) fn is_short(text: &str) -> bool {
    words(text).next().is_some() && text.chars().count() <= LONGEST
}

/// What somebody says of themselves, as others say it of them.
pub(super) fn theirs(text: &str) -> String {
    let turned = |word: &str| {
        let bare = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        let other = match bare.to_lowercase().as_str() {
            "my" | "our" => "their",
            "mine" | "ours" => "theirs",
            "me" | "us" => "them",
            "myself" => "themselves",
            "i" | "we" => "they",
            "am" => "are",
            _ => return word.to_owned(),
        };
        format!("{other}{}", &word[bare.len()..])
    };
    let words: Vec<_> = text.split(' ').map(turned).collect();
    words.join(" ")
}
