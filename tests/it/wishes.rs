//! Spoken wishes: what is known is told, what is to stay off the record does, and what is to be
//! forgotten is gone from the database.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use memory::store::{self, Export, Where};
use memory::{Kind, Person};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use world::scripted::Play;
use world::stage::Stage;
use world::{Assistant, Caller, question};

const SENTENCE: Duration = Duration::from_millis(300);

/// How long a test waits for something that must happen: far more than it can take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at what must come.
const LOOK: Duration = Duration::from_millis(20);

/// Ann alone with an assistant whose recogniser understands what a test says.
struct Talk {
    stage: Stage,
    ann: Caller,
    truth: Arc<dyn store::Store>,
    /// What was wished so far.
    wished: Vec<String>,
}

impl Talk {
    async fn begin(folder: &Path) -> Self {
        let settings = [("MEMORY", "on"), ("STATE_DIR", folder.to_str().unwrap())];
        let stage = Stage::set("", "Good.", SENTENCE, &settings);
        let ann = stage.caller("Ann").await;
        let database = Where::File(folder.join("memory/memory.db"));
        Self {
            stage,
            ann,
            truth: store::open(&database).unwrap(),
            wished: Vec::new(),
        }
    }

    /// Tells something in writing, where others would read it.
    async fn tells(&mut self, text: &str) {
        self.ann.write(text);
        assert_eq!(self.reads().await, "Good.");
    }

    /// What is written next by the assistant.
    async fn reads(&mut self) -> String {
        loop {
            let read = self.ann.reads().await;
            if read.from_name == Assistant::NAME {
                return read.text;
            }
        }
    }

    /// Wishes this aloud, and gives the sentences that were spoken in answer.
    async fn wishes(&mut self, text: &str) -> String {
        self.stage.stt.always(Play::Answer(text.into()));
        self.wished.push(text.to_owned());
        let before = self.stage.spoken().len();
        let sound = question::spoken("Forget that.").await;
        self.ann.say(&sound).await;
        self.stage.assistant.reports().await;
        self.ann.listens_anew();
        self.stage.spoken()[before..].join(" ")
    }

    /// Waits until it has come to this in the database.
    async fn until(&self, what: &str, so: impl Fn(&Export) -> bool) {
        let come = async {
            loop {
                let people = self.truth.people().await.unwrap();
                let all = match people.first() {
                    Some(ann) => self.all(&ann.profile.person).await,
                    None => Export {
                        profile: None,
                        turns: Vec::new(),
                        entries: Vec::new(),
                    },
                };
                if so(&all) {
                    return;
                }
                sleep(LOOK).await;
            }
        };
        let come = timeout(PATIENCE, come).await;
        come.unwrap_or_else(|_| panic!("not so: {what}"));
    }

    async fn all(&self, person: &Person) -> Export {
        self.truth.export(person).await.unwrap()
    }
}

fn said(all: &Export) -> Vec<&str> {
    all.turns.iter().map(|turn| turn.said.as_str()).collect()
}

#[tokio::test]
async fn spoken_wishes_are_granted_and_nothing_of_them_is_remembered() {
    let state = TempDir::new().unwrap();
    let mut talk = Talk::begin(state.path()).await;
    talk.tells("My dog is called Charlie.").await;
    let learnt = |all: &Export| all.entries.iter().any(|entry| entry.kind == Kind::Fact);
    talk.until("it is learnt", learnt).await;

    let told = talk.wishes("What do you know about me?").await;
    assert!(told.contains("Your dog is called Charlie."), "{told}");
    let list = talk.reads().await;
    assert!(list.starts_with("What I know about you:"), "{list}");
    assert!(list.contains("- Your dog is called Charlie"), "{list}");

    let off = talk.wishes("Off the record, please.").await;
    assert!(off.starts_with("We are off the record"), "{off}");
    talk.tells("My code word is tulip.").await;
    let on = talk.wishes("Okay AI-Bot, back on the record.").await;
    assert!(on.starts_with("We are on the record"), "{on}");
    talk.tells("My cat is called Tom.").await;
    let both = ["My dog is called Charlie.", "My cat is called Tom."];
    talk.until("both are there", |all| said(all) == both).await;

    let gone = talk.wishes("Forget that.").await;
    assert_eq!(gone, "I have forgotten it.");
    talk.until("the cat is not", |all| said(all) == both[..1])
        .await;

    let sure = talk.wishes("Forget everything about me.").await;
    assert!(sure.contains("Say yes"), "{sure}");
    let done = talk.wishes("Yes.").await;
    assert_eq!(done, "I have forgotten everything about you.");
    talk.until("nothing is", |all| {
        *all == Export {
            profile: None,
            turns: Vec::new(),
            entries: Vec::new(),
        }
    })
    .await;
    for question in talk.stage.questions() {
        assert!(!talk.wished.contains(&question), "{question}");
    }
}
