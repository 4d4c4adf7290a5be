//! `scripts/health-check.sh`: each server asked by its own protocol, and an exit code for programs.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use world::program::Program;
use world::{Engines, MumbleOptions, MumbleServer, SMALL_MODEL, Store, free_port};

/// How long the assistant may take until it is in Mumble and says that it is well.
const ARRIVAL: Duration = Duration::from_secs(60);

/// An address where nobody listens: port 1 of this machine is for an extinct service.
const NOBODY: &str = "127.0.0.1:1";

/// Its exit code, and what it says of each server: `well`, `ILL` or `-`.
fn asked(environment: &[(&str, &str)]) -> (Option<i32>, BTreeMap<String, String>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/health-check.sh");
    let output = Command::new(script)
        .arg("--plain")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("the script can be started");
    let text = String::from_utf8(output.stdout).expect("it is text");
    let lines = text.lines().map(|line| {
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap_or_default().to_owned();
        (word(), word())
    });
    (output.status.code(), lines.collect())
}

#[tokio::test]
async fn all_are_well_and_then_each_one_that_is_not_is_named() {
    let engines = Engines::shared();
    let server = MumbleServer::start(MumbleOptions::default());
    let (postgres, folder) = (Store::postgres(), TempDir::new().unwrap());
    let cache = Store::redis(&folder.path().join("redis"), "no");
    let index = Store::chroma(&folder.path().join("chroma"));
    let [mumble, health, database] =
        [server.port(), free_port(), postgres.port()].map(|port| port.to_string());
    let [sip, rtp, pages] = [(); 3].map(|()| free_port().to_string());
    let cache_at = format!("redis://127.0.0.1:{}", cache.port());
    let index_at = format!("http://127.0.0.1:{}", index.port());
    let named = [
        ("MUMBLE_HOST", "127.0.0.1"),
        ("MUMBLE_PORT", &mumble),
        ("WHISPER_URL", engines.whisper()),
        ("OLLAMA_URL", engines.ollama()),
        ("OLLAMA_MODEL", SMALL_MODEL),
        ("PIPER_URL", engines.piper()),
        ("DB_HOST", "127.0.0.1"),
        ("DB_PORT", &database),
        ("REDIS_URL", &cache_at),
        ("CHROMADB_URL", &index_at),
        ("HEALTH_PORT", &health),
        ("SIP_ENABLED", "true"),
        ("SIP_PORT", &sip),
        ("RTP_PORT_MIN", &rtp),
        ("RTP_PORT_MAX", &rtp),
        ("SIP_HEALTH_PORT", &pages),
    ];
    let program = Program::new(&named);
    let assistant = program.start(&["up"]);
    let since = Instant::now();
    let said = loop {
        let (code, said) = asked(&named);
        if code == Some(0) {
            break said;
        }
        assert_eq!(code, Some(1), "{said:?}");
        assert!(since.elapsed() < ARRIVAL, "{said:?}: {}", assistant.log());
    };
    assert_eq!(said.len(), 9, "{said:?}");
    assert!(said.values().all(|state| state == "well"), "{said:?}");

    let nowhere = format!("http://{NOBODY}");
    for (part, variable, value) in [
        ("mumble", "MUMBLE_PORT", "1"),
        ("whisper", "WHISPER_URL", nowhere.as_str()),
        // Another kind of server is there, and of the right kind one without the model.
        ("whisper", "WHISPER_URL", engines.ollama()),
        ("ollama", "OLLAMA_URL", engines.piper()),
        ("ollama", "OLLAMA_MODEL", "no-such-model"),
        ("piper", "PIPER_URL", engines.whisper()),
        ("database", "DB_PORT", "1"),
        ("redis", "REDIS_URL", &index_at),
        ("chromadb", "CHROMADB_URL", &nowhere),
        ("assistant", "HEALTH_PORT", "1"),
        ("phone", "SIP_HEALTH_PORT", "1"),
    ] {
        let (code, said) = asked(&[&named[..], &[(variable, value)]].concat());
        assert_eq!(code, Some(1), "{variable}={value}: {said:?}");
        for (name, state) in &said {
            let expected = if name == part { "ILL" } else { "well" };
            assert_eq!(state, expected, "{name} with {variable}={value}");
        }
    }
    // A spare that is away is ill although the first is well.
    let both = format!("{},{nowhere}", engines.whisper());
    assert_eq!(
        asked(&[&named[..], &[("WHISPER_URL", &both)]].concat()).0,
        Some(1)
    );
    assistant.terminate().await;
    assistant.ends().await;
}

#[test]
fn what_nobody_named_is_not_ill() {
    let none = [
        ("DB_HOST", ""),
        ("DATABASE_URL", ""),
        ("REDIS_URL", ""),
        ("CHROMADB_URL", ""),
        ("SIP_ENABLED", ""),
        ("PHONE_HEALTH_URL", ""),
    ];
    let (_, said) = asked(&none);
    for part in ["database", "redis", "chromadb", "phone"] {
        assert_eq!(said[part], "-", "{said:?}");
    }
}

#[test]
fn a_wrong_call_is_told_from_an_ill_server() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/health-check.sh");
    let ran = Command::new(&script).arg("--everything").output().unwrap();
    assert_eq!(ran.status.code(), Some(64));
    let help = Command::new(&script).arg("--help").output().unwrap();
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("MUMBLE_HOST"));
}
