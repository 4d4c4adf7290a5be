//! Promises about forgetting.

use super::*;
use memory::store::{Filter, Forgotten, Learnt};

async fn learn(store: &dyn Store, entries: Vec<Entry>, summarised: Vec<Id>) {
    let learnt = Learnt {
        entries,
        summarised,
        ..Learnt::default()
    };
    store.learn(&learnt).await.unwrap();
}

/// Everything of a person that is an entry.
async fn entries(store: &dyn Store, name: &str) -> Vec<String> {
    let all = Filter {
        person: &person(name),
        kinds: &[],
        ended_too: true,
        due_from: None,
        due_until: None,
        limit: 100,
    };
    let mut all: Vec<_> = store
        .list(all)
        .await
        .unwrap()
        .into_iter()
        .map(|e| e.text)
        .collect();
    all.retain(|text| text != "I see");
    all.sort();
    all
}

pub(super) async fn a_turn_takes_with_it_what_comes_from_it(store: &dyn Store) {
    let [one, two] = [said("ann", "bello", 1), said("ann", "two", 2)];
    for turn in [&one, &two] {
        store.record(turn).await.unwrap();
    }
    let fact = learnt(&one, Kind::Fact, "fact of bello");
    assert_eq!(
        found(store, "ann", Company::Alone, &["bello"]).await.len(),
        1
    );
    learn(
        store,
        vec![fact.clone(), learnt(&two, Kind::Fact, "fact of two")],
        vec![],
    )
    .await;
    drained(store).await;
    let forgotten = store
        .forget(&Forget::Turns(person("ann"), vec![one.id]))
        .await
        .unwrap();
    assert_eq!((forgotten.turns, forgotten.count), (1, 3));
    let [left, right] = one.id.sides();
    let mut gone = vec![left, right, fact.id];
    gone.sort();
    let mut named = forgotten.entries;
    named.sort();
    assert_eq!(named, gone);
    let changes = drained(store).await;
    assert!(
        changes
            .iter()
            .all(|change| change.entry.is_none() && gone.contains(&change.id))
    );
    assert_eq!(changes.len(), 3);
    assert_eq!(entries(store, "ann").await, ["fact of two", "two"]);
    assert_eq!(turns(store).await, ["two"]);
    assert_eq!(
        found(store, "ann", Company::Alone, &["bello"]).await,
        [""; 0]
    );
}

pub(super) async fn a_forgotten_turn_does_not_come_back(store: &dyn Store) {
    let turn = said("ann", "one", 1);
    store.record(&turn).await.unwrap();
    forget(store, Forget::Since(person("ann"), at(0), at(9))).await;
    drained(store).await;
    store.record(&turn).await.unwrap();
    assert_eq!(turns(store).await, [""; 0]);
    assert_eq!(drained(store).await, []);
}

pub(super) async fn a_summary_goes_with_the_first_of_its_turns(store: &dyn Store) {
    let [one, two] = [said("ann", "one", 1), said("ann", "two", 2)];
    for turn in [&one, &two] {
        store.record(turn).await.unwrap();
    }
    let summary = Entry {
        turn: None,
        at: at(9),
        ..learnt(&two, Kind::Summary, "one and two")
    };
    learn(store, vec![summary.clone()], vec![one.id, two.id]).await;
    assert_eq!(forget(store, Forget::Before(at(2))).await, (1, 3));
    assert_eq!(entries(store, "ann").await, ["two"]);
    let again = store.unsummarised(later(), 9).await.unwrap();
    assert_eq!(again, [two], "what is left is summed up anew");
}

pub(super) async fn a_single_entry_leaves_its_turn_too(store: &dyn Store) {
    let turn = said("ann", "one", 1);
    store.record(&turn).await.unwrap();
    let fact = learnt(&turn, Kind::Fact, "fact");
    learn(store, vec![fact], vec![]).await;
    let [side, _] = turn.id.sides();
    assert_eq!(
        forget(store, Forget::Entries(person("ann"), vec![side])).await,
        (0, 1)
    );
    assert_eq!(turns(store).await, [""]);
    assert_eq!(entries(store, "ann").await, ["fact"]);
}

pub(super) async fn a_while_is_forgotten_and_no_more(store: &dyn Store) {
    for seconds in 0..5 {
        let turn = said("ann", &seconds.to_string(), seconds);
        store.record(&turn).await.unwrap();
    }
    store.record(&said("ben", "ben", 2)).await.unwrap();
    assert_eq!(
        forget(store, Forget::Since(person("ann"), at(1), at(3))).await,
        (3, 6)
    );
    assert_eq!(turns(store).await, ["0", "ben", "4"]);
    assert!(store.profile(&person("ann")).await.unwrap().is_some());
}

