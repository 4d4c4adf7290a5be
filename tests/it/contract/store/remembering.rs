//! Promises about remembering turns.

use futures::future::join_all;

use super::*;
use memory::store::StoreError;

pub(super) async fn a_turn_is_remembered_with_both_its_sides(store: &dyn Store) {
    let mut turn = said("ann", "my dog is called Bello", 0);
    turn.place = Place::Private(Who::Known(person("ann")));
    turn.witnesses = vec![
        Who::Visitor(7),
        Who::Known(person("cora")),
        Who::Known(person("ben")),
    ];
    store.record(&turn).await.unwrap();
    let mut kept = store.unread(later(), 9).await.unwrap();
    // Visitors are known to nobody later, and nobody asks in which order the others came.
    turn.witnesses = vec![Who::Known(person("ben")), Who::Known(person("cora"))];
    assert_eq!(kept.pop(), Some(turn.clone()));
    let ids = turn.id.sides();
    let mut entries = store.entries(&ids).await.unwrap();
    entries.sort_by_key(|entry| ids.iter().position(|id| *id == entry.id));
    assert_eq!(entries, turn.sides());
    let changes = drained(store).await;
    let told: Vec<_> = changes.into_iter().filter_map(|c| c.entry).collect();
    assert_eq!(told, turn.sides());
}

pub(super) async fn a_turn_that_comes_twice_is_remembered_once(store: &dyn Store) {
    let turn = said("ann", "once", 0);
    store.record(&turn).await.unwrap();
    drained(store).await;
    let again = Turn {
        said: "twice".to_owned(),
        name: "Another".to_owned(),
        ..turn.clone()
    };
    store.record(&again).await.unwrap();
    assert_eq!(turns(store).await, ["once"]);
    assert_eq!(store.outbox(9).await.unwrap(), []);
    let profile = store.profile(&person("ann")).await.unwrap().unwrap();
    assert_eq!(profile.name, "ann");
}

pub(super) async fn a_visitor_is_not_remembered(store: &dyn Store) {
    let turn = Turn {
        who: Who::Visitor(3),
        ..said("ann", "hello", 0)
    };
    let error = store.record(&turn).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error}");
    assert_eq!(turns(store).await, [""; 0]);
}

pub(super) async fn the_last_talk_of_a_place_is_its_newest_turns(store: &dyn Store) {
    for (n, seconds) in [30, 10, 20, 0].into_iter().enumerate() {
        let name = ["ann", "ben"][n % 2];
        store
            .record(&said(name, &seconds.to_string(), seconds))
            .await
            .unwrap();
    }
    let elsewhere = Turn {
        place: Place::Private(Who::Known(person("ann"))),
        ..said("ann", "elsewhere", 25)
    };
    store.record(&elsewhere).await.unwrap();
    let talk = async |place, since, limit| {
        let talk = store.last_talk(&place, at(since), limit).await.unwrap();
        talk.turns
            .into_iter()
            .map(|turn| turn.said)
            .collect::<Vec<_>>()
    };
    assert_eq!(talk(Place::Channel(1), 0, 3).await, ["10", "20", "30"]);
    assert_eq!(talk(Place::Channel(1), 20, 9).await, ["20", "30"]);
    assert_eq!(talk(elsewhere.place, 0, 9).await, ["elsewhere"]);
    assert_eq!(talk(Place::Channel(11), 0, 9).await, [""; 0]);
}

pub(super) async fn a_turn_that_comes_late_changes_no_name(store: &dyn Store) {
    store.record(&said("ann", "now", 100)).await.unwrap();
    let late = Turn {
        name: "Annie".to_owned(),
        ..said("ann", "before", 50)
    };
    store.record(&late).await.unwrap();
    let profile = store.profile(&person("ann")).await.unwrap().unwrap();
    assert_eq!(profile.name, "ann");
    assert_eq!((profile.first_seen, profile.last_seen), (at(50), at(100)));
}

pub(super) async fn many_writers_lose_nothing(store: &dyn Store) {
    let turns: Vec<_> = (0..12).map(|n| said("ann", &n.to_string(), n)).collect();
    let twice = turns.iter().chain(&turns);
    for done in join_all(twice.map(|turn| store.record(turn))).await {
        done.unwrap();
    }
    let kept = store.unread(later(), 99).await.unwrap();
    assert_eq!(kept, turns);
    assert_eq!(drained(store).await.len(), 24);
}
