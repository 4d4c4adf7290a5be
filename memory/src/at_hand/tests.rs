//! Who comes, wishes and goes, over a real database.

use std::path::Path;
use std::sync::Arc;

use futures::future::{self, BoxFuture, FutureExt as _};
use futures::stream::{self, BoxStream, StreamExt as _};
use jiff::ToSpan as _;
use llm::{Chat, ChatError, Request};
use tempfile::TempDir;

use super::*;
use crate::entry::Kind;
use crate::memory::Parts;
use crate::scripted::{settings, turn, until};
use crate::store::{Learnt, Store, Where};
use crate::turn::{Audience, Id};
use crate::{cache, store};

const ANN: &str = "a1";

/// A model that never answers.
#[derive(Debug)]
struct Mute;

impl Chat for Mute {
    fn chat(&self, _: Request) -> BoxStream<'static, Result<String, ChatError>> {
        stream::pending().boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        future::ready(Ok(())).boxed()
    }
}

/// What outlives a restart: a database and a cache.
struct Kept {
    folder: TempDir,
    store: Arc<dyn Store>,
    cache: Arc<dyn cache::Cache>,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let local = cache::Settings::Local {
            bytes: cache::LOCAL_BYTES,
        };
        Self {
            store: store::open(&Where::File(folder.path().join("memory.db"))).unwrap(),
            cache: cache::open(local).unwrap(),
            folder,
        }
    }

    /// A memory over them, as after a start.
    fn memory(&self) -> Memory {
        let parts = Parts {
            store: Arc::clone(&self.store),
            cache: Arc::clone(&self.cache),
            ..Parts::none(Arc::new(Mute))
        };
        Memory::new(parts, settings(self.folder.path(), 1 << 20))
    }

    /// The same with the database away.
    fn without_the_store(&self) -> Memory {
        let parts = Parts {
            cache: Arc::clone(&self.cache),
            ..Parts::none(Arc::new(Mute))
        };
        Memory::new(parts, settings(self.folder.path(), 1 << 20))
    }

    async fn profile(&self) -> Profile {
        self.store.profile(&ann()).await.unwrap().unwrap()
    }
}

/// A memory with nothing beneath it.
fn bare(folder: &Path) -> Memory {
    Memory::new(Parts::none(Arc::new(Mute)), settings(folder, 1 << 20))
}

fn ann() -> Person {
    Person::new(ANN)
}

fn alone() -> Asker {
    Asker {
        who: Who::Known(ann()),
        name: "Ann".to_owned(),
        place: Place::Private(Who::Known(ann())),
        company: Company::Alone,
    }
}

/// What Ann said to the assistant alone so many minutes ago.
fn told(minutes: i64, said: &str) -> Turn {
    Turn {
        at: Timestamp::now() - minutes.minutes(),
        place: alone().place,
        audience: Audience::Private,
        ..turn(ANN, said)
    }
}

fn texts(memory: &Memory) -> Vec<String> {
    let talk = memory.talk(&alone(), false, Timestamp::now());
    talk.into_iter().map(|said| said.said).collect()
}

fn fact(of: &Turn, text: &str) -> Entry {
    Entry {
        id: Id::new(),
        kind: Kind::Fact,
        text: text.to_owned(),
        ..of.sides()[0].clone()
    }
}

#[tokio::test]
async fn talk_goes_on_after_a_restart_while_its_session_lives() {
    let kept = Kept::new();
    // Sessions live for forty minutes here.
    for (minutes, said) in [(100, "long over"), (50, "before"), (20, "a while ago")] {
        kept.store.record(&told(minutes, said)).await.unwrap();
    }
    let memory = kept.memory();
    let now = Timestamp::now();
    memory.look_back(&alone().place, now).await.unwrap();
    assert_eq!(texts(&memory), ["a while ago"]);
    // It is looked for once: what is written later by others is not this session.
    kept.store.record(&told(10, "elsewhere")).await.unwrap();
    memory.look_back(&alone().place, now).await.unwrap();
    assert_eq!(texts(&memory), ["a while ago"]);
}

#[tokio::test]
async fn a_session_in_the_cache_is_taken_up_with_the_database_away() {
    let kept = Kept::new();
    let (shutdown, memory) = (CancellationToken::new(), kept.memory());
    memory.remember(told(1, "in the cache"));
    shutdown.cancel();
    memory.keep_sessions(&shutdown).await;
    let next = kept.without_the_store();
    next.look_back(&alone().place, Timestamp::now())
        .await
        .unwrap();
    assert_eq!(texts(&next), ["in the cache"]);
}

#[tokio::test]
async fn what_a_cache_brings_back_that_is_forgotten_does_not_come() {
    let kept = Kept::new();
    let (shutdown, memory) = (CancellationToken::new(), kept.memory());
    let (one, two) = (told(2, "forget this"), told(1, "keep this"));
    let id = one.id;
    memory.remember(one);
    memory.remember(two);
    shutdown.cancel();
    memory.keep_sessions(&shutdown).await;
    let room = room(&alone().place).unwrap();
    let cached = kept.cache.get(&room, SESSION).await.unwrap().unwrap();
    let forgotten = Forget::Turns(ann(), vec![id]);
    memory.forget(forgotten).await.unwrap();
    // As a Redis does that was restored.
    let day = Duration::from_secs(24 * 3_600);
    kept.cache.put(&room, SESSION, cached, day).await.unwrap();
    let next = kept.memory();
    next.look_back(&alone().place, Timestamp::now())
        .await
        .unwrap();
    assert_eq!(texts(&next), ["keep this"]);
}

