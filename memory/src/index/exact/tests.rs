//! The index in a file: what it holds, what it finds, and what a start makes of what it held.

use std::time::Instant;

use super::*;
use crate::entry::Kind;
use crate::turn::Audience;

const DIMENSIONS: usize = 384;

fn settings(folder: &tempfile::TempDir, held: usize) -> Settings {
    Settings {
        file: folder.path().join("memory/vectors.db"),
        model: "all-minilm".to_owned(),
        held,
    }
}

/// A vector that follows from its number, near to none of the others.
fn vector(number: u64) -> Vec<f32> {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..DIMENSIONS).map(|_| next()).collect()
}

fn point(person: &Person, number: u64) -> Point {
    Point {
        id: Id::new(),
        person: person.clone(),
        kind: Kind::Said,
        audience: Audience::Shared,
        vector: vector(number),
    }
}

fn near<'a>(person: &'a Person, vector: &'a [f32]) -> Near<'a> {
    Near {
        person,
        company: Company::Alone,
        private_too: false,
        vector,
        limit: 10,
    }
}

#[tokio::test]
async fn whoever_is_too_large_for_memory_is_found_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let ann = Person::new("a");
    let points: Vec<_> = (0..300).map(|number| point(&ann, number)).collect();
    let wanted = points[123].clone();
    let whole = Exact::new(settings(&folder, Settings::HELD));
    whole.upsert(points).await.unwrap();
    let from_memory = whole.nearest(near(&ann, &wanted.vector)).await.unwrap();
    assert_eq!(from_memory[0].id, wanted.id);
    let small = Exact::new(settings(&folder, 1_000));
    let from_file = small.nearest(near(&ann, &wanted.vector)).await.unwrap();
    assert_eq!(from_file, from_memory);
    assert!(small.inner.held().get(&ann).is_none());
}

#[tokio::test]
async fn the_vectors_of_another_model_are_not_compared() {
    let folder = tempfile::tempdir().unwrap();
    let ann = Person::new("a");
    let exact = Exact::new(settings(&folder, Settings::HELD));
    exact.upsert(vec![point(&ann, 1)]).await.unwrap();
    let other = Exact::new(Settings {
        model: "nomic-embed-text".to_owned(),
        ..settings(&folder, Settings::HELD)
    });
    assert_eq!(other.count(None).await, Ok(0));
}

#[tokio::test]
async fn a_file_that_is_none_of_ours_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder, Settings::HELD);
    std::fs::create_dir_all(settings.file.parent().unwrap()).unwrap();
    std::fs::write(&settings.file, "not a database at all, but long enough").unwrap();
    let error = Exact::new(settings).check().await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("delete it"), "{error}");
}

#[tokio::test]
async fn whoever_gives_up_waiting_leaves_file_and_memory_agreed() {
    let folder = tempfile::tempdir().unwrap();
    let ann = Person::new("a");
    let exact = Exact::new(settings(&folder, Settings::HELD));
    exact.warm(&ann).await.unwrap();
    exact.upsert(vec![point(&ann, 0)]).await.unwrap();
    let points: Vec<_> = (1..40).map(|number| point(&ann, number)).collect();
    let wanted = points[7].clone();
    let given_up = tokio::time::timeout(std::time::Duration::ZERO, exact.upsert(points)).await;
    assert!(given_up.is_err());
    // The next change waits for the one before it.
    exact.upsert(vec![point(&ann, 99)]).await.unwrap();
    assert_eq!(exact.count(Some(&ann)).await, Ok(41));
    let hits = exact.nearest(near(&ann, &wanted.vector)).await.unwrap();
    assert_eq!(hits[0].id, wanted.id);
}

/// The bound is far above what a quiet machine needs, so that a busy one passes as well.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_vectors_are_searched_in_a_moment() {
    let folder = tempfile::tempdir().unwrap();
    let ann = Person::new("a");
    let exact = Exact::new(settings(&folder, Settings::HELD));
    let began = Instant::now();
    for thousand in 0..20 {
        let points = (0..1_000).map(|number| point(&ann, thousand * 1_000 + number));
        exact.upsert(points.collect()).await.unwrap();
    }
    println!("written in {:?}", began.elapsed());
    let again = Exact::new(settings(&folder, Settings::HELD));
    let began = Instant::now();
    again.warm(&ann).await.unwrap();
    println!("read in {:?}", began.elapsed());
    let mut times = Vec::new();
    for number in 0..40 {
        let question = vector(number * 500);
        let began = Instant::now();
        let hits = again.nearest(near(&ann, &question)).await.unwrap();
        times.push(began.elapsed());
        assert!(hits[0].cosine > 0.9999, "{}", hits[0].cosine);
    }
    times.sort();
    println!("searched: p50 {:?}, p95 {:?}", times[20], times[37]);
    assert!(times[20].as_millis() < 50, "{times:?}");
}
