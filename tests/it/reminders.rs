//! What somebody is to be reminded of is told them when it is due, or when they come back.

use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use world::question;
use world::stage::Stage;
use world::{Assistant, Caller, MumbleOptions, MumbleServer, Urls};

/// How long a test waits for something that must happen: far more than it can take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at what must come.
const LOOK: Duration = Duration::from_millis(20);

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn known(server: &MumbleServer, name: &str, folder: &Path) -> Caller {
    let keep = |config: &mut mumble::Config| config.state_dir = folder.to_owned();
    let caller = Caller::join_with(server, name, keep).await;
    caller.meets(Assistant::NAME).await;
    caller
}

#[tokio::test]
async fn a_reminder_told_by_voice_is_heard_when_it_is_due() {
    let state = TempDir::new().unwrap();
    let server = MumbleServer::start(MumbleOptions::default());
    let settings = [
        ("MEMORY", "on"),
        ("STATE_DIR", text(state.path())),
        // What it answers is of no interest here.
        ("OLLAMA_NUM_PREDICT", "4"),
    ];
    let mut assistant = Assistant::start(&server, &Urls::real(), &settings);
    let mut ann = Caller::join(&server, "Ann").await;
    ann.meets(Assistant::NAME).await;
    let wish = question::spoken("Remind me in two seconds to call my sister.").await;
    ann.say(&wish).await;
    ann.hears(Assistant::NAME).await;
    assistant.reports().await.expect("it was answered");
    let reminder = ann.hears(Assistant::NAME).await;
    let heard = question::understood(&reminder.sound).await;
    let words = question::words(&heard);
    for word in ["remind", "you", "call", "your", "sister"] {
        assert!(words.iter().any(|heard| heard == word), "{word}: {heard}");
    }
}

#[tokio::test]
async fn who_was_away_is_reminded_when_they_come_back_and_not_before_others() {
    let [state, certificate] = [(); 2].map(|()| TempDir::new().unwrap());
    let settings = [("MEMORY", "on"), ("STATE_DIR", text(state.path()))];
    let stage = |server| Stage::set_on(server, "", "All right.", LOOK, &settings);
    let first = stage(MumbleServer::start(MumbleOptions::default()));
    let mut ann = known(&first.server, "Ann", certificate.path()).await;
    ann.write_to(
        Assistant::NAME,
        "Remind me in one second to call my doctor.",
    );
    assert_eq!(ann.reads().await.text, "All right.");
    let due = Timestamp::now() + SignedDuration::from_secs(1);
    drop(ann);
    let Stage {
        assistant, server, ..
    } = first;
    assistant.ends().await;
    let passed = async {
        while Timestamp::now() <= due {
            sleep(LOOK).await;
        }
    };
    timeout(PATIENCE, passed).await.expect("time goes on");

    let second = stage(server);
    let ben = second.caller("Ben").await;
    let mut ann = known(&second.server, "Ann", certificate.path()).await;
    ann.meets(&ben.name()).await;
    let told = ann.reads().await;
    assert_eq!(told.text, "I was to remind you: call your doctor.");
    assert_eq!(told.to, mumble::TextScope::Private);
    assert!(second.spoken().is_empty(), "Ben would have heard it");
}
