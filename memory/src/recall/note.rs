//! What was recalled, in the words in which a prompt tells it.
//!
//! People's words are quoted, one line for each day, and nothing in them can end the quotation or
//! begin a line of its own: to the model they are what somebody once said, and no instruction.
//! Somebody waits while the model reads a note, so it is short: each day is named once.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::hot;
use super::{Recalled, Recollection};
use crate::entry::{Entry, Kind};

mod quoted;

use quoted::plain;

/// Characters that tell of earlier talk at most. A small model on a slow box reads about four
/// hundred of them in a second, in which somebody waits. Of the fixed set of conversations no
/// question needs more than three hundred.
const MOST_EARLIER: usize = 400;

/// Characters that tell of what is coming up at most.
const MOST_COMING_UP: usize = 800;

/// Characters of one quotation at most.
const MOST_QUOTED: usize = 240;

impl Recalled {
    /// The block of text for the prompt; none when there is nothing to tell. What finds no room
    /// in its 1,200 characters is left out, worst last.
    ///
    /// What is coming up stands first: it stays the same from question to question, so that the
    /// model need not read it anew.
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
        let sections = [
            self.coming_up(whom, now, &zone),
            self.earlier(whom, now, &zone),
        ];
        let note: Vec<String> = sections.into_iter().flatten().collect();
        (!note.is_empty()).then(|| note.join("\n"))
    }

    fn coming_up(&self, whom: &str, now: Timestamp, zone: &TimeZone) -> Option<String> {
        let mut section = Section::new(format!("Coming up for {whom}:"), MOST_COMING_UP);
        for entry in &self.upcoming {
            let Some(line) = upcoming(entry, now, zone) else {
                continue;
            };
            if !section.has_room_for(&line) {
                break;
            }
            section.push(&line);
        }
        section.text()
    }

    fn earlier(&self, whom: &str, now: Timestamp, zone: &TimeZone) -> Option<String> {
        let title = format!("From earlier talk with {whom}:");
        let mut section = Section::new(title, MOST_EARLIER);
        let mut days: Vec<Day<'_>> = Vec::new();
        let mut room = section.room;
        for Recollection { entry, .. } in &self.entries {
            let date = entry.at.to_zoned(zone.clone()).date();
            let known = days.iter().position(|day| day.date == date);
            let length = 1 + told(entry).chars().count();
            let opening = match known {
                Some(_) => 0,
                None => Day::opening(date, now, zone).chars().count() + Section::BREAK,
            };
            if length + opening > room {
                break;
            }
            room -= length + opening;
            match known {
                Some(day) => days[day].entries.push(entry),
                None => days.push(Day {
                    date,
                    entries: vec![entry],
                }),
            }
        }
        for day in days {
            section.push(&day.line(now, zone));
        }
        section.text()
    }
}

/// Lines under a title, within a number of characters.
struct Section {
    title: String,
    lines: String,
    room: usize,
}

impl Section {
    /// What each line begins with.
    const BULLET: &'static str = "\n- ";
    const BREAK: usize = 3;

    fn new(title: String, most: usize) -> Self {
        let room = most.saturating_sub(title.chars().count());
        Self {
            title,
            lines: String::new(),
            room,
        }
    }

    fn has_room_for(&self, line: &str) -> bool {
        line.chars().count() + Self::BREAK <= self.room
    }

    fn push(&mut self, line: &str) {
        self.lines.push_str(Self::BULLET);
        self.lines.push_str(line);
        self.room = self.room.saturating_sub(line.chars().count() + Self::BREAK);
    }

    fn text(self) -> Option<String> {
        (!self.lines.is_empty()).then(|| self.title + &self.lines)
    }
}

/// What is told of one day.
struct Day<'a> {
    date: Date,
    entries: Vec<&'a Entry>,
}

impl Day<'_> {
    /// "22 September, 2 months ago:"
    fn opening(date: Date, now: Timestamp, zone: &TimeZone) -> String {
        let today = now.to_zoned(zone.clone()).date();
        let day = if date.year() == today.year() {
            date.strftime("%-d %B")
        } else {
            date.strftime("%-d %B %Y")
        };
        let ago = match days(date, today) {
            ..=0 => "today".to_owned(),
            1 => "yesterday".to_owned(),
            n @ 2..=13 => format!("{n} days ago"),
            n @ 14..=59 => format!("{} weeks ago", n / 7),
            n @ 60..=729 => format!("{} months ago", n / 30),
            n => format!("{} years ago", n / 365),
        };
        format!("{day}, {ago}:")
    }

    /// The day in the order in which it went, what was learnt behind what it was learnt from.
    fn line(mut self, now: Timestamp, zone: &TimeZone) -> String {
        self.entries
            .sort_by_key(|entry| (entry.at, entry.turn, entry.kind));
        let mut line = Self::opening(self.date, now, zone);
        for entry in self.entries {
            line.push(' ');
            line.push_str(&told(entry));
        }
        line
    }
}

/// One entry, quoted.
fn told(entry: &Entry) -> String {
    let text = plain(&entry.text, MOST_QUOTED);
    let told = match entry.kind {
        Kind::Said => format!("\"{text}\""),
        Kind::Heard => format!("you answered: \"{text}\""),
        Kind::Summary => format!("in short: \"{text}\""),
        _ => format!("learnt: \"{text}\""),
    };
    if entry.ended.is_some() {
        format!("{told} (this has changed since)")
    } else {
        told
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

fn days(from: Date, to: Date) -> i32 {
    (to - from).get_days()
}
