//! So many Mumble users who talk at once: `talkers PORT COUNT`, on a server at 127.0.0.1.
//!
//! Prints `talking` once all of them do. A line on standard input makes them end their talk and
//! prints how many packets each has sent, as JSON. They leave when standard input ends.

#![expect(
    clippy::print_stdout,
    reason = "the one who started this process listens there"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mumble::{ChannelId, Client, Config, Event, Events, Pin, SpeechError, Target};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use world::talkers::{STAGE, lines, packets};

/// How far from each other in the stored speech two users begin, in packets: no two say the
/// same at the same time.
const APART: usize = 11;

/// The root channel, where those who listen are.
const LISTENERS: Target = Target::Channel {
    id: ChannelId(0),
    links: false,
    children: false,
    group: None,
};

/// How many packets are handed over at a time.
const AT_ONCE: usize = 50;

/// How often a user asks whether it has UDP.
const A_MOMENT: Duration = Duration::from_millis(50);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let numbers = std::env::args().skip(1).map(|arg| arg.parse::<u16>());
    let [port, count] = numbers
        .collect::<Result<Vec<_>, _>>()?
        .try_into()
        .map_err(|_| "usage: talkers PORT COUNT")?;
    service::tls::install();
    let state = TempDir::new()?;
    let packets = Arc::new(packets());
    let end = CancellationToken::new();
    let hush = CancellationToken::new();
    let _end = end.clone().drop_guard();

    let mut joining = JoinSet::new();
    for n in 0..count {
        joining.spawn(join(config(port, n, state.path()), end.clone()));
    }
    let joined = joining.join_all().await;
    let mut talking = JoinSet::new();
    for (n, (name, client)) in joined.into_iter().enumerate() {
        let (packets, hush) = (Arc::clone(&packets), hush.clone());
        talking.spawn(async move { (name, talk(&client, &packets, n * APART, &hush).await) });
    }
    println!("talking");

    let mut lines = lines();
    if lines.recv().await.is_none() {
        return Ok(());
    }
    hush.cancel();
    let mut said = BTreeMap::new();
    for (name, packets) in talking.join_all().await {
        said.insert(name, packets?);
    }
    println!("{}", serde_json::json!(said));
    lines.recv().await;
    Ok(())
}

fn config(port: u16, n: u16, state: &Path) -> Config {
    let name = format!("Talker-{n}");
    let state = state.join(&name);
    let mut config = Config::new("127.0.0.1", port, name, state);
    config.pin = Pin::Off;
    config.channel = Some(STAGE.to_owned());
    config
}

/// A user on the server, with UDP.
async fn join(config: Config, end: CancellationToken) -> (String, Client) {
    let name = config.username.clone();
    let (client, mut events) = mumble::join(config, end);
    while !matches!(events.next().await, Some(Event::Joined { .. })) {}
    tokio::spawn(ignore(events));
    while !client.stats().udp {
        sleep(A_MOMENT).await;
    }
    (name, client)
}

async fn ignore(mut events: Events) {
    while events.next().await.is_some() {}
}

/// Says `packets` over and over, beginning at one of them, until it is to hush. Gives how many
/// it has sent.
async fn talk(
    client: &Client,
    packets: &[Vec<u8>],
    first: usize,
    hush: &CancellationToken,
) -> Result<u64, SpeechError> {
    let mut speech = client.speak_to(LISTENERS);
    let mut pushed = 0;
    // A second at a time: few wake-ups, and soon silent.
    let (mut at, length) = (first % packets.len(), packets.len());
    while !hush.is_cancelled() {
        let some = &packets[at..(at + AT_ONCE).min(length)];
        speech.push_opus(some).await?;
        pushed += some.len() as u64;
        at = (at + some.len()) % length;
    }
    speech.finish().done().await?;
    Ok(pushed)
}
