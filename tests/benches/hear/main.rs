//! What it costs to hear 1, 10 and 50 Mumble users who talk at once on a real server.
//!
//! Beside it, in the same run: the decode and the voice activity alone, and pymumble. Talkers and
//! listeners are processes of their own, so each one's cost is its own. The result goes to
//! `benchmarks/hear.md`, in about three minutes.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "progress is for the person at the terminal; a listener answers there"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use tempfile::tempdir;
use tokio::runtime::Runtime;
use world::talkers::{self, STAGE, Talkers};
use world::{MumbleOptions, MumbleServer};

use listener::With;
use subject::Subject;
use table::{Row, Stranger};

mod bare;
mod listener;
mod subject;
mod table;

/// How many talk at once.
const SPEAKERS: [usize; 3] = [1, 10, 50];

/// What a listener gets before it is measured: decoders are made by then, and buffers.
const SETTLING: Duration = Duration::from_secs(3);

const STRANGER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pymumble_listener.py");

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["listen", port] => listen(port, With::VoiceActivity),
        ["receive", port] => listen(port, With::Nothing),
        // `cargo test --benches` asks only whether this compiles.
        _ if args.contains(&"--bench") => compare(),
        _ => {}
    }
}

/// The listener runs on as many threads as the bot does.
fn listen(port: &str, with: With) {
    let port = port.parse().expect("a port is a number");
    let runtime = Runtime::new().expect("there are threads");
    // On a worker, as the tasks it listens to: whoever waits outside of them costs each packet
    // another wake-up.
    let listening = runtime.spawn(listener::listen(port, with));
    runtime.block_on(listening).expect("it does not panic");
}

fn compare() {
    let packets = talkers::packets();
    let folder = tempdir().expect("there is room for temporary files");
    let stored = folder.path().join("packets");
    let framed = packets.iter().flat_map(|packet| {
        let length = (packet.len() as u16).to_be_bytes();
        length.into_iter().chain(packet.iter().copied())
    });
    std::fs::write(&stored, framed.collect::<Vec<u8>>()).expect("it can be written");
    let mut rows = Vec::new();
    for speakers in SPEAKERS {
        let row = measure(&packets, &stored, speakers);
        eprintln!("{row:?}");
        rows.push(row);
    }
    let text = table::render(&rows);
    eprintln!("{text}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benchmarks");
    std::fs::create_dir_all(&folder).expect("benchmarks/ can be made");
    std::fs::write(folder.join("hear.md"), text).expect("benchmarks/hear.md can be written");
}

/// All listeners, one after the other, while the same users go on talking.
fn measure(packets: &[Vec<u8>], stored: &Path, speakers: usize) -> Row {
    let server = MumbleServer::start(MumbleOptions {
        channels: vec![STAGE.to_owned()],
        ..MumbleOptions::default()
    });
    let port = server.port();
    let talkers = Talkers::start(env!("CARGO_BIN_EXE_talkers"), port, speakers);
    let ours = |how: &str| {
        let program = std::env::current_exe().expect("this program is a file");
        let mut subject = Subject::start(Command::new(program).args([how, &port.to_string()]));
        thread::park_timeout(SETTLING);
        subject.cost()
    };
    let (listening, receiving) = (ours("listen"), ours("receive"));
    let mut stranger = Subject::start(
        Command::new(pymumble())
            .arg(STRANGER)
            .arg(port.to_string())
            .arg(stored),
    );
    thread::park_timeout(SETTLING);
    let theirs = stranger.cost();
    drop(talkers);
    let decode = stranger.ask(&format!("decode {speakers}"));
    let decode = decode["decode_us"].as_f64().expect("it has been timed");
    drop(stranger);
    Row {
        speakers,
        listening,
        receiving,
        bare: bare::paced(packets, speakers),
        tight: bare::tight(packets, speakers),
        stranger: Stranger {
            total: theirs.packet,
            decode: Duration::from_secs_f64(decode / 1e6),
            packets: theirs.packets,
        },
    }
}

/// Python with pymumble in it, which `scripts/install.sh test` has put there.
fn pymumble() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let caches = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = std::env::var_os("MUMBLE_AI_CACHE")
        .map(PathBuf::from)
        .or_else(|| Some(caches.or_else(home)?.join("mumble-ai")));
    cache
        .map(|cache| cache.join("pymumble/bin/python"))
        .filter(|python| python.exists())
        .expect("pymumble is not there: run scripts/install.sh test")
}
