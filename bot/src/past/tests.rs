//! Recall in time, over a store that does as it is told; the clock is the test's own.

use llm::Role;
use memory::store::Profile;
use memory::{Company, Place};
use tempfile::TempDir;

use super::*;
use crate::scripted::{Mood, Scripted, ann, person};

const DEADLINE: Duration = Duration::from_millis(150);

fn past(remembered: Remembered) -> (Past, Scripted, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Scripted::default();
    let memory = store.memory(folder.path());
    (Past::new(memory, remembered, DEADLINE), store, folder)
}

fn alone() -> Scene {
    Scene {
        asker: ann(),
        witnesses: Vec::new(),
    }
}

async fn prompt(past: &Past, begun: Option<Begun>, text: &str) -> Vec<String> {
    let messages = past.prompt(begun, &ann(), text, "be kind").await;
    assert_eq!(messages[0].role, Role::System);
    messages.into_iter().map(|m| m.content).collect()
}

/// How often something was recalled to the end.
fn recalls(past: &Past) -> u64 {
    past.health().unwrap().recalls
}

/// A recall for these words that has come to its end, as while somebody still speaks.
async fn done(past: &Past, text: &str) -> Begun {
    let (begun, before) = (past.begin(ann(), text), recalls(past));
    while recalls(past) == before {
        tokio::task::yield_now().await;
    }
    begun
}

#[tokio::test(start_paused = true)]
async fn what_was_recalled_for_the_same_words_is_used() {
    let (past, ..) = past(Remembered::TheKnown);
    let begun = done(&past, "What time is it?").await;
    let texts = prompt(&past, Some(begun), "What time is it?").await;
    assert_eq!(texts, ["be kind", "What time is it?"]);
    assert_eq!(recalls(&past), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_recalled_for_other_words_or_another_scene_is_thrown_away() {
    let (past, ..) = past(Remembered::TheKnown);
    let begun = done(&past, "What time").await;
    prompt(&past, Some(begun), "What time is it?").await;
    assert_eq!(recalls(&past), 2);
    let begun = done(&past, "What time is it?").await;
    let among = Asker {
        company: Company::Others,
        ..ann()
    };
    past.prompt(Some(begun), &among, "What time is it?", "")
        .await;
    assert_eq!(recalls(&past), 4);
}

#[tokio::test(start_paused = true)]
async fn what_was_recalled_before_something_was_remembered_or_forgotten_is_old() {
    let (past, ..) = past(Remembered::TheKnown);
    let begun = done(&past, "And now?").await;
    past.remember(&alone(), &alone(), "What time is it?", "It is noon.");
    let texts = prompt(&past, Some(begun), "And now?").await;
    let talk = ["be kind", "What time is it?", "It is noon.", "And now?"];
    assert_eq!(texts, talk);
    assert_eq!(recalls(&past), 2);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_be_recalled_in_time_is_answered_without() {
    let (past, store, _folder) = past(Remembered::TheKnown);
    store.with(|shelf| shelf.mood = Mood::Silent);
    let asked = Instant::now();
    let texts = prompt(&past, None, "What time is it?").await;
    assert_eq!(texts, ["be kind", "What time is it?"]);
    assert!(asked.elapsed() <= DEADLINE + GRACE, "{:?}", asked.elapsed());
    assert_eq!(past.health().unwrap().late, 1);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_recall_runs_from_its_beginning() {
    let (past, store, _folder) = past(Remembered::TheKnown);
    store.with(|shelf| shelf.mood = Mood::Silent);
    let begun = past.begin(ann(), "What time is it?");
    // They go on speaking for longer than recall may take.
    tokio::time::advance(2 * DEADLINE).await;
    let asked = Instant::now();
    prompt(&past, Some(begun), "What time is it?").await;
    assert!(asked.elapsed() <= GRACE, "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn it_is_the_time_where_the_person_lives() {
    let (past, ..) = past(Remembered::TheKnown);
    let zone = |told: Option<&str>| {
        let mut profile = Profile::new(person(), Timestamp::UNIX_EPOCH);
        profile.time_zone = told.map(str::to_owned);
        let recalled = Recalled {
            profile: Some(profile),
            ..Recalled::default()
        };
        let now = past.now(&recalled);
        now.time_zone().iana_name().map(str::to_owned)
    };
    assert_eq!(zone(Some("Asia/Tokyo")).as_deref(), Some("Asia/Tokyo"));
    let usual = zone(None);
    assert_eq!(usual.as_deref(), Some("UTC"));
    assert_eq!(zone(Some("Middle/Earth")), usual);
}

#[tokio::test(start_paused = true)]
async fn switched_off_there_is_the_talk_of_the_visit_and_no_word_of_health() {
    let (past, ..) = past(Remembered::Nobody);
    assert_eq!(past.health(), None);
    let visitor = Asker {
        who: Who::Visitor(7),
        place: Place::Private(Who::Visitor(7)),
        ..ann()
    };
    let scene = Scene {
        asker: visitor.clone(),
        witnesses: Vec::new(),
    };
    past.remember(&scene, &scene, "Hello.", "Hello Ann.");
    let messages = past.prompt(None, &visitor, "And now?", "be kind").await;
    let texts: Vec<_> = messages.iter().map(|m| m.content.as_str()).collect();
    assert_eq!(texts, ["be kind", "Hello.", "Hello Ann.", "And now?"]);
}
