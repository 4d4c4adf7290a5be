//! Promises about what is learnt from turns, and told to the index.

use super::*;
use memory::store::Learnt;

/// Two turns of Ann and one of Ben, Ben's the oldest.
async fn three(store: &dyn Store) -> [Turn; 3] {
    let three = [
        said("ben", "zero", 0),
        said("ann", "one", 1),
        said("ann", "two", 2),
    ];
    for turn in &three {
        store.record(turn).await.unwrap();
    }
    three
}

fn read(turns: &[Turn]) -> Learnt {
    Learnt {
        read: turns.iter().map(|turn| turn.id).collect(),
        ..Learnt::default()
    }
}

pub(super) async fn turns_are_read_once(store: &dyn Store) {
    let [zero, one, two] = three(store).await;
    let unread = store.unread(at(2), 9).await.unwrap();
    assert_eq!(
        unread,
        [zero.clone(), one.clone()],
        "two is not before that moment"
    );
    assert_eq!(
        store.unread(later(), 1).await.unwrap(),
        std::slice::from_ref(&zero)
    );
    store.learn(&read(&[zero, one])).await.unwrap();
    assert_eq!(store.unread(later(), 9).await.unwrap(), [two]);
}

pub(super) async fn old_talk_is_summed_up_person_by_person(store: &dyn Store) {
    let turns = three(store).await;
    assert_eq!(store.unsummarised(later(), 9).await.unwrap(), []);
    store.learn(&read(&turns)).await.unwrap();
    let [zero, one, two] = turns;
    assert_eq!(
        store.unsummarised(later(), 9).await.unwrap(),
        std::slice::from_ref(&zero)
    );
    let nothing_of_note = Learnt {
        summarised: vec![zero.id],
        ..Learnt::default()
    };
    store.learn(&nothing_of_note).await.unwrap();
    assert_eq!(
        store.unsummarised(at(2), 9).await.unwrap(),
        std::slice::from_ref(&one)
    );
    let both = [one.clone(), two.clone()];
    assert_eq!(store.unsummarised(later(), 9).await.unwrap(), both);
    let summary = Entry {
        turn: None,
        ..learnt(&one, Kind::Summary, "counting")
    };
    let summed = Learnt {
        entries: vec![summary.clone()],
        summarised: vec![one.id, two.id],
        ..Learnt::default()
    };
    store.learn(&summed).await.unwrap();
    assert_eq!(store.unsummarised(later(), 9).await.unwrap(), []);
    assert_eq!(store.entries(&[summary.id]).await.unwrap(), [summary]);
    let talk = store.last_talk(&Place::Channel(1), at(0), 9).await.unwrap();
    assert_eq!(talk.turns.len(), 3, "the turns stay");
}

