//! A call that loses Mumble: it waits for a while, and says so.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use world::handset::Handset;
use world::{Bridge, Caller, MumbleServer, Release, Sipp, Via};

/// Louder than this is a tone; the channel is silent.
const AUDIBLE: u16 = 1000;

/// Loud samples of a telephone that listens for `length`.
async fn loud(phone: &mut Handset, length: Duration) -> usize {
    let since = phone.packets().len();
    phone.listen(length).await;
    let heard = phone.heard();
    let samples = heard.samples().iter().skip(since * 160);
    samples
        .filter(|sample| sample.unsigned_abs() > AUDIBLE)
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_outage_of_mumble_is_heard_and_survived() {
    let mut server = MumbleServer::of(Release::V1_5);
    let bridge = Bridge::start(&server, &[]);
    let listener = Caller::join(&server, "Ann").await;
    let address = SocketAddr::from(([127, 0, 0, 1], bridge.port()));
    bridge.opens();
    let mut phone = Handset::call(address, "alice").await;
    listener.meets("Phone-alice").await;
    phone.listen(Duration::from_millis(500)).await;
    assert_eq!(loud(&mut phone, Duration::from_secs(1)).await, 0, "before");

    server.stop();
    // Two beeps of a fifth of a second every three seconds.
    let beeps = loud(&mut phone, Duration::from_secs(4)).await;
    assert!(beeps > 800, "{beeps} loud samples");
    server.start_again();
    let late = Caller::join(&server, "Bea").await;
    let until = Instant::now() + Duration::from_secs(25);
    while late
        .client()
        .roster()
        .users()
        .all(|user| user.name != "Phone-alice")
    {
        assert!(Instant::now() < until, "it does not come back");
        phone.listen(Duration::from_millis(100)).await;
    }
    phone.listen(Duration::from_millis(500)).await;
    assert_eq!(loud(&mut phone, Duration::from_secs(1)).await, 0, "after");
    phone.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_outage_of_mumble_ends_the_call() {
    let mut server = MumbleServer::of(Release::V1_5);
    let bridge = Bridge::start(&server, &[("SIP_OUTAGE_SECONDS", "2")]);
    for via in Via::ALL {
        let listener = Caller::join(&server, "Ann").await;
        let call = Sipp::start("hung_up", &bridge, via);
        listener.meets("Phone-alice").await;
        server.stop();
        call.passes().await;
        server.start_again();
    }
}
