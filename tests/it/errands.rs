//! The assistant goes where it is sent, stays where it is put, and says why it cannot go.

use std::time::Duration;

use mumble::{About, ChannelId, Config, SessionId};
use tokio::time::{sleep, timeout};
use world::{Assistant, Caller, MumbleOptions, MumbleServer};

use world::stage::Stage;

/// How long a change may take to be seen.
const PATIENCE: Duration = Duration::from_secs(20);

const ROOT: ChannelId = ChannelId(0);

/// An assistant beside a channel that is open and one that a token opens.
fn stage() -> Stage {
    let options = MumbleOptions {
        channels: vec!["Corner".into(), "Vault\tsesame".into()],
        ..MumbleOptions::default()
    };
    let server = MumbleServer::start(options);
    Stage::set_on(server, "", "It is noon.", Duration::from_secs(1), &[])
}

fn session(who: &Caller, name: &str) -> SessionId {
    let roster = who.client().roster();
    let user = roster.users().find(|user| user.name == name);
    user.expect("the user is there").session
}

/// Waits until the assistant is in this channel.
async fn comes_to(who: &Caller, channel: ChannelId) {
    let assistant = session(who, Assistant::NAME);
    let wait = async {
        let is_there = || {
            who.client()
                .roster()
                .user(assistant)
                .map(|user| user.channel)
        };
        while is_there() != Some(channel) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it comes");
}

#[tokio::test]
async fn it_comes_when_called_and_goes_home_when_sent() {
    let stage = stage();
    let mut ann = stage.caller("Ann").await;
    ann.meets(Assistant::NAME).await;
    let corner = ann.client().roster().find_channel("Corner").unwrap().id;
    ann.client().enter(corner).await.unwrap();
    ann.write_to(Assistant::NAME, "Come here, please!");
    assert_eq!(ann.reads().await.text, "I am here.");
    comes_to(&ann, corner).await;
    ann.write("What time is it?");
    assert_eq!(ann.reads().await.text, "It is noon.");
    ann.write("go home");
    assert_eq!(ann.reads().await.text, "I have gone back.");
    comes_to(&ann, ROOT).await;
}

#[tokio::test]
async fn it_says_why_it_cannot_come() {
    let stage = stage();
    let ann = |config: &mut Config| config.tokens = vec!["sesame".into()];
    let mut ann = Caller::join_with(&stage.server, "Ann", ann).await;
    ann.meets(Assistant::NAME).await;
    let vault = ann.client().roster().find_channel("Vault").unwrap().id;
    ann.client().enter(vault).await.unwrap();
    ann.write_to(Assistant::NAME, "follow me");
    let answer = ann.reads().await.text;
    assert_eq!(
        answer,
        "I could not do it: the server does not let this user enter Mumble-AI/Vault: give it the \
         Enter permission there."
    );
    comes_to(&ann, ROOT).await;
}

#[tokio::test]
async fn it_stays_and_talks_where_it_was_put() {
    let stage = stage();
    let admin = |config: &mut Config| {
        config.password = Some(stage.server.superuser_password().into());
    };
    let mut admin = Caller::join_with(&stage.server, MumbleServer::SUPERUSER, admin).await;
    admin.meets(Assistant::NAME).await;
    let corner = admin.client().roster().find_channel("Corner").unwrap().id;
    let assistant = session(&admin, Assistant::NAME);
    admin.client().move_user(assistant, corner).await.unwrap();
    admin.client().enter(corner).await.unwrap();
    admin.write("What time is it?");
    assert_eq!(admin.reads().await.text, "It is noon.");
    comes_to(&admin, corner).await;
}

#[tokio::test]
async fn it_tells_what_it_is_and_how_to_talk_to_it() {
    let stage = stage();
    let ann = stage.caller("Ann").await;
    ann.meets(Assistant::NAME).await;
    let assistant = session(&ann, Assistant::NAME);
    let wait = async {
        let comment = || {
            ann.client()
                .roster()
                .user(assistant)
                .map(|user| user.comment.clone())
        };
        while comment() == Some(About::Nothing) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it tells something");
    let comment = ann.client().comment_of(assistant).await.unwrap();
    assert!(comment.contains("I am a voice assistant"), "{comment}");
}
