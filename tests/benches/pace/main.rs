//! How evenly the voice leaves: a user's packets on the wire, beside those of a bare thread.
//!
//! The user speaks on a real server through a relay; the thread sleeps to deadlines 20 ms apart
//! and sends a datagram at each. Both run at the same time, and the kernel notes when each of
//! their datagrams arrives, so that nobody's waking up to read them counts. Once the user has
//! nothing else to do, once ten others talk to it without a pause. The result goes to
//! `benchmarks/pace.md`; it takes two and a half minutes.

#![expect(
    clippy::print_stderr,
    reason = "progress is for the person at the terminal"
)]

use std::path::Path;
use std::time::Duration;

use audio::{MUMBLE_HZ, Pcm, ogg};
use mumble::{Client, Config, ConnectionLimit, Events};
use tempfile::tempdir;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use world::{MumbleOptions, MumbleServer};

use relay::Relay;
use table::Row;

mod arrivals;
mod bare;
mod others;
mod relay;
mod table;

/// How long the user speaks each time: 3000 packets, of which the worst three lie beyond p99.9.
const SPEECH: Duration = Duration::from_secs(60);

/// How long everybody is left alone before: UDP is alive by then on all sides.
const SETTLING: Duration = Duration::from_secs(5);

/// How many others talk to the user the second time.
const OTHERS: usize = 10;

/// What the user says, over and over.
const STORED: &[u8] = include_bytes!("../../../config/sounds/no-thought.opus");

#[tokio::main]
async fn main() {
    // `cargo test --benches` asks only whether this compiles.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    service::tls::install();
    let server = MumbleServer::start(MumbleOptions {
        channels: vec![others::ELSEWHERE.into()],
        ..MumbleOptions::default()
    });
    let relay = Relay::before(&server).await;
    let state = tempdir().expect("there is room for temporary files");
    let mut config = Config::new(server.host(), relay.port(), "Speaker", state.path());
    config.limit = ConnectionLimit::new();
    let end = CancellationToken::new();
    let (client, events) = mumble::join(config, end.clone());
    tokio::spawn(listen(events));
    sleep(SETTLING).await;
    assert!(client.stats().udp, "the voice goes by UDP");

    let mut rows = vec![measure("nobody else speaks", &client, &relay).await];
    let others = others::talk(&server, OTHERS);
    sleep(SETTLING).await;
    rows.push(measure("ten others talk to the user", &client, &relay).await);
    drop(others);
    end.cancel();

    let text = table::render(&rows);
    eprintln!("{text}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benchmarks");
    std::fs::create_dir_all(&folder).expect("benchmarks/ can be made");
    std::fs::write(folder.join("pace.md"), text).expect("benchmarks/pace.md can be written");
}

/// Lets the user speak, and the bare thread beside it.
async fn measure(when: &'static str, client: &Client, relay: &Relay) -> Row {
    eprintln!("{when}: {} s", SPEECH.as_secs());
    relay.forget();
    let bare = bare::start(SPEECH);
    let frames = speak(client).await;
    let bare = bare.join().expect("the bare thread does not panic");
    // The user knows that its last packet leaves before the relay has seen it.
    sleep(SETTLING).await;
    Row {
        when,
        frames,
        user: relay.voice(),
        bare,
    }
}

/// Says the stored sound until [`SPEECH`] is over; gives how many packets that makes.
async fn speak(client: &Client) -> usize {
    let sound = ogg::read(STORED).expect("the stored sound is whole");
    // A packet of silence would be as short as a ping, so there is a hum behind the voice.
    let hum = (0_u32..).map(|at| {
        if (at / 200).is_multiple_of(2) {
            300
        } else {
            -300
        }
    });
    let voice = sound.samples().iter().cycle();
    let mut samples = voice
        .zip(hum)
        .map(|(sample, hum)| sample.saturating_add(hum));
    let mut speech = client.speak();
    for _ in 0..SPEECH.as_secs() {
        let second = samples.by_ref().take(MUMBLE_HZ as usize).collect();
        let pushed = speech.push(Pcm::new(MUMBLE_HZ, second)).await;
        pushed.expect("the user is on the server");
    }
    let said = speech.finish().done().await;
    let said = said.expect("the user stays on the server");
    said.as_millis() as usize / table::FRAME.as_millis() as usize
}

/// Reads what the user is told, as a bot does.
async fn listen(mut events: Events) {
    while events.next().await.is_some() {}
}
