//! What changed in the database reaches the index, whatever fails on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _, pending};
use futures::stream::{BoxStream, StreamExt as _};
use jiff::Timestamp;
use llm::{Chat, Embed, Request};

use super::*;
use crate::index::{Hit, Index, Near};
use crate::person::{Company, Person, Place, Who};
use crate::store::{Forget, Where};
use crate::turn::{Audience, Turn};
use crate::{cache, index, store};

/// Where somebody is killed: instead of a call, or after it was carried out.
#[derive(Debug, Default)]
struct Fate {
    calls: AtomicUsize,
    /// The call that never comes back; 0 for none. Even calls are those that were carried out.
    dies_at: AtomicUsize,
}

impl Fate {
    async fn step(&self) {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        if call == self.dies_at.load(Ordering::SeqCst) {
            pending::<()>().await;
        }
    }

    async fn around<T>(&self, work: BoxFuture<'_, T>) -> T {
        self.step().await;
        let done = work.await;
        self.step().await;
        done
    }
}

#[derive(Debug)]
struct Mortal<T: ?Sized> {
    fate: Arc<Fate>,
    inner: Arc<T>,
}

type Told<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

impl Index for Mortal<dyn Index> {
    fn upsert(&self, points: Vec<Point>) -> Told<'_, ()> {
        self.fate.around(self.inner.upsert(points)).boxed()
    }

    fn nearest<'a>(&'a self, near: Near<'a>) -> Told<'a, Vec<Hit>> {
        self.inner.nearest(near)
    }

    fn delete<'a>(&'a self, person: &'a Person, ids: &'a [Id]) -> Told<'a, ()> {
        self.fate.around(self.inner.delete(person, ids)).boxed()
    }

    fn delete_person<'a>(&'a self, person: &'a Person) -> Told<'a, ()> {
        self.inner.delete_person(person)
    }

    fn clear(&self) -> Told<'_, ()> {
        self.fate.around(self.inner.clear()).boxed()
    }

    fn count<'a>(&'a self, person: Option<&'a Person>) -> Told<'a, u64> {
        self.inner.count(person)
    }

    fn warm<'a>(&'a self, person: &'a Person) -> Told<'a, ()> {
        self.inner.warm(person)
    }

    fn check(&self) -> Told<'_, ()> {
        self.inner.check()
    }
}

/// Makes every text into a vector of its own, and refuses some.
#[derive(Debug, Default)]
struct Scripted {
    ill: bool,
}

impl Embed for Scripted {
    fn embed(
        &self,
        texts: Vec<String>,
        _: Purpose,
    ) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ChatError>> {
        let refused = self.ill || texts.iter().any(|text| text.contains("poison"));
        let answer = if refused {
            Err(ChatError::Status {
                url: "http://embedder".to_owned(),
                status: 400,
                reason: "no".to_owned(),
            })
        } else {
            Ok(texts.iter().map(|text| vector(text)).collect())
        };
        async { answer }.boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        async { Ok(()) }.boxed()
    }

    fn model(&self) -> &str {
        "scripted"
    }
}

impl Embed for Mortal<Scripted> {
    fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
    ) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ChatError>> {
        let fate = self.fate.clone();
        let work = self.inner.embed(texts, purpose);
        async move { fate.around(work).await }.boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        self.inner.check()
    }

    fn model(&self) -> &str {
        self.inner.model()
    }
}

#[derive(Debug)]
struct Silent;

impl Chat for Silent {
    fn chat(&self, _: Request) -> BoxStream<'static, Result<String, ChatError>> {
        futures::stream::empty().boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        async { Ok(()) }.boxed()
    }
}

fn vector(text: &str) -> Vec<f32> {
    (0..16)
        .map(|place| {
            let sum = text.bytes().enumerate().map(|(at, byte)| {
                f32::from(byte)
                    .mul_add(0.37, (at * 16 + place) as f32 * 1.7)
                    .sin()
            });
            sum.sum()
        })
        .collect()
}

struct House {
    parts: Parts,
    fate: Arc<Fate>,
    _folder: tempfile::TempDir,
}

fn house(embed: Scripted) -> House {
    let folder = tempfile::tempdir().unwrap();
    let fate = Arc::<Fate>::default();
    let exact = index::Settings::Exact(index::exact::Settings {
        file: folder.path().join("vectors.db"),
        model: "scripted".to_owned(),
        held: index::exact::Settings::HELD,
    });
    let bytes = cache::LOCAL_BYTES;
    let parts = Parts {
        store: store::open(&Where::File(folder.path().join("memory.db"))).unwrap(),
        index: Arc::new(Mortal {
            fate: fate.clone(),
            inner: index::open(exact).unwrap(),
        }),
        cache: cache::open(cache::Settings::Local { bytes }).unwrap(),
        embed: Arc::new(Mortal {
            fate: fate.clone(),
            inner: Arc::new(embed),
        }),
        chat: Arc::new(Silent),
    };
    House {
        parts,
        fate,
        _folder: folder,
    }
}

