//! Repeats what it hears, once the speaker has finished.
//!
//! `cargo run -p mumble-ai-mumble --example echo -- [HOST] [PORT] [NAME]`

#![expect(clippy::print_stderr, reason = "an example talks to its terminal")]

use std::{collections::BTreeMap, env};

use audio::Pcm;
use mumble::{Config, DEFAULT_PORT, Event, Heard};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() {
    let mut args = env::args().skip(1);
    let host = args.next().unwrap_or_else(|| "127.0.0.1".to_owned());
    let port = args
        .next()
        .and_then(|port| port.parse().ok())
        .unwrap_or(DEFAULT_PORT);
    let name = args.next().unwrap_or_else(|| "Echo".to_owned());
    let state = env::temp_dir().join(format!("mumble-echo-{name}"));
    let (client, mut events) = mumble::join(
        Config::new(host, port, name, state),
        CancellationToken::new(),
    );

    let mut voices = BTreeMap::new();
    while let Some(event) = events.next().await {
        match event {
            Event::Heard(Heard {
                speaker, pcm, last, ..
            }) => {
                let voice = voices
                    .entry(speaker)
                    .or_insert_with(|| Pcm::new(pcm.rate(), vec![]));
                voice.extend_from_slice(pcm.samples());
                if last && let Some(voice) = voices.remove(&speaker) {
                    let mut speech = client.speak();
                    tokio::spawn(async move {
                        if speech.push(voice).await.is_ok() {
                            let _ = speech.finish().done().await;
                        }
                    });
                }
            }
            other => eprintln!("{other:?}"),
        }
    }
}
