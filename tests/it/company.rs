//! Who is answered when several people talk, and in which order.

use std::time::Duration;

use world::question::{self, CAPITAL_OF_FRANCE};
use world::scripted::Play;
use world::{Assistant, Caller, MumbleServer, Release};

use world::stage::Stage;

const SENTENCE: Duration = Duration::from_secs(1);

/// Says something that the recogniser understands as `text`, and waits until it has.
async fn say(stage: &Stage, caller: &Caller, text: &str) {
    stage.stt.always(Play::Answer(text.into()));
    let before = stage.stt.seen().len();
    caller.say(&question::spoken(CAPITAL_OF_FRANCE).await).await;
    stage.stt.asked(before + 1).await;
}

#[tokio::test]
async fn alone_with_one_person_every_turn_is_answered() {
    for release in Release::ALL {
        let stage = Stage::set_on(MumbleServer::of(release), "", "It is noon.", SENTENCE, &[]);
        let mut ann = stage.caller("Ann").await;
        say(&stage, &ann, "What time is it?").await;
        ann.hears(Assistant::NAME).await;
        assert!(stage.questions()[0].contains("What time is it?"));
    }
}

#[tokio::test]
async fn among_several_only_those_are_answered_who_name_it() {
    let settings = [("ASSISTANT_NAMES", "Robin")];
    let mut stage = Stage::set("", "It is noon.", SENTENCE, &settings);
    let mut ann = stage.caller("Ann").await;
    let bob = stage.caller("Bob").await;
    say(&stage, &bob, "Lovely weather, Ann.").await;
    say(&stage, &bob, "Robin, what time is it?").await;
    ann.hears(Assistant::NAME).await;
    stage.assistant.reports().await.unwrap();
    let questions = stage.questions();
    assert_eq!(questions.len(), 1, "{questions:?}");
    assert!(questions[0].contains("what time"), "{questions:?}");
}

#[tokio::test]
async fn who_was_just_answered_need_not_name_it_again() {
    let settings = [("ASSISTANT_NAMES", "Robin")];
    let stage = Stage::set("", "It is noon.", SENTENCE, &settings);
    let mut ann = stage.caller("Ann").await;
    let bob = stage.caller("Bob").await;
    say(&stage, &ann, "Robin, what time is it?").await;
    ann.hears(Assistant::NAME).await;
    // Not the person who was answered, and no name.
    say(&stage, &bob, "I am hungry.").await;
    say(&stage, &ann, "And in Paris?").await;
    ann.hears(Assistant::NAME).await;
    let questions = stage.questions();
    assert_eq!(questions.len(), 2, "{questions:?}");
    assert!(questions[1].contains("And in Paris?"), "{questions:?}");
}

#[tokio::test]
async fn the_question_of_another_waits_until_the_answer_is_over() {
    let settings = [("ANSWER", "always")];
    let mut stage = Stage::set("", "One. Two.", SENTENCE * 2, &settings);
    stage.chat.always(Play::Answer(
        "Ann gets the first sentence. Ann gets the second one.".into(),
    ));
    let ann = stage.caller("Ann").await;
    let mut bob = stage.caller("Bob").await;
    say(&stage, &ann, "What is that?").await;
    bob.begins(Assistant::NAME).await;
    stage.chat.always(Play::Answer(
        "Bob gets the first sentence. Bob gets the second one.".into(),
    ));
    say(&stage, &bob, "And what is this?").await;
    for _ in 0..2 {
        stage.assistant.reports().await.unwrap();
    }
    bob.hears(Assistant::NAME).await;
    let spoken = stage.spoken();
    let whose: Vec<&str> = spoken.iter().map(|text| &text[..3]).collect();
    assert_eq!(whose, ["Ann", "Ann", "Bob", "Bob"], "{spoken:?}");
    let heard = bob.heard_of(Assistant::NAME);
    let whole: Duration = heard.iter().map(|one| one.sound.duration()).sum();
    assert!(whole > SENTENCE * 7, "{whole:?} of 8 s were heard");
}

#[tokio::test]
async fn silence_and_noise_are_not_answered() {
    let mut stage = Stage::set("", "It is noon.", SENTENCE, &[]);
    let mut ann = stage.caller("Ann").await;
    // Silence, a tone, and speech without words in it.
    ann.say(&audio::Pcm::silence(48_000, SENTENCE)).await;
    ann.say(&world::stage::tone(SENTENCE)).await;
    say(&stage, &ann, "").await;
    // Then something that is answered, so that the end of the other turns is known.
    say(&stage, &ann, "What time is it?").await;
    ann.hears(Assistant::NAME).await;
    stage.assistant.reports().await.unwrap();
    let questions = stage.questions();
    assert_eq!(questions.len(), 1, "{questions:?}");
}
