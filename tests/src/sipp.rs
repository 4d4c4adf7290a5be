//! A real telephone exchange's tester: sipp, which plays the caller of a scenario and checks what
//! it is answered.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use audio::Pcm;
use bridge_sip::offer::Codec;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::Bridge;
use crate::served::{free_port, free_range};

/// Where the scenarios lie.
const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/it/sipp");

/// How long all calls of a scenario may take together.
const PATIENCE: Duration = Duration::from_secs(40);

/// How long one message may take to come.
const MESSAGE: Duration = Duration::from_secs(15);

/// How long a telephone that plays something stays when it is over, and rounds up.
const STAYING: Duration = Duration::from_secs(1);

/// What a scenario travels by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// One socket for all calls.
    Udp,
    /// One connection for all calls.
    Tcp,
}

impl Via {
    /// Both, for `for via in Via::ALL`.
    pub const ALL: [Self; 2] = [Self::Udp, Self::Tcp];
}

/// A scenario that is being played. It ends when it is dropped.
#[derive(Debug)]
pub struct Sipp {
    scenario: String,
    folder: TempDir,
    program: Child,
}

impl Sipp {
    /// Plays `tests/it/sipp/SCENARIO.xml` once, as `alice`.
    pub fn start(scenario: &str, bridge: &Bridge, via: Via) -> Self {
        Self::start_with(scenario, bridge, via, &[])
    }

    /// The same with further arguments, such as `["-d", "2000"]` for the length of a pause in ms.
    pub fn start_with(scenario: &str, bridge: &Bridge, via: Via, more: &[&str]) -> Self {
        let folder = TempDir::new().expect("there is room for temporary files");
        Self::start_in(folder, scenario, bridge, via, more)
    }

    /// One call of `caller` by UDP that says `sound` as soon as it stands, in G.711 A-law and in
    /// whole packets of 20 ms, and hangs up when it is over.
    pub fn start_saying(sound: &Pcm, caller: &str, bridge: &Bridge) -> Self {
        let folder = TempDir::new().expect("there is room for temporary files");
        let mut codec = Codec::Pcma.open().expect("G.711 needs nothing");
        let bytes = codec.encode(sound.resampled(8000).samples());
        fs::write(folder.path().join("tone.alaw"), bytes).expect("the folder is writable");
        let length = (sound.duration() + STAYING).as_millis().to_string();
        let more = ["-key", "caller", caller, "-d", &length];
        Self::start_in(folder, "tone", bridge, Via::Udp, &more)
    }

    fn start_in(folder: TempDir, scenario: &str, bridge: &Bridge, via: Via, more: &[&str]) -> Self {
        // By TCP it tries once.
        bridge.opens();
        let errors =
            fs::File::create(folder.path().join("screen")).expect("the folder is writable");
        let screen = errors.try_clone().expect("a file can be shared");
        let transport = match via {
            Via::Udp => "u1",
            Via::Tcp => "t1",
        };
        let program = Command::new("sipp")
            .current_dir(folder.path())
            .arg("-sf")
            .arg(Path::new(SCENARIOS).join(format!("{scenario}.xml")))
            .args(["-t", transport, "-i", "127.0.0.1", "-s", "ai"])
            .args(["-p", &free_port().to_string()])
            .args(["-mp", &free_range(4).to_string()])
            .args(["-timeout", &format!("{}s", PATIENCE.as_secs())])
            .args(["-recv_timeout", &MESSAGE.as_millis().to_string()])
            .args(["-timeout_error", "-nostdin", "-trace_err", "-trace_msg"])
            .args(["-m", "1"])
            .args(more)
            // Of two keys of one name the first counts.
            .args(["-key", "caller", "alice"])
            .arg(format!("127.0.0.1:{}", bridge.port()))
            .stdin(Stdio::null())
            .stdout(screen)
            .stderr(errors)
            .spawn()
            .expect("sipp is installed; scripts/install.sh phones installs it");
        Self {
            scenario: scenario.to_owned(),
            folder,
            program,
        }
    }

    /// Waits for its end, which is to be that every call went as the scenario says.
    pub async fn passes(mut self) {
        let until = Instant::now() + PATIENCE + MESSAGE;
        let status = loop {
            if let Some(status) = self.program.try_wait().expect("it is a child of this one") {
                break status;
            }
            assert!(Instant::now() < until, "sipp never ends:\n{}", self.log());
            sleep(Duration::from_millis(20)).await;
        };
        let scenario = &self.scenario;
        assert!(status.success(), "{scenario}: {status}\n{}", self.log());
    }

    /// Everything that it has written, its messages included.
    fn log(&self) -> String {
        let files = fs::read_dir(self.folder.path()).expect("its folder is there");
        let mut files: Vec<PathBuf> = files
            .filter_map(Result::ok)
            .map(|file| file.path())
            .collect();
        files.sort();
        let texts = files.iter().map(fs::read).filter_map(Result::ok);
        let texts = texts.map(|text| String::from_utf8_lossy(&text).into_owned());
        texts.collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Sipp {
    #[expect(
        clippy::print_stdout,
        reason = "shown when a test fails: what the tester has seen"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}: {}", self.scenario, self.log());
        }
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
