//! What every index promises: exact in the process, Chroma 1.5 and Chroma 0.5.

use std::sync::Arc;
use std::time::Duration;

use memory::index::{self, Index, Near, Point, chroma, exact};
use memory::store::StoreError;
use memory::{Audience, Company, Id, Kind, Person};
use world::Store;

/// A real server answers within this, even on a machine that is busy compiling.
const DEADLINE: Duration = Duration::from_secs(30);

fn people() -> [Person; 2] {
    ["a1", "b2"].map(|start| Person::new(start.repeat(20)))
}

fn point(person: &Person, audience: Audience, vector: [f32; 3]) -> Point {
    Point {
        id: Id::new(),
        person: person.clone(),
        kind: Kind::Said,
        audience,
        vector: vector.to_vec(),
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

async fn ids(index: &dyn Index, near: Near<'_>) -> Vec<Id> {
    let hits = index.nearest(near).await.unwrap();
    hits.iter().map(|hit| hit.id).collect()
}

const EAST: [f32; 3] = [1.0, 0.0, 0.0];
const NORTH_EAST: [f32; 3] = [0.8, 0.6, 0.0];
const NORTH: [f32; 3] = [0.0, 1.0, 0.0];

/// All promises, one after the other, each on an index without anything in it.
async fn keeps_its_promises(index: &dyn Index) {
    index.check().await.unwrap();
    finds_the_nearest_first(index).await;
    keeps_people_apart(index).await;
    keeps_private_what_is_private(index).await;
    replaces_and_takes_out(index).await;
    takes_a_person_out(index).await;
    refuses_what_does_not_fit(index).await;
    takes_and_gives_many(index).await;
    index.clear().await.unwrap();
}

async fn finds_the_nearest_first(index: &dyn Index) {
    index.clear().await.unwrap();
    let [ann, _] = &people();
    assert_eq!(index.nearest(near(ann, &EAST)).await, Ok(vec![]));
    let points = [NORTH, EAST, NORTH_EAST].map(|at| point(ann, Audience::Shared, at));
    let [north, east, north_east] = points.each_ref().map(|point| point.id);
    index.upsert(points.to_vec()).await.unwrap();
    index.warm(ann).await.unwrap();
    let hits = index.nearest(near(ann, &EAST)).await.unwrap();
    let cosines: Vec<_> = hits.iter().map(|hit| (hit.id, hit.cosine)).collect();
    for ((id, cosine), expected) in
        cosines
            .iter()
            .zip([(east, 1.0), (north_east, 0.8), (north, 0.0)])
    {
        assert_eq!(*id, expected.0);
        assert!((cosine - expected.1).abs() < 1e-3, "{cosine}");
    }
    assert_eq!(hits.len(), 3);
    let two = Near {
        limit: 2,
        ..near(ann, &NORTH)
    };
    assert_eq!(ids(index, two).await, [north, north_east]);
}

async fn keeps_people_apart(index: &dyn Index) {
    index.clear().await.unwrap();
    let [ann, ben] = &people();
    let (anns, bens) = (
        point(ann, Audience::Shared, EAST),
        point(ben, Audience::Shared, EAST),
    );
    index
        .upsert(vec![anns.clone(), bens.clone()])
        .await
        .unwrap();
    assert_eq!(ids(index, near(ann, &EAST)).await, [anns.id]);
    assert_eq!(ids(index, near(ben, &EAST)).await, [bens.id]);
    // Nobody takes out what is another's.
    index.delete(ben, &[anns.id]).await.unwrap();
    assert_eq!(ids(index, near(ann, &EAST)).await, [anns.id]);
}

async fn keeps_private_what_is_private(index: &dyn Index) {
    index.clear().await.unwrap();
    let [ann, _] = &people();
    let shared = point(ann, Audience::Shared, NORTH_EAST);
    let private = point(ann, Audience::Private, EAST);
    index
        .upsert(vec![shared.clone(), private.clone()])
        .await
        .unwrap();
    let both = [private.id, shared.id];
    assert_eq!(ids(index, near(ann, &EAST)).await, both);
    let before_others = Near {
        company: Company::Others,
        ..near(ann, &EAST)
    };
    assert_eq!(ids(index, before_others.clone()).await, [shared.id]);
    let allowed = Near {
        private_too: true,
        ..before_others.clone()
    };
    assert_eq!(ids(index, allowed).await, both);
    // What becomes private is not found before others any more.
    let hidden = Point {
        audience: Audience::Private,
        ..shared
    };
    index.upsert(vec![hidden]).await.unwrap();
    assert_eq!(ids(index, before_others).await, []);
    assert_eq!(index.count(Some(ann)).await, Ok(2));
}

async fn replaces_and_takes_out(index: &dyn Index) {
    index.clear().await.unwrap();
    let [ann, _] = &people();
    let first = point(ann, Audience::Shared, EAST);
    let second = point(ann, Audience::Shared, NORTH_EAST);
    index
        .upsert(vec![first.clone(), second.clone()])
        .await
        .unwrap();
    let moved = Point {
        vector: NORTH.to_vec(),
        ..first.clone()
    };
    index.upsert(vec![moved.clone()]).await.unwrap();
    index.upsert(vec![moved]).await.unwrap();
    assert_eq!(index.count(Some(ann)).await, Ok(2));
    assert_eq!(ids(index, near(ann, &EAST)).await, [second.id, first.id]);
    index.delete(ann, &[second.id, Id::new()]).await.unwrap();
    index.delete(ann, &[]).await.unwrap();
    assert_eq!(ids(index, near(ann, &EAST)).await, [first.id]);
    assert_eq!(index.count(None).await, Ok(1));
}

async fn takes_a_person_out(index: &dyn Index) {
    index.clear().await.unwrap();
    let [ann, ben] = &people();
    let bens = point(ben, Audience::Private, EAST);
    let points = vec![
        point(ann, Audience::Shared, EAST),
        point(ann, Audience::Private, NORTH),
        bens.clone(),
    ];
    index.upsert(points).await.unwrap();
    index.delete_person(ann).await.unwrap();
    index.delete_person(ann).await.unwrap();
    assert_eq!(index.count(Some(ann)).await, Ok(0));
    assert_eq!(ids(index, near(ann, &EAST)).await, []);
    assert_eq!(ids(index, near(ben, &EAST)).await, [bens.id]);
    // They may come back.
    let again = point(ann, Audience::Shared, NORTH);
    index.upsert(vec![again.clone()]).await.unwrap();
    assert_eq!(ids(index, near(ann, &EAST)).await, [again.id]);
}

async fn refuses_what_does_not_fit(index: &dyn Index) {
    index.clear().await.unwrap();
    let [ann, _] = &people();
    let right = point(ann, Audience::Shared, EAST);
    index.upsert(vec![right.clone()]).await.unwrap();
    let long = Point {
        vector: vec![1.0; 4],
        ..point(ann, Audience::Shared, EAST)
    };
    for error in [
        index.upsert(vec![long.clone()]).await.unwrap_err(),
        index.nearest(near(ann, &long.vector)).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Mismatch { .. }), "{error:?}");
        assert!(
            error.to_string().contains("mumble-ai memory reindex"),
            "{error}"
        );
    }
    for nowhere in [vec![], vec![0.0; 3], vec![f32::NAN; 3]] {
        let error = index.nearest(near(ann, &nowhere)).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        let point = Point {
            vector: nowhere,
            ..right.clone()
        };
        assert!(index.upsert(vec![point]).await.is_err());
    }
    assert_eq!(ids(index, near(ann, &EAST)).await, [right.id]);
    index.clear().await.unwrap();
    index.upsert(vec![long.clone()]).await.unwrap();
    assert_eq!(ids(index, near(ann, &long.vector)).await, [long.id]);
}

