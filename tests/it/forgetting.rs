//! Somebody who is forgotten is nowhere: not in one byte of any file, not in any server.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bot::Config;
use jiff::Timestamp;
use memory::store::{Forget, Learnt};
use memory::{Asker, Company, Entry, Id, Kind, Memory, MemoryError, Person, Place, Turn, Who};
use serde_json::Value;
use service::settings::Settings;
use sqlx::Row as _;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use world::scripted::{self, Reply, Scripted};
use world::{Proxy, SMALL_MODEL, Store, Tcp};

use crate::remembered::{person, said};

/// Within this everything that is on its way has arrived.
const ARRIVES: Duration = Duration::from_secs(60);

/// Between two looks at what must come.
const LOOK: Duration = Duration::from_millis(20);

/// The beginning of Ann's hash, over and over, and a word that only she uses. Where texts are cut
/// into words and words into their stems, both are left.
const ANN: &str = "deadbeef";
const WORD: &str = "zanzibar";

/// What Ben alone says.
const OTHER: &str = "reykjavik";

/// A memory at work.
struct Working {
    memory: Memory,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
    home: TempDir,
    _engine: Scripted<Reply>,
}

impl Working {
    /// Over the stores that these variables name, else over those that are built in.
    fn over(stores: &[(&str, String)], home: TempDir) -> Self {
        service::tls::install();
        let engine = scripted::chat(SMALL_MODEL, "Yes.");
        let mut named = HashMap::from([
            ("OLLAMA_URL", engine.url()),
            ("OLLAMA_MODEL", SMALL_MODEL.to_owned()),
            ("STATE_DIR", home.path().display().to_string()),
        ]);
        named.extend(stores.iter().cloned());
        let lookup = |name: &str| named.get(name).cloned();
        let settings = Settings::load(mumble_ai::REFERENCE, None, &lookup).unwrap();
        let config = Config::from_settings(&settings).unwrap();
        let parts = bot::memory_parts(&config).unwrap();
        let memory = Memory::new(parts, bot::app::memory_settings(&config));
        let shutdown = CancellationToken::new();
        let (at_work, until) = (memory.clone(), shutdown.clone());
        let running = tokio::spawn(async move {
            // Nobody speaks all the while.
            let (_calm, spoken) = watch::channel(Some(Instant::now()));
            at_work.run(spoken, until).await;
        });
        Self {
            memory,
            shutdown,
            running,
            home,
            _engine: engine,
        }
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("memory")
    }

    /// Ann and Ben talk, before each other and alone; something is learnt of it, and what they
    /// said is at hand.
    async fn talk(&self) {
        let (ann, ben) = (person(ANN), person("b0"));
        let private = |turn: Turn| Turn {
            place: Place::Private(turn.who.clone()),
            ..turn
        };
        let heard_by = |turn: Turn, who: &Person| Turn {
            witnesses: vec![Who::Known(who.clone())],
            ..turn
        };
        let lines = [
            heard_by(said(&ann, "Ann", "I was born in Zanzibar."), &ben),
            said(&ann, "Ann", "Do you know Zanzibar?"),
            private(said(&ann, "Ann", "My secret is in Zanzibar.")),
            heard_by(said(&ben, "Ben", "I live in Reykjavik."), &ann),
            said(&ben, "Ben", "It is cold in Reykjavik."),
        ];
        let facts = [
            (&lines[0], "born in Zanzibar"),
            (&lines[3], "lives in Reykjavik"),
        ];
        let facts = facts.map(|(turn, text)| Entry {
            id: Id::new(),
            kind: Kind::Fact,
            text: text.to_owned(),
            slot: Some("home".to_owned()),
            ..turn.sides().remove(0)
        });
        for turn in lines {
            self.memory.remember(turn);
        }
        self.arrives().await;
        let store = &self.memory.parts().store;
        let learnt = Learnt {
            entries: facts.to_vec(),
            ..Learnt::default()
        };
        store.learn(&learnt).await.unwrap();
        for (person, name) in [(ann, "Ann"), (ben, "Ben")] {
            let asker = Asker {
                who: Who::Known(person),
                name: name.to_owned(),
                place: Place::Channel(1),
                company: Company::Others,
            };
            self.memory.meet(&asker.who);
            let soon = Instant::now() + ARRIVES;
            let recalled = self.memory.recall(&asker, "Where was it?", soon).await;
            assert!(recalled.missing.is_empty(), "{:?}", recalled.missing);
        }
        self.arrives().await;
    }

