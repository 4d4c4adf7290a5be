//! A journal after every kind of end: records that were taken are there, in order, and no others.

use std::os::unix::fs::PermissionsExt as _;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::person::Person;
use crate::scripted::turn;

/// Far more than these tests write.
const ROOM: u64 = 1 << 20;

fn open(home: &TempDir) -> Journal {
    Journal::open(home.path(), ROOM).unwrap()
}

fn said(text: &str) -> Record {
    Record::Turn(turn("a1", text))
}

/// What waits, oldest first; nothing waits afterwards.
fn drained(mut journal: Journal) -> Vec<Record> {
    let mut records = Vec::new();
    while let Some(record) = journal.next().unwrap() {
        records.push(record);
        journal.done().unwrap();
    }
    records
}

fn file(home: &TempDir) -> PathBuf {
    home.path().join(FILE)
}

#[test]
fn what_was_written_is_there_after_a_restart_in_its_order() {
    let home = TempDir::new().unwrap();
    let forget = Record::Forget(Forget::Person(Person::new("a1"), Timestamp::now()));
    let records = vec![said("one"), forget, said("two")];
    let mut journal = open(&home);
    journal.append(&records[..2]).unwrap();
    journal.append(&records[2..]).unwrap();
    drop(journal);
    assert_eq!(drained(open(&home)), records);
}

#[test]
fn what_the_store_has_is_not_told_again() {
    let home = TempDir::new().unwrap();
    let records = [said("one"), said("two"), said("three")];
    let mut journal = open(&home);
    journal.append(&records).unwrap();
    journal.done().unwrap();
    journal.done().unwrap();
    drop(journal);
    assert_eq!(drained(open(&home)), records[2..]);
}

#[test]
fn a_journal_of_which_the_store_has_all_is_empty() {
    let home = TempDir::new().unwrap();
    let mut journal = open(&home);
    journal.append(&[said("one"), said("two")]).unwrap();
    drained(journal);
    assert_eq!(fs::metadata(file(&home)).unwrap().len(), 0);
    let mut journal = open(&home);
    journal.append(&[said("three")]).unwrap();
    assert_eq!(drained(journal).len(), 1);
}

#[test]
fn a_full_journal_takes_no_turn_but_what_is_to_be_forgotten() {
    let home = TempDir::new().unwrap();
    let mut journal = Journal::open(home.path(), 1_000).unwrap();
    journal.append(&[said("one")]).unwrap();
    let long = said(&"word ".repeat(300));
    assert!(matches!(
        journal.append(&[long]),
        Err(JournalError::Full(1_000))
    ));
    let forget = Record::Forget(Forget::Everything(Timestamp::now()));
    for _ in 0..30 {
        journal.append(std::slice::from_ref(&forget)).unwrap();
    }
    assert_eq!(drained(journal).len(), 31);
}

#[test]
fn a_second_process_is_refused() {
    let home = TempDir::new().unwrap();
    let first = open(&home);
    assert!(matches!(
        Journal::open(home.path(), ROOM),
        Err(JournalError::InUse(_))
    ));
    drop(first);
    open(&home);
}

#[test]
fn nobody_else_can_read_it() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("memory");
    Journal::open(&folder, ROOM).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join(FILE)), 0o600);
}

#[test]
fn a_rewriting_that_was_broken_off_changes_nothing() {
    let home = TempDir::new().unwrap();
    let mut journal = open(&home);
    journal.append(&[said("one")]).unwrap();
    drop(journal);
    // A crash before the new file took the old one's place.
    fs::write(home.path().join("journal.new"), "half a li").unwrap();
    let mut journal = open(&home);
    journal.rewrite(Some).unwrap();
    assert_eq!(drained(journal).len(), 1);
}

