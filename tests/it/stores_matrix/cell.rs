//! One or more stores that fail in one way, beneath a memory whose other parts work.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bot::guard::StoreGuards;
use bot::{Config, Stores};
use jiff::{SignedDuration, Timestamp};
use llm::{Message, Purpose, Request, Role};
use memory::index::{self, Point, chroma};
use memory::store::{self, Postgres, Store, Where};
use memory::{Asker, Audience, Company, Id, Kind, Memory, Person, Place, Turn, Who};
use service::health::{Answer, Board};
use service::settings::Settings;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use world::scripted::{self, Reply, Scripted};
use world::{Fault, Proxy, SMALL_MODEL};

use super::part::Part;

/// How long recall may take here: longer than the deadlines of the stores, so that what hangs is
/// found late, and counted, before recall gives it up.
const CAP: Duration = Duration::from_millis(900);

/// How much later than its deadline recall may be seen to end on a machine that works at several
/// things at once.
const GRACE: Duration = Duration::from_millis(300);

/// Failures in a row that open a breaker.
const THRESHOLD: u64 = 2;

/// Within this a fault has opened its breaker: a few turns and their deadlines.
const OPENS: Duration = Duration::from_secs(20);

/// Within this after a fault is lifted its breaker is closed again.
const RECOVERY: Duration = Duration::from_secs(5);

/// Within this after that everything that was said is in the database.
const WRITTEN: Duration = Duration::from_secs(15);

/// Between two looks at what must come.
const LOOK: Duration = Duration::from_millis(20);

/// Turns that a cell reads back at most.
const ALL: usize = 1_000;

/// When what is to be recalled was said: far from the present session.
const LONG_AGO: SignedDuration = SignedDuration::from_hours(100);

/// A memory over real stores, each behind a proxy of its own.
pub(super) struct Row {
    memory: Memory,
    board: Board,
    proxies: [Proxy; 3],
    /// The database, not behind its proxy.
    truth: Arc<dyn Store>,
    /// The turn that every recall is to bring.
    known: Id,
    began: Timestamp,
    tasks: JoinSet<()>,
    shutdown: CancellationToken,
    _chat: Scripted<Reply>,
    _servers: [world::Store; 3],
    _folder: TempDir,
}

impl Row {
    /// Real servers, and a memory that knows what Ann said long ago.
    pub(super) async fn set() -> Self {
        service::tls::install();
        let folder = TempDir::new().unwrap();
        let servers = [
            world::Store::postgres(),
            world::Store::redis(&folder.path().join("redis"), "no"),
            world::Store::chroma_0_5(&folder.path().join("chroma")),
        ];
        let [postgres, _, chroma] = servers.each_ref().map(at);
        let proxies = [
            Proxy::to(&at(&servers[0]), 1).await,
            Proxy::to(&at(&servers[1]), 2).await,
            Proxy::to(&chroma, 3).await,
        ];
        let chat = scripted::chat(SMALL_MODEL, "Yes.");
        let config = config(&proxies, &chat, &folder);
        let engines = bot::app::guards(&config).unwrap();
        let stores = Stores::open(&config).unwrap();
        let stores = StoreGuards::new(stores, &config, &engines.ollama);
        let (mut tasks, shutdown) = (JoinSet::new(), CancellationToken::new());
        let prompt = Request {
            messages: vec![Message::new(Role::User, "Yes?")],
            options: bot::engines::options(&config.ollama),
        };
        stores.tend(&prompt, &mut tasks, &shutdown);
        let board = Board::new(std::time::Instant::now());
        for (store, place) in stores.dependencies() {
            board.watch(store, place);
        }
        let memory = Memory::new(
            stores.parts(&engines.ollama),
            bot::app::memory_settings(&config),
        );
        let (calm, spoken) = watch::channel(None);
        let (running, until) = (memory.clone(), shutdown.clone());
        tasks.spawn(async move {
            running.run(spoken, until).await;
            drop(calm);
        });
        let address = postgres.replace("http://", "postgres://postgres@") + "/postgres";
        let truth = Where::Postgres(Postgres::Address(address.into()));
        let truth = store::open(&truth).unwrap();
        let known = seed(&*truth, &memory, chroma, &config).await;
        Self {
            memory,
            board,
            proxies,
            truth,
            known,
            began: Timestamp::now(),
            tasks,
            shutdown,
            _chat: chat,
            _servers: servers,
            _folder: folder,
        }
    }

