//! The main job: a spoken question gets a spoken answer, with real servers only.

use world::question::{self, CAPITAL_OF_FRANCE};
use world::{Assistant, Caller, MumbleOptions, MumbleServer, Release, Urls};

/// What is asked here is answered rightly by the small model.
const EXPECTED: &str = "paris";

#[tokio::test]
async fn a_spoken_question_gets_a_spoken_answer() {
    for release in Release::ALL {
        let server = MumbleServer::of(release);
        let mut assistant = Assistant::start(&server, &Urls::real(), &[]);
        let mut caller = Caller::join(&server, "Ann").await;
        caller.meets(Assistant::NAME).await;

        let question = question::spoken(CAPITAL_OF_FRANCE).await;
        let asked = caller.say(&question).await;
        let answer = caller.hears(Assistant::NAME).await;

        let understood = question::understood(&answer.sound).await;
        assert!(
            question::words(&understood).contains(&EXPECTED.to_owned()),
            "{understood}"
        );
        assert!(
            answer.began > asked,
            "it answered before the question ended"
        );
        let stages = assistant.reports().await.expect("it was answered");
        // The talk key was released, so nothing waited for silence.
        assert!(stages.pause.is_zero(), "{stages:?}");
        assistant.ends().await;
    }
}

#[tokio::test]
async fn an_open_microphone_is_answered_after_a_pause() {
    let server = MumbleServer::start(MumbleOptions::default());
    let mut assistant = Assistant::start(&server, &Urls::real(), &[]);
    let mut caller = Caller::join(&server, "Ann").await;
    caller.meets(Assistant::NAME).await;

    let question = question::spoken(CAPITAL_OF_FRANCE).await;
    let (_, _open) = caller.say_openly(&question).await;
    let answer = caller.hears(Assistant::NAME).await;

    let understood = question::understood(&answer.sound).await;
    assert!(
        question::words(&understood).contains(&EXPECTED.to_owned()),
        "{understood}"
    );
    let stages = assistant.reports().await.expect("it was answered");
    assert!(!stages.pause.is_zero(), "{stages:?}");
}

#[tokio::test]
async fn sound_through_the_tcp_tunnel_is_answered_through_it() {
    for release in Release::ALL {
        let server = MumbleServer::of(release);
        let _assistant = Assistant::start(&server, &Urls::real(), &[("MUMBLE_UDP", "false")]);
        let mut caller = Caller::join_with(&server, "Ann", |config| config.udp = false).await;
        caller.meets(Assistant::NAME).await;

        caller.say(&question::spoken(CAPITAL_OF_FRANCE).await).await;
        let answer = caller.hears(Assistant::NAME).await;

        let understood = question::understood(&answer.sound).await;
        assert!(
            question::words(&understood).contains(&EXPECTED.to_owned()),
            "{understood}"
        );
    }
}

#[tokio::test]
async fn a_channel_is_found_by_its_path() {
    let server = MumbleServer::start(MumbleOptions {
        channels: vec!["AI".into()],
        ..MumbleOptions::default()
    });
    let _assistant = Assistant::start(&server, &Urls::real(), &[("MUMBLE_CHANNEL", "Root/AI")]);
    let there = |config: &mut mumble::Config| config.channel = Some("Root/AI".into());
    let mut caller = Caller::join_with(&server, "Ann", there).await;
    caller.meets(Assistant::NAME).await;

    caller.say(&question::spoken(CAPITAL_OF_FRANCE).await).await;
    assert!(!caller.hears(Assistant::NAME).await.sound.is_empty());
}
