//! Speech over an answer stops it, and history keeps only what was heard.

use std::time::Duration;

use world::Assistant;
use world::question::{self, CAPITAL_OF_FRANCE};
use world::scripted::Play;

use world::stage::Stage;

const LONG: &str = "This is the first sentence. This is the second sentence. And here is the last.";

/// How long each of the three sentences sounds.
const SENTENCE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn speech_of_the_person_who_asked_stops_the_answer() {
    let mut stage = Stage::set("Tell me a story.", LONG, SENTENCE, &[]);
    let mut caller = stage.caller("Ann").await;
    let question = question::spoken(CAPITAL_OF_FRANCE).await;

    caller.say(&question).await;
    caller.begins(Assistant::NAME).await;
    stage.chat.always(Play::Answer("Yes.".into()));
    caller.say(&question).await;
    for _ in 0..2 {
        stage.assistant.reports().await;
    }
    caller.hears(Assistant::NAME).await;

    // The first answer would have gone on for twelve seconds; the second one is one sentence.
    let heard = caller.heard_of(Assistant::NAME);
    let whole: Duration = heard.iter().map(|one| one.sound.duration()).sum();
    assert!(whole < SENTENCE * 2, "{whole:?} were heard");
    let spoken = stage.spoken();
    assert_eq!(spoken.last().unwrap(), "Yes.");
}

#[tokio::test]
async fn only_what_was_heard_of_an_answer_is_remembered() {
    let mut stage = Stage::set("Tell me a story.", LONG, SENTENCE, &[]);
    let caller = stage.caller("Ann").await;
    let question = question::spoken(CAPITAL_OF_FRANCE).await;

    caller.say(&question).await;
    // The person breaks in during the second of three sentences.
    let first = SENTENCE + SENTENCE / 4;
    caller.hears_first(Assistant::NAME, first).await;
    caller.say(&question).await;
    for _ in 0..2 {
        stage.assistant.reports().await;
    }

    let prompts = stage.prompts();
    let said: String = prompts[1]
        .iter()
        .filter(|(role, _)| role == "assistant")
        .map(|(_, content)| content.as_str())
        .collect();
    assert!(
        said.contains("the first sentence."),
        "{said:?} is remembered"
    );
    assert!(!said.contains("last"), "nobody heard all of {said:?}");
}

#[tokio::test]
async fn somebody_else_who_talks_does_not_stop_an_answer() {
    let sentence = Duration::from_secs(3);
    let settings = [("ANSWER", "named"), ("ASSISTANT_NAMES", "Robin")];
    let stage = Stage::set(
        "Robin, what time is it?",
        "It is noon.",
        sentence,
        &settings,
    );
    let mut ann = stage.caller("Ann").await;
    let bob = stage.caller("Bob").await;
    let question = question::spoken(CAPITAL_OF_FRANCE).await;

    ann.say(&question).await;
    ann.begins(Assistant::NAME).await;
    stage.stt.always(Play::Answer("I know.".into()));
    bob.say(&question).await;

    let answer = ann.hears(Assistant::NAME).await;
    let heard = answer.sound.duration();
    assert!(heard > sentence - Duration::from_millis(200), "{heard:?}");
}
