//! The fixed set of conversations by which recall is judged, put into stores and asked about.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use llm::{ChatError, Embed, Purpose};
use memory::{
    Asker, Audience, Company, Entry, Id, Memory, Parts, Person, Place, Settings, Turn, Who,
};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The conversations, as they stand in tests/benches/recall/conversations.toml.
const FIXED: &str = include_str!("../benches/recall/conversations.toml");

/// Time from one turn of a conversation to the next.
const BETWEEN_TURNS: SignedDuration = SignedDuration::from_secs(20);

/// Between two looks whether everything is written.
const LOOK: Duration = Duration::from_millis(20);

/// Changes that the index learns in one step.
const STEP: usize = 256;

/// Whether a conversation may be looked at for tuning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// It may.
    Tuned,
    /// It was kept aside.
    Held,
    /// It was written by somebody who had not seen how recall works, after everything was tuned.
    Strange,
}

/// What a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something that is so.
    Fact,
    /// Something that was so, and has changed.
    Changed,
    /// When something is.
    Date,
    /// Somebody's or something's name.
    Name,
    /// What the person likes or wants.
    Preference,
    /// What the assistant said.
    Heard,
    /// What was never said.
    Never,
    /// What was said in private, asked before others.
    Private,
}

/// The whole set.
#[derive(Debug, Deserialize)]
pub struct Set {
    /// What everybody says.
    pub chatter: Vec<[String; 2]>,
    /// One person each.
    #[serde(rename = "conversation")]
    pub conversations: Vec<Conversation>,
}

/// The earlier talk of one person, and what they ask now.
#[derive(Debug, Deserialize)]
pub struct Conversation {
    /// What they are called; two people may be called the same.
    pub who: String,
    /// Whether it may be looked at for tuning.
    #[serde(rename = "set")]
    pub part: Part,
    /// Talk of earlier days.
    pub sessions: Vec<Session>,
    /// Questions of today.
    pub questions: Vec<Question>,
}

/// Talk of one day.
#[derive(Debug, Deserialize)]
pub struct Session {
    /// How many days ago.
    pub days: i64,
    /// Whether nobody else heard it.
    #[serde(default)]
    pub private: bool,
    /// What was said and heard.
    pub turns: Vec<[String; 2]>,
}

/// A question, and what it needs.
#[derive(Debug, Deserialize)]
pub struct Question {
    /// What it asks for.
    pub kind: Kind,
    /// The question.
    pub ask: String,
    /// Each of these must be in the prompt.
    #[serde(default)]
    pub needs: Vec<String>,
    /// These must not be there as something that is still so.
    #[serde(default)]
    pub old: Vec<String>,
}

/// How one part of the set fared.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// By kind: questions whose needs were all in the prompt, and questions.
    pub by_kind: BTreeMap<Kind, (usize, usize)>,
    /// Entries in a prompt that somebody else had said.
    pub foreign: usize,
    /// Questions for what was never said, or said in private, that brought an entry.
    pub unasked: usize,
    /// Questions that showed what has changed as if it were still so.
    pub outdated: usize,
    /// Questions about what has changed.
    pub changed: usize,
    /// What went wrong, for whoever reads.
    pub misses: Vec<String>,
}

impl Set {
    /// The fixed set.
    ///
    /// # Panics
    /// When the file cannot be read, as the tests must know.
    pub fn fixed() -> Self {
        toml::from_str(FIXED).expect("conversations.toml holds conversations")
    }

    /// Has everything remembered as it was said before `now`, each person's talk among that of all
    /// others: written, learnt from by the rules of the house, and known to the index. The memory
    /// in which that happens ends with it; another one over the same parts recalls.
    ///
    /// # Panics
    /// When a store or the model fails.
    pub async fn fill(&self, parts: &Parts, settings: Settings, now: Timestamp) {
        let memory = Memory::new(parts.clone(), settings);
        let shutdown = CancellationToken::new();
        // Somebody speaks all the time: the model is not to read.
        let (_speaking, calm) = watch::channel(None);
        let fill = async {
            let conversations = self.conversations.iter().enumerate();
            let mut turns: Vec<Turn> = conversations
                .flat_map(|(number, one)| one.turns(number, &self.chatter, now))
                .collect();
            turns.sort_by_key(|turn| turn.at);
            turns.into_iter().for_each(|turn| memory.remember(turn));
            memory.flush().await;
            while memory.backlog().waiting > 0 {
                tokio::time::sleep(LOOK).await;
            }
            while memory::outbox::drain(parts, STEP).await.expect("it learns") > 0 {}
            shutdown.cancel();
        };
        tokio::join!(memory.run(calm, shutdown.clone()), fill);
        assert_eq!(memory.backlog().lost, 0, "every turn is there");
    }

