//! Times of day: "at 5", "at half past six", "17:30", "5 pm", noon; and parts of the day.

use super::day;
use super::numbers::count;
use super::words::Reader;

/// A time of day as somebody gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// Hour and minute. Hour 24 is the midnight at which a day ends.
    At { hour: i8, minute: i8, half: Half },
    /// No clock shows it: 25:00.
    Never,
}

/// Which half of the day an hour belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    /// The hour says it itself, or am or pm stood beside it.
    Told,
    /// "At 5": whichever is likelier.
    Open,
}

/// A part of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Morning,
    Afternoon,
    Evening,
    Night,
}

impl Part {
    /// The hour that is meant when no other is named.
    pub(super) fn hour(self) -> i8 {
        match self {
            Self::Morning => 9,
            Self::Afternoon => 15,
            Self::Evening => 19,
            Self::Night => 20,
        }
    }

    /// The hour at which it is over.
    pub(super) fn end(self) -> i8 {
        match self {
            Self::Morning => 12,
            Self::Afternoon => 18,
            Self::Evening | Self::Night => 24,
        }
    }

    fn named(word: &str) -> Option<Self> {
        match word {
            "morning" => Some(Self::Morning),
            "afternoon" => Some(Self::Afternoon),
            "evening" => Some(Self::Evening),
            "night" => Some(Self::Night),
            _ => None,
        }
    }
}

/// A part of the day, and whether it is one of today. A bare "morning" counts right after a day.
pub(super) fn part(reader: &mut Reader<'_>, after_day: bool) -> Option<(Part, bool)> {
    if reader.take("tonight") {
        return Some((Part::Night, true));
    }
    reader.attempt(|reader| {
        let today = reader.take("this");
        let led = today || reader.all(&["in", "the"]) || reader.all(&["during", "the"]);
        let at = !led && reader.take("at");
        let part = Part::named(&reader.next()?.text)?;
        let meant = led || after_day || (at && part == Part::Night);
        meant.then_some((part, today))
    })
}

/// Words before a time, after which a bare number is one.
const LEADS: [&str; 7] = ["at", "around", "by", "before", "until", "till", "from"];

/// Words before a time that alone do not make one of a number: "for 5 people".
const WEAK_LEADS: [&str; 3] = ["about", "for", "on"];

/// What is counted, or numbered, where a number after "at" is no hour.
const COUNTED: [&str; 24] = [
    "percent",
    "per",
    "degrees",
    "people",
    "euros",
    "dollars",
    "pounds",
    "miles",
    "km",
    "metres",
    "meters",
    "kilometers",
    "point",
    "time",
    "times",
    "years",
    "points",
    "stars",
    "star",
    "cents",
    "knots",
    "volts",
    "days",
    "floors",
];

/// What may follow an hour that is said as a word: "at one point" is no time.
const FOLLOWERS: [&str; 30] = [
    "in", "on", "to", "and", "for", "with", "that", "because", "this", "next", "i", "we", "he",
    "she", "they", "my", "or", "but", "at", "sharp", "today", "tomorrow", "please", "so", "the",
    "tonight", "when", "about", "from", "every",
];

/// A time of day.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Clock> {
    reader.attempt(|reader| {
        let lead = reader.any(&LEADS);
        let led = lead.is_some();
        if !led {
            reader.any(&WEAK_LEADS);
        }
        reader.any(&["about", "around", "exactly"]);
        if reader.any(&["noon", "midday"]).is_some() {
            return Some(told(12, 0));
        }
        if reader.take("midnight") {
            return Some(told(24, 0));
        }
        // "From 5 to 6" is no five minutes to six.
        let minutes_first = if lead == Some("from") {
            None
        } else {
            spoken(reader, led)
        };
        minutes_first
            .or_else(|| written(reader, led))
            .or_else(|| hour_alone(reader, led))
    })
}

fn told(hour: i8, minute: i8) -> Clock {
    Clock::At {
        hour,
        minute,
        half: Half::Told,
    }
}

