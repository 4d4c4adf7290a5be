//! The time of recall among many remembered turns.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use llm::{Embed, Message, Options, Purpose, Request, Role};
use memory::index::Point;
use memory::store::{Postgres, Where};
use memory::{Asker, Audience, Company, Id, Memory, Parts, Place, Turn, Who};
use tempfile::TempDir;
use tokio::time::Instant;
use world::remembered::{self, Set};
use world::{Chance, SMALL_MODEL, Store};

/// Texts whose vectors are real; the others' are these, perturbed.
const REAL: usize = 2_000;

/// How far a perturbed vector lies from the real one, in each dimension at most. It leaves a
/// cosine of 0.9, as two wordings of one sentence have.
const PERTURBED: f32 = 0.04;

/// Questions of one measurement.
const QUESTIONS: usize = 200;

/// Turns of the person who asks, and of everybody.
const SIZES: [(usize, usize); 3] = [(1_000, 1_000), (10_000, 100_000), (100_000, 100_000)];

/// Entries that the index learns with one call.
const BATCH: usize = 2_000;

/// The real stores on this machine.
pub(crate) struct Servers {
    postgres: Store,
    redis: Store,
    chroma: Store,
}

/// One measurement.
#[derive(Debug)]
pub(crate) struct Speed {
    pub(crate) stores: &'static str,
    pub(crate) engines: &'static str,
    pub(crate) own: usize,
    pub(crate) all: usize,
    pub(crate) recall: Vec<Duration>,
    pub(crate) embedding: Vec<Duration>,
}

impl Servers {
    pub(crate) fn start(folder: &Path) -> Self {
        let inside = |name: &str| {
            let path = folder.join(name);
            std::fs::create_dir(&path).expect("a folder can be made");
            path
        };
        Self {
            postgres: Store::postgres(),
            redis: Store::redis(&inside("redis"), "no"),
            chroma: Store::chroma(&inside("chroma")),
        }
    }

    pub(crate) fn parts(&self, embed: Arc<dyn Embed>) -> Parts {
        let deadline = Duration::from_secs(30);
        let postgres = Where::Postgres(Postgres::Address(
            format!(
                "postgres://postgres@127.0.0.1:{}/postgres",
                self.postgres.port()
            )
            .into(),
        ));
        let redis = memory::cache::redis::Settings {
            url: format!("redis://127.0.0.1:{}/0", self.redis.port()).into(),
            deadline,
        };
        let chroma = memory::index::chroma::Settings {
            url: format!("http://127.0.0.1:{}", self.chroma.port()),
            model: embed.model().to_owned(),
            deadline,
        };
        Parts {
            store: memory::store::open(&postgres).expect("it is an address"),
            index: memory::index::open(memory::index::Settings::Chroma(chroma))
                .expect("it is an address"),
            cache: memory::cache::open(memory::cache::Settings::Redis(redis))
                .expect("it is an address"),
            embed,
            chat: remembered::nobody(),
        }
    }
}

pub(crate) async fn measure(ollama: &str) -> Vec<Speed> {
    let embed = remembered::packaged(ollama);
    let real = real(&embed).await;
    // A first look is taken with fewer turns.
    let most = std::env::var("RECALL_TURNS")
        .ok()
        .and_then(|most| most.parse().ok());
    let sizes = SIZES.map(|(own, all)| (own, all.min(most.unwrap_or(usize::MAX))));
    let mut speeds = Vec::new();
    for stores in ["in one folder", "Postgres, Redis, Chroma"] {
        for (own, all) in sizes.into_iter().filter(|(own, all)| own <= all) {
            let folder = TempDir::new().expect("a folder can be made");
            let servers = (stores != "in one folder").then(|| Servers::start(folder.path()));
            let parts = match &servers {
                Some(servers) => servers.parts(Arc::clone(&embed)),
                None => remembered::embedded(folder.path(), Arc::clone(&embed)),
            };
            fill(&parts, &real, own, all).await;
            let memory = Memory::new(parts, remembered::settings(folder.path()));
            for engines in ["idle", "the model generates"] {
                let busy = (engines != "idle").then(|| tokio::spawn(generate(ollama.to_owned())));
                let (recall, embedding) = ask(&memory, &real, &embed).await;
                if let Some(busy) = busy {
                    busy.abort();
                }
                eprintln!("{stores}, {own} of {all}, {engines}: measured");
                speeds.push(Speed {
                    stores,
                    engines,
                    own,
                    all,
                    recall,
                    embedding,
                });
            }
        }
    }
    speeds
}

