//! The checks of the compose file, run: each says "well" to its real server and "ill" to nobody.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use world::{Engines, MumbleOptions, MumbleServer, Store};

use super::{services, texts};

/// Whether the check of `service` succeeds when its server listens on `port` of this machine.
///
/// `own` is the port that it has in its container.
fn well(service: &str, own: u16, port: u16) -> bool {
    let services = services();
    let check: &Value = &services[service]["healthcheck"]["test"];
    let mut words: Vec<String> = texts(check)
        .into_iter()
        .map(|word| word.replace("$$", "$"))
        .collect();
    let named = words
        .iter()
        .filter(|w| w.contains(&own.to_string()))
        .count();
    assert_eq!(
        named, 1,
        "{service} is not checked at port {own}: {words:?}"
    );
    for word in &mut words {
        *word = word.replace(&own.to_string(), &port.to_string());
    }
    if words.remove(0) == "CMD-SHELL" {
        words.splice(0..0, ["sh".to_owned(), "-c".to_owned()]);
    }
    Command::new(&words[0])
        .args(&words[1..])
        .env("POSTGRES_USER", "postgres")
        .env("POSTGRES_DB", "postgres")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("its program is here, too")
        .success()
}

/// The port of an address such as `http://127.0.0.1:5000`.
fn port_of(url: &str) -> u16 {
    let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
    port.unwrap_or_else(|| panic!("no port in {url}"))
}

#[test]
fn the_check_of_postgres_knows_a_server_from_none() {
    let store = Store::postgres();
    let port = store.port();
    assert!(well("postgres", 5432, port));
    drop(store);
    assert!(!well("postgres", 5432, port));
}

#[test]
fn the_check_of_redis_knows_a_server_from_none() {
    let folder = TempDir::new().unwrap();
    let store = Store::redis(folder.path(), "yes");
    let port = store.port();
    assert!(well("redis", 6379, port));
    drop(store);
    assert!(!well("redis", 6379, port));
}

#[test]
fn the_check_of_chroma_knows_a_server_from_none_and_from_another() {
    let folder = TempDir::new().unwrap();
    let store = Store::chroma(folder.path());
    let port = store.port();
    assert!(well("chromadb", 8000, port));
    drop(store);
    assert!(!well("chromadb", 8000, port));
    // Ollama answers, but it has no such page.
    assert!(!well("chromadb", 8000, port_of(Engines::shared().ollama())));
}

#[test]
fn the_check_of_mumble_knows_a_server_from_none() {
    let mut server = MumbleServer::start(MumbleOptions::default());
    assert!(well("mumble-server", 64738, server.port()));
    server.stop();
    assert!(!well("mumble-server", 64738, server.port()));
}

#[test]
fn the_checks_of_the_engines_know_a_server_from_none() {
    let engines = Engines::shared();
    assert!(well("faster-whisper", 5000, port_of(engines.whisper())));
    assert!(well("piper", 5001, port_of(engines.piper())));
    // Port 1 of this machine is for an extinct service.
    assert!(!well("faster-whisper", 5000, 1));
    assert!(!well("piper", 5001, 1));
}

#[test]
fn the_program_of_each_image_of_ours_can_be_started() {
    for name in ["piper", "faster-whisper", "ollama"] {
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../docker")
            .join(name)
            .join("start.sh");
        let checked = Command::new("sh").arg("-n").arg(&script).status();
        assert!(checked.is_ok_and(|status| status.success()), "{name}");
    }
}