#[test]
fn after_a_rewriting_no_word_of_what_was_left_out_is_in_the_folder() {
    let home = TempDir::new().unwrap();
    fs::write(file(&home), "a damaged line about pelicans\n").unwrap();
    let mut journal = open(&home);
    journal.append(&[said("pelicans"), said("herons")]).unwrap();
    journal
        .rewrite(|record| match &record {
            Record::Turn(turn) if turn.said == "pelicans" => None,
            _ => Some(record),
        })
        .unwrap();
    journal.append(&[said("gulls")]).unwrap();
    for entry in fs::read_dir(home.path()).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("pelicans"), "{text}");
    }
    assert_eq!(drained(journal).len(), 2);
}

#[test]
fn what_the_store_never_takes_is_set_aside() {
    let home = TempDir::new().unwrap();
    let mut journal = open(&home);
    journal.append(&[said("one"), said("two")]).unwrap();
    journal.set_aside().unwrap();
    let aside = fs::read_to_string(home.path().join(ASIDE)).unwrap();
    assert!(aside.contains("one"), "{aside}");
    assert_eq!(drained(journal).len(), 1);
}

/// A file of records, with marks between them, and where each record ends.
fn written(texts: &[String], marks: bool) -> (Vec<u8>, Vec<(Record, usize)>) {
    let mut bytes = Vec::new();
    let mut records = Vec::new();
    for text in texts {
        let record = said(text);
        bytes.extend(scan::line(&Line::from(record.clone())).into_bytes());
        records.push((record, bytes.len()));
        if marks {
            // One that says that nothing is done yet.
            bytes.extend(scan::line(&Line::Waiting(0)).into_bytes());
        }
    }
    (bytes, records)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_torn_file_has_all_that_was_whole(
        texts in vec(".{0,40}", 1..8),
        marks: bool,
        cut in 0.0..1.0_f64,
    ) {
        let (bytes, records) = written(&texts, marks);
        let cut = (bytes.len() as f64 * cut) as usize;
        let home = TempDir::new().unwrap();
        fs::write(file(&home), &bytes[..cut]).unwrap();
        let whole = records.iter().filter(|(_, end)| *end <= cut);
        let whole: Vec<Record> = whole.map(|(record, _)| record.clone()).collect();
        // Once more after it was mended, with one more record behind.
        prop_assert_eq!(open(&home).waiting(), whole.len());
        let mut journal = open(&home);
        let last = said("last");
        journal.append(std::slice::from_ref(&last)).unwrap();
        drop(journal);
        prop_assert_eq!(drained(open(&home)), [whole, vec![last]].concat());
    }

    #[test]
    fn a_file_with_changed_bits_gives_what_is_before_them_and_nothing_that_was_not_said(
        texts in vec(".{0,40}", 1..8),
        marks: bool,
        flips in vec((0.0..1.0_f64, 0..8u8), 1..5),
    ) {
        let (mut bytes, records) = written(&texts, marks);
        let mut first = bytes.len();
        let whole = bytes.clone();
        for (at, bit) in flips {
            let at = (bytes.len() as f64 * at) as usize;
            bytes[at] ^= 1 << bit;
            first = first.min(at);
        }
        if bytes == whole {
            first = bytes.len();
        }
        let home = TempDir::new().unwrap();
        fs::write(file(&home), &bytes).unwrap();
        let left = drained(open(&home));
        let before = records.iter().filter(|(_, end)| *end <= first).count();
        let all: Vec<&Record> = records.iter().map(|(record, _)| record).collect();
        for (at, record) in left.iter().enumerate() {
            // The first ones in their places, and behind them some of the others in their order.
            prop_assert!(at >= before || record == all[at]);
        }
        prop_assert!(left.len() >= before);
        let mut rest = all.iter();
        prop_assert!(left.iter().all(|record| rest.any(|other| *other == record)));
    }

    #[test]
    fn any_file_is_opened(bytes: Vec<u8>) {
        let home = TempDir::new().unwrap();
        fs::write(file(&home), &bytes).unwrap();
        prop_assert_eq!(open(&home).waiting(), 0);
        if bytes.iter().any(|&byte| byte != b'\n') {
            // Nothing is thrown away.
            prop_assert_eq!(fs::read(home.path().join(ASIDE)).unwrap(), bytes);
        }
    }
}
