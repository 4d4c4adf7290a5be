//! How what people say is worded as it is kept.

use super::clause::{after, after_any, until, words};

/// Longest statement that is kept, in characters: what is longer is a story.
const LONGEST: usize = 160;

/// Most words of a name.
const NAME: usize = 4;

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

/// A statement to its end, without what says nothing.
pub(super) fn whole(text: &str) -> Option<&str> {
    let mut text = text.trim_matches(|c: char| !c.is_alphanumeric());
    while let Some(shorter) = TAILS.iter().find_map(|tail| text.strip_suffix(tail)) {
        text = shorter;
    }
    is_short(text).then_some(text)
}

/// A name: the words up to the next thing that is said, when they are few.
pub(super) fn called(rest: &str) -> Option<&str> {
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

pub(super) fn without_adverbs(mut rest: &str) -> &str {
    // "Do not" is no adverb.
    while let Some((_, more)) =
        after_any(rest, &ADVERBS).filter(|_| after(rest, "do not").is_none())
    {
        rest = more;
    }
    rest
}
