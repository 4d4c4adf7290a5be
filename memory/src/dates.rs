//! Dates as people say them, in English: "tomorrow at half past six", "next Friday", "3 March".
//!
//! Read in the person's own time zone. What is unclear is read thus:
//! - a bare weekday is the next one after today, "this Friday" the one of this week while it is not
//!   over, "next Friday" the one of the week after (weeks begin on Monday);
//! - a date without a year is the next one from today on;
//! - an hour without am or pm is the one by day (7 to 11 in the morning, 12 to 6 in the afternoon),
//!   and of today the other one if that by day is over;
//! - midnight ends the day that it is said with;
//! - an hour that daylight saving leaves out is the one after it.
//!
//! What is over ("yesterday at 5") and what is in no calendar (30 February, 25:00) is no date.
//! `3/4/2027` is none either: half the world reads it as April, the other half as March.

mod clock;
mod day;
mod numbers;
#[cfg(test)]
mod tests;
mod words;

use std::ops::Range;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _, Zoned};

pub(crate) use day::names_a_day;

use clock::{Clock, Half, Part};
use day::Day;
use words::Reader;

/// Longest text that is searched, in bytes: nobody says a date after so many words.
const LONGEST: usize = 16 * 1024;

/// A date that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it stands, in bytes, with the "on", "at" or "in" before it.
    pub span: Range<usize>,
    /// When it is; of a whole day its first moment.
    pub when: Timestamp,
    /// Whether a day was named and no hour.
    pub all_day: bool,
}

/// The dates in a text, in the order in which they stand there, seen from `now` in its time zone.
#[must_use]
pub fn find(text: &str, now: &Zoned) -> Vec<Found> {
    let text = &text[..text.floor_char_boundary(LONGEST)];
    let mut found = Vec::new();
    for sentence in words::sentences(text) {
        let mut reader = Reader::new(&sentence);
        while let Some(first) = reader.rest().first() {
            let before = reader.rest().len();
            let Some(meaning) = phrase(&mut reader, now) else {
                reader.next();
                continue;
            };
            let read = before - reader.rest().len();
            let at = sentence.len() - before;
            let Some(last) = sentence.get(at + read.max(1) - 1) else {
                break;
            };
            if let Some((when, all_day)) = meaning {
                found.push(Found {
                    span: first.span.start..last.span.end,
                    when,
                    all_day,
                });
            }
        }
    }
    found
}

/// Reads one date, in as many parts as it has, each at most once and in any order. None inside
/// for one that is over or in no calendar.
fn phrase(reader: &mut Reader<'_>, now: &Zoned) -> Option<Option<(Timestamp, bool)>> {
    let mut day = None;
    let mut clock = None;
    let mut part = None;
    let mut read_day_last = false;
    loop {
        if part.is_none()
            && let Some((found, today)) = clock::part(reader, read_day_last)
        {
            part = Some(found);
            if today && day.is_none() {
                day = Some(Day::On(now.date()));
            }
        } else if clock.is_none()
            && let Some(found) = clock::read(reader)
        {
            clock = Some(found);
            read_day_last = false;
        } else if day.is_none()
            && let Some(found) = day::read(reader, now)
        {
            if let Day::At(moment) = found {
                return Some(Some((moment, false)));
            }
            day = Some(found);
            read_day_last = true;
        } else {
            break;
        }
    }
    if day.is_none() && clock.is_none() && part.is_none() {
        return None;
    }
    Some(resolve(day, clock, part, now))
}

fn resolve(
    day: Option<Day>,
    clock: Option<Clock>,
    part: Option<Part>,
    now: &Zoned,
) -> Option<(Timestamp, bool)> {
    let today = now.date();
    let day = match day {
        Some(Day::Never | Day::At(_)) => return None,
        Some(Day::On(date)) => Some(date),
        None => None,
    };
    let (hour, minute, half) = match (clock, part) {
        (Some(Clock::Never), _) => return None,
        (Some(Clock::At { hour, minute, half }), _) => (hour, minute, half),
        (None, Some(part)) => return of_part(day, part, now).map(|when| (when, false)),
        (None, None) => return moment(day?, 0, 0, now).map(|when| (when, true)),
    };
    let date = day.unwrap_or(today);
    let readings = match half {
        Half::Told => [Some(hour), None],
        Half::Open => by_day(hour, part),
    };
    let on = |date: Date, hour: i8| {
        // Two in the night of Friday is on Saturday.
        let late = part == Some(Part::Night) && hour < 6;
        let date = if late { date.tomorrow().ok()? } else { date };
        moment(date, hour, minute, now)
    };
    let mut candidates: Vec<_> = readings
        .into_iter()
        .flatten()
        .filter_map(|hour| on(date, hour))
        .collect();
    if day.is_some_and(|day| day != today) {
        // The likelier one counts, even of a year that is over.
        candidates.truncate(1);
        return candidates.first().map(|when| (*when, false));
    }
    if day.is_none() {
        let tomorrow = today.tomorrow().ok()?;
        candidates.extend(readings[0].and_then(|hour| on(tomorrow, hour)));
    }
    let ahead = candidates.into_iter().find(|when| *when > now.timestamp());
    ahead.map(|when| (when, false))
}

/// What an hour of the twelve-hour clock may mean, the likelier first.
fn by_day(hour: i8, part: Option<Part>) -> [Option<i8>; 2] {
    let (am, pm) = if hour == 12 {
        (0, 12)
    } else {
        (hour, hour + 12)
    };
    match part {
        Some(Part::Morning) => [Some(am), None],
        Some(Part::Afternoon) => [Some(pm), None],
        Some(Part::Evening | Part::Night) if hour == 12 => [Some(24), None],
        Some(Part::Night) if hour < 6 => [Some(am), None],
        Some(Part::Evening | Part::Night) => [Some(pm), None],
        None if (7..=11).contains(&hour) => [Some(am), Some(pm)],
        None => [Some(pm), Some(am)],
    }
}

/// A part of a day without an hour. Of one that has begun already, and past its hour, the middle
/// of what is left.
fn of_part(day: Option<Date>, part: Part, now: &Zoned) -> Option<Timestamp> {
    let date = day.unwrap_or_else(|| now.date());
    let usual = moment(date, part.hour(), 0, now)?;
    if usual > now.timestamp() || date != now.date() {
        return Some(usual);
    }
    if day.is_none() {
        return moment(date.tomorrow().ok()?, part.hour(), 0, now);
    }
    let left = moment(date, part.end(), 0, now)?.duration_since(now.timestamp());
    (!left.is_negative() && !left.is_zero())
        .then(|| now.timestamp().checked_add(left / 2).ok())
        .flatten()
}

/// The moment at which a clock shows this; hour 24 is the first of the next day.
fn moment(date: Date, hour: i8, minute: i8, now: &Zoned) -> Option<Timestamp> {
    let (date, hour) = match hour {
        24 => (date.checked_add(1.day()).ok()?, 0),
        _ => (date, hour),
    };
    let zoned = date
        .at(hour, minute, 0, 0)
        .to_zoned(now.time_zone().clone());
    zoned.ok().map(|zoned| zoned.timestamp())
}
