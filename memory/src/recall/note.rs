//! What was recalled, in the words in which a prompt tells it.
//!
//! People's words are quoted, one line each, and nothing in them can end the quotation or begin a
//! line of its own: to the model they are what somebody once said, and no instruction.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::hot;
use super::{Recalled, Recollection};
use crate::entry::{Entry, Kind};

/// Characters of a note at most: with every thousand a small model on a slow box takes about a
/// second longer to its first word.
const MOST_CHARACTERS: usize = 3_000;

/// Characters of one line's quotation at most.
const MOST_QUOTED: usize = 240;

impl Recalled {
    /// The block of text for the prompt; none when there is nothing to tell. It has at most
    /// 3,000 characters; what finds no room is left out, worst last.
    #[must_use]
    pub fn note(&self, now: &Zoned) -> Option<String> {
        let zone = hot::zone(self.profile.as_ref(), now.time_zone());
        let now = now.timestamp();
        let name = self
            .profile
            .as_ref()
            .map(|profile| plain(&profile.name, MOST_QUOTED))
            .filter(|name| !name.is_empty());
        let whom = name.as_deref().unwrap_or("them");
        let name = name.as_deref().unwrap_or("they");
        let mut note = String::new();
        let upcoming: Vec<String> = self
            .upcoming
            .iter()
            .filter_map(|entry| upcoming(entry, now, &zone))
            .collect();
        let earlier: Vec<String> = self
            .entries
            .iter()
            .map(|known| earlier(known, name, now, &zone))
            .collect();
        section(
            &mut note,
            &format!("From earlier talk with {whom}:"),
            earlier,
        );
        section(&mut note, &format!("Coming up for {whom}:"), upcoming);
        (!note.is_empty()).then_some(note)
    }
}

fn section(note: &mut String, title: &str, lines: Vec<String>) {
    let mut titled = false;
    for line in lines {
        let used = note.chars().count() + title.chars().count() + line.chars().count() + 4;
        if used > MOST_CHARACTERS {
            return;
        }
        if !titled {
            if !note.is_empty() {
                note.push('\n');
            }
            note.push_str(title);
            titled = true;
        }
        note.push_str("\n- ");
        note.push_str(&line);
    }
}

fn earlier(known: &Recollection, name: &str, now: Timestamp, zone: &TimeZone) -> String {
    let entry = &known.entry;
    let text = plain(&entry.text, MOST_QUOTED);
    let day = day(entry.at, now, zone);
    let line = match entry.kind {
        Kind::Said => format!("{day} {name} said: \"{text}\""),
        Kind::Heard => format!("{day} you answered: \"{text}\""),
        Kind::Summary => format!("{day}, in short: \"{text}\""),
        _ => format!("Learnt {}: \"{text}\"", lower_first(&day)),
    };
    if entry.ended.is_some() {
        format!("{line} (this has changed since)")
    } else {
        line
    }
}

fn upcoming(entry: &Entry, now: Timestamp, zone: &TimeZone) -> Option<String> {
    let due = entry.due?.to_zoned(zone.clone());
    let today = now.to_zoned(zone.clone()).date();
    let near = match days(today, due.date()) {
        0 => " (today)",
        1 => " (tomorrow)",
        _ => "",
    };
    let when = if entry.all_day {
        due.strftime("%A, %-d %B").to_string()
    } else {
        due.strftime("%A, %-d %B at %H:%M").to_string()
    };
    Some(format!(
        "{when}{near}: \"{}\"",
        plain(&entry.text, MOST_QUOTED)
    ))
}

/// The day of something said, and how long ago that is.
fn day(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (at, now) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let date = if at.year() == now.year() {
        at.strftime("%-d %B").to_string()
    } else {
        at.strftime("%-d %B %Y").to_string()
    };
    let ago = match days(at.date(), now.date()) {
        ..=0 => return format!("Today at {}", at.strftime("%H:%M")),
        1 => return format!("Yesterday, {date},"),
        n @ 2..=13 => format!("{n} days ago"),
        n @ 14..=59 => format!("{} weeks ago", n / 7),
        n @ 60..=729 => format!("{} months ago", n / 30),
        n => format!("{} years ago", n / 365),
    };
    format!("On {date} ({ago})")
}

fn days(from: Date, to: Date) -> i32 {
    (to - from).get_days()
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_lowercase().chain(characters).collect())
        .unwrap_or_default()
}

/// A text in one line and within its quotation marks: no control or formatting characters, no
/// double quotation mark, and not longer than `most` characters.
fn plain(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut count = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if count > 0 {
            line.push(' ');
            count += 1;
        }
        for c in word.chars().filter(|c| !is_formatting(*c)) {
            if count >= most {
                line.push('…');
                return line;
            }
            line.push(if is_quotation_mark(c) { '\'' } else { c });
            count += 1;
        }
    }
    line
}

fn is_quotation_mark(c: char) -> bool {
    matches!(
        c,
        '"' | '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{ff02}'
    )
}

/// Characters that turn or hide text around them.
fn is_formatting(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}