fn ann() -> Person {
    Person::new("a1b2")
}

fn turn(said: &str) -> Turn {
    Turn {
        id: Id::new(),
        who: Who::Known(ann()),
        name: "Ann".to_owned(),
        place: Place::Channel(0),
        at: Timestamp::from_second(1_700_000_000).unwrap(),
        said: said.to_owned(),
        heard: String::new(),
        audience: Audience::Shared,
        witnesses: Vec::new(),
    }
}

async fn found(parts: &Parts, text: &str) -> Option<Id> {
    let (person, vector) = (ann(), vector(text));
    let near = Near {
        person: &person,
        company: Company::Alone,
        private_too: false,
        vector: &vector,
        limit: 1,
    };
    let hits = parts.index.nearest(near).await.unwrap();
    hits.first()
        .filter(|hit| hit.cosine > 0.999)
        .map(|hit| hit.id)
}

#[tokio::test]
async fn wherever_somebody_is_killed_nothing_is_lost_and_nothing_is_there_twice() {
    // Taking out, embedding and putting in: each dies before and after. What was taken out leaves
    // the outbox by itself.
    for (dies_at, left) in (1..=6).zip([2, 2, 1, 1, 1, 1]) {
        let House {
            parts,
            fate,
            _folder,
        } = house(Scripted::default());
        let (gone, stays) = (turn("the gate code"), turn("my dog is called Bello"));
        parts.store.record(&gone).await.unwrap();
        drain(&parts, 100).await.unwrap();
        parts.store.record(&stays).await.unwrap();
        let forget = Forget::Turns(ann(), vec![gone.id]);
        parts.store.forget(&forget).await.unwrap();

        fate.calls.store(0, Ordering::SeqCst);
        fate.dies_at.store(dies_at, Ordering::SeqCst);
        let killed = tokio::time::timeout(Duration::from_millis(500), drain(&parts, 100)).await;
        assert!(killed.is_err(), "nobody was killed at call {dies_at}");
        assert_eq!(parts.store.outbox(100).await.unwrap().len(), left);

        fate.dies_at.store(0, Ordering::SeqCst);
        assert_eq!(drain(&parts, 100).await, Ok(left));
        assert_eq!(drain(&parts, 100).await, Ok(0));
        assert_eq!(parts.index.count(None).await, Ok(1));
        let [said, _] = stays.id.sides();
        assert_eq!(found(&parts, &stays.said).await, Some(said));
        assert_eq!(found(&parts, &gone.said).await, None);
    }
}

#[tokio::test]
async fn an_entry_that_the_embedder_refuses_does_not_hold_up_the_others() {
    let House { parts, .. } = &house(Scripted::default());
    for number in 0..40 {
        let said = if number % 13 == 5 { "poison" } else { "plain" };
        let said = format!("{said} {number}");
        parts.store.record(&turn(&said)).await.unwrap();
    }
    while drain(parts, 25).await.unwrap() > 0 {}
    assert_eq!(parts.index.count(None).await, Ok(37));
    assert!(found(parts, "plain 39").await.is_some());
}

#[tokio::test]
async fn an_ill_embedder_takes_nothing_out_of_the_outbox() {
    let House { parts, .. } = &house(Scripted { ill: true });
    parts.store.record(&turn("plain")).await.unwrap();
    assert!(matches!(drain(parts, 9).await, Err(Stuck::Embed(_))));
    assert_eq!(parts.store.outbox(9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_index_built_anew_holds_what_it_held() {
    let House { parts, .. } = &house(Scripted::default());
    for number in 0..30 {
        let said = format!("number {number}");
        parts.store.record(&turn(&said)).await.unwrap();
    }
    while drain(parts, 100).await.unwrap() > 0 {}
    let before = found(parts, "number 7").await;
    let mut seen = Vec::new();
    let done = reindex(parts, |progress| seen.push(progress))
        .await
        .unwrap();
    assert_eq!(done, Progress { done: 30, all: 30 });
    assert_eq!(seen.first(), Some(&Progress { done: 0, all: 30 }));
    assert!(before.is_some());
    assert_eq!(found(parts, "number 7").await, before);
    // It is full: at the start there is nothing to be learnt.
    assert_eq!(compare(parts).await, Ok(0));
    parts.index.clear().await.unwrap();
    assert_eq!(compare(parts).await, Ok(30));
}

#[test]
fn a_text_is_cut_between_two_letters() {
    let text = "é".repeat(MOST_BYTES);
    assert_eq!(cut(&text).len(), MOST_BYTES);
    assert_eq!(cut(&format!("x{text}")).len(), MOST_BYTES - 1);
    assert_eq!(cut("short"), "short");
}
