//! Promises about finding entries.

use super::*;
use memory::store::{Filter, Learnt};

pub(super) async fn entries_are_found_by_their_words(store: &dyn Store) {
    store
        .record(&said("ann", "my dog is called bello", 0))
        .await
        .unwrap();
    store.record(&said("ann", "it rains", 10)).await.unwrap();
    let bello = found(store, "ann", Company::Alone, &["bello", "cat"]).await;
    assert_eq!(bello, ["my dog is called bello"]);
    assert_eq!(found(store, "ann", Company::Alone, &["cat"]).await, [""; 0]);
    assert_eq!(found(store, "ann", Company::Alone, &[]).await, [""; 0]);
}

pub(super) async fn rarer_words_say_more(store: &dyn Store) {
    for (n, text) in [
        "garden green",
        "garden tree",
        "garden bello",
        "garden blue",
        "garden window",
        "river window",
    ]
    .into_iter()
    .enumerate()
    {
        let turn = said("ann", text, i64::try_from(n).unwrap());
        store.record(&turn).await.unwrap();
    }
    let one = found(store, "ann", Company::Alone, &["garden", "bello"]).await;
    assert_eq!(one[0], "garden bello");
    assert_eq!(one.len(), 5);
    let river = found(store, "ann", Company::Alone, &["garden", "river"]).await;
    assert_eq!(river[0], "river window");
    let equal = found(store, "ann", Company::Alone, &["window"]).await;
    assert_eq!(equal, ["river window", "garden window"], "the newer first");
}

pub(super) async fn nobody_finds_what_another_said(store: &dyn Store) {
    // The beginning of the two names is the same.
    store
        .record(&said("0123456789-ann", "bello", 0))
        .await
        .unwrap();
    store
        .record(&said("0123456789-ben", "bello too", 0))
        .await
        .unwrap();
    let of_ann = found(store, "0123456789-ann", Company::Alone, &["bello"]).await;
    assert_eq!(of_ann, ["bello"]);
    let of_ben = found(store, "0123456789-ben", Company::Alone, &["bello"]).await;
    assert_eq!(of_ben, ["bello too"]);
    assert_eq!(
        found(store, "0123456789", Company::Alone, &["bello"]).await,
        [""; 0]
    );
}

pub(super) async fn what_was_said_in_private_is_found_alone(store: &dyn Store) {
    store.record(&said("ann", "bello aloud", 0)).await.unwrap();
    let private = Turn {
        audience: Audience::Private,
        ..said("ann", "bello in private", 5)
    };
    store.record(&private).await.unwrap();
    let both = ["bello in private", "bello aloud"];
    let one = found(store, "ann", Company::Others, &["bello"]).await;
    assert_eq!(one, ["bello aloud"]);
    let mut alone = found(store, "ann", Company::Alone, &["bello"]).await;
    alone.sort_by(|a, b| b.cmp(a));
    assert_eq!(alone, both);
    let allowed = Words {
        person: &person("ann"),
        company: Company::Others,
        private_too: true,
        terms: &["bello".to_owned()],
        limit: 9,
    };
    assert_eq!(store.search(allowed).await.unwrap().len(), 2);
}

pub(super) async fn entries_that_are_gone_are_left_out(store: &dyn Store) {
    let turn = said("ann", "here", 0);
    store.record(&turn).await.unwrap();
    let mut ids: Vec<_> = (0..1_200).map(|_| Id::new()).collect();
    ids.extend(turn.id.sides());
    assert_eq!(store.entries(&ids).await.unwrap().len(), 2);
    assert_eq!(store.entries(&[]).await.unwrap(), []);
}

pub(super) async fn entries_are_listed_by_what_they_are(store: &dyn Store) {
    let turn = said("ann", "x", 0);
    store.record(&turn).await.unwrap();
    let entry = |text: &str, kind, seconds, due: Option<i64>, ended: Option<i64>| Entry {
        at: at(seconds),
        due: due.map(at),
        ended: ended.map(at),
        all_day: due.is_some(),
        importance: 9,
        slot: Some("a slot".to_owned()),
        ..learnt(&turn, kind, text)
    };
    let entries = vec![
        entry("old", Kind::Fact, 1, None, None),
        entry("new", Kind::Fact, 2, None, None),
        entry("ended", Kind::Fact, 3, None, Some(4)),
        entry("far", Kind::Event, 4, Some(200), None),
        entry("near", Kind::Task, 5, Some(100), None),
    ];
    let all = Learnt {
        entries: entries.clone(),
        ..Learnt::default()
    };
    store.learn(&all).await.unwrap();
    let ann = person("ann");
    let filter = |kinds: &'static [Kind]| Filter {
        person: &ann,
        kinds,
        ended_too: false,
        due_from: None,
        due_until: None,
        limit: 9,
    };
    let list = async |filter: Filter<'_>| {
        let listed = store.list(filter).await.unwrap();
        listed
            .into_iter()
            .map(|entry| entry.text)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        store.list(filter(&[Kind::Task])).await.unwrap(),
        entries[4..]
    );
    assert_eq!(list(filter(&[Kind::Fact])).await, ["new", "old"]);
    let ended = Filter {
        ended_too: true,
        limit: 2,
        ..filter(&[Kind::Fact, Kind::Entity])
    };
    assert_eq!(list(ended).await, ["ended", "new"]);
    assert_eq!(list(filter(&[])).await[..3], ["near", "far", "new"]);
    let due = Filter {
        due_from: Some(at(100)),
        ..filter(&[])
    };
    assert_eq!(list(due).await, ["near", "far"]);
    let soon = Filter {
        due_from: Some(at(0)),
        due_until: Some(at(200)),
        ..filter(&[])
    };
    assert_eq!(list(soon).await, ["near"]);
    let of_ben = Filter {
        person: &person("ben"),
        ..filter(&[])
    };
    assert_eq!(list(of_ben).await, [""; 0]);
}

pub(super) async fn reminders_are_due_until_they_are_told(store: &dyn Store) {
    let turn = said("ann", "x", 0);
    store.record(&turn).await.unwrap();
    let reminder = |text: &str, kind, due| Entry {
        due: Some(at(due)),
        ..learnt(&turn, kind, text)
    };
    let entries = vec![
        reminder("second", Kind::Reminder, 20),
        reminder("first", Kind::Reminder, 10),
        reminder("no reminder", Kind::Event, 10),
        reminder("later", Kind::Reminder, 31),
    ];
    let all = Learnt {
        entries: entries.clone(),
        ended: vec![(entries[2].id, at(2))],
        ..Learnt::default()
    };
    store.learn(&all).await.unwrap();
    let due = async || {
        let due = store.due(at(30), 9).await.unwrap();
        due.into_iter().map(|entry| entry.text).collect::<Vec<_>>()
    };
    assert_eq!(due().await, ["first", "second"]);
    assert_eq!(store.due(at(30), 1).await.unwrap().len(), 1);
    store
        .told(&[entries[1].id, Id::new()], at(30))
        .await
        .unwrap();
    assert_eq!(due().await, ["second"]);
    let told = store.entries(&[entries[1].id]).await.unwrap();
    assert_eq!(told[0].told, Some(at(30)));
}
