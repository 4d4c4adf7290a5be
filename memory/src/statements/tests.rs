//! What people state, and what they do not.

use jiff::civil::datetime;
use proptest::prelude::*;

use super::*;

/// Friday, 20 November 2026, ten in the morning in Paris.
fn friday() -> Zoned {
    datetime(2026, 11, 20, 10, 0, 0, 0)
        .in_tz("Europe/Paris")
        .unwrap()
}

fn shown(draft: &Draft) -> String {
    let due = draft.due.map_or(String::new(), |due| {
        let there = due.to_zoned(friday().time_zone().clone());
        format!(" @ {}", there.strftime("%F %H:%M"))
    });
    let slot = draft.slot.as_deref().unwrap_or("-");
    format!("{} [{slot}] {}{due}", draft.kind.word(), draft.text)
}

#[test]
fn what_is_stated_is_read() {
    let table = [
        ("My name is Sam.", "fact [name] is called Sam"),
        ("hey Mumble, my name's Sam", "fact [name] is called Sam"),
        ("Call me Ishmael, please.", "fact [name] is called Ishmael"),
        (
            "You can call me Dr. Strange",
            "fact [name] is called Dr. Strange",
        ),
        ("I live in Paris", "fact [home] lives in Paris"),
        (
            "I live in New York with my parents.",
            "fact [home] lives in New York",
        ),
        (
            "Well, actually I moved to Lyon last month",
            "fact [home] lives in Lyon",
        ),
        ("I've just moved to Lyon.", "fact [home] lives in Lyon"),
        (
            "I have lived in Rome since 2020",
            "fact [home] lives in Rome",
        ),
        ("I'm living in Rome now", "fact [home] lives in Rome"),
        ("I am from Chile", "fact [origin] is from Chile"),
        (
            "I'm from Saint-Étienne, you know",
            "fact [origin] is from Saint-Étienne",
        ),
        (
            "I work at the hospital",
            "fact [workplace] works at the hospital",
        ),
        (
            "I work as a nurse at the hospital",
            "fact [job] works as a nurse",
        ),
        ("I'm working for Acme", "fact [workplace] works for Acme"),
        ("I'm a teacher", "fact [-] is a teacher"),
        ("I'm vegetarian", "fact [-] is vegetarian"),
        ("I'm 42 years old", "fact [age] is 42 years old"),
        (
            "My dog is called Rex",
            "fact [dog's name] their dog is called Rex",
        ),
        (
            "My dog's name is Rex.",
            "fact [dog's name] their dog is called Rex",
        ),
        (
            "I have a dog called Rex",
            "fact [dog's name] has a dog called Rex",
        ),
        (
            "My sister is called Anna",
            "fact [sister's name] their sister is called Anna",
        ),
        ("my car is red", "fact [car] their car is red"),
        (
            "My favorite colour is blue",
            "preference [favourite colour] their favourite colour is blue",
        ),
        ("I have two children", "fact [-] has two children"),
        (
            "I like strong coffee",
            "preference [taste for strong coffee] likes strong coffee",
        ),
        (
            "I really love hiking with my dog",
            "preference [taste for hiking with their dog] loves hiking with their dog",
        ),
        (
            "I don't like mushrooms",
            "preference [taste for mushrooms] does not like mushrooms",
        ),
        (
            "I can't stand noise",
            "preference [taste for noise] can not stand noise",
        ),
        (
            "I prefer tea to coffee",
            "preference [taste for tea] prefers tea to coffee",
        ),
        (
            "I'm allergic to peanuts",
            "fact [allergy to peanuts] is allergic to peanuts",
        ),
        (
            "My birthday is March 3rd",
            "fact [birthday] their birthday is March 3rd @ 2027-03-03 00:00",
        ),
        (
            "my birthday's on the 3rd of March",
            "fact [birthday] their birthday is the 3rd of March @ 2027-03-03 00:00",
        ),
        (
            "I was born on 3 March 1990",
            "fact [birthday] was born on 3 March 1990",
        ),
        ("I speak Welsh", "fact [-] speaks Welsh"),
        ("I play the cello", "fact [-] plays the cello"),
        (
            "Remember that my locker number is 42",
            "fact [locker number] their locker number is 42",
        ),
        (
            "Don't forget that the spare key is under the mat",
            "fact [-] the spare key is under the mat",
        ),
        (
            "Please remember my wifi password is hunter2",
            "fact [wifi password] their wifi password is hunter2",
        ),
        (
            "Remind me in 10 minutes to call Anna",
            "reminder [-] call Anna @ 2026-11-20 10:10",
        ),
        (
            "Remind me to call my mum tomorrow at 5 p.m.",
            "reminder [-] call my mum @ 2026-11-21 17:00",
        ),
        (
            "Can you please remind me to buy milk tomorrow?",
            "reminder [-] buy milk @ 2026-11-21 09:00",
        ),
        (
            "could you remind me about the oven in half an hour",
            "reminder [-] the oven @ 2026-11-20 10:30",
        ),
        (
            "Remind me tomorrow",
            "reminder [-] reminder @ 2026-11-21 09:00",
        ),
        (
            "remind me today to write to Zoë",
            "reminder [-] write to Zoë @ 2026-11-20 13:00",
        ),
        ("Wake me up at 7", "reminder [-] wake up @ 2026-11-20 19:00"),
        (
            "Set a timer for 10 minutes",
            "reminder [-] reminder @ 2026-11-20 10:10",
        ),
        (
            "Don't forget to water the plants on Monday",
            "reminder [-] water the plants @ 2026-11-23 09:00",
        ),
        ("Remind me to buy milk", "task [-] buy milk"),
        (
            "I have to pay the rent by Monday",
            "task [-] pay the rent @ 2026-11-23 00:00",
        ),
        (
            "I have a dentist appointment on Thursday at 3",
            "event [dentist appointment] dentist appointment @ 2026-11-26 15:00",
        ),
        (
            "My flight is tomorrow at 17:30",
            "event [flight] flight @ 2026-11-21 17:30",
        ),
        (
            "my flight is now on Monday",
            "event [flight] flight @ 2026-11-23 00:00",
        ),
        (
            "I'm meeting Anna tomorrow at noon",
            "event [-] meeting Anna @ 2026-11-21 12:00",
        ),
        (
            "We are flying to Rome next Friday",
            "event [-] flying to Rome @ 2026-11-27 00:00",
        ),
    ];
    let wrong: Vec<_> = table
        .iter()
        .filter_map(|(said, what)| {
            let shown: Vec<_> = read(said, &friday()).drafts.iter().map(shown).collect();
            (shown != [*what]).then_some((said, what, shown))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_asked_supposed_or_passing_is_not_stated() {
    let table = [
        "Do I live in Paris?",
        "do I live in Paris",
        "where do I live",
        "What is my name?",
        "My name is Sam?",
        "Is my dog called Rex",
        "If I lived in Paris my home would be small",
        "I wish I had a dog called Rex",
        "Maybe I live in Paris",
        "I would like a coffee",
        "I'd love a pizza",
        "I used to live in Paris",
        "I lived in Paris",
        "I don't live in Paris",
        "I never said my dog is big",
        "She said I live in Paris",
        "Imagine my name is Bond",
        "I love you",
        "I like that",
        "I hate it when you do that",
        "call me later",
        "call me at 5",
        "I have a question",
        "I have a headache",
        "my question is simple",
        "my mother is coming",
        "my head is killing me",
        "I'm tired",
        "I'm a bit late",
        "I live there",
        "Do you remember that I like tea?",
        "Remember me?",
        "Remember when we met in Rome?",
        "How do I set a timer",
        "you live in Paris",
        "tell me a story about a dog called Rex",
        "cancel",
        "",
        "🦀🦀🦀",
    ];
    let read: Vec<_> = table
        .iter()
        .map(|said| (said, read(said, &friday()).drafts))
        .filter(|(_, drafts)| !drafts.is_empty())
        .collect();
    assert!(read.is_empty(), "{read:#?}");
}

#[test]
fn one_turn_states_several_things() {
    let said = "Hi! I'm from Chile, but I live in Lyon and my dog is called Rex. What's the weather? \
                Remind me to feed Rex and my cat in two hours.";
    let shown: Vec<_> = read(said, &friday()).drafts.iter().map(shown).collect();
    assert_eq!(
        shown,
        [
            "fact [origin] is from Chile",
            "fact [home] lives in Lyon",
            "fact [dog's name] their dog is called Rex",
            "reminder [-] feed Rex and my cat @ 2026-11-20 12:00",
        ]
    );
}

#[test]
fn what_is_no_longer_so_is_an_ending() {
    let table = [
        ("I no longer live in Paris", Ends::Anything, "live in Paris"),
        (
            "I don't work at Acme anymore",
            Ends::Anything,
            "work at Acme",
        ),
        (
            "I'm not allergic to peanuts any more",
            Ends::Anything,
            "allergic to peanuts",
        ),
        ("I don't live in Paris", Ends::Anything, "live in Paris"),
        ("I stopped smoking", Ends::Anything, "smoking"),
        ("Cancel the dentist", Ends::Planned, "dentist"),
        (
            "please cancel my dentist appointment",
            Ends::Planned,
            "dentist appointment",
        ),
        ("My flight is cancelled", Ends::Planned, "flight"),
        (
            "can you delete the reminder about the oven",
            Ends::Planned,
            "oven",
        ),
        (
            "cancel the reminder to call Anna",
            Ends::Planned,
            "call Anna",
        ),
        ("don't remind me to call Anna", Ends::Planned, "call Anna"),
    ];
    for (said, what, text) in table {
        let read = read(said, &friday());
        assert_eq!(read.drafts, [], "{said}");
        let endings: Vec<_> = read
            .endings
            .iter()
            .map(|ending| (ending.what, ending.text.as_str()))
            .collect();
        assert_eq!(endings, [(what, text)], "{said}");
    }
    let read = read("Cancel the dentist on Thursday", &friday());
    assert_eq!(read.endings[0].text, "dentist");
    assert!(read.endings[0].on.is_some());
}

#[test]
fn a_reminder_late_in_the_day_is_still_of_today() {
    let late = datetime(2026, 11, 20, 23, 30, 0, 0)
        .in_tz("Europe/Paris")
        .unwrap();
    let draft = &read("remind me in 10 minutes", &late).drafts[0];
    assert_eq!(
        draft.due.unwrap().as_second() - late.timestamp().as_second(),
        600
    );
}

proptest! {
    #[test]
    fn no_words_are_too_strange_to_be_read(said in "\\PC{0,200}") {
        let statements = read(&said, &friday());
        prop_assert!(statements.drafts.len() + statements.endings.len() <= MOST);
    }

    #[test]
    fn no_value_is_too_strange_to_be_stated(
        how in prop::sample::select(vec![
            "my name is", "I live in", "I like", "remind me to", "remember that", "my İdog is called",
            "I have a", "I am", "cancel the", "my", "I no longer", "call me", "my birthday is",
        ]),
        what in "\\PC{0,60}",
    ) {
        for draft in read(&format!("{how} {what}"), &friday()).drafts {
            prop_assert!(!draft.text.is_empty());
            prop_assert!((1..=10).contains(&draft.importance));
        }
    }
}
