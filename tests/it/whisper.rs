//! Whispers and shouts: heard by those they are for and by nobody else, for what they are; and
//! the assistant whispers back.

use std::time::Duration;

use audio::{MUMBLE_HZ, Pcm};
use mumble::{Scope, SessionId, Target, TextScope};
use world::question::{self, CAPITAL_OF_FRANCE};
use world::scripted::Play;
use world::{Assistant, Caller, MumbleOptions, MumbleServer, Release};

use world::stage::Stage;

/// What each sentence of the assistant sounds for.
const SENTENCE: Duration = Duration::from_secs(1);

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
    ann.sees("Cleo").await;
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

/// How a question is asked.
enum Asked {
    Aloud,
    InAWhisper,
}

/// Asks the assistant something that the recogniser understands as `text`.
async fn ask(stage: &Stage, caller: &Caller, how: Asked, text: &str) {
    stage.stt.always(Play::Answer(text.into()));
    let before = stage.stt.seen().len();
    let sound = question::spoken(CAPITAL_OF_FRANCE).await;
    match how {
        Asked::Aloud => {
            caller.say(&sound).await;
        }
        Asked::InAWhisper => {
            let roster = caller.client().roster();
            let mut users = roster.users();
            let assistant = users.find(|user| user.name == Assistant::NAME).unwrap();
            let target = Target::Users(vec![assistant.session]);
            let mut speech = caller.client().speak_to(target);
            speech.push(sound).await.unwrap();
            speech.finish().done().await.unwrap();
        }
    }
    stage.stt.asked(before + 1).await;
}

/// An assistant called Robin, and three people in its channel.
async fn table(release: Release) -> (Stage, [Caller; 3]) {
    let settings = [("ASSISTANT_NAMES", "Robin")];
    let server = MumbleServer::of(release);
    let stage = Stage::set_on(server, "", "It is noon.", SENTENCE, &settings);
    let ann = stage.caller("Ann").await;
    let ben = stage.caller("Ben").await;
    let cleo = stage.caller("Cleo").await;
    ann.meets("Cleo").await;
    (stage, [ann, ben, cleo])
}

#[tokio::test]
async fn a_whispered_question_is_answered_in_a_whisper_to_who_asked() {
    for release in Release::ALL {
        let (mut stage, [mut ann, mut ben, cleo]) = table(release).await;
        for question in ["Where is the gift for Ben?", "And what is in it?"] {
            ask(&stage, &ann, Asked::InAWhisper, question).await;
            let answer = ann.hears(Assistant::NAME).await;
            assert!(answer.sound.duration() >= SENTENCE * 9 / 10);
            stage.assistant.reports().await.unwrap();
        }
        assert_eq!(ann.scopes_of(Assistant::NAME), [Scope::Whisper]);
        // Having whispered, Ann can still talk to the others without being answered.
        ask(&stage, &ann, Asked::Aloud, "I am hungry.").await;
        ask(&stage, &ben, Asked::Aloud, "Robin, what time is it?").await;
        ben.hears(Assistant::NAME).await;
        stage.assistant.reports().await.unwrap();
        for other in [&ben, &cleo] {
            assert_eq!(other.scopes_of(Assistant::NAME), [Scope::Normal]);
            assert_eq!(other.heard_of(Assistant::NAME).len(), 1);
        }
        let prompts = stage.prompts();
        assert_eq!(prompts.len(), 3, "{prompts:?}");
        let knows = |at: usize| {
            let mut contents = prompts[at].iter().map(|(_, content)| content);
            contents.any(|content| content.contains("gift"))
        };
        assert!(
            knows(1),
            "Ann's second whisper follows her first: {prompts:?}"
        );
        assert!(
            !knows(2),
            "whispered words came to the channel: {prompts:?}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_whispered_back_is_typed_to_who_asked() {
    let (stage, [mut ann, mut ben, _cleo]) = table(Release::ALL[0]).await;
    stage.tts.always(Play::Status(500));
    ask(&stage, &ann, Asked::InAWhisper, "What time is it?").await;
    // An apology is heard, then the answer is read; both by Ann alone.
    ann.hears(Assistant::NAME).await;
    let typed = ann.reads().await;
    assert_eq!(
        (typed.text.as_str(), typed.to),
        ("It is noon.", TextScope::Private)
    );
    assert_eq!(ann.scopes_of(Assistant::NAME), [Scope::Whisper]);
    ann.write("Did anybody hear that?");
    assert_eq!(ben.reads().await.text, "Did anybody hear that?");
    assert!(ben.heard_of(Assistant::NAME).is_empty());
}
