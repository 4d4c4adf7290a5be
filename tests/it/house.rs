//! The order of the house: what holds for every file of it.

use std::fs;
use std::path::{Path, PathBuf};

/// Longest file, in lines, not counting its tests.
const LONGEST: usize = 500;

/// Where code of ours lies, from the root of the repository.
const FOLDERS: &[&str] = &["bot", "bridge-sip", "memory", "crates", "src", "tests"];

/// The only files of the product that open sockets of their own; HTTP goes through reqwest.
const SOCKETS: &[&str] = &[
    "bridge-sip/src/media.rs",
    "bridge-sip/src/phone/domain.rs",
    "bridge-sip/src/phone/socket.rs",
    "bridge-sip/src/phone/stack.rs",
    "bridge-sip/src/phone/stream.rs",
    "bridge-sip/src/phone/stream/connection.rs",
    "bridge-sip/src/ports.rs",
    "bridge-sip/src/probe.rs",
    "crates/mumble/src/client/connection.rs",
    "crates/mumble/src/client/datagrams.rs",
    "crates/mumble/src/client/dial.rs",
    "crates/service/src/health/serve.rs",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file below `folder`, with its text.
pub(crate) fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder exists") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).expect("code is text");
            found.push((path, text));
        }
    }
    found
}

/// Every Rust file of the house, named from the root of the repository.
fn house() -> Vec<(String, String)> {
    let root = root();
    FOLDERS
        .iter()
        .flat_map(|folder| sources(&root.join(folder)))
        .map(|(path, text)| {
            let name = path.strip_prefix(&root).expect("it lies below the root");
            (name.display().to_string(), text)
        })
        .collect()
}

/// A file without the tests at its end.
fn without_tests(text: &str) -> &str {
    text.split_once("\n#[cfg(test)]\nmod tests")
        .map_or(text, |(code, _)| code)
}

#[test]
fn every_file_opens_with_a_sentence() {
    for (file, text) in house() {
        let first = text.lines().next().unwrap_or_default();
        let sentence = text
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .take_while(|line| !line.trim().is_empty())
            .collect::<String>();
        assert!(
            first.starts_with("//! "),
            "{file} does not open with `//! `"
        );
        assert!(
            sentence.trim_end().ends_with(['.', '!', '?', ':']),
            "{file} does not open with a whole sentence"
        );
    }
}

#[test]
fn no_file_is_too_long_to_read() {
    for (file, text) in house() {
        // A file of tests alone is as long as its tests.
        if file.ends_with("/tests.rs") {
            continue;
        }
        let lines = without_tests(&text).lines().count();
        assert!(
            lines <= LONGEST,
            "{file} has {lines} lines without its tests"
        );
    }
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    // Written in two halves, so that this file does not name them itself.
    let words = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[ig", "nore"),
        concat!("#[al", "low("),
        concat!("FIX", "ME"),
        concat!("un", "safe {"),
        concat!("thread::", "sleep"),
    ];
    for (file, text) in house() {
        for word in words {
            // The thread that only sleeps is what the voice's pace is measured against.
            let measured = file == "tests/benches/pace/bare.rs" && word.ends_with("sleep");
            assert!(measured || !text.contains(word), "{file} has `{word}`");
        }
    }
}

#[test]
fn a_module_is_a_file_beside_its_folder() {
    for (file, _) in house() {
        assert!(!file.ends_with("/mod.rs"), "{file}");
        for name in ["utils", "util", "common", "types", "helpers"] {
            assert!(!file.ends_with(&format!("/{name}.rs")), "{file}");
        }
    }
}

#[test]
fn only_named_files_open_sockets() {
    for (file, text) in house() {
        let of_a_test =
            file.starts_with("tests/") || file.contains("/tests/") || file.ends_with("/tests.rs");
        if of_a_test {
            continue;
        }
        let text = without_tests(&text);
        let sockets = ["TcpStream", "TcpListener", "UdpSocket", "UnixStream"];
        let opens = sockets.iter().any(|socket| text.contains(socket));
        let is_named = SOCKETS.contains(&file.as_str());
        assert_eq!(opens, is_named, "{file} opens sockets: {opens}");
    }
}
