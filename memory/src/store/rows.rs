//! Rows and what they stand for.
//!
//! Times are milliseconds since 1970, names are text, states are words.

use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::error::{BoxDynError, Error};
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

use super::Profile;
use crate::entry::{Entry, Kind};
use crate::person::{Person, Place, Who};
use crate::turn::{Audience, Id, Turn};

/// Longest text that is kept of one side of a turn or of an entry, in bytes: an hour of speech. What
/// is beyond is cut off.
pub(super) const LONGEST_TEXT: usize = 64 * 1024;

/// Longest name, in bytes. Mumble's are shorter.
pub(super) const LONGEST_NAME: usize = 1024;

/// The columns of [`turn`].
pub(super) const TURN: &str = "turns.id, turns.person, turns.name, turns.place, turns.at, \
     turns.said, turns.heard, turns.audience, (SELECT string_agg(witnesses.person, '\n' ORDER BY \
     witnesses.person) FROM witnesses WHERE witnesses.turn = turns.id) AS witnesses";

/// The columns of [`entry`].
pub(super) const ENTRY: &str = "entries.id, entries.person, entries.kind, entries.text, \
     entries.at, entries.audience, entries.turn, entries.slot, entries.importance, entries.due, \
     entries.due_names, entries.ended, entries.told";

/// The columns of [`profile`].
pub(super) const PROFILE: &str = "people.person, people.name, people.time_zone, people.private, \
     people.record, people.first_seen, people.last_seen";

pub(super) type Statement = Query<'static, Any, AnyArguments>;

/// A statement that was put together; only ever of words of ours and of places for values.
pub(super) fn statement(sql: String) -> Statement {
    sqlx::query(AssertSqlSafe(sql))
}

/// Places for `count` values, from the one numbered `first` on: `$3, $4, $5`.
pub(super) fn places(first: usize, count: usize) -> String {
    let places: Vec<_> = (first..first + count).map(|n| format!("${n}")).collect();
    places.join(", ")
}

/// A text as it can be kept: without NUL, which Postgres refuses, and not longer than `longest`.
pub(super) fn clean(text: &str, longest: usize) -> String {
    let text = &text[..text.floor_char_boundary(longest)];
    text.replace('\0', "")
}

/// A person as they stand in the database; no sign of theirs can part one name from the next.
pub(super) fn key(person: &Person) -> String {
    let text = clean(person.as_str(), LONGEST_NAME);
    text.replace(char::is_control, "")
}

pub(super) fn time(at: Timestamp) -> i64 {
    at.as_millisecond()
}

pub(super) fn audience_word(audience: Audience) -> &'static str {
    match audience {
        Audience::Shared => "shared",
        Audience::Private => "private",
    }
}

pub(super) fn due_word(all_day: bool) -> &'static str {
    if all_day { "day" } else { "moment" }
}

pub(super) fn private_word(aloud: bool) -> &'static str {
    if aloud { "aloud" } else { "quiet" }
}

pub(super) fn record_word(off: bool) -> &'static str {
    if off { "off" } else { "on" }
}

pub(super) fn place_word(place: &Place) -> String {
    match place {
        Place::Channel(number) => format!("channel:{number}"),
        Place::Private(Who::Known(person)) => format!("private:{}", key(person)),
        Place::Private(Who::Visitor(number)) => format!("visitor:{number}"),
    }
}

pub(super) fn turn(row: &AnyRow) -> Result<Turn, Error> {
    let witnesses: Option<String> = row.try_get("witnesses")?;
    let witnesses = witnesses.unwrap_or_default();
    Ok(Turn {
        id: id(row, "id")?,
        who: Who::Known(person(row)?),
        name: row.try_get("name")?,
        place: read(row, "place", place)?,
        at: moment(row, "at")?,
        said: row.try_get("said")?,
        heard: row.try_get("heard")?,
        audience: read(row, "audience", audience)?,
        witnesses: witnesses
            .lines()
            .map(|witness| Who::Known(Person::new(witness)))
            .collect(),
    })
}