pub(super) async fn a_person_is_forgotten_with_everything(store: &dyn Store) {
    let turn = said("ann", "one", 1);
    store.record(&turn).await.unwrap();
    let heard = Turn {
        witnesses: vec![Who::Known(person("ann"))],
        ..said("ben", "ben", 2)
    };
    store.record(&heard).await.unwrap();
    let by_hand = Entry {
        turn: None,
        ..learnt(&turn, Kind::Fact, "by hand")
    };
    learn(store, vec![by_hand], vec![]).await;
    assert_eq!(
        forget(store, Forget::Person(person("ann"), at(5))).await,
        (1, 3)
    );
    assert_eq!(store.profile(&person("ann")).await.unwrap(), None);
    assert_eq!(entries(store, "ann").await, [""; 0]);
    let left = store.unread(later(), 9).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((&*left[0].said, &*left[0].witnesses), ("ben", &[][..]));
    assert_eq!(store.people().await.unwrap().len(), 1);
}

pub(super) async fn who_comes_again_is_new(store: &dyn Store) {
    store.record(&said("ann", "before", 1)).await.unwrap();
    let mut profile = store.profile(&person("ann")).await.unwrap().unwrap();
    profile.time_zone = Some("Europe/Paris".to_owned());
    profile.private_aloud = true;
    store.save_profile(&profile).await.unwrap();
    store.record(&said("ann", "since", 10)).await.unwrap();
    let all = Forget::Person(person("ann"), at(5));
    assert_eq!(forget(store, all.clone()).await, (1, 2));
    let mut new = store.profile(&person("ann")).await.unwrap().unwrap();
    assert_eq!((&new.time_zone, new.private_aloud), (&None, false));
    assert!(new.first_seen > at(5));
    // Carried out again, as after a restore, it takes nothing that came since.
    new.private_aloud = true;
    store.save_profile(&new).await.unwrap();
    assert_eq!(forget(store, all).await, (0, 0));
    assert_eq!(store.profile(&person("ann")).await.unwrap(), Some(new));
    assert_eq!(turns(store).await, ["since"]);
}

pub(super) async fn what_is_old_is_forgotten_but_for_what_is_due(store: &dyn Store) {
    let [old, new] = [said("ann", "old", 1), said("ann", "new", 100)];
    for turn in [
        &old,
        &new,
        &said("ben", "silent since", 2),
        &said("cora", "secretive", 3),
    ] {
        store.record(turn).await.unwrap();
    }
    let mut cora = store.profile(&person("cora")).await.unwrap().unwrap();
    cora.off_record = true;
    store.save_profile(&cora).await.unwrap();
    let due = |text: &str, due, ended: Option<i64>| Entry {
        due: Some(at(due)),
        ended: ended.map(at),
        ..learnt(&old, Kind::Reminder, text)
    };
    let entries_of_old = vec![
        learnt(&old, Kind::Fact, "fact"),
        due("was due", 40, None),
        due("is due", 60, None),
        due("called off", 60, Some(2)),
    ];
    learn(store, entries_of_old, vec![]).await;
    assert_eq!(forget(store, Forget::Before(at(50))).await, (3, 9));
    assert_eq!(entries(store, "ann").await, ["is due", "new"]);
    assert_eq!(turns(store).await, ["new"]);
    assert_eq!(store.profile(&person("ben")).await.unwrap(), None);
    assert_eq!(store.profile(&person("cora")).await.unwrap(), Some(cora));
}

pub(super) async fn everybody_can_be_forgotten(store: &dyn Store) {
    for name in ["ann", "ben"] {
        store.record(&said(name, "before", 1)).await.unwrap();
    }
    store.record(&said("ben", "since", 10)).await.unwrap();
    assert_eq!(forget(store, Forget::Everything(at(5))).await, (2, 4));
    assert_eq!(turns(store).await, ["since"]);
    let people = store.people().await.unwrap();
    assert_eq!(people.len(), 1);
    assert_eq!(people[0].profile.person, person("ben"));
}

pub(super) async fn only_ones_own_can_be_forgotten(store: &dyn Store) {
    let turn = said("ann", "one", 1);
    store.record(&turn).await.unwrap();
    let ben = person("ben");
    assert_eq!(
        forget(store, Forget::Turns(ben.clone(), vec![turn.id])).await,
        (0, 0)
    );
    let sides = turn.id.sides().to_vec();
    assert_eq!(
        forget(store, Forget::Entries(ben.clone(), sides)).await,
        (0, 0)
    );
    assert_eq!(forget(store, Forget::Person(ben, at(9))).await, (0, 0));
    assert_eq!(
        forget(store, Forget::Turns(person("ann"), vec![])).await,
        (0, 0)
    );
    assert_eq!(turns(store).await, ["one"]);
}

pub(super) async fn many_are_counted_and_not_all_named(store: &dyn Store) {
    let turn = said("ann", "one", 1);
    store.record(&turn).await.unwrap();
    let many = (0..Forgotten::MOST_NAMED).map(|_| learnt(&turn, Kind::Fact, "one of many"));
    learn(store, many.collect(), vec![]).await;
    let all = Forget::Turns(person("ann"), vec![turn.id]);
    let forgotten = store.forget(&all).await.unwrap();
    assert_eq!(forgotten.entries.len(), Forgotten::MOST_NAMED);
    assert_eq!(forgotten.count, 1_002);
    assert_eq!(drained(store).await.len(), 1_002, "the outbox has them all");
}
