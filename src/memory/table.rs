//! People and entries as lines for people to read.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use memory::store::Listed;
use memory::{Entry, Person};
use serde_json::json;

/// Hex digits of a hash that are shown: enough to name anybody.
const START: usize = 12;

/// Longest name that is shown, in signs.
const NAME: usize = 24;

/// The start of a person's hash.
pub(super) fn start(person: &Person) -> String {
    person.as_str().chars().take(START).collect()
}

/// A line for each person, under a line that says what the columns are.
pub(super) fn people(people: &[Listed], zone: &TimeZone) -> Vec<String> {
    if people.is_empty() {
        return vec!["nobody is remembered yet".to_owned()];
    }
    let heading = format!(
        "{:START$}  {:NAME$}  {:>7}  {:>7}  LAST HEARD",
        "PERSON", "NAME", "TURNS", "ENTRIES"
    );
    let line = |listed: &Listed| {
        format!(
            "{:START$}  {:NAME$}  {:>7}  {:>7}  {}",
            start(&listed.profile.person),
            plain(&listed.profile.name, NAME),
            listed.turns,
            listed.entries,
            when(listed.profile.last_seen, zone)
        )
    };
    [heading]
        .into_iter()
        .chain(people.iter().map(line))
        .collect()
}

/// A line about an entry.
pub(super) fn entry(entry: &Entry, zone: &TimeZone) -> String {
    let ended = if entry.ended.is_some() {
        " (no longer so)"
    } else {
        ""
    };
    format!(
        "{}  {:10}  {}{ended}",
        when(entry.at, zone),
        entry.kind.word(),
        plain(&entry.text, usize::MAX)
    )
}

/// A person for machines.
pub(super) fn as_json(listed: &Listed) -> serde_json::Value {
    json!({
        "person": listed.profile.person,
        "name": listed.profile.name,
        "turns": listed.turns,
        "entries": listed.entries,
        "first_seen": listed.profile.first_seen,
        "last_seen": listed.profile.last_seen,
        "off_record": listed.profile.off_record,
        "time_zone": listed.profile.time_zone,
    })
}

fn when(at: Timestamp, zone: &TimeZone) -> String {
    let at = at.to_zoned(zone.clone());
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// What people call themselves and say may hold signs that move a terminal's cursor.
fn plain(text: &str, most: usize) -> String {
    let signs = text
        .chars()
        .map(|sign| if sign.is_control() { ' ' } else { sign });
    signs.take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_move_the_cursor() {
        assert_eq!(plain("\u{1b}[2JAnn\r\n", 8), " [2JAnn ");
    }

    #[test]
    fn an_empty_memory_is_said_in_words() {
        assert_eq!(people(&[], &TimeZone::UTC), ["nobody is remembered yet"]);
    }
}
