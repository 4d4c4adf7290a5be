//! What the list covers, and that no other process and no half line spoils it.

use std::io::Write as _;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::disk;
use crate::scripted::turn;

fn ann() -> Person {
    Person::new("a1")
}

/// A turn of Ann at this second.
fn at(second: i64) -> Turn {
    Turn {
        at: Timestamp::from_second(second).unwrap(),
        ..turn("a1", "something")
    }
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Whether each of these seconds of Ann is covered.
fn covered(list: &List, seconds: &[i64]) -> Vec<i64> {
    let covered = |s: &&i64| {
        let turn = at(**s);
        let of_turn = list.covers_turn(&turn);
        let of_sides = turn.sides().iter().all(|side| list.covers(side));
        assert_eq!(of_turn, of_sides);
        of_turn
    };
    seconds.iter().filter(covered).copied().collect()
}

#[test]
fn a_person_is_forgotten_until_that_moment_and_may_come_again() {
    let mut list = List::default();
    list.add(&Forget::Person(ann(), second(5)));
    assert_eq!(covered(&list, &[4, 5, 6]), [4, 5]);
    let of_ben = Turn {
        at: second(4),
        ..turn("b2", "something")
    };
    assert!(!list.covers_turn(&of_ben));
}

#[test]
fn what_was_said_since_a_moment_has_an_end() {
    let mut list = List::default();
    list.add(&Forget::Since(ann(), second(3), second(5)));
    assert_eq!(covered(&list, &[2, 3, 5, 6]), [3, 5]);
}

#[test]
fn everything_is_everybodys_until_that_moment() {
    let mut list = List::default();
    list.add(&Forget::Everything(second(5)));
    list.add(&Forget::Everything(second(2)));
    assert_eq!(covered(&list, &[5, 6]), [5]);
}

#[test]
fn a_turn_is_forgotten_with_both_its_sides() {
    let mut list = List::default();
    let gone = at(1);
    list.add(&Forget::Turns(ann(), vec![gone.id]));
    assert!(list.covers_turn(&gone));
    assert!(gone.sides().iter().all(|side| list.covers(side)));
    assert!(!list.covers_turn(&at(1)));
}

#[test]
fn a_witness_who_was_forgotten_leaves_no_trace_in_others_turns() {
    let mut list = List::default();
    list.add(&Forget::Person(ann(), second(5)));
    let ben = Who::Known(Person::new("b2"));
    let heard_by = |second| Turn {
        witnesses: vec![Who::Known(ann()), ben.clone()],
        ..Turn {
            at: Timestamp::from_second(second).unwrap(),
            ..turn("c3", "something")
        }
    };
    assert_eq!(
        list.left_of(heard_by(4)).unwrap().witnesses,
        std::slice::from_ref(&ben)
    );
    assert_eq!(list.left_of(heard_by(6)).unwrap().witnesses.len(), 2);
}

#[test]
fn what_is_too_old_is_not_listed() {
    let mut list = List::default();
    list.add(&Forget::Before(second(5)));
    assert_eq!(list, List::default());
}

#[test]
fn what_one_process_adds_another_sees_once() {
    let home = TempDir::new().unwrap();
    let [mine, theirs] = [0, 1].map(|_| File::in_folder(home.path()));
    let first = Forget::Person(ann(), second(1));
    mine.add(&first).unwrap();
    let (added, seen) = theirs.read(Seen::default()).unwrap();
    assert_eq!(added, [first]);
    let second = Forget::Everything(second(2));
    mine.add(&second).unwrap();
    let (added, seen) = theirs.read(seen).unwrap();
    assert_eq!(added, [second]);
    assert_eq!(theirs.read(seen).unwrap().0, []);
}

#[test]
fn half_a_line_spoils_nothing() {
    let home = TempDir::new().unwrap();
    let file = File::in_folder(home.path());
    let what = Forget::Person(ann(), second(1));
    file.add(&what).unwrap();
    disk::open(file.path())
        .unwrap()
        .write_all(b"0123456")
        .unwrap();
    file.add(&what).unwrap();
    let (added, _) = file.read(Seen::default()).unwrap();
    assert_eq!(added, [what.clone(), what]);
}

fn any_forget() -> impl Strategy<Value = Forget> {
    let moment = (0..100_i64).prop_map(second);
    let person = prop_oneof![Just(ann()), Just(Person::new("b2"))];
    prop_oneof![
        (person.clone(), moment.clone()).prop_map(|(p, at)| Forget::Person(p, at)),
        (person.clone(), moment.clone(), 0..50_u64).prop_map(|(p, from, length)| {
            let until = from + Duration::from_secs(length);
            Forget::Since(p, from, until)
        }),
        person
            .clone()
            .prop_map(|p| Forget::Turns(p, vec![Id::new()])),
        person.prop_map(|p| Forget::Entries(p, vec![Id::new()])),
        moment.prop_map(Forget::Everything),
    ]
}

proptest! {
    #[test]
    fn carrying_out_the_list_comes_to_the_same_list(all in vec(any_forget(), 0..20)) {
        let mut list = List::default();
        all.iter().for_each(|what| list.add(what));
        let mut again = List::default();
        list.orders().iter().for_each(|what| again.add(what));
        prop_assert_eq!(again, list);
    }

    #[test]
    fn any_file_is_read(bytes: Vec<u8>) {
        let home = TempDir::new().unwrap();
        let file = File::in_folder(home.path());
        std::fs::write(file.path(), &bytes).unwrap();
        let (added, _) = file.read(Seen::default()).unwrap();
        prop_assert_eq!(added, []);
    }
}
