//! The phone line as an extension of a telephone system.

use std::time::Duration;

use audio::Pcm;
use world::{Bridge, Caller, MumbleServer, Pbx, Phone, PhoneCodec, Release};

const PASSWORD: &str = "seven-herons";

fn account<'a>(domain: &'a str, password: &'a str, transport: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("SIP_DOMAIN", domain),
        ("SIP_USERNAME", "300"),
        ("SIP_PASSWORD", password),
        ("SIP_REGISTER_TRANSPORT", transport),
    ]
}

async fn is_called_through(transport: &str) {
    let server = MumbleServer::of(Release::V1_5);
    let pbx = Pbx::start(PASSWORD);
    let domain = pbx.domain();
    let mut settings = account(&domain, PASSWORD, transport).to_vec();
    // It asks strangers, and believes the PBX.
    settings.push(("SIP_CALLER_PASSWORD", "another"));
    let _bridge = Bridge::start(&server, &settings);
    let listener = Caller::join(&server, "Ann").await;
    pbx.waits_for("300", true);

    let silence = Pcm::silence(8000, Duration::from_secs(20));
    let mut phone = Phone::start("alice", PhoneCodec::Pcma, &silence);
    phone.dial(&pbx.address("300"));
    phone.waits_for("CALL_ESTABLISHED");
    listener.meets("Phone-alice").await;
    phone.hang_up();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pbx_that_it_is_registered_at_passes_calls_on_by_udp() {
    is_called_through("udp").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pbx_that_it_is_registered_at_passes_calls_on_by_tcp() {
    is_called_through("tcp").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_registers_again_when_the_pbx_was_away_and_leaves_when_it_ends() {
    let server = MumbleServer::of(Release::V1_5);
    let mut pbx = Pbx::start(PASSWORD);
    let domain = pbx.domain();
    let bridge = Bridge::start(&server, &account(&domain, PASSWORD, "udp"));
    pbx.waits_for("300", true);
    pbx.stop();
    pbx.restart();
    pbx.waits_for("300", true);
    drop(bridge);
    pbx.waits_for("300", false);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_wrong_password_the_pbx_passes_nothing_on() {
    let server = MumbleServer::of(Release::V1_5);
    let pbx = Pbx::start(PASSWORD);
    let domain = pbx.domain();
    let _bridge = Bridge::start(&server, &account(&domain, "another", "udp"));
    pbx.waits_for_a_wrong_password();
    pbx.waits_for("300", false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pbx_that_asks_by_sha_256_first_is_answered_by_it() {
    let server = MumbleServer::of(Release::V1_5);
    let pbx = Pbx::start_with_sha_256(PASSWORD);
    let domain = pbx.domain();
    for transport in ["udp", "tcp"] {
        let bridge = Bridge::start(&server, &account(&domain, PASSWORD, transport));
        pbx.waits_for("300", true);
        drop(bridge);
        pbx.waits_for("300", false);
    }
}