    /// Waits until nothing is on its way.
    async fn arrives(&self) {
        let parts = self.memory.parts();
        let arrived = async {
            loop {
                let waiting = self.memory.backlog();
                let outbox = parts.store.outbox(1).await;
                if waiting.waiting == 0 && outbox.is_ok_and(|left| left.is_empty()) {
                    return;
                }
                sleep(LOOK).await;
            }
        };
        let all = timeout(ARRIVES, arrived).await;
        all.unwrap_or_else(|_| panic!("{:?}", self.memory.backlog()));
    }

    async fn ends(self) -> TempDir {
        self.shutdown.cancel();
        self.running.await.unwrap();
        self.home
    }
}

fn everything_of_ann() -> Forget {
    Forget::Person(person(ANN), Timestamp::now())
}

/// Every byte of the memory's files but for the list of the forgotten, as text. Those that the
/// database makes for a moment may be gone before they are read.
fn files(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let but_list = paths.filter(|path| !path.ends_with("forgotten"));
    let read = |path: PathBuf| {
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            read => read.unwrap(),
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Some((path.display().to_string(), text))
    };
    but_list.filter_map(read).collect()
}

/// Every row of every table.
async fn postgres(port: u16) -> (String, String) {
    let server = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let db = sqlx::PgPool::connect(&server).await.unwrap();
    let tables = "SELECT quote_ident(table_name) FROM information_schema.tables
        WHERE table_schema = 'public'";
    let mut all = String::new();
    for table in sqlx::query(tables).fetch_all(&db).await.unwrap() {
        let rows = format!("SELECT t::text FROM {} t", table.get::<String, _>(0));
        let rows = sqlx::query(sqlx::AssertSqlSafe(rows));
        for row in rows.fetch_all(&db).await.unwrap() {
            all += &row.get::<String, _>(0);
            all.push('\n');
        }
    }
    ("Postgres".to_owned(), all)
}

/// Every key and every value, whatever it is.
fn redis(port: u16) -> (String, String) {
    let all = "local all = {}
        local read = {string = {'get'}, hash = {'hgetall'}, set = {'smembers'},
            list = {'lrange', 0, -1}, zset = {'zrange', 0, -1}}
        for _, key in ipairs(redis.call('keys', '*')) do
            local how = read[redis.call('type', key).ok]
            local value = redis.call(how[1], key, unpack(how, 2))
            if type(value) == 'table' then value = table.concat(value, ' ') end
            all[#all + 1] = key .. ' ' .. value
        end
        return table.concat(all, '\\n')";
    let port = port.to_string();
    let asked = Command::new("redis-cli")
        .args(["-p", &port, "eval", all, "0"])
        .output();
    let asked = asked.expect("redis-cli can be started");
    assert!(asked.status.success(), "{asked:?}");
    (
        "Redis".to_owned(),
        String::from_utf8_lossy(&asked.stdout).into_owned(),
    )
}

/// Every point of every collection, without its vector.
async fn chroma(port: u16) -> (String, String) {
    let at = format!(
        "http://127.0.0.1:{port}/api/v2/tenants/default_tenant/databases/default_database/collections"
    );
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let collections = client.get(&at).send().await.unwrap().text().await.unwrap();
    let named: Value = serde_json::from_str(&collections).unwrap();
    let mut all = collections;
    for collection in named.as_array().unwrap() {
        let url = format!("{at}/{}/get", collection["id"].as_str().unwrap());
        let body = serde_json::json!({ "include": ["metadatas", "documents"] });
        let request = client.post(url).header("content-type", "application/json");
        let points = request.body(body.to_string()).send().await.unwrap();
        all += &points.error_for_status().unwrap().text().await.unwrap();
    }
    ("Chroma".to_owned(), all)
}

/// Where there is anything of this.
fn places<'a>(seen: &'a [(String, String)], what: &str) -> Vec<&'a str> {
    let holds = |text: &str| text.to_lowercase().contains(what);
    let places = seen.iter().filter(|(_, text)| holds(text));
    places.map(|(place, _)| place.as_str()).collect()
}

