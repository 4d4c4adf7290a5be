//! When an engine fails, the person is told, and the next turn works again.

use std::time::Duration;

use audio::Pcm;
use world::question::{self, CAPITAL_OF_FRANCE};
use world::scripted::{Play, Reply};
use world::{Assistant, Caller};

use world::stage::{Stage, tone};

const SENTENCE: Duration = Duration::from_secs(1);

/// Short enough to wait for, long enough for an engine that answers at once. No breaker opens:
/// each turn here meets its own fault.
const SHORT: [(&str, &str); 7] = [
    ("WHISPER_CIRCUIT_THRESHOLD", "1000"),
    ("OLLAMA_CIRCUIT_THRESHOLD", "1000"),
    ("PIPER_CIRCUIT_THRESHOLD", "1000"),
    ("WHISPER_DEADLINE_MS", "1500"),
    ("OLLAMA_FIRST_TOKEN_MS", "1500"),
    ("OLLAMA_NEXT_TOKEN_MS", "1500"),
    ("PIPER_DEADLINE_MS", "1500"),
];

/// Every way in which an engine fails.
fn faults<A: Clone>(answer: &A) -> Vec<Play<A>> {
    vec![
        Play::Status(404),
        Play::Status(500),
        Play::Garbage,
        Play::Half(answer.clone()),
        Play::Stall(answer.clone()),
        Play::Hang,
    ]
}

async fn ask(caller: &Caller) {
    caller.say(&question::spoken(CAPITAL_OF_FRANCE).await).await;
}

/// Asks, and gives what is understood of the apology that comes.
async fn apology(caller: &mut Caller) -> String {
    ask(caller).await;
    let heard = caller.hears(Assistant::NAME).await;
    question::understood(&heard.sound).await.to_lowercase()
}

/// One good turn: what fails after it is explained anew.
async fn is_well_for_a_turn(stage: &mut Stage, caller: &mut Caller) {
    ask(caller).await;
    caller.hears(Assistant::NAME).await;
    stage.assistant.reports().await.expect("it was answered");
}

#[tokio::test]
async fn a_recogniser_that_fails_is_apologised_for() {
    let mut stage = Stage::set("What time is it?", "It is noon.", SENTENCE, &SHORT);
    let mut ann = stage.caller("Ann").await;
    for fault in faults(&"What time is it?".to_owned()) {
        let what = format!("{fault:?}");
        stage.stt.always(fault);
        let apology = apology(&mut ann).await;
        assert!(apology.contains("sorry"), "{what}: {apology}");
        stage.assistant.reports().await;
        stage.stt.always(Play::Answer("What time is it?".into()));
        is_well_for_a_turn(&mut stage, &mut ann).await;
    }
    assert_eq!(stage.spoken().len(), faults(&String::new()).len());
}

#[tokio::test]
async fn a_model_that_fails_before_its_first_sentence_is_apologised_for() {
    let mut stage = Stage::set("What time is it?", "It is noon.", SENTENCE, &SHORT);
    let mut ann = stage.caller("Ann").await;
    // Half of it is no sentence yet.
    for fault in faults(&Reply::from(
        "It is noon in the whole wide town and nowhere else.",
    )) {
        let what = format!("{fault:?}");
        stage.chat.always(fault);
        let apology = apology(&mut ann).await;
        assert!(apology.contains("sorry"), "{what}: {apology}");
        stage.assistant.reports().await;
        stage.chat.always(Play::Answer("It is noon.".into()));
        is_well_for_a_turn(&mut stage, &mut ann).await;
    }
    stage.chat.always(Play::Answer("It is noon.".into()));
    ask(&ann).await;
    ann.hears(Assistant::NAME).await;
    assert_eq!(stage.spoken().last().unwrap(), "It is noon.");
}

#[tokio::test]
async fn a_voice_that_fails_is_apologised_for_and_the_answer_is_written() {
    let mut stage = Stage::set("What time is it?", "It is noon.", SENTENCE, &SHORT);
    let mut ann = stage.caller("Ann").await;
    for fault in faults::<Pcm>(&tone(SENTENCE)) {
        let what = format!("{fault:?}");
        stage.tts.always(fault);
        let apology = apology(&mut ann).await;
        assert!(apology.contains("sorry"), "{what}: {apology}");
        assert_eq!(ann.reads().await.text, "It is noon.", "{what}");
        stage.assistant.reports().await;
        stage.tts.always(Play::Answer(tone(SENTENCE)));
        is_well_for_a_turn(&mut stage, &mut ann).await;
    }
}

#[tokio::test]
async fn engines_that_come_back_are_used_again() {
    let mut stage = Stage::set("What time is it?", "It is noon.", SENTENCE, &SHORT);
    let mut ann = stage.caller("Ann").await;
    stage.stt.stop();
    stage.chat.stop();
    stage.tts.stop();
    assert!(apology(&mut ann).await.contains("sorry"));
    stage.assistant.reports().await;
    stage.stt.start_again();
    stage.chat.start_again();
    stage.tts.start_again();
    ask(&ann).await;
    ann.hears(Assistant::NAME).await;
    stage.assistant.reports().await.expect("it was answered");
}