    /// Asks every question, and tells how each part of the set fared.
    ///
    /// # Panics
    /// When something of recall was late or away: then the figures would mean nothing.
    pub async fn judge(&self, memory: &Memory, now: Timestamp) -> BTreeMap<Part, Score> {
        let mut scores: BTreeMap<Part, Score> = BTreeMap::new();
        for (number, conversation) in self.conversations.iter().enumerate() {
            let score = scores.entry(conversation.part).or_default();
            let own: HashSet<&str> = conversation.texts().collect();
            let own = |text: &str| own.contains(text) || self.is_chatter(text);
            for question in &conversation.questions {
                let asker = conversation.asker(number, question);
                let deadline = Instant::now() + Duration::from_secs(20);
                let recalled = memory.recall_at(&asker, &question.ask, now, deadline).await;
                assert_eq!(recalled.missing, [], "all of recall is there");
                let note = recalled
                    .note(&now.to_zoned(TimeZone::UTC))
                    .unwrap_or_default();
                let person = person(number);
                let is_foreign = |entry: &Entry| {
                    entry.person != person || entry.kind.is_side() && !own(&entry.text)
                };
                let entries = || recalled.entries.iter().map(|known| &known.entry);
                score.foreign += entries().filter(|entry| is_foreign(entry)).count();
                let shown: Vec<&str> = entries().map(|entry| entry.text.as_str()).collect();
                score.count(question, &note, &shown);
                let still_so = |old: &String| {
                    entries()
                        .any(|entry| entry.ended.is_none() && entry.text.contains(old.as_str()))
                };
                score.changed += usize::from(!question.old.is_empty());
                score.outdated += usize::from(question.old.iter().any(still_so));
            }
        }
        scores
    }

    fn is_chatter(&self, text: &str) -> bool {
        self.chatter.iter().flatten().any(|known| known == text)
    }
}

impl Score {
    /// Questions whose needs were in the prompt, and questions that needed something.
    pub fn needed(&self) -> (usize, usize) {
        self.by_kind
            .iter()
            .filter(|(kind, _)| !kind.wants_nothing())
            .fold((0, 0), |sum, (_, of)| (sum.0 + of.0, sum.1 + of.1))
    }

    fn count(&mut self, question: &Question, note: &str, shown: &[&str]) {
        let (good, all) = self.by_kind.entry(question.kind).or_default();
        *all += 1;
        if question.kind.wants_nothing() {
            if shown.is_empty() {
                *good += 1;
            } else {
                self.unasked += 1;
                self.misses
                    .push(format!("{:?}: unasked {:?}", question.ask, shown[0]));
            }
            return;
        }
        let note = note.to_lowercase();
        if question
            .needs
            .iter()
            .all(|need| note.contains(&need.to_lowercase()))
        {
            *good += 1;
        } else {
            self.misses.push(format!(
                "{:?}: no {:?} in {shown:?}",
                question.ask, question.needs
            ));
        }
    }
}

impl Kind {
    /// Whether a question of this kind must bring nothing.
    pub fn wants_nothing(self) -> bool {
        matches!(self, Self::Never | Self::Private)
    }
}

impl Conversation {
    /// All that this person said before `now`, in order.
    pub fn turns(&self, number: usize, chatter: &[[String; 2]], now: Timestamp) -> Vec<Turn> {
        let mut turns = Vec::new();
        let mut add = |at: Timestamp, [said, heard]: &[String; 2], audience| {
            turns.push(Turn {
                id: Id::new(),
                who: Who::Known(person(number)),
                name: self.who.clone(),
                place: Place::Channel(0),
                at,
                said: said.clone(),
                heard: heard.clone(),
                audience,
                witnesses: Vec::new(),
            });
        };
        for session in &self.sessions {
            let audience = if session.private {
                Audience::Private
            } else {
                Audience::Shared
            };
            let mut at = now - SignedDuration::from_hours(24 * session.days);
            for turn in &session.turns {
                add(at, turn, audience);
                at += BETWEEN_TURNS;
            }
        }
        for (day, turn) in (1..).zip(chatter) {
            add(
                now - SignedDuration::from_hours(36 * day + 5),
                turn,
                Audience::Shared,
            );
        }
        turns.sort_by_key(|turn| turn.at);
        turns
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let turns = self.sessions.iter().flat_map(|session| &session.turns);
        turns.flatten().map(String::as_str)
    }

