//! What is remembered of whom, and before whom it is spoken of.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use world::{Assistant, Caller, MumbleOptions, MumbleServer};

use world::stage::Stage;

const SENTENCE: Duration = Duration::from_secs(1);

/// How long a test waits for something that must happen: far more than it can take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A word that only memory can bring into a prompt.
const SECRET: &str = "tulip";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// An assistant that remembers, in the built-in stores in `folder`.
fn stage(folder: &Path) -> Stage {
    let server = MumbleServer::start(MumbleOptions::default());
    stage_on(server, folder)
}

fn stage_on(server: MumbleServer, folder: &Path) -> Stage {
    let settings = [("MEMORY", "on"), ("STATE_DIR", text(folder))];
    Stage::set_on(server, "", "It is noon.", SENTENCE, &settings)
}

/// A caller under a name with the certificate that lies in `folder`.
async fn known(stage: &Stage, name: &str, folder: &Path) -> Caller {
    let keep = |config: &mut mumble::Config| config.state_dir = folder.to_owned();
    let caller = Caller::join_with(&stage.server, name, keep).await;
    caller.meets(Assistant::NAME).await;
    caller
}

/// Writes to the assistant alone, and gives what it writes back.
async fn tell(caller: &mut Caller, what: &str) -> String {
    caller.write_to(Assistant::NAME, what);
    answer(caller).await
}

async fn answer(caller: &mut Caller) -> String {
    loop {
        let read = caller.reads().await;
        if read.from_name == Assistant::NAME {
            return read.text;
        }
    }
}

/// Whether the last prompt holds this word.
fn knows(stage: &Stage, word: &str) -> bool {
    let prompts = stage.prompts();
    let last = prompts.last().unwrap();
    last.iter().any(|(_, content)| content.contains(word))
}

