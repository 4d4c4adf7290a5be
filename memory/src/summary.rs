//! Old talk in a few sentences, by the model: what a session was about, when its words are past.
//!
//! The turns stay. A summary in which something stands that nobody said is thrown away.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::SignedDuration;
use llm::{Message, Options, Request, Role};

use crate::entry::{Entry, Kind};
use crate::turn::Turn;
use crate::words;

/// Turns of one summary at most.
pub(crate) const MOST_TURNS: usize = 24;

/// Talk of fewer turns is found as it is.
const FEWEST_TURNS: usize = 3;

/// Longest talk that the model is given at once, in bytes.
const LONGEST_TALK: usize = 6_000;

/// Of one side of a turn, in bytes.
const LONGEST_SIDE: usize = 400;

/// Longest summary that is kept, in characters.
const LONGEST: usize = 600;

/// Longest answer, in tokens.
const ANSWER: u32 = 150;

/// So much of a summary must have been said; the rest links it.
const GROUNDED: f32 = 0.7;

/// Less important than what was taken out of single turns.
const IMPORTANCE: u8 = 4;

const TASK: &str = "Sum up this talk between a person and their assistant in at most three short \
sentences, in the third person and with their own words: what it was about, and what was decided. \
Add nothing that was not said.";

/// The first turns of `turns` that belong together: one place, one session, one audience, as much
/// as fits into one request. All are of one person, oldest first.
pub(crate) fn portion(turns: &[Turn], idle_after: Duration) -> &[Turn] {
    let idle = SignedDuration::try_from(idle_after).unwrap_or(SignedDuration::MAX);
    let mut size = 0;
    let count = turns
        .iter()
        .enumerate()
        .take(MOST_TURNS)
        .take_while(|(at, turn)| {
            size += (turn.said.len() + turn.heard.len()).min(2 * LONGEST_SIDE);
            let Some(before) = at.checked_sub(1).and_then(|at| turns.get(at)) else {
                return true;
            };
            turn.place == before.place
                && turn.audience == before.audience
                && turn.at.duration_since(before.at) <= idle
                && size <= LONGEST_TALK
        })
        .count();
    &turns[..count]
}

/// Whether a portion is long enough to be summed up.
pub(crate) fn is_worth_it(turns: &[Turn]) -> bool {
    turns.len() >= FEWEST_TURNS
}

/// The question to the model.
pub(crate) fn request(turns: &[Turn], options: &Options) -> Request {
    let mut talk = String::new();
    for turn in turns {
        let said = begin(&turn.said);
        let heard = begin(&turn.heard);
        let _ = writeln!(talk, "Person: {said}\nAssistant: {heard}");
    }
    Request {
        messages: vec![
            Message::new(Role::System, TASK),
            Message::new(Role::User, talk),
        ],
        options: Options {
            temperature: Some(0.0),
            num_predict: Some(ANSWER),
            ..options.clone()
        },
    }
}

/// The entry of a summary; none when there is nothing in it, or something that nobody said.
pub(crate) fn entry(answer: &str, turns: &[Turn]) -> Option<Entry> {
    let (first, last) = (turns.first()?, turns.last()?);
    let person = first.who.person()?;
    let mut text = answer.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() > LONGEST {
        let end = text
            .char_indices()
            .nth(LONGEST)
            .map_or(text.len(), |(at, _)| at);
        // To the end of its last whole sentence.
        text.truncate(text[..end].rfind(['.', '!']).map_or(end, |at| at + 1));
    }
    if !is_grounded(&text, turns) {
        return None;
    }
    Some(Entry {
        id: first.id.derived("summary"),
        person: person.clone(),
        kind: Kind::Summary,
        text,
        at: last.at,
        audience: first.audience,
        turn: Some(last.id),
        slot: None,
        importance: IMPORTANCE,
        due: None,
        all_day: false,
        ended: None,
        told: None,
    })
}

/// Most of it was said, and every number and every name in it.
fn is_grounded(text: &str, turns: &[Turn]) -> bool {
    let said: HashSet<_> = turns
        .iter()
        .flat_map(|turn| [&turn.said, &turn.heard])
        .flat_map(|side| words::distinct(side))
        .collect();
    let terms = words::distinct(text);
    let there = terms.iter().filter(|term| said.contains(*term)).count();
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of words in a few sentences"
    )]
    let enough = !terms.is_empty() && there as f32 / terms.len() as f32 >= GROUNDED;
    enough && names(text).all(|name| words::terms(name).iter().all(|term| said.contains(term)))
}

/// Numbers, and words with a capital letter that do not begin a sentence.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let mut begins = true;
    text.split_whitespace().filter(move |word| {
        let first = std::mem::replace(&mut begins, word.ends_with(['.', '!', '?', ':']));
        let capital = word.starts_with(char::is_uppercase);
        let known =
            ["Person", "Assistant"].contains(&word.trim_matches(|c: char| !c.is_alphabetic()));
        word.starts_with(char::is_numeric) || (capital && !first && !known)
    })
}

fn begin(side: &str) -> &str {
    &side[..side.floor_char_boundary(LONGEST_SIDE)]
}

#[cfg(test)]
mod tests;
