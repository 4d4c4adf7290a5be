//! `mumble-ai memory` as whoever runs the assistant meets it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use jiff::Timestamp;
use memory::store::{self, Where};
use memory::{Audience, Id, Person, Place, Turn, Who};
use sqlx::Connection as _;
use world::program::{Program, Ran};
use world::{SMALL_MODEL, scripted};

/// Exit codes of sysexits.h.
const USAGE: i32 = 64;
const UNAVAILABLE: i32 = 69;

/// The person whose hash is this over and over.
pub(crate) fn person(hash: &str) -> Person {
    Person::new(hash.repeat(40 / hash.len()))
}

/// What somebody said in a channel a while ago.
pub(crate) fn said(person: &Person, name: &str, words: &str) -> Turn {
    Turn {
        id: Id::new(),
        who: Who::Known(person.clone()),
        name: name.to_owned(),
        place: Place::Channel(1),
        at: Timestamp::now(),
        said: words.to_owned(),
        heard: "I see.".to_owned(),
        audience: Audience::Shared,
        witnesses: Vec::new(),
    }
}

/// Remembers turns in a file.
pub(crate) async fn remember(file: &Path, turns: &[Turn]) {
    let store = store::open(&Where::File(file.to_owned())).unwrap();
    for turn in turns {
        store.record(turn).await.unwrap();
    }
}

/// Whether this process has no file of the folder open.
pub(crate) fn released(folder: &Path) -> bool {
    let open = fs::read_dir("/proc/self/fd").unwrap();
    let mut files = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    !files.any(|file| file.starts_with(folder))
}

/// A program whose memory has two people called Ann, and Ben.
async fn program() -> Program {
    let program = Program::new(&[]);
    let state = program.file("state", "");
    fs::remove_file(&state).unwrap();
    let turns = [
        said(&person("a1"), "Ann", "my dog is called Rufus"),
        said(&person("a1"), "Ann", "it rains"),
        said(&person("c3"), "Ann", "my dog is called Bello"),
        said(&person("b2"), "Ben", "my cat is called Minka"),
    ];
    remember(&Path::new(&state).join("memory/memory.db"), &turns).await;
    program.with(&[("STATE_DIR", &state), ("TIME_ZONE", "UTC")])
}

async fn memory(program: &Program, arguments: &[&str]) -> Ran {
    program.run(&[&["memory"], arguments].concat()).await
}

/// The only line of somebody who complains and ends with `code`.
fn complaint(ran: &Ran, code: i32) -> &str {
    assert_eq!((ran.code, &*ran.stdout), (Some(code), ""), "{ran:?}");
    let line = ran.stderr.trim_end_matches('\n');
    assert!(!line.is_empty() && !line.contains('\n'), "{ran:?}");
    line
}

/// What a program that did it printed.
fn printed(ran: &Ran) -> &str {
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{ran:?}");
    &ran.stdout
}

