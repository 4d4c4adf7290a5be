//! Wishes: what somebody may ask of the assistant's memory, in a few fixed words. Pure.
//!
//! They are understood without the model, so that they are granted as they are meant and also
//! when no model answers.

use jiff::tz;

use crate::phrase::{Phrase, words};

/// Something asked of the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Forget the last exchange.
    ForgetThat,
    /// Forget what was said lately.
    ForgetSince(Since),
    /// Forget everything about who asks; they are asked once whether they mean it.
    ForgetMe,
    /// Yes, they mean it.
    Yes,
    /// No, they do not.
    No,
    /// Tell what is known about who asks.
    Tell,
    /// Remember nothing of what is said from now on.
    OffRecord,
    /// Remember again.
    OnRecord,
    /// What was said in private may be spoken of before others.
    PrivateAloud,
    /// It may not.
    PrivateQuiet,
    /// They live in this time zone (IANA); none when there is no such.
    Zone(Option<String>),
}

/// A stretch of time until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// Sixty minutes.
    LastHour,
    /// Since midnight, where they live.
    Today,
}

/// The ways to ask, in lower-case words. Apostrophes part words.
const PHRASES: &[(Wish, &[&str])] = &[
    (
        Wish::ForgetThat,
        &[
            "forget that",
            "forget this",
            "forget it",
            "forget what i said",
            "forget what i just said",
            "forget the last thing i said",
        ],
    ),
    (
        Wish::ForgetSince(Since::LastHour),
        &[
            "forget the last hour",
            "forget the past hour",
            "forget what i said in the last hour",
        ],
    ),
    (
        Wish::ForgetSince(Since::Today),
        &[
            "forget today",
            "forget everything from today",
            "forget what i said today",
            "forget everything i said today",
        ],
    ),
    (
        Wish::ForgetMe,
        &[
            "forget me",
            "forget everything",
            "forget everything about me",
            "forget all about me",
            "forget everything you know about me",
            "delete everything about me",
        ],
    ),
    (
        Wish::Yes,
        &[
            "yes",
            "yes do it",
            "yes forget me",
            "yes forget everything",
            "yes to forget everything",
            "yes forget everything about me",
        ],
    ),
    (
        Wish::No,
        &["no", "no don t", "no do not", "cancel", "never mind"],
    ),
    (
        Wish::Tell,
        &[
            "what do you know about me",
            "what do you remember about me",
            "what have you remembered about me",
            "tell me what you know about me",
            "tell me what you remember about me",
        ],
    ),
    (
        Wish::OffRecord,
        &[
            "off the record",
            "go off the record",
            "this is off the record",
            "let s go off the record",
        ],
    ),
    (
        Wish::OnRecord,
        &[
            "on the record",
            "on the record again",
            "back on the record",
            "go on the record",
            "go back on the record",
            "this is on the record",
        ],
    ),
    (
        Wish::PrivateAloud,
        &[
            "you may talk about private things here",
            "you can talk about private things here",
            "you may talk about private things",
            "you can talk about private things",
        ],
    ),
    (
        Wish::PrivateQuiet,
        &[
            "you may not talk about private things here",
            "do not talk about private things here",
            "don t talk about private things here",
            "you may not talk about private things",
            "do not talk about private things",
            "don t talk about private things",
        ],
    ),
];

/// What stands before a time zone.
const ZONES: &[&str] = &["my time zone is", "my timezone is", "set my time zone to"];

impl Wish {
    /// The wish that a text is, if that is all it is; it may call the assistant by one of `names`
    /// besides.
    pub(crate) fn in_text<'a>(
        text: &str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Option<Self> {
        let text = Phrase::new(text, names);
        let wish = PHRASES
            .iter()
            .find(|(_, phrases)| phrases.iter().any(|phrase| text.is(phrase)));
        if let Some((wish, _)) = wish {
            return Some(wish.clone());
        }
        let named = ZONES.iter().find_map(|phrase| text.behind(phrase))?;
        // The assistant may be called after the place as well.
        let ends = (1..=named.len()).rev();
        let place = ends.filter(|&end| text.is_call(&named[end..]));
        let zones: Vec<&[String]> = place.map(|end| &named[..end]).collect();
        let zone = zones.iter().find_map(|words| zone(&words.concat()));
        (!zones.is_empty()).then_some(Self::Zone(zone))
    }
}

/// The time zone of this name, in lower-case letters and digits: all of it, or the place alone.
fn zone(name: &str) -> Option<String> {
    let folded = |text: &str| words(text).concat() == name;
    let known: Vec<String> = tz::db()
        .available()
        .map(|zone| zone.as_str().to_owned())
        .collect();
    let whole = known.iter().find(|zone| folded(zone));
    let place = |zone: &&String| zone.rsplit('/').next().is_some_and(folded);
    whole.or_else(|| known.iter().find(place)).cloned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wish(text: &str) -> Option<Wish> {
        Wish::in_text(text, ["AI-Bot", "Robin"])
    }

    fn zone_of(text: &str) -> Option<String> {
        match wish(text) {
            Some(Wish::Zone(zone)) => zone,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_wish_is_understood_with_and_without_name_and_politeness() {
        for (text, expected) in [
            ("Forget that.", Wish::ForgetThat),
            ("AI-Bot, please forget that!", Wish::ForgetThat),
            ("Forget that please, Robin.", Wish::ForgetThat),
            (
                "Robin, forget the last hour.",
                Wish::ForgetSince(Since::LastHour),
            ),
            ("Forget today", Wish::ForgetSince(Since::Today)),
            ("Forget everything about me.", Wish::ForgetMe),
            ("Yes, forget everything!", Wish::Yes),
            ("What do you know about me?", Wish::Tell),
            ("Off the record, please.", Wish::OffRecord),
            ("Okay Robin, back on the record.", Wish::OnRecord),
            (
                "You may talk about private things here.",
                Wish::PrivateAloud,
            ),
            ("Don't talk about private things here.", Wish::PrivateQuiet),
        ] {
            assert_eq!(wish(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_sentence_that_holds_such_words_is_no_wish() {
        for text in [
            "I forget that all the time.",
            "Forget that the meeting was at nine, it is at ten.",
            "What do you know about Mexico?",
            "Why did she say it off the record?",
            "Yes, it is raining.",
            "My time zone is",
            "Robin",
            "",
        ] {
            assert_eq!(wish(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_zone_is_named_as_people_name_it() {
        for (text, expected) in [
            ("My time zone is Europe/Paris.", Some("Europe/Paris")),
            ("My timezone is Europe, Paris, Robin.", Some("Europe/Paris")),
            ("Robin, my time zone is New York", Some("America/New_York")),
            ("Set my time zone to Tokyo, please.", Some("Asia/Tokyo")),
            ("My time zone is Middle Earth.", None),
        ] {
            assert_eq!(zone_of(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn no_two_wishes_are_asked_for_in_the_same_words() {
        let mut phrases: Vec<&str> = PHRASES
            .iter()
            .flat_map(|(_, phrases)| *phrases)
            .copied()
            .collect();
        let all = phrases.len();
        phrases.sort_unstable();
        phrases.dedup();
        assert_eq!(phrases.len(), all);
        for phrase in phrases {
            assert_eq!(words(phrase).join(" "), phrase, "it can never be heard");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange_to_be_read(text in ".*", name in ".*") {
            Wish::in_text(&text, [&*name]);
        }
    }
}
