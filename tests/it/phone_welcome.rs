//! A telephone caller is welcomed by the assistant: once each time they come, and nobody else is.

use std::time::Duration;

use world::question::{CAPITAL_OF_FRANCE, spoken};
use world::stage::Stage;
use world::{Assistant, MumbleOptions, MumbleServer};

const SENTENCE: Duration = Duration::from_secs(1);

/// How often the assistant has had its welcome spoken.
fn welcomes(stage: &Stage) -> usize {
    let spoken = stage.spoken().into_iter();
    spoken.filter(|text| text.contains("Welcome")).count()
}

#[tokio::test]
async fn a_caller_is_welcomed_each_time_they_come_and_nobody_else_is() {
    let server = MumbleServer::start(MumbleOptions {
        channels: vec!["Parked".to_owned()],
        ..MumbleOptions::default()
    });
    let settings = [("GREETING", "Welcome, this is {name}.")];
    let stage = Stage::set_on(server, "", "It is noon.", SENTENCE, &settings);
    let _ann = stage.caller("Ann").await;
    let mut line = stage.caller("Phone-line-1").await;
    line.hears(Assistant::NAME).await;
    assert_eq!(welcomes(&stage), 1);

    let client = line.client().clone();
    let parked = client.roster().find_channel("Root/Parked").unwrap().id;
    let talk = client.roster().me().unwrap().channel;
    client.enter(parked).await.unwrap();
    client.enter(talk).await.unwrap();
    line.hears(Assistant::NAME).await;
    assert_eq!(welcomes(&stage), 2);
    let name = stage
        .spoken()
        .iter()
        .any(|text| text.contains(Assistant::NAME));
    assert!(name, "{:?}", stage.spoken());
}

#[tokio::test]
async fn without_a_welcome_nobody_is_welcomed() {
    let stage = Stage::set(
        "AI-Bot, what time is it?",
        "It is noon.",
        SENTENCE,
        &[("GREETING", "none")],
    );
    let mut ann = stage.caller("Ann").await;
    let _line = stage.caller("Phone-17").await;
    ann.say(&spoken(CAPITAL_OF_FRANCE).await).await;
    ann.hears(Assistant::NAME).await;
    // The first thing that it has spoken is the answer.
    let first = stage.spoken().into_iter().next();
    assert!(
        first.is_some_and(|text| text.contains("noon")),
        "{:?}",
        stage.spoken()
    );
}