#[tokio::test]
async fn who_comes_finds_their_talk_ready() {
    let kept = Kept::new();
    kept.store.record(&told(5, "before")).await.unwrap();
    let memory = kept.memory();
    memory.meet(&Who::Known(ann()));
    until(|| texts(&memory) == ["before"]).await;
}

#[tokio::test]
async fn a_visitor_who_leaves_is_forgotten_and_a_known_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let memory = bare(folder.path());
    let visitor = Who::Visitor(7);
    let place = Place::Private(visitor.clone());
    memory.remember(Turn {
        who: visitor.clone(),
        place: place.clone(),
        ..turn(ANN, "a secret")
    });
    memory.remember(told(1, "mine"));
    memory.leave(&visitor);
    memory.leave(&Who::Known(ann()));
    let asker = Asker {
        who: visitor,
        place,
        ..alone()
    };
    assert!(memory.talk(&asker, false, Timestamp::now()).is_empty());
    assert_eq!(texts(&memory), ["mine"]);
}

#[tokio::test]
async fn what_somebody_wishes_is_kept_and_changes_nothing_else() {
    let kept = Kept::new();
    kept.store.record(&told(5, "hello")).await.unwrap();
    let memory = kept.memory();
    let paris = || Wish::TimeZone("Europe/Paris".to_owned());
    for (wish, off, aloud, zone) in [
        (Wish::OffRecord, true, false, None),
        (Wish::PrivateAloud, true, true, None),
        (paris(), true, true, Some("Europe/Paris")),
        (Wish::OnRecord, false, true, Some("Europe/Paris")),
        (Wish::PrivateQuiet, false, false, Some("Europe/Paris")),
    ] {
        memory.wish(&ann(), wish.clone()).await.unwrap();
        let profile = kept.profile().await;
        assert_eq!(profile.name, "Ann", "{wish:?}");
        assert_eq!(
            (profile.off_record, profile.private_aloud),
            (off, aloud),
            "{wish:?}"
        );
        assert_eq!(profile.time_zone.as_deref(), zone, "{wish:?}");
        // Nothing that was at hand before hides it.
        assert_eq!(memory.profile(&ann()).await, Some(profile), "{wish:?}");
    }
    let nowhere = Wish::TimeZone("Middle/Earth".to_owned());
    let refused = memory.wish(&ann(), nowhere).await;
    assert!(
        matches!(refused, Err(WishError::NoSuchTimeZone(_))),
        "{refused:?}"
    );
    assert_eq!(
        kept.profile().await.time_zone.as_deref(),
        Some("Europe/Paris")
    );
}

#[tokio::test]
async fn who_is_off_the_record_is_so_with_the_database_away_and_after_a_restart() {
    let kept = Kept::new();
    let away = kept.without_the_store();
    let wished = away.wish(&ann(), Wish::OffRecord).await;
    assert!(matches!(wished, Err(WishError::Store(_))), "{wished:?}");
    assert!(away.desk().is_off_record(&ann()));
    kept.memory().wish(&ann(), Wish::OffRecord).await.unwrap();
    let next = kept.memory();
    next.profile(&ann()).await.unwrap();
    assert!(next.desk().is_off_record(&ann()));
    next.wish(&ann(), Wish::OnRecord).await.unwrap();
    assert!(!next.desk().is_off_record(&ann()));
}

#[tokio::test]
async fn what_is_known_is_what_is_so_and_may_be_spoken_of() {
    let kept = Kept::new();
    let (private, shared) = (told(9, "one"), turn(ANN, "two"));
    let other = turn("b2", "three");
    for turn in [&private, &shared, &other] {
        kept.store.record(turn).await.unwrap();
    }
    let ended = Entry {
        ended: Some(Timestamp::now()),
        ..fact(&shared, "lives in Paris")
    };
    let entries = vec![
        fact(&private, "is afraid of dogs"),
        fact(&shared, "lives in Lyon"),
        fact(&other, "lives in Rome"),
        ended,
    ];
    let learnt = Learnt {
        entries,
        ..Learnt::default()
    };
    kept.store.learn(&learnt).await.unwrap();
    let memory = kept.memory();
    let known = async |company| {
        let known = memory.known(&ann(), company).await;
        let mut texts: Vec<String> = known.into_iter().map(|entry| entry.text).collect();
        texts.sort();
        texts
    };
    assert_eq!(
        known(Company::Alone).await,
        ["is afraid of dogs", "lives in Lyon"]
    );
    assert_eq!(known(Company::Others).await, ["lives in Lyon"]);
    memory.wish(&ann(), Wish::PrivateAloud).await.unwrap();
    assert_eq!(known(Company::Others).await.len(), 2);
    let forgotten = Forget::Turns(ann(), vec![private.id]);
    memory.forget(forgotten).await.unwrap();
    assert_eq!(known(Company::Alone).await, ["lives in Lyon"]);
    assert!(
        kept.without_the_store()
            .known(&Person::new("b2"), Company::Alone)
            .await
            .is_empty()
    );
}
