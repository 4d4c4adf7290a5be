//! Days: "tomorrow", "in two weeks", "next Friday", "on the 3rd", "3 March 2027".

use jiff::civil::{Date, DateTime, Weekday};
use jiff::{Span, Timestamp, ToSpan as _, Zoned};

use super::numbers::{count, day_of_month, ordinal};
use super::words::Reader;

/// A day as somebody gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Day {
    /// A day of the calendar.
    On(Date),
    /// A moment: "in 10 minutes".
    At(Timestamp),
    /// Over, or in no calendar: yesterday, 30 February.
    Never,
}

const WEEKDAYS: [(&str, Weekday); 14] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
    // Short ones, but those that are words of their own: sun, sat, wed.
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("tues", Weekday::Tuesday),
    ("thu", Weekday::Thursday),
    ("thur", Weekday::Thursday),
    ("thurs", Weekday::Thursday),
    ("fri", Weekday::Friday),
];

const MONTHS: [(&str, i8); 24] = [
    ("january", 1),
    ("february", 2),
    ("march", 3),
    ("april", 4),
    ("may", 5),
    ("june", 6),
    ("july", 7),
    ("august", 8),
    ("september", 9),
    ("october", 10),
    ("november", 11),
    ("december", 12),
    ("jan", 1),
    ("feb", 2),
    ("mar", 3),
    ("apr", 4),
    ("jun", 6),
    ("jul", 7),
    ("aug", 8),
    ("sep", 9),
    ("sept", 9),
    ("oct", 10),
    ("nov", 11),
    ("dec", 12),
];

/// Years that are taken for years; other numbers after a day are something else.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2199;

/// So many years are looked through for the next 29 February.
const LEAP: i16 = 8;

/// So many months are looked through for the next one that has a 31st.
const LONG_MONTH: i8 = 2;

/// Words that may stand before a day and belong to it.
const LEADS: [&str; 9] = [
    "on", "by", "for", "before", "until", "till", "from", "due", "at",
];

/// What may follow "on the third" when a day of the month is meant, and no floor or time.
const FOLLOWERS: [&str; 20] = [
    "of", "at", "in", "and", "to", "because", "for", "with", "but", "i", "we", "or", "this",
    "next", "from", "until", "that", "around", "my", "please",
];

/// Whether a word is the name of a day or a month, or stands for a day.
pub(crate) fn names_a_day(word: &str) -> bool {
    weekday_named(word).is_some()
        || MONTHS.iter().any(|(name, _)| *name == word)
        || ["today", "tomorrow", "tonight"].contains(&word)
}

/// A day.
pub(super) fn read(reader: &mut Reader<'_>, now: &Zoned) -> Option<Day> {
    over(reader)
        .or_else(|| later(reader, now))
        .or_else(|| reader.attempt(|reader| led(reader, now)))
}

/// What is over: "yesterday", "last Friday", "two days ago".
fn over(reader: &mut Reader<'_>) -> Option<Day> {
    if reader.take("yesterday") || reader.all(&["the", "day", "before", "yesterday"]) {
        return Some(Day::Never);
    }
    reader.attempt(|reader| {
        reader.any(&["last", "since"])?;
        reader.any(&["last", "the"]);
        let word = &reader.next()?.text;
        let period = ["week", "weekend", "month", "year", "night"].contains(&word.as_str());
        (period || names_a_day(word)).then_some(Day::Never)
    })
}

/// "In 10 minutes", "in an hour and a half", "two weeks from now", "three days ago".
fn later(reader: &mut Reader<'_>, now: &Zoned) -> Option<Day> {
    reader.attempt(|reader| {
        let led = reader.any(&["in", "within"]).is_some();
        let (mut quarters, mut unit) = amount(reader)?;
        let mut day = unit.after(quarters, now);
        // "Two hours and 30 minutes".
        while let Some((more, smaller)) = reader.attempt(|reader| {
            reader.take("and");
            amount(reader)
        }) {
            if !(unit.is_exact() && smaller.is_exact()) {
                return None;
            }
            let seconds = unit
                .seconds(quarters)?
                .checked_add(smaller.seconds(more)?)?;
            (quarters, unit) = (seconds.checked_mul(4)?, Unit::Second);
            day = unit.after(quarters, now);
        }
        if reader.take("ago") {
            return Some(Day::Never);
        }
        reader.take("time");
        let from = reader.all(&["from", "now"]) || reader.all(&["from", "today"]);
        (led || from).then(|| day.unwrap_or(Day::Never))
    })
}

/// A day with a word before it.
fn led(reader: &mut Reader<'_>, now: &Zoned) -> Option<Day> {
    let lead = reader.any(&LEADS);
    named(reader, now)
        .or_else(|| of_week(reader, now))
        .or_else(|| of_month(reader, now))
        .or_else(|| iso(reader, now))
        .or_else(|| bare_ordinal(reader, now, lead))
}

