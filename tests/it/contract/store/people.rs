//! Promises about people.

use super::*;
use memory::store::Learnt;

pub(super) async fn wishes_are_kept(store: &dyn Store) {
    assert_eq!(store.profile(&person("ann")).await.unwrap(), None);
    store.record(&said("ann", "hello", 1)).await.unwrap();
    let mut profile = store.profile(&person("ann")).await.unwrap().unwrap();
    assert!(!profile.off_record && !profile.private_aloud);
    profile.time_zone = Some("America/Argentina/Buenos_Aires".to_owned());
    profile.off_record = true;
    profile.private_aloud = true;
    store.save_profile(&profile).await.unwrap();
    store.record(&said("ann", "again", 9)).await.unwrap();
    profile.last_seen = at(9);
    assert_eq!(
        store.profile(&person("ann")).await.unwrap(),
        Some(profile.clone())
    );
    // Somebody who never spoke has wishes too.
    profile.person = person("ben");
    store.save_profile(&profile).await.unwrap();
    assert_eq!(store.profile(&person("ben")).await.unwrap(), Some(profile));
}

pub(super) async fn people_are_listed_last_heard_first(store: &dyn Store) {
    assert_eq!(store.people().await.unwrap(), []);
    for (name, seconds) in [("ann", 1), ("ben", 2), ("ann", 3)] {
        store.record(&said(name, "hello", seconds)).await.unwrap();
    }
    let turn = said("ben", "and", 2);
    store.record(&turn).await.unwrap();
    let entries = vec![learnt(&turn, Kind::Fact, "fact")];
    store
        .learn(&Learnt {
            entries,
            ..Learnt::default()
        })
        .await
        .unwrap();
    let people = store.people().await.unwrap();
    let counts: Vec<_> = people
        .iter()
        .map(|p| (&*p.profile.name, p.turns, p.entries))
        .collect();
    assert_eq!(counts, [("ann", 2, 0), ("ben", 2, 1)]);
}

pub(super) async fn everything_of_a_person_can_be_taken_out(store: &dyn Store) {
    let [one, two] = [said("ann", "one", 1), said("ann", "two", 2)];
    for turn in [&two, &one, &said("ben", "foreign", 1)] {
        store.record(turn).await.unwrap();
    }
    let fact = learnt(&one, Kind::Fact, "fact");
    let entries = vec![fact.clone()];
    store
        .learn(&Learnt {
            entries,
            ..Learnt::default()
        })
        .await
        .unwrap();
    let export = store.export(&person("ann")).await.unwrap();
    assert_eq!(export.turns, [one, two]);
    assert_eq!(export.entries, [fact]);
    assert_eq!(export.profile, store.profile(&person("ann")).await.unwrap());
    let nobody = store.export(&person("nobody")).await.unwrap();
    assert_eq!(
        (nobody.profile, nobody.turns.len(), nobody.entries.len()),
        (None, 0, 0)
    );
}
