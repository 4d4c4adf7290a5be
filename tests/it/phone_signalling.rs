//! What a telephone says and is answered, by a real tester of telephone exchanges.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use world::{Bridge, Caller, MumbleServer, Release, Sipp, Via, free_port};

/// How long a Mumble user may stay after its call.
const LEAVING: Duration = Duration::from_secs(2);

/// Waits until nobody of a telephone is left.
async fn nobody_is_left(listener: &Caller) {
    let since = Instant::now();
    loop {
        let roster = listener.client().roster();
        let mut users = roster.users();
        if !users.any(|user| user.name.starts_with("Phone-")) {
            return;
        }
        assert!(since.elapsed() < LEAVING, "a caller is left");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_resume_and_a_late_offer_go_as_they_should() {
    let server = MumbleServer::of(Release::V1_5);
    let bridge = Bridge::start(&server, &[]);
    let listener = Caller::join(&server, "Ann").await;
    for via in Via::ALL {
        for scenario in [
            "call",
            "hold",
            "delayed_offer",
            "late_resume",
            "session_timer",
            "known_timer",
        ] {
            Sipp::start_with(scenario, &bridge, via, &["-d", "200"])
                .passes()
                .await;
        }
        nobody_is_left(&listener).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_by_its_status() {
    let server = MumbleServer::of(Release::V1_5);
    let bridge = Bridge::start(&server, &[]);
    for via in Via::ALL {
        for scenario in [
            "options",
            "short_timer",
            "no_codec",
            "extension",
            "stray_bye",
        ] {
            Sipp::start(scenario, &bridge, via).passes().await;
        }
    }
    Sipp::start("call", &bridge, Via::Udp).passes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_gives_up_while_being_put_through_leaves_nobody_behind() {
    let server = MumbleServer::of(Release::V1_5);
    let bridge = Bridge::start(&server, &[]);
    let listener = Caller::join(&server, "Ann").await;
    for via in Via::ALL {
        // A server that hangs never lets anybody in.
        server.freeze();
        Sipp::start("cancel", &bridge, via).passes().await;
        server.thaw();
        // Who comes after them has seen all of them come.
        Sipp::start_with(
            "call",
            &bridge,
            via,
            &["-key", "caller", "bob", "-d", "200"],
        )
        .passes()
        .await;
        nobody_is_left(&listener).await;
        let late = Caller::join(&server, "Bea").await;
        let roster = late.client().roster();
        let names: Vec<_> = roster.users().map(|user| user.name.clone()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_too_many_may_come_again_later() {
    let server = MumbleServer::of(Release::V1_5);
    let port = free_port().to_string();
    let one = [("RTP_PORT_MIN", &*port), ("RTP_PORT_MAX", &*port)];
    let bridge = Bridge::start(&server, &one);
    let listener = Caller::join(&server, "Ann").await;
    for via in Via::ALL {
        let first = Sipp::start_with("call", &bridge, via, &["-d", "3000"]);
        listener.meets("Phone-alice").await;
        Sipp::start("no_port", &bridge, via).passes().await;
        first.passes().await;
        nobody_is_left(&listener).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_by_tcp_goes_on_by_tcp() {
    let server = MumbleServer::of(Release::V1_5);
    let bridge = Bridge::start(&server, &[]);
    let call = Sipp::start_with("contact", &bridge, Via::Tcp, &["-d", "200"]);
    call.passes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_put_through_is_told_when_to_try_again() {
    let server = MumbleServer::of(Release::V1_5);
    let bridge = Bridge::start(&server, &[]);
    bridge.opens();
    // A server that hangs never lets anybody in.
    server.freeze();
    let calls = Via::ALL.map(|via| Sipp::start("no_port", &bridge, via).passes());
    futures::future::join_all(calls).await;
    server.thaw();
}