fn named(reader: &mut Reader<'_>, now: &Zoned) -> Option<Day> {
    let ahead = if reader.take("today") {
        0
    } else if reader.take("tomorrow") {
        1
    } else if reader.all(&["the", "day", "after", "tomorrow"])
        || reader.all(&["day", "after", "tomorrow"])
    {
        2
    } else {
        return None;
    };
    Some(on(now.date().checked_add(i64::from(ahead).days())))
}

/// Weekdays and weekends. A bare one is the next after today; "this" is the one of this week, if
/// it is not over; "next" is the one of the week after, whose first day is Monday.
fn of_week(reader: &mut Reader<'_>, now: &Zoned) -> Option<Day> {
    let today = now.date();
    let next_week = |weekday: Weekday| {
        let ahead = 7 - today.weekday().to_monday_zero_offset() + weekday.to_monday_zero_offset();
        on(today.checked_add(i64::from(ahead).days()))
    };
    reader.attempt(|reader| {
        reader.take("the");
        let which = reader.any(&["this", "next", "coming", "following"]);
        if which == Some("next") {
            if reader.take("week") {
                reader.take("on");
                let day = weekday(reader).unwrap_or(Weekday::Monday);
                return Some(next_week(day));
            }
            if reader.take("month") {
                return Some(on(today.last_of_month().tomorrow()));
            }
            if reader.take("year") {
                return Some(on(today.last_of_year().tomorrow()));
            }
        }
        let day = if reader.take("weekend") {
            Weekday::Saturday
        } else {
            weekday(reader)?
        };
        // "Friday, March 3rd" and "Friday the 3rd" say it twice.
        if let Some(exact) = of_month(reader, now).or_else(|| {
            reader.attempt(|reader| {
                reader.take("the").then_some(())?;
                next_with_day(now.date(), ordinal(reader)?)
            })
        }) {
            return Some(exact);
        }
        if which == Some("next") || reader.all(&["next", "week"]) {
            return Some(next_week(day));
        }
        let ahead = today.weekday().until(day);
        let ahead = match (which, ahead) {
            (Some("this"), 0) => 0,
            (_, 0) => 7,
            (_, ahead) => ahead,
        };
        Some(on(today.checked_add(i64::from(ahead).days())))
    })
}

/// "March 3rd", "3 March 2027", "the third of March".
fn of_month(reader: &mut Reader<'_>, now: &Zoned) -> Option<Day> {
    reader.attempt(|reader| {
        reader.take("the");
        let (month, day) = reader
            .attempt(|reader| {
                let word = reader.next()?;
                // "I may 3" is no date.
                let month = month(&word.text).filter(|month| *month != 5 || word.capital)?;
                reader.take("the");
                Some((month, day_of_month(reader)?))
            })
            .or_else(|| {
                reader.attempt(|reader| {
                    let day = day_of_month(reader)?;
                    reader.take("of");
                    Some((month(&reader.next()?.text)?, day))
                })
            })?;
        let day = i8::try_from(day).unwrap_or(i8::MAX);
        let year = reader.attempt(|reader| {
            let year: i16 = reader.next()?.text.parse().ok()?;
            YEARS.contains(&year).then_some(year)
        });
        let today = now.date();
        Some(match year {
            Some(year) => on(Date::new(year, month, day)),
            None => (0..=LEAP)
                .filter_map(|years| Date::new(today.year().checked_add(years)?, month, day).ok())
                .find(|date| *date >= today)
                .map_or(Day::Never, Day::On),
        })
    })
}

/// `2027-03-04`, `2027-03-04T17:30`, with or without a zone.
fn iso(reader: &mut Reader<'_>, now: &Zoned) -> Option<Day> {
    reader.attempt(|reader| {
        let word = &reader.next()?.text;
        let dashes = word.bytes().filter(|byte| *byte == b'-').count() >= 2;
        if !dashes || !word.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        if !word.contains('t') {
            let looks = word.len() == 10;
            return looks.then(|| on(word.parse()));
        }
        let word = word.to_uppercase();
        let moment = word.parse::<Timestamp>().or_else(|_| {
            let civil: DateTime = word.parse()?;
            let zoned = civil.to_zoned(now.time_zone().clone())?;
            Ok::<_, jiff::Error>(zoned.timestamp())
        });
        Some(moment.map_or(Day::Never, Day::At))
    })
}

