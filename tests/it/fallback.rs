//! Voice when the network goes bad, on real servers: what is lost, and for how long.

use std::time::Duration;

use audio::{MUMBLE_HZ, Pcm};
use world::{Caller, MumbleOptions, MumbleServer, Proxy};

#[tokio::test]
async fn a_user_behind_a_proxy_is_heard() {
    let server = MumbleServer::start(MumbleOptions::default());
    let proxy = Proxy::before(&server, 1).await;
    let mut ann = Caller::join(&server, "Ann").await;
    let bob = Caller::join_with(&server, "Bob", |config| config.port = proxy.port()).await;
    bob.meets("Ann").await;
    proxy.change(|faults| faults.delay = Duration::from_millis(20));
    bob.say(&Pcm::silence(MUMBLE_HZ, Duration::from_secs(1)))
        .await;
    let heard = ann.hears("Bob").await;
    assert_eq!(heard.sound.duration(), Duration::from_secs(1));
    assert!(!proxy.datagrams().is_empty());
}