    fn asker(&self, number: usize, question: &Question) -> Asker {
        let company = match question.kind {
            Kind::Private => Company::Others,
            _ => Company::Alone,
        };
        Asker {
            who: Who::Known(person(number)),
            name: self.who.clone(),
            place: Place::Channel(0),
            company,
        }
    }
}

/// The person of a conversation, by its number.
pub fn person(number: usize) -> Person {
    // People's hashes differ from their first digits on.
    let number = u64::try_from(number).expect("there are few conversations") + 1;
    let start = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Person::new(format!("{start:016x}{number:024x}"))
}

/// Everything in one folder and in this process, with vectors of `embed`.
///
/// # Panics
/// When a part cannot be opened.
pub fn embedded(folder: &Path, embed: Arc<dyn Embed>) -> Parts {
    let exact = memory::index::exact::Settings {
        file: folder.join("vectors"),
        model: embed.model().to_owned(),
        held: memory::index::exact::Settings::HELD,
    };
    let local = memory::cache::Settings::Local {
        bytes: memory::cache::LOCAL_BYTES,
    };
    let store = memory::store::Where::File(folder.join("memory.db"));
    Parts {
        store: memory::store::open(&store).expect("a file can be opened"),
        index: memory::index::open(memory::index::Settings::Exact(exact)).expect("it is a folder"),
        cache: memory::cache::open(local).expect("it is in this process"),
        embed,
        chat: nobody(),
    }
}

/// A model that is never asked: recall needs none.
///
/// # Panics
/// Never: no connection is made.
pub fn nobody() -> Arc<dyn llm::Chat> {
    let server = llm::Server {
        url: "http://127.0.0.1:1".to_owned(),
        api_key: None,
        model: String::new(),
    };
    llm::open("ollama", server).expect("the address is one of HTTP")
}

/// The settings that people have who set nothing, with the measured curve of the packaged model.
///
/// # Panics
/// When the built-in configuration is wrong.
pub fn settings(folder: &Path) -> Settings {
    let layers = service::Settings::load(mumble_ai::REFERENCE, None, &|_: &str| None);
    let config = bot::Config::from_settings(&layers.expect("the reference is whole"))
        .expect("the defaults make sense");
    Settings {
        short_term: 10,
        long_term: 10,
        threshold: 0.7,
        calibration: config.embedding.calibration(),
        idle_after: Duration::from_secs(30 * 60),
        again_within: Duration::from_secs(10 * 60),
        retention: None,
        time_zone: TimeZone::UTC,
        folder: folder.to_owned(),
        journal_max: 1 << 28,
        reading: llm::Options::default(),
    }
}

/// The packaged embedding model at an Ollama, which is asked for each text once.
///
/// # Panics
/// When the address is none.
pub fn packaged(ollama: &str) -> Arc<dyn Embed> {
    service::tls::install();
    let source = llm::embed::Source {
        server: llm::Server {
            url: ollama.to_owned(),
            api_key: None,
            model: crate::EMBEDDING_MODEL.to_owned(),
        },
        folder: std::path::PathBuf::new(),
        keep_alive: None,
    };
    Arc::new(Known {
        embed: llm::embed::open("ollama", source).expect("the address is one of HTTP"),
        vectors: Arc::default(),
    })
}

/// Gives a text that it was given before the vector that it had: everybody says "Good morning."
#[derive(Debug)]
struct Known {
    embed: Arc<dyn Embed>,
    vectors: Arc<Mutex<HashMap<String, Vec<f32>>>>,
}

impl Embed for Known {
    fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
    ) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ChatError>> {
        let (embed, vectors) = (Arc::clone(&self.embed), Arc::clone(&self.vectors));
        Box::pin(async move {
            let new: HashSet<&String> = {
                let known = vectors.lock().expect("nobody panics");
                texts
                    .iter()
                    .filter(|text| !known.contains_key(*text))
                    .collect()
            };
            let new: Vec<String> = new.into_iter().cloned().collect();
            if !new.is_empty() {
                let made = embed.embed(new.clone(), purpose).await?;
                vectors
                    .lock()
                    .expect("nobody panics")
                    .extend(new.into_iter().zip(made));
            }
            let known = vectors.lock().expect("nobody panics");
            Ok(texts.iter().map(|text| known[text].clone()).collect())
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        self.embed.check()
    }

    fn model(&self) -> &str {
        self.embed.model()
    }
}