/// "On the 3rd", "by the third", "on the 3rd of next month".
fn bare_ordinal(reader: &mut Reader<'_>, now: &Zoned, lead: Option<&str>) -> Option<Day> {
    if !["on", "by", "until", "before", "for"].contains(&lead?) || !reader.take("the") {
        return None;
    }
    let day = ordinal(reader)?;
    let today = now.date();
    if reader.all(&["of", "next", "month"]) {
        let first = today.last_of_month().tomorrow().ok()?;
        let day = i8::try_from(day).ok()?;
        return Some(on(Date::new(first.year(), first.month(), day)));
    }
    let _of_this_month =
        reader.all(&["of", "this", "month"]) || reader.all(&["of", "the", "month"]);
    let ends = reader
        .rest()
        .first()
        .is_none_or(|next| next.comma || FOLLOWERS.contains(&next.text.as_str()));
    ends.then(|| next_with_day(today, day).unwrap_or(Day::Never))
}

/// The next date, from today on, that is this day of a month.
fn next_with_day(today: Date, day: u32) -> Option<Day> {
    let day = i8::try_from(day).ok()?;
    (0..=LONG_MONTH)
        .filter_map(|months| {
            let month = today.first_of_month().checked_add(months.months()).ok()?;
            Date::new(month.year(), month.month(), day).ok()
        })
        .find(|date| *date >= today)
        .map(Day::On)
}

fn on(date: Result<Date, jiff::Error>) -> Day {
    date.map_or(Day::Never, Day::On)
}

fn weekday(reader: &mut Reader<'_>) -> Option<Weekday> {
    reader.attempt(|reader| weekday_named(&reader.next()?.text))
}

fn weekday_named(word: &str) -> Option<Weekday> {
    let known = WEEKDAYS.iter().find(|(name, _)| *name == word);
    known.map(|(_, day)| *day)
}

fn month(word: &str) -> Option<i8> {
    let known = MONTHS.iter().find(|(name, _)| *name == word);
    known.map(|(_, month)| *month)
}

/// What times to come are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    fn named(word: &str) -> Option<Self> {
        let word = word.strip_suffix("'s").unwrap_or(word);
        Some(match word.strip_suffix('s').unwrap_or(word) {
            "second" | "sec" => Self::Second,
            "minute" | "min" => Self::Minute,
            "hour" | "hr" => Self::Hour,
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            "year" => Self::Year,
            _ => return None,
        })
    }

    /// Whether it has always as many seconds.
    fn is_exact(self) -> bool {
        matches!(self, Self::Second | Self::Minute | Self::Hour)
    }

    /// The seconds of so many quarters of it.
    fn seconds(self, quarters: i64) -> Option<i64> {
        let one: i64 = match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            _ => return None,
        };
        Some(one.checked_mul(quarters)? / 4)
    }

    /// So many quarters of it from now; none where the calendar ends.
    fn after(self, quarters: i64, now: &Zoned) -> Option<Day> {
        if quarters <= 0 {
            return None;
        }
        let (whole, part) = (quarters / 4, quarters % 4);
        let span = match self {
            Self::Week => Span::new().try_days(quarters.checked_mul(7)? / 4),
            Self::Month => (part * 7).days().try_months(whole),
            Self::Year => (part * 3).months().try_years(whole),
            Self::Day if part == 0 => Span::new().try_days(whole),
            _ => {
                let seconds = Span::new().try_seconds(self.seconds(quarters)?).ok()?;
                return now.timestamp().checked_add(seconds).ok().map(Day::At);
            }
        };
        now.date().checked_add(span.ok()?).ok().map(Day::On)
    }
}

/// So many of a unit, in quarters of it: "10 minutes", "an hour and a half", "half an hour".
fn amount(reader: &mut Reader<'_>) -> Option<(i64, Unit)> {
    reader.attempt(|reader| {
        reader.any(&["about", "around", "exactly", "another"]);
        let mut quarters = if reader.all(&["half", "an"]) || reader.all(&["half", "a"]) {
            2
        } else if reader.all(&["a", "quarter", "of", "an"]) {
            1
        } else if reader.all(&["three", "quarters", "of", "an"]) {
            3
        } else if reader.all(&["a", "couple", "of"]) || reader.all(&["a", "couple"]) {
            8
        } else if reader.all(&["a", "few"]) {
            12
        } else if reader.any(&["a", "an"]).is_some() {
            4
        } else if let Some(count) = count(reader) {
            i64::from(count) * 4
        } else {
            let (whole, part) = reader.next()?.text.split_once('.')?;
            let part = match part {
                "5" | "50" => 2,
                "25" => 1,
                "75" => 3,
                _ => return None,
            };
            whole.parse::<u16>().ok().map(i64::from)? * 4 + part
        };
        if reader.all(&["and", "a", "half"]) {
            quarters += 2;
        }
        let unit = Unit::named(&reader.next()?.text)?;
        if reader.all(&["and", "a", "half"]) {
            quarters += 2;
        }
        Some((quarters, unit))
    })
}
