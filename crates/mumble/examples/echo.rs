//! Repeats what it hears, once the speaker has finished:
//! `cargo run -p mumble-ai-mumble --example echo -- [HOST] [PORT] [NAME]`.
#![expect(clippy::print_stderr, reason = "an example talks to its terminal")]
use std::{collections::BTreeMap, env};

use audio::Pcm;
use mumble::{Config, DEFAULT_PORT, Event};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let host = args.first().map_or("127.0.0.1", String::as_str);
    let port = args.get(1).and_then(|port| port.parse().ok());
    let name = args.get(2).map_or("Echo", String::as_str);
    let state = env::temp_dir().join(format!("mumble-{name}"));
    let config = Config::new(host, port.unwrap_or(DEFAULT_PORT), name, state);
    let (client, mut events) = mumble::join(config, CancellationToken::new());
    let mut voices = BTreeMap::new();
    while let Some(event) = events.next().await {
        let Event::Heard(heard) = event else {
            eprintln!("{event:?}");
            continue;
        };
        let silence = || Pcm::new(heard.pcm.rate(), vec![]);
        let voice = voices.entry(heard.speaker).or_insert_with(silence);
        voice.extend_from_slice(heard.pcm.samples());
        if heard.last
            && let Some(voice) = voices.remove(&heard.speaker)
        {
            let mut speech = client.speak();
            tokio::spawn(async move {
                if speech.push(voice).await.is_ok() {
                    let _ = speech.finish().done().await;
                }
            });
        }
    }
}