fn assert_nowhere(seen: &[(String, String)]) {
    for what in [WORD, ANN] {
        assert_eq!(places(seen, what), Vec::<&str>::new(), "{what}");
    }
}

fn assert_on_the_list(folder: &Path) {
    let list = fs::read_to_string(folder.join("forgotten")).unwrap();
    assert!(
        list.contains(ANN) && !list.to_lowercase().contains(WORD),
        "{list}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_forgotten_is_in_no_byte_of_any_file() {
    let working = Working::over(&[], TempDir::new().unwrap());
    working.talk().await;
    let folder = working.folder();
    assert!(!places(&files(&folder), WORD).is_empty());
    assert!(!places(&files(&folder), ANN).is_empty());
    let forgotten = working.memory.forget(everything_of_ann()).await.unwrap();
    // Both sides of each turn, what was learnt by hand, and what the rules read.
    assert_eq!((forgotten.turns, forgotten.count), (3, 9));
    working.arrives().await;
    // While it works, and when it has ended.
    assert_nowhere(&files(&folder));
    assert_on_the_list(&folder);
    let _home = working.ends().await;
    assert_nowhere(&files(&folder));
    assert!(!places(&files(&folder), OTHER).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_forgotten_is_in_no_server_even_if_the_database_was_away() {
    let home = TempDir::new().unwrap();
    let servers = [
        Store::postgres(),
        Store::redis(&home.path().join("redis"), "no"),
        Store::chroma(&home.path().join("chroma")),
    ];
    let [sql, cache, index] = servers.each_ref().map(Store::port);
    let proxy = Proxy::to(&format!("http://127.0.0.1:{sql}"), 1).await;
    let stores = [
        (
            "DATABASE_URL",
            format!("postgres://postgres@127.0.0.1:{}/postgres", proxy.port()),
        ),
        ("REDIS_URL", format!("redis://127.0.0.1:{cache}")),
        ("CHROMADB_URL", format!("http://127.0.0.1:{index}")),
    ];
    let working = Working::over(&stores, TempDir::new().unwrap());
    let seen = async || vec![postgres(sql).await, redis(cache), chroma(index).await];
    working.talk().await;
    let before = seen().await;
    assert_eq!(places(&before, WORD), ["Postgres", "Redis"]);
    assert_eq!(places(&before, ANN), ["Postgres", "Redis", "Chroma"]);

    proxy.change(|faults| faults.tcp = Tcp::Refuses);
    proxy.cut_tcp();
    let last = said(&person(ANN), "Ann", "Will you remember Zanzibar?");
    working.memory.remember(last);
    working.memory.flush().await;
    let folder = working.folder();
    assert!(
        !places(&files(&folder), WORD).is_empty(),
        "it is in the journal"
    );
    let later = working.memory.forget(everything_of_ann()).await;
    assert!(matches!(later, Err(MemoryError::Later(_))), "{later:?}");
    assert_eq!(places(&files(&folder), WORD), Vec::<&str>::new());
    assert_eq!(places(&[redis(cache)], ANN), Vec::<&str>::new());

    proxy.come_back();
    working.arrives().await;
    let after = seen().await;
    assert_nowhere(&after);
    assert_eq!(places(&after, OTHER), ["Postgres"]);
    assert_eq!(places(&after, "b0b0b0b0"), ["Postgres", "Chroma"]);
    assert_on_the_list(&folder);
    assert_nowhere(&files(&folder));
    working.ends().await;
}