async fn takes_and_gives_many(index: &dyn Index) {
    index.clear().await.unwrap();
    let [ann, _] = &people();
    let points: Vec<_> = (0..700_u16)
        .map(|number| {
            let angle = f32::from(number) * 0.002;
            point(ann, Audience::Shared, [angle.cos(), angle.sin(), 0.0])
        })
        .collect();
    index.upsert(points.clone()).await.unwrap();
    assert_eq!(index.count(None).await, Ok(700));
    let found = ids(index, near(ann, &points[350].vector)).await;
    assert_eq!((found.len(), found[0]), (10, points[350].id));
}

/// What was there before the end is there after it.
async fn is_filled(index: &dyn Index) -> Id {
    let [ann, _] = &people();
    let point = point(ann, Audience::Shared, EAST);
    index.upsert(vec![point.clone()]).await.unwrap();
    point.id
}

fn in_process(folder: &tempfile::TempDir) -> Arc<dyn Index> {
    let settings = exact::Settings {
        file: folder.path().join("vectors.db"),
        model: "all-minilm".to_owned(),
        held: exact::Settings::HELD,
    };
    index::open(index::Settings::Exact(settings)).unwrap()
}

fn at_chroma(port: u16) -> Arc<dyn Index> {
    service::tls::install();
    let settings = chroma::Settings {
        url: format!("http://127.0.0.1:{port}"),
        model: "all-minilm".to_owned(),
        deadline: DEADLINE,
    };
    index::open(index::Settings::Chroma(settings)).unwrap()
}

#[tokio::test]
async fn the_index_in_the_process_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let index = in_process(&folder);
    keeps_its_promises(&*index).await;
    let id = is_filled(&*index).await;
    drop(index);
    let [ann, _] = &people();
    assert_eq!(ids(&*in_process(&folder), near(ann, &EAST)).await, [id]);
}

#[tokio::test]
async fn chroma_1_5_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let server = Store::chroma(folder.path());
    keeps_its_promises(&*at_chroma(server.port())).await;
    what_was_dropped_by_others_is_noticed(server.port()).await;
}

#[tokio::test]
async fn chroma_0_5_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let server = Store::chroma_0_5(folder.path());
    keeps_its_promises(&*at_chroma(server.port())).await;
    what_was_dropped_by_others_is_noticed(server.port()).await;
}

/// Another program at the same server stands for whoever drops collections behind our back.
async fn what_was_dropped_by_others_is_noticed(port: u16) {
    let [ann, ben] = &people();
    let (ours, theirs) = (at_chroma(port), at_chroma(port));
    is_filled(&*ours).await;
    let bens = point(ben, Audience::Shared, NORTH);
    ours.upsert(vec![bens.clone()]).await.unwrap();
    // One person, forgotten from elsewhere, may be spoken with again.
    theirs.delete_person(ann).await.unwrap();
    assert_eq!(ids(&*ours, near(ann, &EAST)).await, []);
    let id = is_filled(&*ours).await;
    assert_eq!(ids(&*ours, near(ann, &EAST)).await, [id]);
    // Everything gone is a loss, until somebody clears and begins anew.
    theirs.clear().await.unwrap();
    for _ in 0..2 {
        let lost = ours.upsert(vec![bens.clone()]).await.unwrap_err();
        assert!(matches!(lost, StoreError::Lost { .. }), "{lost:?}");
    }
    ours.clear().await.unwrap();
    ours.upsert(vec![bens]).await.unwrap();
    assert_eq!(ours.count(None).await, Ok(1));
}