    /// Lets these stores fail in one way and be well again. Gives what was seen of it.
    ///
    /// # Errors
    /// What was not as it should be.
    pub(super) async fn cell(&mut self, parts: &[Part], fault: Fault) -> Result<String, String> {
        self.recalls()
            .await
            .map_err(|wrong| format!("before the fault {wrong}"))?;
        let before = self.board.health();
        for part in parts {
            fault.strikes(&self.proxies[*part as usize]);
        }
        let result = self.failing(parts, &before).await;
        for part in parts {
            self.proxies[*part as usize].come_back();
        }
        let (said, slowest) = result?;
        let healed = Instant::now();
        self.until(RECOVERY, "all are closed", |health| {
            Part::ALL
                .iter()
                .all(|part| state(health, *part) == "closed")
        })
        .await?;
        let closed = healed.elapsed();
        self.written(&said).await?;
        self.recalls()
            .await
            .map_err(|wrong| format!("after the fault {wrong}"))?;
        let turns = said.len();
        Ok(format!(
            "{turns} turns, recall took {slowest:.0?} at most, closed {closed:.1?} after the fault"
        ))
    }

    /// Waits until every breaker is closed, if it comes to that.
    pub(super) async fn settles(&self) {
        let closed = |health: &Answer| {
            Part::ALL
                .iter()
                .all(|part| state(health, *part) == "closed")
        };
        // The next cell says it if they are not.
        let _ = self.until(OPENS, "all are closed", closed).await;
    }

    /// Ends everything.
    pub(super) async fn ends(mut self) {
        self.shutdown.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }

    /// The turns during the fault, and the longest recall.
    async fn failing(
        &self,
        parts: &[Part],
        before: &Answer,
    ) -> Result<(Vec<Id>, Duration), String> {
        let (mut said, mut slowest) = (Vec::new(), Duration::ZERO);
        let begun = Instant::now();
        loop {
            let took = self.turn(&mut said).await?;
            slowest = slowest.max(took);
            let health = self.board.health();
            self.expect_others(parts, before, &health)?;
            let mut open = true;
            for part in parts {
                let failures = failures(&health, *part) - failures(before, *part);
                let is_open = state(&health, *part) != "closed";
                if is_open && failures < THRESHOLD {
                    return Err(format!("{part:?} is open after {failures} failures"));
                }
                open &= is_open;
            }
            if open {
                break;
            }
            if begun.elapsed() > OPENS {
                return Err(format!("not open within {OPENS:?}"));
            }
        }
        for part in parts {
            let health = self.board.health();
            if health.services[part.name()] != Some(false) {
                return Err(format!("/health does not say that {part:?} is away"));
            }
        }
        // While nobody is asked, and with what there is.
        slowest = slowest.max(self.turn(&mut said).await?);
        self.expect_others(parts, before, &self.board.health())?;
        Ok((said, slowest))
    }

    /// One turn: what is recalled for it, in time, and what is remembered of it.
    async fn turn(&self, said: &mut Vec<Id>) -> Result<Duration, String> {
        let begun = Instant::now();
        self.memory.recall(&ann(), QUESTION, begun + CAP).await;
        let took = begun.elapsed();
        if took > CAP + GRACE {
            return Err(format!("recall took {took:?}"));
        }
        let turn = turn(QUESTION, "I do not know.", Timestamp::now());
        said.push(turn.id);
        self.memory.remember(turn);
        Ok(took)
    }

    /// Recall brings everything.
    async fn recalls(&self) -> Result<(), String> {
        let recalled = self
            .memory
            .recall(&ann(), QUESTION, Instant::now() + 2 * CAP)
            .await;
        let known = |entry: &memory::Entry| entry.turn == Some(self.known);
        if !recalled.missing.is_empty() {
            return Err(format!("recall misses {:?}", recalled.missing));
        }
        if !recalled.entries.iter().any(|found| known(&found.entry)) {
            return Err("recall does not bring what was said".to_owned());
        }
        Ok(())
    }

    /// Everything that was said is in the database, each turn once.
    async fn written(&self, said: &[Id]) -> Result<(), String> {
        let read = async {
            loop {
                let talk = self.truth.last_talk(&PLACE, self.began, ALL).await.unwrap();
                let count = |id: &Id| talk.turns.iter().filter(|turn| turn.id == *id).count();
                let counts: Vec<usize> = said.iter().map(count).collect();
                if counts.iter().all(|count| *count == 1) {
                    return;
                }
                assert!(
                    counts.iter().all(|count| *count <= 1),
                    "a turn is there twice"
                );
                sleep(LOOK).await;
            }
        };
        let all = timeout(WRITTEN, read).await;
        all.map_err(|_| format!("not all is written: {:?}", self.memory.backlog()))
    }