pub(super) async fn what_was_learnt_happens_at_once_or_not_at_all(store: &dyn Store) {
    let [zero, one, _] = three(store).await;
    let fact = learnt(&one, Kind::Fact, "counts");
    let all = Learnt {
        entries: vec![fact.clone()],
        ..read(&[zero, one])
    };
    // Broken off at one wait after the other, as when somebody begins to speak.
    for waits in 0..40 {
        let mut learn = store.learn(&all);
        for _ in 0..waits {
            if futures::poll!(&mut learn).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(learn);
        let unread = store.unread(later(), 9).await.unwrap().len();
        let facts = store.entries(&[fact.id]).await.unwrap().len();
        assert!(
            [(3, 0), (1, 1)].contains(&(unread, facts)),
            "{unread}, {facts}"
        );
    }
    store.learn(&all).await.unwrap();
    assert_eq!(store.entries(&[fact.id]).await.unwrap(), [fact]);
}

pub(super) async fn what_comes_from_a_forgotten_turn_is_not_learnt(store: &dyn Store) {
    let [zero, one, two] = three(store).await;
    store
        .learn(&read(&[zero.clone(), one.clone(), two.clone()]))
        .await
        .unwrap();
    forget(store, Forget::Turns(person("ann"), vec![one.id])).await;
    drained(store).await;
    let kept = learnt(&two, Kind::Fact, "kept");
    let all = Learnt {
        entries: vec![
            learnt(&one, Kind::Fact, "its turn is gone"),
            Entry {
                person: person("ann"),
                ..learnt(&zero, Kind::Fact, "its turn is Ben's")
            },
            Entry {
                person: person("cora"),
                turn: None,
                ..kept.clone()
            },
            Entry {
                turn: None,
                ..learnt(&two, Kind::Summary, "of a turn that is gone")
            },
            kept.clone(),
        ],
        summarised: vec![one.id, two.id],
        ..Learnt::default()
    };
    store.learn(&all).await.unwrap();
    let learnt: Vec<_> = drained(store)
        .await
        .into_iter()
        .filter_map(|c| c.entry)
        .collect();
    assert_eq!(learnt, [kept]);
    let again = store.unsummarised(later(), 9).await.unwrap();
    assert_eq!(again, [zero], "the oldest first");
}

pub(super) async fn a_change_replaces_what_was(store: &dyn Store) {
    let [_, one, two] = three(store).await;
    let paris = learnt(&one, Kind::Fact, "lives in paris");
    let pet = learnt(&one, Kind::Fact, "has a cat");
    let first = Learnt {
        entries: vec![paris.clone(), pet.clone()],
        ..Learnt::default()
    };
    store.learn(&first).await.unwrap();
    let dog = Entry {
        text: "has a dog".to_owned(),
        turn: Some(two.id),
        ..pet.clone()
    };
    let then = Learnt {
        entries: vec![dog.clone(), learnt(&two, Kind::Fact, "lives in lyon")],
        ended: vec![(paris.id, two.at), (Id::new(), two.at)],
        ..Learnt::default()
    };
    store.learn(&then).await.unwrap();
    assert_eq!(
        store.entries(&[dog.id]).await.unwrap(),
        std::slice::from_ref(&dog)
    );
    let ended = store.entries(&[paris.id]).await.unwrap();
    assert_eq!(ended[0].ended, Some(two.at));
    assert_eq!(
        found(store, "ann", Company::Alone, &["dog"]).await,
        ["has a dog"]
    );
    assert_eq!(found(store, "ann", Company::Alone, &["cat"]).await, [""; 0]);
    let stolen = Learnt {
        entries: vec![Entry {
            person: person("ben"),
            turn: None,
            ..dog.clone()
        }],
        ..Learnt::default()
    };
    store.learn(&stolen).await.unwrap();
    assert_eq!(
        store.entries(&[dog.id]).await.unwrap(),
        [dog],
        "nobody's becomes another's"
    );
}

pub(super) async fn the_outbox_has_the_last_change_of_each_entry(store: &dyn Store) {
    let [_, one, _] = three(store).await;
    let fact = learnt(&one, Kind::Fact, "before");
    let learn = async |text: &str| {
        let entry = Entry {
            text: text.to_owned(),
            ..fact.clone()
        };
        let entries = vec![entry];
        store
            .learn(&Learnt {
                entries,
                ..Learnt::default()
            })
            .await
            .unwrap();
    };
    learn("before").await;
    let before = store.outbox(99).await.unwrap();
    learn("after").await;
    let after = store.outbox(99).await.unwrap();
    assert_eq!((before.len(), after.len()), (7, 7));
    let [was, is] = [&before[6], &after[6]];
    assert_eq!((was.id, is.id), (fact.id, fact.id));
    assert!(is.number > was.number);
    assert_eq!(is.entry.as_ref().unwrap().text, "after");
    // The index has learnt what it was told, and meanwhile there is something newer.
    let numbers: Vec<_> = before.iter().map(|change| change.number).collect();
    store.settled(&numbers).await.unwrap();
    assert_eq!(store.outbox(99).await.unwrap(), after[6..]);
    store.record(&said("ann", "since", 9)).await.unwrap();
    assert_eq!(store.gone(99).await.unwrap(), []);
    forget(store, Forget::Entries(person("ann"), vec![fact.id])).await;
    let gone = store.gone(99).await.unwrap();
    assert_eq!(
        (gone[0].id, &gone[0].entry, &gone[0].person),
        (fact.id, &None, &person("ann"))
    );
    assert_eq!(gone.len(), 1);
    store.settled(&[gone[0].number]).await.unwrap();
    store.scrub().await.unwrap();
    assert_eq!(drained(store).await.len(), 2, "what was said since waits");
}

pub(super) async fn an_empty_index_is_told_everything(store: &dyn Store) {
    three(store).await;
    drained(store).await;
    assert_eq!(store.relearn().await.unwrap(), 6);
    assert_eq!(store.relearn().await.unwrap(), 6);
    assert_eq!(drained(store).await.len(), 6);
}
