//! Whispers and shouts: heard by those they are for and by nobody else, for what they are.

use std::time::Duration;

use audio::{MUMBLE_HZ, Pcm};
use mumble::{Scope, SessionId, Target};
use world::{Caller, MumbleOptions, MumbleServer, Release};

/// What is said: long enough to be more than a packet, and loud.
fn sound() -> Pcm {
    let tone = |at: u32| {
        if (at / 60).is_multiple_of(2) {
            8000
        } else {
            -8000
        }
    };
    Pcm::new(MUMBLE_HZ, (0..MUMBLE_HZ * 3 / 5).map(tone).collect())
}

async fn say_to(caller: &Caller, target: Target) {
    let mut speech = caller.client().speak_to(target);
    speech.push(sound()).await.unwrap();
    let said = speech.finish().done().await.unwrap();
    assert_eq!(said, Duration::from_millis(600));
}

fn session(caller: &Caller) -> SessionId {
    caller.client().roster().me().unwrap().session
}

/// A server with a channel beside the root, and three users: two in the root, one beside.
async fn company(release: Release) -> (MumbleServer, [Caller; 3]) {
    let server = MumbleServer::start(MumbleOptions {
        release,
        channels: vec!["Beside".into()],
        ..MumbleOptions::default()
    });
    let ann = Caller::join(&server, "Ann").await;
    let ben = Caller::join(&server, "Ben").await;
    let cleo = Caller::join_with(&server, "Cleo", |config| {
        config.channel = Some("Beside".into());
    });
    let cleo = cleo.await;
    ann.meets("Ben").await;
    (server, [ann, ben, cleo])
}

#[tokio::test]
async fn a_whisper_is_heard_by_one_and_not_by_another() {
    for release in Release::ALL {
        let (_server, [ann, mut ben, mut cleo]) = company(release).await;
        say_to(&ann, Target::Users(vec![session(&cleo)])).await;
        let heard = cleo.hears("Ann").await;
        assert!(heard.sound.duration() >= Duration::from_millis(580));
        assert_eq!(cleo.scopes_of("Ann"), [Scope::Whisper]);
        // What Ben hears next is said to all: of the whisper he has heard nothing.
        ann.say(&sound()).await;
        ben.hears("Ann").await;
        assert_eq!(ben.scopes_of("Ann"), [Scope::Normal]);
        assert_eq!(ben.heard_of("Ann").len(), 1);
        assert_eq!(cleo.scopes_of("Ann"), [Scope::Whisper]);
    }
}

#[tokio::test]
async fn a_shout_reaches_the_channel_below_and_is_known_as_one() {
    for release in Release::ALL {
        let (_server, [ann, mut ben, mut cleo]) = company(release).await;
        let beside = cleo.client().roster().my_channel().unwrap().id;
        let shout = |id, children| Target::Channel {
            id,
            links: false,
            children,
            group: None,
        };
        say_to(&ann, shout(beside, false)).await;
        cleo.hears("Ann").await;
        assert_eq!(cleo.scopes_of("Ann"), [Scope::Shout]);
        assert!(ben.heard_of("Ann").is_empty());
        let root = ben.client().roster().my_channel().unwrap().id;
        say_to(&ann, shout(root, true)).await;
        ben.hears("Ann").await;
        cleo.hears("Ann").await;
        assert_eq!(ben.scopes_of("Ann"), [Scope::Shout]);
    }
}

#[tokio::test]
async fn the_loopback_comes_back_to_the_speaker_alone() {
    for release in Release::ALL {
        let (_server, [mut ann, ben, _cleo]) = company(release).await;
        say_to(&ann, Target::Loopback).await;
        ann.hears("Ann").await;
        assert!(ben.heard_of("Ann").is_empty());
    }
}
