//! What somebody tells aloud is used when they ask for it aloud in a later session, after a
//! restart: real servers, real engines and real stores only.

use std::path::Path;
use std::time::Duration;

use bot::sounds::Sound;
use memory::index::{self, chroma};
use memory::store::{self, Export, Postgres, Where};
use memory::{Kind, Person};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use world::question;
use world::{Assistant, Caller, EMBEDDING_MODEL, MumbleOptions, MumbleServer, Proxy, Store, Urls};

const TOLD: &str = "My dog is called Charlie.";

/// Other words, in which the small model is sure of itself.
const ASKED: &str = "What is the name of my dog?";

/// What the answer cannot know from anywhere else.
const FACT: &str = "charlie";

/// With the longer one of the reference the small model talks about itself.
const PERSONA: &str = "You are a friendly voice assistant. Answer in one short sentence.";

/// How long a test waits for something that must happen: far more than it can take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at what must come.
const LOOK: Duration = Duration::from_millis(20);

/// Postgres, Redis and Chroma with what they hold.
struct Stores {
    postgres: Store,
    redis: Store,
    chroma: Store,
    _folder: TempDir,
}

impl Stores {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        Self {
            postgres: Store::postgres(),
            redis: Store::redis(&folder.path().join("redis"), "no"),
            chroma: Store::chroma(&folder.path().join("chroma")),
            _folder: folder,
        }
    }

    fn database(&self) -> String {
        let port = self.postgres.port();
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }

    fn index(&self) -> String {
        format!("http://127.0.0.1:{}", self.chroma.port())
    }

    /// Everything that the database holds, all of it one person's; and who that is.
    async fn truth(&self) -> (Person, Export) {
        let place = Where::Postgres(Postgres::Address(self.database().into()));
        let database = store::open(&place).unwrap();
        let [ann] = &database.people().await.unwrap()[..] else {
            panic!("one person is remembered")
        };
        let person = ann.profile.person.clone();
        let all = database.export(&person).await.unwrap();
        (person, all)
    }

    /// Waits until the index has learnt everything, and says how much that is.
    async fn learnt(&self) -> u64 {
        let place = Where::Postgres(Postgres::Address(self.database().into()));
        let database = store::open(&place).unwrap();
        let index = index::open(index::Settings::Chroma(chroma::Settings {
            url: self.index(),
            model: EMBEDDING_MODEL.to_owned(),
            deadline: PATIENCE,
        }));
        let index = index.unwrap();
        let learnt = async {
            loop {
                let told = database.people().await.is_ok_and(|all| !all.is_empty());
                if told && database.outbox(1).await.is_ok_and(|left| left.is_empty()) {
                    return index.count(None).await.unwrap();
                }
                sleep(LOOK).await;
            }
        };
        timeout(PATIENCE, learnt).await.expect("it learns")
    }
}

/// One session: the assistant, whose conversations are over as soon as nobody speaks, and Ann,
/// who is known by the certificate in her folder.
async fn session(
    server: &MumbleServer,
    stores: &Stores,
    engines: &[Proxy; 2],
    folders: [&Path; 2],
) -> (Assistant, Caller) {
    let [state, certificate] = folders;
    let [ollama, piper] = engines.each_ref().map(Proxy::url);
    let urls = Urls {
        ollama,
        piper,
        ..Urls::real()
    };
    let redis = format!("redis://127.0.0.1:{}", stores.redis.port());
    let settings = [
        ("MEMORY", "on"),
        ("STATE_DIR", state.to_str().unwrap()),
        ("DATABASE_URL", &*stores.database()),
        ("REDIS_URL", &*redis),
        ("CHROMADB_URL", &*stores.index()),
        ("EMBEDDING_MODEL", EMBEDDING_MODEL),
        ("ASSISTANT_PERSONA", PERSONA),
        // What it adds to its answer is long and means little.
        ("OLLAMA_NUM_PREDICT", "16"),
        // This is not about what a busy machine recalls in time.
        ("RECALL_DEADLINE_MS", "30000"),
        ("EMBEDDING_DEADLINE_MS", "30000"),
    ];
    let over_at_once = |config: &mut bot::Config| {
        config.memory.session = Duration::from_millis(1);
        config.memory.reactivation = Duration::ZERO;
    };
    let assistant = Assistant::start_tuned(server, &urls, &settings, over_at_once);
    let known = |config: &mut mumble::Config| config.state_dir = certificate.to_owned();
    let caller = Caller::join_with(server, "Ann", known).await;
    caller.meets(Assistant::NAME).await;
    (assistant, caller)
}

