//! Who may import whom: the arrows of the house, held against `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Each room, and the rooms that it may import. The root package and the tests may import
/// everything; whoever is not listed may not exist.
const ARROWS: &[(&str, &[&str])] = &[
    ("audio", &[]),
    ("resilience", &[]),
    ("llm", &[]),
    ("speech", &["audio"]),
    ("mumble", &["audio", "resilience"]),
    ("memory", &["llm"]),
    ("service", &["resilience"]),
    (
        "bot",
        &[
            "audio",
            "resilience",
            "llm",
            "speech",
            "mumble",
            "memory",
            "service",
        ],
    ),
    ("bridge-sip", &["audio", "resilience", "mumble", "service"]),
];

/// May import everything, and are imported by nobody but each other.
const ROOFS: &[&str] = &["mumble-ai", "mumble-ai-tests"];

/// The normal dependencies of every workspace member on other members, by the short name that a
/// room has in the code. Dependencies of its tests and of its build script do not count.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo is running this test");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let members: BTreeSet<&str> = packages
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    packages
        .iter()
        .map(|package| {
            let imports = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dependency| dependency["kind"].is_null())
                .map(|dependency| dependency["name"].as_str().unwrap())
                .filter(|name| members.contains(name))
                .map(room)
                .collect();
            (room(package["name"].as_str().unwrap()), imports)
        })
        .collect()
}

/// `mumble-ai-speech` is the room `speech`; the two roofs keep their names.
fn room(package: &str) -> String {
    match package.strip_prefix("mumble-ai-") {
        Some(room) if !ROOFS.contains(&package) => room.to_owned(),
        _ => package.to_owned(),
    }
}

#[test]
fn no_room_imports_what_it_must_not_know() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for (room, imports) in imports() {
        if ROOFS.contains(&room.as_str()) {
            continue;
        }
        let allowed = allowed
            .get(room.as_str())
            .unwrap_or_else(|| panic!("the room `{room}` has no line in the table of arrows"));
        for import in imports {
            assert!(
                allowed.contains(&import.as_str()),
                "`{room}` must not import `{import}`; it may import {allowed:?}"
            );
        }
    }
}

#[test]
fn every_room_of_the_table_exists() {
    let imports = imports();
    for (room, _) in ARROWS {
        assert!(imports.contains_key(*room), "there is no room `{room}`");
    }
}

#[test]
fn mumble_takes_only_the_backoff_from_resilience() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/mumble/src");
    for (path, text) in crate::house::sources(folder.as_ref()) {
        for line in text.lines().filter(|line| line.contains("resilience::")) {
            assert!(
                line.contains("resilience::backoff") || line.contains("resilience::Backoff"),
                "{}: {line}",
                path.display()
            );
        }
    }
}
