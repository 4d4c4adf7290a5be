//! A typed message gets a typed answer, where it was typed.

use std::time::Duration;

use mumble::TextScope;
use world::scripted::Play;
use world::{Assistant, MumbleOptions, MumbleServer, Release};

use world::stage::Stage;

const SENTENCE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_message_to_the_channel_is_answered_in_the_channel() {
    for release in Release::ALL {
        let stage = Stage::set_on(MumbleServer::of(release), "", "It is noon.", SENTENCE, &[]);
        let mut ann = stage.caller("Ann").await;
        ann.write("What time is it?");
        let answer = ann.reads().await;
        assert_eq!(answer.text, "It is noon.");
        assert_eq!(answer.from_name, Assistant::NAME);
        assert!(matches!(answer.to, TextScope::Channel(_)), "{answer:?}");
        assert!(stage.spoken().is_empty(), "it was not asked aloud");
    }
}

#[tokio::test]
async fn a_private_message_is_answered_privately() {
    for release in Release::ALL {
        let stage = Stage::set_on(
            MumbleServer::of(release),
            "",
            "It is a secret.",
            SENTENCE,
            &[],
        );
        let mut ann = stage.caller("Ann").await;
        let mut bob = stage.caller("Bob").await;
        ann.write_to(Assistant::NAME, "What is it?");
        let answer = ann.reads().await;
        assert_eq!(answer.text, "It is a secret.");
        assert_eq!(answer.to, TextScope::Private);
        // What Bob reads next is what is typed after it, to everybody.
        stage.chat.always(Play::Answer("Hello all.".into()));
        ann.write(&format!("{}, say hello!", Assistant::NAME));
        let read = loop {
            let text = bob.reads().await;
            if text.from_name == Assistant::NAME {
                break text.text;
            }
        };
        assert_eq!(read, "Hello all.");
    }
}

#[tokio::test]
async fn angle_brackets_arrive_as_they_were_written() {
    let stage = Stage::set("", "Yes: 1 < 2 & <b>that</b> is all.", SENTENCE, &[]);
    let mut ann = stage.caller("Ann").await;
    ann.write("Is 1 < 2 & is <i>this</i> markup?");
    let answer = ann.reads().await;
    assert_eq!(answer.text, "Yes: 1 < 2 & <b>that</b> is all.");
    let questions = stage.questions();
    assert!(
        questions[0].contains("Is 1 < 2 & is <i>this</i> markup?"),
        "{questions:?}"
    );
}

#[tokio::test]
async fn a_long_answer_is_cut_to_what_the_server_takes() {
    let server = MumbleServer::start(MumbleOptions {
        settings: vec!["textmessagelength=200".into()],
        ..MumbleOptions::default()
    });
    let sentence = "Every word of this sentence arrives. ";
    let long = sentence.repeat(20);
    let stage = Stage::set_on(
        server,
        "",
        &long,
        SENTENCE,
        &[("OLLAMA_NUM_PREDICT", "400")],
    );
    let mut ann = stage.caller("Ann").await;
    ann.write("Tell me everything.");
    let mut words = Vec::new();
    while words.len() < 20 * 6 {
        let text = ann.reads().await.text;
        assert!(text.len() <= 200, "{} bytes in one message", text.len());
        words.extend(text.split_whitespace().map(str::to_owned));
    }
    assert_eq!(words.join(" "), long.trim());
}