/// "Half past six", "quarter to nine", "ten past six pm".
fn spoken(reader: &mut Reader<'_>, led: bool) -> Option<Clock> {
    reader.attempt(|reader| {
        reader.take("a");
        let (minutes, sure) = if reader.take("half") {
            (30, true)
        } else if reader.take("quarter") {
            (15, true)
        } else {
            let minutes = count(reader).filter(|minutes| (1..=59).contains(minutes))?;
            let named = reader.any(&["minutes", "minute"]).is_some();
            (i8::try_from(minutes).ok()?, named)
        };
        let past = match reader.any(&["past", "after", "to", "before"]) {
            Some("past" | "after") => true,
            Some(_) => false,
            // The British "half six".
            None if minutes == 30 && led && sure => true,
            None => return None,
        };
        let hour = count(reader).filter(|hour| (1..=23).contains(hour))?;
        let hour = i8::try_from(hour).ok()?;
        let half = half_of_day(reader);
        if !(led || sure) && half.is_none() {
            return None;
        }
        let of_hour = finish(hour, 0, half);
        let Clock::At { hour, half, .. } = of_hour else {
            return Some(Clock::Never);
        };
        let (hour, minute) = match (past, hour) {
            (true, _) => (hour, minutes),
            (false, 0) => (23, 60 - minutes),
            // A quarter to one is a quarter to thirteen, when nobody says which.
            (false, 1) if half == Half::Open => (12, 60 - minutes),
            (false, _) => (hour - 1, 60 - minutes),
        };
        Some(Clock::At { hour, minute, half })
    })
}

/// `17:30`, `5:30 pm`, `5.30pm`, `5pm`.
fn written(reader: &mut Reader<'_>, led: bool) -> Option<Clock> {
    reader.attempt(|reader| {
        let word = &reader.next()?.text;
        let (digits, mut half) = match (word.strip_suffix("am"), word.strip_suffix("pm")) {
            (Some(digits), _) => (digits, Some(false)),
            (_, Some(digits)) => (digits, Some(true)),
            _ => (word.as_str(), None),
        };
        let colon = digits.contains(':');
        let split = digits
            .split_once(':')
            .or_else(|| digits.split_once('.'))
            .filter(|(_, minute)| minute.len() == 2);
        if split.is_none() && half.is_none() {
            return None;
        }
        let (hour, minute) = split.unwrap_or((digits, "00"));
        if hour.is_empty() || hour.len() > 2 {
            return None;
        }
        let (exact, hour, minute) = (hour.starts_with('0'), number(hour)?, number(minute)?);
        half = half.or_else(|| half_of_day(reader));
        if !(colon || led || half.is_some()) {
            return None;
        }
        match finish(hour, minute, half) {
            // "05:30" is written by those who count to 24.
            Clock::At { hour, minute, .. } if exact => Some(told(hour, minute)),
            clock => Some(clock),
        }
    })
}

/// "5 pm", "five o'clock", "at 5", "at six thirty".
fn hour_alone(reader: &mut Reader<'_>, led: bool) -> Option<Clock> {
    reader.attempt(|reader| {
        let in_digits = reader.peek().starts_with(|c: char| c.is_ascii_digit());
        let hour = count(reader)
            .filter(|hour| *hour <= 24)
            .and_then(|hour| i8::try_from(hour).ok())?;
        let minute = reader
            .attempt(|reader| count(reader).filter(|minute| (10..=59).contains(minute)))
            .and_then(|minute| i8::try_from(minute).ok());
        let clock = reader.any(&["o'clock", "oclock"]).is_some();
        let half = half_of_day(reader);
        if half.is_none() && !clock && !(led && is_hour(reader, in_digits)) {
            return None;
        }
        Some(finish(hour, minute.unwrap_or(0), half))
    })
}

/// Whether what follows leaves a bare number an hour.
fn is_hour(reader: &Reader<'_>, in_digits: bool) -> bool {
    let Some(next) = reader.rest().first() else {
        return true;
    };
    if next.comma || FOLLOWERS.contains(&next.text.as_str()) || day::names_a_day(&next.text) {
        return true;
    }
    in_digits && !next.capital && !COUNTED.contains(&next.text.as_str())
}

/// Reads am or pm; true is pm.
fn half_of_day(reader: &mut Reader<'_>) -> Option<bool> {
    reader.any(&["am", "pm"]).map(|half| half == "pm")
}

fn finish(hour: i8, minute: i8, pm: Option<bool>) -> Clock {
    let hour = match (hour, pm) {
        _ if !(0..60).contains(&minute) => return Clock::Never,
        (12, Some(false)) => 0,
        (1..=11, Some(true)) => hour + 12,
        (13.., Some(false)) => return Clock::Never,
        (24, _) if minute == 0 => 24,
        (24.., _) => return Clock::Never,
        _ => hour,
    };
    let open = pm.is_none() && (1..=12).contains(&hour);
    Clock::At {
        hour,
        minute,
        half: if open { Half::Open } else { Half::Told },
    }
}

fn number(digits: &str) -> Option<i8> {
    let all = digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().ok())?
}
