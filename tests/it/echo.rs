//! The Mumble crate's example, as a stranger starts it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use world::{Caller, MumbleServer, Release};

use world::stage::tone;

/// The example's process. It ends when this is dropped.
struct Echo(Child);

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where cargo puts the examples of the whole workspace, beside the tests.
fn example() -> PathBuf {
    let tests = std::env::current_exe().expect("a test knows where it is");
    let profile = tests.ancestors().nth(2);
    let example = profile
        .expect("it lies in a profile's deps")
        .join("examples/echo");
    // A filtered run of the tests has built no examples of other packages.
    if !example.exists() {
        let build = "build --quiet --package mumble-ai-mumble --example echo";
        let built = Command::new(env!("CARGO"))
            .args(build.split(' '))
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .status();
        assert!(built.is_ok_and(|built| built.success()), "it builds");
    }
    example
}

#[tokio::test]
async fn the_example_repeats_what_it_hears() {
    let example = example();
    for release in Release::ALL {
        let server = MumbleServer::of(release);
        let state = tempfile::tempdir().expect("there is room for temporary files");
        let started = Command::new(&example)
            .args([server.host(), &server.port().to_string()])
            .env("TMPDIR", state.path())
            .stderr(Stdio::null())
            .spawn();
        let _echo = Echo(started.expect("the example starts"));
        let mut caller = Caller::join(&server, "Ann").await;
        caller.meets("Echo").await;
        let said = tone(Duration::from_secs(1));
        caller.say(&said).await;
        let heard = caller.hears("Echo").await;
        let length = heard.sound.duration();
        assert!(length >= said.duration(), "{release:?}: {length:?}");
        let loud = heard
            .sound
            .samples()
            .iter()
            .filter(|s| s.unsigned_abs() > 2000)
            .count();
        assert!(
            loud * 2 > heard.sound.len(),
            "{release:?}: it is not the tone"
        );
    }
}