pub(super) fn entry(row: &AnyRow) -> Result<Entry, Error> {
    let turn: Option<String> = row.try_get("turn")?;
    let importance: i64 = row.try_get("importance")?;
    Ok(Entry {
        id: id(row, "id")?,
        person: person(row)?,
        kind: read(row, "kind", |word| {
            Kind::ALL.into_iter().find(|kind| kind.word() == word)
        })?,
        text: row.try_get("text")?,
        at: moment(row, "at")?,
        audience: read(row, "audience", audience)?,
        turn: turn.map(|_| id(row, "turn")).transpose()?,
        slot: row.try_get("slot")?,
        importance: u8::try_from(importance).unwrap_or(Entry::ORDINARY),
        due: maybe_moment(row, "due")?,
        all_day: row.try_get::<String, _>("due_names")? == due_word(true),
        ended: maybe_moment(row, "ended")?,
        told: maybe_moment(row, "told")?,
    })
}

pub(super) fn profile(row: &AnyRow) -> Result<Profile, Error> {
    Ok(Profile {
        person: person(row)?,
        name: row.try_get("name")?,
        time_zone: row.try_get("time_zone")?,
        private_aloud: row.try_get::<String, _>("private")? == private_word(true),
        off_record: row.try_get::<String, _>("record")? == record_word(true),
        first_seen: moment(row, "first_seen")?,
        last_seen: moment(row, "last_seen")?,
    })
}

pub(super) fn id(row: &AnyRow, column: &str) -> Result<Id, Error> {
    read(row, column, |text| text.parse().ok())
}

fn person(row: &AnyRow) -> Result<Person, Error> {
    Ok(Person::new(row.try_get::<String, _>("person")?))
}

fn place(word: &str) -> Option<Place> {
    let (kind, rest) = word.split_once(':')?;
    match kind {
        "channel" => Some(Place::Channel(rest.parse().ok()?)),
        "private" => Some(Place::Private(Who::Known(Person::new(rest)))),
        "visitor" => Some(Place::Private(Who::Visitor(rest.parse().ok()?))),
        _ => None,
    }
}

fn audience(word: &str) -> Option<Audience> {
    [Audience::Shared, Audience::Private]
        .into_iter()
        .find(|audience| audience_word(*audience) == word)
}

fn moment(row: &AnyRow, column: &str) -> Result<Timestamp, Error> {
    let at: i64 = row.try_get(column)?;
    Timestamp::from_millisecond(at).map_err(|_| strange(column))
}

fn maybe_moment(row: &AnyRow, column: &str) -> Result<Option<Timestamp>, Error> {
    let at: Option<i64> = row.try_get(column)?;
    at.map(|_| moment(row, column)).transpose()
}

fn read<T>(
    row: &AnyRow,
    column: &str,
    meaning: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Error> {
    let text: String = row.try_get(column)?;
    meaning(&text).ok_or_else(|| strange(column))
}

/// What stands there is not shown: it could be anything.
fn strange(column: &str) -> Error {
    Error::ColumnDecode {
        index: column.to_owned(),
        source: BoxDynError::from("nothing that this program writes"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_place_is_the_same_when_it_comes_back() {
        for place_then in [
            Place::Channel(0),
            Place::Channel(u32::MAX),
            Place::Private(Who::Known(Person::new("a:b"))),
            Place::Private(Who::Visitor(7)),
        ] {
            assert_eq!(place(&place_word(&place_then)), Some(place_then));
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_of_a_text_is_its_beginning(text in ".*", longest in 0_usize..64) {
            let kept = clean(&text, longest);
            prop_assert!(kept.len() <= longest && !kept.contains('\0'));
            prop_assert!(text.replace('\0', "").starts_with(&kept));
        }

        #[test]
        fn no_word_is_too_strange_to_be_read(word in ".*") {
            let _ = (place(&word), audience(&word));
        }
    }
}
