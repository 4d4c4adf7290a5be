//! Callers who have to know a password.

use std::time::Duration;

use audio::Pcm;
use world::{Bridge, Caller, MumbleServer, Phone, PhoneCodec, Release};

const PASSWORD: &str = "seven-herons";

/// What baresip of Debian 12 understands; it fails at other hashes instead of taking the next.
const MD5: (&str, &str) = ("SIP_CALLER_HASHES", "MD5");

fn silence() -> Pcm {
    Pcm::silence(8000, Duration::from_secs(20))
}

fn knows(password: &str) -> String {
    format!("auth_user=phone;auth_pass={password}")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_the_password_is_let_in_and_who_does_not_is_not() {
    let server = MumbleServer::of(Release::V1_5);
    let bridge = Bridge::start(&server, &[("SIP_CALLER_PASSWORD", PASSWORD), MD5]);
    let listener = Caller::join(&server, "Ann").await;

    let wrong = knows("another");
    let mut stranger = Phone::with("mallory", PhoneCodec::Pcma, &silence(), &wrong);
    stranger.dial(&bridge.address());
    stranger.waits_for("CALL_CLOSED");

    let right = knows(PASSWORD);
    let mut phone = Phone::with("alice", PhoneCodec::Pcma, &silence(), &right);
    phone.dial(&bridge.address());
    phone.waits_for("CALL_ESTABLISHED");
    listener.meets("Phone-alice").await;
    phone.hang_up();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_on_the_list_needs_no_password() {
    let server = MumbleServer::of(Release::V1_5);
    let settings = [
        ("SIP_CALLER_PASSWORD", PASSWORD),
        ("SIP_ALLOW", "127.0.0.1"),
    ];
    let bridge = Bridge::start(&server, &settings);
    let mut phone = Phone::start("alice", PhoneCodec::Pcma, &silence());
    phone.dial(&bridge.address());
    phone.waits_for("CALL_ESTABLISHED");
    phone.hang_up();
}