    /// The other stores have nothing to do with it.
    fn expect_others(&self, parts: &[Part], before: &Answer, now: &Answer) -> Result<(), String> {
        for other in Part::ALL.iter().filter(|other| !parts.contains(other)) {
            let more = failures(now, *other) - failures(before, *other);
            let state = state(now, *other);
            if state != "closed" || more > 0 {
                return Err(format!("{other:?} is {state} after {more} failures"));
            }
        }
        Ok(())
    }

    async fn until(
        &self,
        within: Duration,
        what: &str,
        is: impl Fn(&Answer) -> bool,
    ) -> Result<(), String> {
        let look = async {
            while !is(&self.board.health()) {
                sleep(LOOK).await;
            }
        };
        let seen = timeout(within, look).await;
        seen.map_err(|_| format!("not within {within:?}: {what}"))
    }
}

const QUESTION: &str = "What is my dog called?";

const PLACE: Place = Place::Channel(1);

fn ann() -> Asker {
    Asker {
        who: Who::Known(person()),
        name: "Ann".to_owned(),
        place: PLACE,
        company: Company::Others,
    }
}

fn person() -> Person {
    Person::new("a0".repeat(20))
}

fn turn(said: &str, heard: &str, at: Timestamp) -> Turn {
    Turn {
        id: Id::new(),
        who: Who::Known(person()),
        name: "Ann".to_owned(),
        place: PLACE,
        at,
        said: said.to_owned(),
        heard: heard.to_owned(),
        audience: Audience::Shared,
        witnesses: Vec::new(),
    }
}

/// What Ann said long ago, in the database and in the index.
async fn seed(truth: &dyn Store, memory: &Memory, chroma: String, config: &Config) -> Id {
    let known = turn(
        "My dog is called Rufus.",
        "A good name.",
        Timestamp::now() - LONG_AGO,
    );
    truth.record(&known).await.unwrap();
    let embed = &memory.parts().embed;
    let vectors = embed
        .embed(vec![known.said.clone()], Purpose::Document)
        .await;
    let index = index::open(index::Settings::Chroma(chroma::Settings {
        url: chroma,
        model: config.embedding.model.clone(),
        deadline: Duration::from_secs(30),
    }));
    let point = Point {
        id: known.id.sides()[0],
        person: person(),
        kind: Kind::Said,
        audience: Audience::Shared,
        vector: vectors.unwrap().remove(0),
    };
    index.unwrap().upsert(vec![point]).await.unwrap();
    known.id
}

fn at(server: &world::Store) -> String {
    format!("http://127.0.0.1:{}", server.port())
}

/// Checks of idle stores must not mix with what is counted.
fn config(proxies: &[Proxy; 3], chat: &Scripted<Reply>, folder: &TempDir) -> Config {
    let [postgres, redis, chroma] = proxies.each_ref().map(Proxy::port);
    let threshold = THRESHOLD.to_string();
    let environment = HashMap::from([
        ("OLLAMA_URL", chat.url()),
        ("OLLAMA_MODEL", SMALL_MODEL.to_owned()),
        (
            "DATABASE_URL",
            format!("postgres://postgres@127.0.0.1:{postgres}/postgres"),
        ),
        ("REDIS_URL", format!("redis://127.0.0.1:{redis}/0")),
        ("CHROMADB_URL", format!("http://127.0.0.1:{chroma}")),
        ("DB_DEADLINE_MS", "500".to_owned()),
        ("REDIS_DEADLINE_MS", "300".to_owned()),
        ("CHROMADB_DEADLINE_MS", "500".to_owned()),
        ("DB_CIRCUIT_THRESHOLD", threshold.clone()),
        ("REDIS_CIRCUIT_THRESHOLD", threshold.clone()),
        ("CHROMADB_CIRCUIT_THRESHOLD", threshold),
        ("HEALTH_CHECK_INTERVAL", "3600".to_owned()),
        ("RETRY_MAX_DELAY", "2".to_owned()),
        (
            "STATE_DIR",
            folder.path().join("state").display().to_string(),
        ),
    ]);
    let lookup = |name: &str| environment.get(name).cloned();
    let settings = Settings::load(mumble_ai::REFERENCE, None, &lookup).unwrap();
    Config::from_settings(&settings).unwrap()
}

fn state(health: &Answer, part: Part) -> &str {
    &health.dependencies[part.name()].state
}

fn failures(health: &Answer, part: Part) -> u64 {
    health.dependencies[part.name()].failures
}