/// Waits until nobody of this name is on the server.
async fn gone(watcher: &Caller, name: &str) {
    let there = || {
        watcher
            .client()
            .roster()
            .users()
            .any(|user| user.name == name)
    };
    let wait = async {
        while there() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("they leave");
}

#[tokio::test]
async fn two_people_of_one_name_never_see_each_others_memory() {
    let [state, first, second] = [(); 3].map(|()| TempDir::new().unwrap());
    let stage = stage(state.path());
    let ben = stage.caller("Ben").await;
    for (certificate, before, asked) in [
        (&first, "My code word is tulip.", true),
        (&second, "Good morning.", false),
        (&first, "Good evening.", true),
    ] {
        let mut ann = known(&stage, "Ann", certificate.path()).await;
        tell(&mut ann, before).await;
        tell(&mut ann, "What is my code word?").await;
        assert_eq!(knows(&stage, SECRET), asked, "{:?}", stage.prompts());
        drop(ann);
        gone(&ben, "Ann").await;
    }
}

#[tokio::test]
async fn what_was_written_in_private_is_not_spoken_of_before_others() {
    let state = TempDir::new().unwrap();
    let stage = stage(state.path());
    let mut ann = stage.caller("Ann").await;
    tell(&mut ann, "My code word is tulip.").await;
    let _ben = stage.caller("Ben").await;
    ann.meets("Ben").await;
    ann.write(&format!("{}, what is my code word?", Assistant::NAME));
    answer(&mut ann).await;
    assert!(!knows(&stage, SECRET), "{:?}", stage.prompts());
    tell(&mut ann, "What is my code word?").await;
    assert!(knows(&stage, SECRET), "{:?}", stage.prompts());
}

#[tokio::test]
async fn what_is_to_be_forgotten_is_not_in_the_next_prompt() {
    let state = TempDir::new().unwrap();
    let stage = stage(state.path());
    let mut ann = stage.caller("Ann").await;
    tell(&mut ann, "My code word is tulip.").await;
    assert_eq!(tell(&mut ann, "Forget that.").await, "I have forgotten it.");
    tell(&mut ann, "What is my code word?").await;
    assert!(!knows(&stage, SECRET), "{:?}", stage.prompts());
    // A wish costs no question to the model.
    assert_eq!(stage.questions().len(), 2);
    let sure = tell(&mut ann, "Forget everything about me").await;
    assert!(sure.contains("Say yes"), "{sure}");
    let done = tell(&mut ann, "Yes, forget everything!").await;
    assert_eq!(done, "I have forgotten everything about you.");
}

#[tokio::test]
async fn what_was_said_off_the_record_is_gone_after_a_restart_and_the_rest_is_not() {
    let [state, certificate] = [(); 2].map(|()| TempDir::new().unwrap());
    let first = stage(state.path());
    let mut ann = known(&first, "Ann", certificate.path()).await;
    tell(&mut ann, "My dog is called Charlie.").await;
    let off = tell(&mut ann, "Off the record, please.").await;
    assert!(off.starts_with("We are off the record"), "{off}");
    tell(&mut ann, "My code word is tulip.").await;
    tell(&mut ann, "What is my code word?").await;
    assert!(knows(&first, SECRET), "it is the same talk");
    drop(ann);
    let Stage {
        assistant, server, ..
    } = first;
    assistant.ends().await;
    let second = stage_on(server, state.path());
    let mut ann = known(&second, "Ann", certificate.path()).await;
    tell(&mut ann, "What do you know of my dog and my code word?").await;
    assert!(knows(&second, "Charlie"), "{:?}", second.prompts());
    assert!(!knows(&second, SECRET), "{:?}", second.prompts());
}

#[tokio::test]
async fn a_phone_caller_is_forgotten_when_they_leave() {
    let state = TempDir::new().unwrap();
    let stage = stage(state.path());
    let ben = stage.caller("Ben").await;
    {
        let mut caller = stage.caller("Phone-100").await;
        tell(&mut caller, "My code word is tulip.").await;
        tell(&mut caller, "What is my code word?").await;
        assert!(knows(&stage, SECRET), "it is the same call");
        let told = tell(&mut caller, "What do you know about me?").await;
        assert!(told.contains("beyond this visit"), "{told}");
    }
    gone(&ben, "Phone-100").await;
    let mut next = stage.caller("Phone-100").await;
    tell(&mut next, "What is my code word?").await;
    assert!(!knows(&stage, SECRET), "{:?}", stage.prompts());
}

#[tokio::test]
async fn who_calls_next_on_a_telephone_line_is_somebody_else() {
    let state = TempDir::new().unwrap();
    let server = MumbleServer::start(MumbleOptions {
        channels: vec!["Parked".to_owned()],
        ..MumbleOptions::default()
    });
    let stage = stage_on(server, state.path());
    let mut line = stage.caller("Phone-line-1").await;
    tell(&mut line, "My code word is tulip.").await;
    tell(&mut line, "What is my code word?").await;
    assert!(knows(&stage, SECRET), "it is the same call");
    let client = line.client().clone();
    let parked = client.roster().find_channel("Root/Parked").unwrap().id;
    let talk = client.roster().me().unwrap().channel;
    client.enter(parked).await.unwrap();
    client.enter(talk).await.unwrap();
    tell(&mut line, "What is my code word?").await;
    assert!(!knows(&stage, SECRET), "{:?}", stage.prompts());
}

#[tokio::test]
async fn who_cannot_be_recalled_is_answered_without() {
    let state = TempDir::new().unwrap();
    // Takes connections, and never answers one.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let settings = [
        ("MEMORY", "on"),
        ("STATE_DIR", text(state.path())),
        ("EMBEDDING_URL", &address),
        ("DATABASE_URL", "postgres://ann:x@127.0.0.1:1/none"),
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("CHROMADB_URL", "http://127.0.0.1:1"),
    ];
    let stage = Stage::set("", "It is noon.", SENTENCE, &settings);
    let mut ann = stage.caller("Ann").await;
    assert_eq!(tell(&mut ann, "What time is it?").await, "It is noon.");
    assert_eq!(tell(&mut ann, "And now?").await, "It is noon.");
    let late = async {
        loop {
            let memory = stage.assistant.board().health().memory;
            if memory.is_some_and(|memory| memory.recalls > 1 && memory.late > 0) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, late).await.expect("it is counted");
}