/// Texts with their real vectors: each sentence of the fixed set after another one.
async fn real(embed: &Arc<dyn Embed>) -> Vec<(String, Vec<f32>)> {
    let set = Set::fixed();
    let own = set.conversations.iter().flat_map(|one| &one.sessions);
    let turns = own.flat_map(|session| &session.turns).chain(&set.chatter);
    let sentences: Vec<&String> = turns.flatten().collect();
    let mut texts = Vec::new();
    for step in 0.. {
        for (place, sentence) in sentences.iter().enumerate() {
            let mut text = (*sentence).clone();
            if step > 0 {
                let other = sentences[(place + 7 * step) % sentences.len()];
                write!(text, " {other}").expect("a string takes it");
            }
            texts.push(text);
        }
        if texts.len() >= REAL {
            break;
        }
    }
    texts.truncate(REAL);
    let mut real = Vec::new();
    for batch in texts.chunks(64) {
        let vectors = embed
            .embed(batch.to_vec(), Purpose::Document)
            .await
            .expect("the model makes vectors");
        real.extend(batch.iter().cloned().zip(vectors));
    }
    real
}

async fn fill(parts: &Parts, real: &[(String, Vec<f32>)], own: usize, all: usize) {
    let mut chance = Chance::of(1);
    let now = Timestamp::now();
    let mut points = Vec::new();
    for number in 0..all {
        // Others come in between, a hundred of them.
        let person = if number % (all / own) == 0 {
            0
        } else {
            1 + number % 100
        };
        let [said, heard] = [0, 1]
            .map(|_| &real[usize::try_from(chance.below(real.len() as u64)).expect("it is small")]);
        let turn = Turn {
            id: Id::new(),
            who: Who::Known(remembered::person(person)),
            name: "Ann".to_owned(),
            place: Place::Channel(0),
            at: now - SignedDuration::from_mins(60 + (all - number) as i64),
            said: said.0.clone(),
            heard: heard.0.clone(),
            audience: Audience::Shared,
            witnesses: Vec::new(),
        };
        parts.store.record(&turn).await.expect("a turn is kept");
        for (side, (_, vector)) in turn.sides().into_iter().zip([said, heard]) {
            points.push(Point {
                id: side.id,
                person: side.person,
                kind: side.kind,
                audience: side.audience,
                vector: perturbed(vector, &mut chance),
            });
        }
        if points.len() >= BATCH || number + 1 == all {
            let batch = std::mem::take(&mut points);
            parts.index.upsert(batch).await.expect("the index learns");
        }
    }
}

fn perturbed(vector: &[f32], chance: &mut Chance) -> Vec<f32> {
    let mut moved: Vec<f32> = vector
        .iter()
        .map(|number| number + PERTURBED * (chance.below(2_001) as f32 / 1_000.0 - 1.0))
        .collect();
    let length = moved
        .iter()
        .map(|number| number * number)
        .sum::<f32>()
        .sqrt();
    for number in &mut moved {
        *number /= length;
    }
    moved
}

/// The same question is asked twice: the first makes its vector, the second is recall alone.
async fn ask(
    memory: &Memory,
    real: &[(String, Vec<f32>)],
    embed: &Arc<dyn Embed>,
) -> (Vec<Duration>, Vec<Duration>) {
    let asker = Asker {
        who: Who::Known(remembered::person(0)),
        name: "Ann".to_owned(),
        place: Place::Channel(1),
        company: Company::Alone,
    };
    memory.meet(&asker.who);
    let (mut recall, mut embedding) = (Vec::new(), Vec::new());
    for (number, (text, _)) in real.iter().step_by(real.len() / QUESTIONS).enumerate() {
        let question = format!("What did I say, {number}, about this: {text}");
        let begin = Instant::now();
        let vector = embed.embed(vec![question.clone()], Purpose::Question).await;
        vector.expect("the model makes vectors");
        embedding.push(begin.elapsed());
        let deadline = || Instant::now() + Duration::from_secs(30);
        memory.recall(&asker, &question, deadline()).await;
        let begin = Instant::now();
        let recalled = memory.recall(&asker, &question, deadline()).await;
        recall.push(begin.elapsed());
        assert_eq!(recalled.missing, [], "all of recall is there");
    }
    (recall, embedding)
}

/// Keeps the model at work.
async fn generate(ollama: String) {
    use futures::StreamExt as _;

    let server = llm::Server {
        url: ollama,
        api_key: None,
        model: SMALL_MODEL.to_owned(),
    };
    let chat = llm::open("ollama", server).expect("it is an address");
    loop {
        let mut tokens = chat.chat(Request {
            messages: vec![Message::new(Role::User, "Tell me a very long story.")],
            options: Options {
                model: SMALL_MODEL.to_owned(),
                num_predict: Some(400),
                ..Options::default()
            },
        });
        while tokens.next().await.is_some() {}
    }
}
