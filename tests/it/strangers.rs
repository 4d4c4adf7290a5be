//! Mumble users that are not ours talk with the assistant.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use audio::MUMBLE_HZ;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use world::question::{self, CAPITAL_OF_FRANCE};
use world::{Assistant, MumbleServer, Release, Urls};

const CALLER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pymumble_caller.py");

/// The virtual environment of `scripts/install.sh test`.
fn python() -> PathBuf {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = variable("MUMBLE_AI_CACHE")
        .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("mumble-ai")))
        .or_else(|| Some(variable("HOME")?.join(".cache/mumble-ai")))
        .expect("there is a home");
    let python = cache.join("pymumble/bin/python");
    assert!(python.exists(), "run `scripts/install.sh test` first");
    python
}

#[tokio::test]
async fn pymumble_asks_aloud_and_in_writing_over_the_tcp_tunnel() {
    for release in Release::ALL {
        let server = MumbleServer::of(release);
        let _assistant = Assistant::start(&server, &Urls::real(), &[]);
        let folder = TempDir::new().unwrap();
        let [question, answer] =
            ["question.wav", "answer.wav"].map(|name| folder.path().join(name));
        let sound = question::spoken(CAPITAL_OF_FRANCE).await;
        fs::write(&question, audio::wav::write(&sound.resampled(MUMBLE_HZ))).unwrap();

        let output = Command::new(python())
            .arg(CALLER)
            .args(["--port", &server.port().to_string()])
            .args(["--name", "Python", "--of", Assistant::NAME])
            .arg("--question")
            .arg(&question)
            .arg("--answer")
            .arg(&answer)
            .args(["--write", CAPITAL_OF_FRANCE])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");

        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let heard = audio::wav::read(&fs::read(&answer).unwrap()).unwrap();
        let understood = question::understood(&heard).await;
        assert!(understood.contains("Paris"), "{understood} ({report})");
        assert!(report["waited_s"].as_f64().is_some_and(|s| s > 0.0));
        let written = report["texts"][0].as_str().unwrap_or_default();
        assert!(written.contains("Paris"), "{report}");
    }
}
