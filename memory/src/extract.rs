//! What the model reads in a finished turn: how it is asked, and what of its answer is believed.
//!
//! Small models invent. An item is thrown away unless all that it says was said in the turn, in a
//! sentence that states something; its date is what our own parser finds in the words that the
//! person used. Whatever else comes is no error: it is thrown away item by item.

use std::collections::HashSet;
use std::sync::LazyLock;

use jiff::Zoned;
use llm::{Format, Message, Options, Request, Role};
use serde_json::{Value, json};

use crate::dates;
use crate::entry::{Entry, Kind};
use crate::statements::{self, Draft};
use crate::turn::Turn;
use crate::words;

/// Most words of a text that the model is given, in bytes: it must answer within one calm.
const LONGEST: usize = 2_000;

/// Longest text of one item, in characters.
const LONGEST_ITEM: usize = 160;

/// Items of one turn at most; few turns hold more than two.
const MOST_ITEMS: usize = 8;

/// Longest answer, in tokens; enough for [`MOST_ITEMS`] short ones.
const ANSWER: u32 = 300;

/// What is stated in fewer words is nothing to keep: "I see".
const FEWEST_WORDS: usize = 3;

/// What an item may be about, so that a later one replaces it; anything else a model calls its
/// subject would let unrelated things replace each other.
const SLOTS: [&str; 7] = [
    "name",
    "home",
    "origin",
    "workplace",
    "job",
    "birthday",
    "age",
];

/// The task, for the model.
const TASK: &str = "You note what is worth knowing about a person for weeks. Read what they said \
and answer with JSON only: {\"items\":[...]}. Each item has `kind` (fact, preference, task, event \
or reminder), `text` (a few words in the third person, with their own words: \"lives in Lyon\"), \
`slot` (name, home, origin, workplace, job, birthday, age or none), `importance` (1 to 10) and \
`when` (the words that they used for the date, or null). Leave out questions, greetings, small \
talk and what only happens now. Add nothing that they did not say. If nothing is worth noting, \
answer {\"items\":[]}.";

/// Words that an item may have although nobody said them: they say who it is about, and link.
static LINKS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let links = "user person speaker name named called is has have owns own lives live living \
                 likes like loves works work working prefers prefer favourite favorite want needs \
                 need plans appointment born birthday remind reminder";
    words::distinct(links).into_iter().collect()
});

/// Whether there is anything in a turn for the model to read.
pub(crate) fn is_worth_reading(turn: &Turn) -> bool {
    let stated = statements::stated_part(&turn.said);
    stated.split_whitespace().count() >= FEWEST_WORDS
}

/// The question to the model.
pub(crate) fn request(turn: &Turn, options: &Options) -> Request {
    let said = &turn.said[..turn.said.floor_char_boundary(LONGEST)];
    Request {
        messages: vec![
            Message::new(Role::System, TASK),
            Message::new(Role::User, format!("They said: {said}")),
        ],
        options: Options {
            temperature: Some(0.0),
            num_predict: Some(ANSWER),
            format: Some(Format::Schema(schema())),
            ..options.clone()
        },
    }
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "items": {
                "type": "array",
                "maxItems": MOST_ITEMS,
                "items": {
                    "type": "object",
                    "properties": {
                        "kind": { "enum": ["fact", "preference", "task", "event", "reminder"] },
                        "text": { "type": "string" },
                        "slot": { "enum": ["name", "home", "origin", "workplace", "job", "birthday", "age", "none"] },
                        "importance": { "type": "integer" },
                        "when": { "type": ["string", "null"] },
                    },
                    "required": ["kind", "text", "slot", "importance", "when"],
                },
            },
        },
        "required": ["items"],
    })
}

/// What of an answer is believed; none when it is not the JSON that was asked for. `now` is when
/// the turn was, in its person's time zone.
pub(crate) fn understood(answer: &str, turn: &Turn, now: &Zoned) -> Option<Vec<Draft>> {
    // Some models put their JSON between marks or words.
    let json = answer.get(answer.find('{')?..=answer.rfind('}')?)?;
    let answer: Value = serde_json::from_str(json).ok()?;
    let items = answer.get("items")?.as_array()?;
    let stated = statements::stated_part(&turn.said);
    let said: HashSet<_> = words::distinct(&stated).into_iter().collect();
    let believed = items.iter().take(MOST_ITEMS);
    Some(
        believed
            .filter_map(|item| draft(item, &stated, &said, now))
            .collect(),
    )
}

fn draft(item: &Value, stated: &str, said: &HashSet<String>, now: &Zoned) -> Option<Draft> {
    let kind = match word(item, "kind")?.to_lowercase().as_str() {
        "fact" => Kind::Fact,
        "preference" => Kind::Preference,
        "task" => Kind::Task,
        "event" => Kind::Event,
        "reminder" => Kind::Reminder,
        _ => return None,
    };
    let text = text(word(item, "text")?)?;
    let terms = words::distinct(&text);
    let grounded = |term: &String| said.contains(term) || LINKS.contains(term);
    let says_something = terms.iter().any(|term| said.contains(term));
    if !says_something || !terms.iter().all(grounded) {
        return None;
    }
    let slot = word(item, "slot").filter(|slot| SLOTS.contains(slot));
    let plain = Draft {
        kind,
        slot: slot.map(str::to_owned),
        text,
        importance: importance(item.get("importance")),
        due: None,
        all_day: false,
    };
    let date = match word(item, "when") {
        Some(when) => {
            // The words must be the person's; what is no date in them makes the item doubtful.
            let start = stated.to_lowercase().find(&when.to_lowercase());
            start?;
            Some(dates::find(when, now).into_iter().next()?)
        }
        None => None,
    };
    let ahead = date.filter(|found| found.all_day || found.when > now.timestamp());
    match (kind, ahead) {
        (Kind::Event | Kind::Reminder, None) => None,
        (Kind::Fact | Kind::Preference, _) | (_, None) => Some(plain),
        (_, Some(found)) => Some(plain.dated(&found, now)),
    }
}

/// A string that says something: models write "null" for nothing.
fn word<'a>(item: &'a Value, field: &str) -> Option<&'a str> {
    let word = item.get(field)?.as_str()?.trim();
    let nothing = ["", "null", "none", "n/a", "unknown"];
    (!nothing.iter().any(|empty| word.eq_ignore_ascii_case(empty))).then_some(word)
}

/// The text of an item without its subject, in the third person.
fn text(text: &str) -> Option<String> {
    const SUBJECTS: [&str; 10] = [
        "the user ",
        "the person ",
        "the speaker ",
        "user ",
        "person ",
        "speaker ",
        "they ",
        "he ",
        "she ",
        "i ",
    ];
    let subject = SUBJECTS.iter().find(|subject| {
        let begin = text.get(..subject.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(subject))
    });
    let text = &text[subject.map_or(0, |subject| subject.len())..];
    let text = text.trim().trim_end_matches('.');
    let fits = !text.is_empty() && text.chars().count() <= LONGEST_ITEM && !text.contains('?');
    fits.then(|| statements::of_them(text))
}

fn importance(value: Option<&Value>) -> u8 {
    let number = match value {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let clamped = number.filter(|n| n.is_finite()).map(|n| n.clamp(1.0, 10.0));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it lies between 1 and 10"
    )]
    clamped.map_or(Entry::ORDINARY, |n| n as u8)
}

#[cfg(test)]
mod tests;
