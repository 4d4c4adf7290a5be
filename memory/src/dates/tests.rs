//! What people say, and when it is.

use jiff::civil::datetime;
use proptest::prelude::*;

use super::*;

/// Friday, 20 November 2026, ten in the morning in Paris.
fn friday() -> Zoned {
    datetime(2026, 11, 20, 10, 0, 0, 0)
        .in_tz("Europe/Paris")
        .unwrap()
}

/// What is found in `text`, as a clock in the person's zone shows it: whole days without an hour.
fn shown(text: &str, now: &Zoned) -> Vec<String> {
    let show = |found: &Found| {
        let there = found.when.to_zoned(now.time_zone().clone());
        let form = if found.all_day { "%F" } else { "%F %H:%M" };
        there.strftime(form).to_string()
    };
    find(text, now).iter().map(show).collect()
}

#[test]
fn a_date_is_found_as_it_is_said() {
    let table = [
        // days
        ("today", "2026-11-20"),
        ("Tomorrow", "2026-11-21"),
        ("the day after tomorrow", "2026-11-22"),
        ("by tomorrow", "2026-11-21"),
        ("in two days", "2026-11-22"),
        ("in a week", "2026-11-27"),
        ("in 3 weeks", "2026-12-11"),
        ("two weeks from now", "2026-12-04"),
        ("in two weeks' time", "2026-12-04"),
        ("in one month", "2026-12-20"),
        ("in two months", "2027-01-20"),
        ("in a year", "2027-11-20"),
        ("in a month and a half", "2027-01-03"),
        ("next week", "2026-11-23"),
        ("next month", "2026-12-01"),
        ("next year", "2027-01-01"),
        // weekdays, on a Friday
        ("Monday", "2026-11-23"),
        ("on Thursday", "2026-11-26"),
        ("on Friday", "2026-11-27"),
        ("this Friday", "2026-11-20"),
        ("this Sunday", "2026-11-22"),
        ("this Monday", "2026-11-23"),
        ("next Friday", "2026-11-27"),
        ("next Sunday", "2026-11-29"),
        ("next Monday", "2026-11-23"),
        ("Tuesday next week", "2026-11-24"),
        ("next week on Sunday", "2026-11-29"),
        ("this weekend", "2026-11-21"),
        ("next weekend", "2026-11-28"),
        ("Thurs", "2026-11-26"),
        // days of months
        ("on the 3rd", "2026-12-03"),
        ("on the 20th", "2026-11-20"),
        ("on the 31st", "2026-12-31"),
        ("by the third", "2026-12-03"),
        ("on the twenty-fifth", "2026-11-25"),
        ("on the 3rd of next month", "2026-12-03"),
        ("March 3rd", "2027-03-03"),
        ("March 3rd 2028", "2028-03-03"),
        ("March 3, 2028", "2028-03-03"),
        ("3 March", "2027-03-03"),
        ("the 3rd of March", "2027-03-03"),
        ("on the third of May", "2027-05-03"),
        ("May 5", "2027-05-05"),
        ("twenty-first of December", "2026-12-21"),
        ("December the 24th", "2026-12-24"),
        ("October 21-25", "2027-10-21"),
        ("Dec 1", "2026-12-01"),
        ("29 February", "2028-02-29"),
        ("Thursday, December 3rd", "2026-12-03"),
        ("Thursday the 3rd", "2026-12-03"),
        ("2027-03-04", "2027-03-04"),
        ("on 2027-03-04", "2027-03-04"),
        // times
        ("at 5", "2026-11-20 17:00"),
        ("at five", "2026-11-20 17:00"),
        ("at 5.", "2026-11-20 17:00"),
        ("at 17:30", "2026-11-20 17:30"),
        ("17:30", "2026-11-20 17:30"),
        ("at 05:30", "2026-11-21 05:30"),
        ("at 9", "2026-11-20 21:00"),
        ("at 11", "2026-11-20 11:00"),
        ("5 pm", "2026-11-20 17:00"),
        ("5pm", "2026-11-20 17:00"),
        ("5:30pm", "2026-11-20 17:30"),
        ("5.30 p.m.", "2026-11-20 17:30"),
        ("at 5 p.m. I go", "2026-11-20 17:00"),
        ("8 a.m.", "2026-11-21 08:00"),
        ("12 pm", "2026-11-20 12:00"),
        ("12 am", "2026-11-21 00:00"),
        ("at half past six", "2026-11-20 18:30"),
        ("at half six", "2026-11-20 18:30"),
        ("half past nine", "2026-11-20 21:30"),
        ("at a quarter to nine", "2026-11-20 20:45"),
        ("quarter past eleven", "2026-11-20 11:15"),
        ("at ten to five", "2026-11-20 16:50"),
        ("twenty minutes past two", "2026-11-20 14:20"),
        ("at quarter to one", "2026-11-20 12:45"),
        ("at six thirty", "2026-11-20 18:30"),
        ("five o'clock", "2026-11-20 17:00"),
        ("at noon", "2026-11-20 12:00"),
        ("at midnight", "2026-11-21 00:00"),
        ("from 5 to 6 people come", "2026-11-20 17:00"),
        // parts of the day
        ("tonight", "2026-11-20 20:00"),
        ("this evening", "2026-11-20 19:00"),
        ("in the evening", "2026-11-20 19:00"),
        ("in the morning", "2026-11-21 09:00"),
        ("this morning", "2026-11-20 11:00"),
        ("tomorrow morning", "2026-11-21 09:00"),
        ("tomorrow evening", "2026-11-21 19:00"),
        ("tomorrow night", "2026-11-21 20:00"),
        ("Monday afternoon", "2026-11-23 15:00"),
        // several together
        ("tomorrow at 5", "2026-11-21 17:00"),
        ("tomorrow at 8", "2026-11-21 08:00"),
        ("at 8 tomorrow", "2026-11-21 08:00"),
        ("tomorrow morning at half past eight", "2026-11-21 08:30"),
        ("tomorrow evening at 7", "2026-11-21 19:00"),
        ("at 7 in the evening", "2026-11-20 19:00"),
        ("at 7 in the morning on Monday", "2026-11-23 07:00"),
        ("tonight at 8", "2026-11-20 20:00"),
        ("tonight at midnight", "2026-11-21 00:00"),
        ("Friday night at 1", "2026-11-28 01:00"),
        ("on Monday at 17:30", "2026-11-23 17:30"),
        ("on Tuesday, at 3 pm", "2026-11-24 15:00"),
        ("next Friday at noon", "2026-11-27 12:00"),
        ("March 3rd 2027 at 5 pm", "2027-03-03 17:00"),
        ("on the 3rd at ten", "2026-12-03 10:00"),
        ("in two days at 5", "2026-11-22 17:00"),
        ("2027-03-04T17:30", "2027-03-04 17:30"),
        ("2027-03-04T17:30:00Z", "2027-03-04 18:30"),
        // from now
        ("in 10 minutes", "2026-11-20 10:10"),
        ("in ten minutes", "2026-11-20 10:10"),
        ("in twenty-five minutes", "2026-11-20 10:25"),
        ("in an hour", "2026-11-20 11:00"),
        ("in two hours", "2026-11-20 12:00"),
        ("in half an hour", "2026-11-20 10:30"),
        ("in an hour and a half", "2026-11-20 11:30"),
        ("in two and a half hours", "2026-11-20 12:30"),
        ("in 1.5 hours", "2026-11-20 11:30"),
        ("in 2 hours and 30 minutes", "2026-11-20 12:30"),
        ("in a quarter of an hour", "2026-11-20 10:15"),
        ("in a couple of minutes", "2026-11-20 10:02"),
        ("in half a day", "2026-11-20 22:00"),
        ("20 minutes from now", "2026-11-20 10:20"),
    ];
    let wrong: Vec<_> = table
        .iter()
        .filter_map(|(text, when)| {
            let shown = shown(text, &friday());
            (shown.first().map(String::as_str) != Some(*when)).then_some((text, when, shown))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_no_date_or_over_is_not_found() {
    let table = [
        "",
        "hello there",
        "30 February",
        "on February 30 at 5",
        "February 29 2027",
        "2027-02-30",
        "2027-13-01",
        "April 31st at noon",
        "at 25:00",
        "at 17:75",
        "13:99 pm",
        "at 25",
        "in 0 minutes",
        "yesterday at 5",
        "last Friday at 5 pm",
        "two days ago",
        "an hour ago",
        "today at 8 am",
        "since Monday",
        "I sat in the sun and wed",
        "I may 3 times",
        "march on",
        "may I",
        "at one point",
        "at 5 percent",
        "at 10 Downing Street",
        "for 5 people",
        "I have two dogs",
        "for 10 minutes",
        "the second one",
        "on the third floor",
        "the first time",
        "3/4/2027",
        "version 1.2.3",
        "call 555-1234",
        "half of it",
        "a quarter of the cake",
        "in 99999999 years",
        "in 9999 years",
        "in the car",
    ];
    let found: Vec<_> = table
        .iter()
        .map(|text| (text, shown(text, &friday())))
        .filter(|(_, shown)| !shown.is_empty())
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_place_of_a_date_has_the_word_before_it() {
    let text = "Remind me on Friday at half past six to call Zoë.";
    let found = find(text, &friday());
    assert_eq!(&text[found[0].span.clone()], "on Friday at half past six");
    let text = "Çà, tomorrow at 5 p.m. we go";
    let found = find(text, &friday());
    assert_eq!(&text[found[0].span.clone()], "tomorrow at 5 p.m.");
}

#[test]
fn several_dates_are_found_in_their_order() {
    let shown = shown("Monday we swim. In 10 minutes I leave!", &friday());
    assert_eq!(shown, ["2026-11-23", "2026-11-20 10:10"]);
}

#[test]
fn no_date_reaches_over_the_end_of_a_sentence() {
    let shown = shown("I come tomorrow. At 5 I eat.", &friday());
    assert_eq!(shown, ["2026-11-21", "2026-11-20 17:00"]);
}

#[test]
fn late_in_the_evening_the_hour_is_one_of_tomorrow() {
    let now = datetime(2026, 11, 20, 22, 0, 0, 0)
        .in_tz("Europe/Paris")
        .unwrap();
    assert_eq!(shown("at 5", &now), ["2026-11-21 17:00"]);
    assert_eq!(shown("at 7", &now), ["2026-11-21 07:00"]);
    assert_eq!(shown("in the evening", &now), ["2026-11-21 19:00"]);
    assert_eq!(shown("tonight", &now), ["2026-11-20 23:00"]);
    assert!(shown("this morning", &now).is_empty());
    assert!(shown("this morning at 8", &now).is_empty());
}

#[test]
fn an_hour_that_daylight_saving_leaves_out_is_the_one_after_it() {
    let now = datetime(2027, 3, 27, 12, 0, 0, 0)
        .in_tz("Europe/Paris")
        .unwrap();
    assert_eq!(shown("tomorrow at 02:30", &now), ["2027-03-28 03:30"]);
    // A day of 23 hours is one day all the same.
    assert_eq!(shown("in two days at 12:00", &now), ["2027-03-29 12:00"]);
}

#[test]
fn the_zone_is_that_of_the_person() {
    let tokyo = friday().timestamp().in_tz("Asia/Tokyo").unwrap();
    let here = find("tomorrow at 17:00", &friday())[0].when;
    let there = find("tomorrow at 17:00", &tokyo)[0].when;
    assert_eq!(here.as_second() - there.as_second(), 8 * 3_600);
}

fn moments() -> impl Strategy<Value = Zoned> {
    let zones = prop::sample::select(vec![
        "Europe/Paris",
        "America/New_York",
        "Asia/Kathmandu",
        "Pacific/Apia",
        "Australia/Lord_Howe",
        "UTC",
    ]);
    (0i64..4_000_000_000, zones)
        .prop_map(|(second, zone)| Timestamp::from_second(second).unwrap().in_tz(zone).unwrap())
}

/// Texts that have much in common with dates.
fn nearly_dates() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "in",
        "on",
        "at",
        "the",
        "next",
        "this",
        "last",
        "half",
        "past",
        "to",
        "quarter",
        "a",
        "an",
        "of",
        "and",
        "3rd",
        "31",
        "25:00",
        "5",
        "5pm",
        "p.m.",
        "five",
        "twenty",
        "first",
        "March",
        "May",
        "Friday",
        "weekend",
        "tomorrow",
        "tonight",
        "morning",
        "midnight",
        "ago",
        "minutes",
        "weeks",
        "years",
        "2027",
        "2027-02-30",
        "9999",
        "+",
        ",",
        ".",
        "é",
        "💧",
        "İ",
        "’s",
        "1.5",
        "24:00",
        "T",
        "from now",
    ]);
    prop::collection::vec(word, 0..12).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_is_too_strange_to_be_searched(text in "\\PC{0,200}", now in moments()) {
        for found in find(&text, &now) {
            prop_assert!(text.get(found.span.clone()).is_some_and(|phrase| !phrase.is_empty()));
        }
    }

    #[test]
    fn places_are_whole_letters_in_order(text in nearly_dates(), now in moments()) {
        let mut end = 0;
        for found in find(&text, &now) {
            prop_assert!(found.span.start >= end);
            prop_assert!(text.get(found.span.clone()).is_some_and(|phrase| !phrase.is_empty()));
            end = found.span.end;
        }
    }

    #[test]
    fn what_is_said_of_the_future_lies_in_it(
        now in moments(),
        count in 1u32..5_000,
        unit in prop::sample::select(vec!["seconds", "minutes", "hours", "days", "weeks"]),
        day in prop::sample::select(vec!["tomorrow", "next Monday", "Friday", "next month", "March 3rd", "on the 31st"]),
        hour in 1u8..=12,
    ) {
        let ahead = find(&format!("in {count} {unit}"), &now);
        prop_assert_eq!(ahead.len(), 1);
        prop_assert!(ahead[0].when > now.timestamp());
        for text in [day.to_owned(), format!("at {hour}"), format!("{hour} pm"), format!("in the morning at {hour}")] {
            for found in find(&text, &now) {
                let end = if found.all_day { 26 * 3_600 } else { 0 };
                prop_assert!(found.when.as_second() + end > now.timestamp().as_second(), "{}", text);
            }
        }
    }
}
