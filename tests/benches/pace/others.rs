//! Those who talk to the user: from another channel, so that they hear nothing themselves.

use std::thread;

use audio::ogg;
use mumble::{ChannelId, Client, Config, ConnectionLimit, Event, Target};
use tempfile::tempdir;
use tokio::runtime::Builder;
use tokio_util::sync::{CancellationToken, DropGuard};
use world::MumbleServer;

/// Where they are.
pub(crate) const ELSEWHERE: &str = "Elsewhere";

/// The channel that they shout into: the root, where the user is.
const ROOT: ChannelId = ChannelId(0);

/// Lets them talk, in a thread of their own, until what is given back is dropped.
pub(crate) fn talk(server: &MumbleServer, count: usize) -> DropGuard {
    let (host, port, end) = (server.host(), server.port(), CancellationToken::new());
    let over = end.clone();
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        runtime.block_on(async {
            let talkers = (0..count).map(|number| talker(host, port, number, over.clone()));
            futures::future::join_all(talkers).await;
        });
    });
    end.drop_guard()
}

async fn talker(host: &str, port: u16, number: usize, over: CancellationToken) {
    let state = tempdir().expect("there is room for temporary files");
    let mut config = Config::new(host, port, format!("Talker{number}"), state.path());
    config.limit = ConnectionLimit::new();
    config.channel = Some(ELSEWHERE.into());
    let (client, mut events) = mumble::join(config, over.clone());
    while let Some(event) = events.next().await {
        if let Event::Joined { .. } = event {
            tokio::spawn(shout(client.clone()));
        }
    }
}

/// Says the stored sound over and over, without encoding it each time.
async fn shout(client: Client) {
    let packets = ogg::packets(super::STORED).expect("the stored sound is whole");
    let mut speech = client.speak_to(Target::Channel {
        id: ROOT,
        links: false,
        children: false,
        group: None,
    });
    while speech.push_opus(&packets).await.is_ok() {}
}