/// Says a sentence, waits until it was answered to the end, and gives the answer as it is
/// understood by whoever hears it.
async fn ask(assistant: &mut Assistant, caller: &mut Caller, sentence: &str) -> String {
    caller.say(&question::spoken(sentence).await).await;
    let answer = caller.hears(Assistant::NAME).await;
    assistant.reports().await.expect("it was answered");
    question::understood(&answer.sound).await
}

/// The prompts of what was asked aloud: the content of each message behind the system message.
fn prompts(ollama: &Proxy) -> Vec<Vec<(String, String)>> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let bodies = ollama.requests().into_iter();
    let bodies = bodies.filter(|request| request.path == "/api/chat");
    let bodies = bodies.map(|request| serde_json::from_slice::<Value>(&request.body).unwrap());
    // Warming the model up asks for a single token, and what reads along is told so.
    let asked = bodies.filter(|body| {
        let first = text(&body["messages"][0]["content"]);
        body["options"]["num_predict"] != 1 && first.starts_with(PERSONA)
    });
    asked
        .map(|body| {
            let messages = body["messages"].as_array().unwrap().iter().skip(1);
            let message = |m: &Value| (text(&m["role"]), text(&m["content"]));
            messages.map(message).collect()
        })
        .collect()
}

/// What was given to the synthesiser, but for the prepared sentences.
fn spoken(piper: &Proxy) -> String {
    let bodies = piper.requests().into_iter();
    let texts = bodies.filter_map(|request| {
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        Some(body["text"].as_str()?.to_owned())
    });
    let prepared = |text: &str| Sound::ALL.iter().any(|sound| sound.sentence() == text);
    let texts: Vec<String> = texts.filter(|text| !prepared(text)).collect();
    texts.join(" ")
}

/// Whether the fact is among the words: "Charlie", "Charlie's".
fn holds_the_fact(text: &str) -> bool {
    let words = question::words(text);
    words
        .iter()
        .any(|word| word.split('\'').next() == Some(FACT))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_told_aloud_is_used_in_the_next_session_after_a_restart() {
    let stores = Stores::start();
    let server = MumbleServer::start(MumbleOptions::default());
    let [state, certificate] = [(); 2].map(|()| TempDir::new().unwrap());
    let folders = [state.path(), certificate.path()];
    let real = Urls::real();
    let engines = [
        Proxy::to(&real.ollama, 1).await,
        Proxy::to(&real.piper, 2).await,
    ];

    let (mut assistant, mut ann) = session(&server, &stores, &engines, folders).await;
    ask(&mut assistant, &mut ann, TOLD).await;
    let points = stores.learnt().await;
    drop(ann);
    assistant.ends().await;

    // What was heard is what the database holds, and every entry of it has its vector.
    let (person, all) = stores.truth().await;
    let [turn] = &all.turns[..] else {
        panic!("one turn was said: {}", all.turns.len())
    };
    assert!(holds_the_fact(&turn.said), "{}", turn.said);
    // The sentence after the last one that is heard may be made and never said.
    let (kept, made) = (
        question::words(&turn.heard),
        question::words(&spoken(&engines[1])),
    );
    assert!(
        !kept.is_empty() && made.starts_with(&kept),
        "{kept:?}: {made:?}"
    );
    let fact = all.entries.iter().find(|entry| entry.kind == Kind::Fact);
    let fact = fact.expect("it was learnt");
    assert!(holds_the_fact(&fact.text), "{}", fact.text);
    assert_eq!(points, (turn.sides().len() + all.entries.len()) as u64);

    let before = prompts(&engines[0]).len();
    let (mut assistant, mut ann) = session(&server, &stores, &engines, folders).await;
    let heard = ask(&mut assistant, &mut ann, ASKED).await;
    assistant.ends().await;

    let asked = &prompts(&engines[0])[before..];
    let [prompt] = asked else {
        panic!("one question was asked: {asked:?}")
    };
    // No talk of the old session stands there: one message, in which the note tells of it.
    let [(role, message)] = &prompt[..] else {
        panic!("a note and a question: {prompt:?}")
    };
    assert_eq!(role, "user");
    let (note, question) = message.split_once("\n\n").expect("there is a note");
    assert!(note.starts_with("From earlier talk with Ann:"), "{note}");
    assert!(
        holds_the_fact(note) && !holds_the_fact(question),
        "{message}"
    );
    assert!(
        note.contains(&turn.said) || note.contains(&fact.text),
        "{note}"
    );
    assert!(holds_the_fact(&heard), "{heard}; it was noted: {note}");
    assert_eq!(stores.truth().await.0, person, "she is known again");
}
