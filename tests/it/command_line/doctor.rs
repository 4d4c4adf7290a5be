//! The doctor: one line for each thing that the assistant depends on, and what to do about it.

use std::time::Duration;

use world::program::Program;
use world::scripted::{self, TtsDialect};
use world::{MumbleOptions, MumbleServer};

use super::{Engines, NOBODY, assert_names, only_line};
use world::stage::tone;

mod phone;

#[tokio::test]
async fn doctor_says_of_each_part_that_it_is_well() {
    let engines = Engines::start();
    let server = MumbleServer::start(MumbleOptions::default());
    let ran = engines.program_at(&server).run(&["doctor"]).await;
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{ran:?}");
    let parts = [
        "mumble",
        "whisper",
        "ollama",
        "piper",
        "sqlite",
        "cache",
        "vectors",
        "embedding",
        "phone",
        "state",
    ];
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), parts.len(), "{}", ran.stdout);
    for (line, part) in lines.iter().zip(parts) {
        assert!(line.starts_with(&format!("ok     {part}")), "{line}");
    }
}

#[tokio::test]
async fn doctor_looks_at_every_address_and_says_which_are_spares() {
    let engines = Engines::start();
    let server = MumbleServer::start(MumbleOptions::default());
    let spare = scripted::tts(TtsDialect::Piper, tone(Duration::from_secs(1)));
    let urls = format!("{},{},{NOBODY}", engines.tts.url(), spare.url());
    let program = engines.program_at(&server).with(&[("PIPER_URL", &urls)]);
    let ran = program.run(&["doctor"]).await;
    assert_eq!((ran.code, &*ran.stderr), (Some(1), ""), "{ran:?}");
    let about = ran.stdout.lines().filter(|line| line.contains("piper"));
    let lines: Vec<String> = about
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(lines[0], format!("ok piper {}", engines.tts.url()));
    assert_eq!(lines[1], format!("ok piper spare {}", spare.url()));
    assert!(lines[2].starts_with("wrong piper spare"), "{lines:?}");
    assert_names(&lines[2], &["127.0.0.1:1", "PIPER_URL"]);
}

#[tokio::test]
async fn doctor_says_of_each_store_what_to_do() {
    let engines = Engines::start();
    let server = MumbleServer::start(MumbleOptions::default());
    let program = engines.program_at(&server).with(&[
        ("DATABASE_URL", "postgres://ann:hush@127.0.0.1:1/talk"),
        ("REDIS_URL", "redis://:hush@127.0.0.1:1/0"),
        ("CHROMADB_URL", NOBODY),
        ("EMBEDDING_MODEL", "absent"),
        ("MEMORY_MODEL", "small:1b"),
    ]);
    let ran = program.run(&["doctor"]).await;
    assert_eq!((ran.code, &*ran.stderr), (Some(1), ""), "{ran:?}");
    assert!(!ran.stdout.contains("hush"), "{}", ran.stdout);
    for (part, words) in [
        (
            "database",
            &["127.0.0.1:1/talk: nobody listens there", "DATABASE_URL"][..],
        ),
        ("redis", &["127.0.0.1:1", "REDIS_URL"]),
        ("chromadb", &["127.0.0.1:1", "CHROMADB_URL"]),
        (
            "embedding",
            &["`ollama pull absent`", "EMBEDDING_MODEL", "by words alone"],
        ),
        ("reader", &["`ollama pull small:1b`", "MEMORY_MODEL"]),
    ] {
        let about = |line: &&str| line.split_whitespace().nth(1) == Some(part);
        let lines: Vec<&str> = ran.stdout.lines().filter(about).collect();
        let line = only_line(&lines.join("\n")).to_owned();
        assert!(line.starts_with("wrong"), "{line}");
        assert_names(&line, words);
    }
    let ran = program.with(&[("MEMORY", "off")]).run(&["doctor"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_names(&ran.stdout, &["memory", "off (MEMORY)"]);
}

/// What the doctor says of the Mumble server while everything else is well.
async fn diagnosis(program: Program) -> String {
    let ran = program.run(&["doctor"]).await;
    assert_eq!((ran.code, &*ran.stderr), (Some(1), ""), "{ran:?}");
    let wrong: Vec<&str> = ran
        .stdout
        .lines()
        .filter(|l| l.starts_with("wrong"))
        .collect();
    let line = only_line(&wrong.join("\n")).to_owned();
    assert_names(&line, &["mumble"]);
    line
}

#[tokio::test]
async fn doctor_says_in_a_line_what_is_wrong_with_the_mumble_server() {
    let engines = Engines::start();
    let server = MumbleServer::start(MumbleOptions {
        password: Some("open sesame".into()),
        channels: vec!["Kitchen".into()],
        ..MumbleOptions::default()
    });
    let at_server = || engines.program_at(&server);
    let wrong_password = at_server().with(&[("MUMBLE_PASSWORD", "hush-guess")]);
    let line = diagnosis(wrong_password).await;
    assert_names(&line, &["MUMBLE_PASSWORD"]);
    assert!(!line.contains("hush-guess"), "{line}");
    let unknown_channel = at_server().with(&[
        ("MUMBLE_PASSWORD", "open sesame"),
        ("MUMBLE_CHANNEL", "Root/Attic"),
    ]);
    let line = diagnosis(unknown_channel).await;
    assert_names(&line, &["MUMBLE_CHANNEL", "Attic", "Kitchen"]);
    let http = engines.stt.url();
    let port = http.rsplit(':').next().unwrap();
    let not_mumble = engines.program().with(&[("MUMBLE_PORT", port)]);
    let line = diagnosis(not_mumble).await;
    assert_names(&line, &[port, "does not speak the Mumble protocol"]);
    let closed = engines.program().with(&[("MUMBLE_PORT", "1")]);
    let line = diagnosis(closed).await;
    assert_names(
        &line,
        &["127.0.0.1:1", "is the Mumble server running there?"],
    );
}
