//! How the assistant begins, changes and ends: in whatever order its world appears, and never in
//! the middle of a sentence.

use std::time::{Duration, Instant};

use world::question::{self, CAPITAL_OF_FRANCE};
use world::scripted::Play;
use world::{Assistant, Caller};

use crate::stage::Stage;

const QUESTION: &str = "What time is it?";

/// Three sentences, of which the first sounds when the end comes.
const ANSWER: &str = "It is noon. The sun is high. Lunch is ready.";

/// Each of them sounds for so long.
const SENTENCE: Duration = Duration::from_secs(2);

/// What resampling and the frames of 20 ms may add to a sentence or take from it.
const ABOUT: Duration = Duration::from_millis(200);

/// `docker stop` kills after so long.
const DOCKER_KILLS: Duration = Duration::from_secs(10);

async fn ask(caller: &Caller) {
    caller.say(&question::spoken(CAPITAL_OF_FRANCE).await).await;
}

#[tokio::test]
async fn the_sentence_that_sounds_at_the_end_is_finished_and_no_other_is_begun() {
    let stage = Stage::set(QUESTION, ANSWER, SENTENCE, &[]);
    let mut ann = stage.caller("Ann").await;
    ask(&ann).await;
    ann.hears_first(Assistant::NAME, SENTENCE / 4).await;
    stage.assistant.ends().await;
    let heard = ann.hears(Assistant::NAME).await.sound.duration();
    assert!(heard.abs_diff(SENTENCE) < ABOUT, "{heard:?}");
}

#[tokio::test]
async fn a_sentence_that_would_go_on_for_too_long_does_not_hold_up_the_end() {
    let stage = Stage::set(QUESTION, ANSWER, SENTENCE * 15, &[]);
    let ann = stage.caller("Ann").await;
    ask(&ann).await;
    ann.hears_first(Assistant::NAME, SENTENCE / 4).await;
    let asked = Instant::now();
    stage.assistant.ends().await;
    assert!(asked.elapsed() < DOCKER_KILLS, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn an_answer_that_has_not_begun_at_the_end_never_begins() {
    let stage = Stage::set(QUESTION, ANSWER, SENTENCE, &[("FILLER_AFTER_MS", "0")]);
    let ann = stage.caller("Ann").await;
    stage.chat.always(Play::Hang);
    ask(&ann).await;
    // The first was to load the model.
    stage.chat.asked(2).await;
    let asked = Instant::now();
    stage.assistant.ends().await;
    assert!(asked.elapsed() < SENTENCE, "{:?}", asked.elapsed());
    assert!(ann.heard_of(Assistant::NAME).is_empty());
}
