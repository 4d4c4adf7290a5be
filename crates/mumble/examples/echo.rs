//! Repeats what it hears: `cargo run -p mumble-ai-mumble --example echo -- [HOST] [PORT]`.
#![expect(clippy::print_stderr, reason = "an example talks to its terminal")]
use std::{collections::BTreeMap, env};

use mumble::{Config, DEFAULT_PORT, Event};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let host = args.first().map_or("127.0.0.1", String::as_str);
    let port = args.get(1).and_then(|port| port.parse().ok());
    let state = env::temp_dir().join("mumble-echo");
    let config = Config::new(host, port.unwrap_or(DEFAULT_PORT), "Echo", state);
    let (client, mut events) = mumble::join(config, CancellationToken::new());
    let mut voices = BTreeMap::new();
    while let Some(event) = events.next().await {
        let Event::Heard(heard) = event else {
            eprintln!("{event:?}");
            continue;
        };
        // It speaks when the speaker has finished: until then the sound waits.
        let voice = voices.entry(heard.speaker).or_insert_with(Vec::new);
        voice.push(heard.pcm);
        if heard.last {
            let (voice, mut speech) = (std::mem::take(voice), client.speak());
            tokio::spawn(async move {
                for piece in voice {
                    let _ = speech.push(piece).await;
                }
                let _ = speech.finish().done().await;
            });
        }
    }
}