#[tokio::test]
async fn people_are_listed_searched_and_saved() {
    let program = program().await;
    let listed = memory(&program, &["list"]).await;
    let lines: Vec<&str> = printed(&listed).lines().collect();
    assert_eq!(lines.len(), 4, "{listed:?}");
    assert!(lines[0].starts_with("PERSON"), "{listed:?}");
    for (start, name) in [
        ("a1a1a1a1a1a1", "Ann"),
        ("c3c3c3c3c3c3", "Ann"),
        ("b2b2", "Ben"),
    ] {
        let is = |line: &&str| line.starts_with(start) && line.contains(name);
        assert!(lines.iter().any(is), "{listed:?}");
    }

    let found = memory(&program, &["search", "a1a1", "dogs"]).await;
    let text = printed(&found);
    assert!(
        text.contains("Rufus") && !text.contains("Bello"),
        "{found:?}"
    );
    let found = memory(&program, &["search", "ben", "dog"]).await;
    assert_eq!(printed(&found), "nothing was found\n");

    let file = program.file("out", "");
    fs::remove_file(&file).unwrap();
    let saved = memory(&program, &["export", "Ben", "--out", &file]).await;
    assert!(printed(&saved).contains(&file), "{saved:?}");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let json = fs::read_to_string(&file).unwrap();
    let export: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(export["turns"][0]["said"], "my cat is called Minka");
    // What was saved is not lost for a second one.
    let again = memory(&program, &["export", "a1a1", "--out", &file]).await;
    assert!(complaint(&again, 1).contains(&file), "{again:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), json);
}

#[tokio::test]
async fn forgetting_takes_one_of_two_people_of_the_same_name() {
    let program = program().await;
    let two = memory(&program, &["forget", "Ann", "--yes"]).await;
    let line = complaint(&two, USAGE);
    assert!(
        line.contains("a1a1a1a1a1a1") && line.contains("c3c3c3c3c3c3"),
        "{line}"
    );
    let asked = memory(&program, &["forget", "a1a1"]).await;
    assert!(complaint(&asked, USAGE).contains("--yes"), "{asked:?}");
    let forgot = memory(&program, &["forget", "a1a1", "--yes"]).await;
    assert_eq!(printed(&forgot), "forgotten: 2 turns and 4 entries\n");
    let found = memory(&program, &["search", "Ann", "dog"]).await;
    assert!(printed(&found).contains("Bello"), "{found:?}");
    let nobody = memory(&program, &["export", "a1a1"]).await;
    assert!(complaint(&nobody, USAGE).contains("a1a1"), "{nobody:?}");
    let again = memory(&program, &["apply-forgotten"]).await;
    assert_eq!(printed(&again), "forgotten again: 0 turns and entries\n");
    let all = memory(&program, &["forget", "--everything", "--yes"]).await;
    assert_eq!(printed(&all), "forgotten: 2 turns and 4 entries\n");
    let listed = memory(&program, &["list"]).await;
    assert_eq!(printed(&listed), "nobody is remembered yet\n");
}

#[tokio::test]
async fn the_index_is_built_anew_from_the_database() {
    let engine = scripted::chat(SMALL_MODEL, "Yes.");
    let program = program()
        .await
        .with(&[("EMBEDDING_URL", "http://127.0.0.1:1")]);
    let away = memory(&program, &["reindex"]).await;
    assert!(
        complaint(&away, UNAVAILABLE).contains("127.0.0.1:1"),
        "{away:?}"
    );
    let program = program.with(&[("EMBEDDING_URL", &engine.url())]);
    let done = memory(&program, &["reindex"]).await;
    assert_eq!(printed(&done), "8 entries are in the index\n");
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let program = program().await;
    let folder = Path::new(&program.file("x", "")).with_file_name("state/memory");
    let file = format!("sqlite://{}", folder.join("memory.db").display());
    let mut db = sqlx::SqliteConnection::connect(&file).await.unwrap();
    let strange = sqlx::raw_sql("UPDATE turns SET place = 'the moon' WHERE name = 'Ben'");
    strange.execute(&mut db).await.unwrap();
    db.close().await.unwrap();
    let saved = memory(&program, &["export", "Ben"]).await;
    let line = complaint(&saved, 1);
    assert!(
        line.contains("column place") && !line.contains("moon"),
        "{line}"
    );
    let saved = memory(&program, &["export", "a1a1"]).await;
    assert!(printed(&saved).contains("Rufus"), "{saved:?}");

    fs::create_dir(folder.join("forgotten")).unwrap();
    let again = memory(&program, &["apply-forgotten"]).await;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(
        again.stderr.contains("nobody knows whom to forget"),
        "{again:?}"
    );
}

#[tokio::test]
async fn a_database_that_is_away_is_one_line() {
    let program = Program::new(&[("DATABASE_URL", "postgres://ann:secret@127.0.0.1:1/talk")]);
    for arguments in [
        &["list"][..],
        &["search", "Ann", "dog"],
        &["export", "Ann"],
        &["forget", "Ann", "--yes"],
        &["reindex"],
        &["apply-forgotten"],
    ] {
        let ran = memory(&program, arguments).await;
        if arguments == ["apply-forgotten"] {
            // Nobody is on the list.
            assert_eq!(printed(&ran), "forgotten again: 0 turns and entries\n");
            continue;
        }
        let line = complaint(&ran, UNAVAILABLE);
        assert!(
            line.contains("127.0.0.1:1") && !line.contains("secret"),
            "{line}"
        );
    }
}
