//! Where callers are: by what they dial, by their keys, and in channels of their own; and the PIN.

use std::time::Duration;

use audio::Pcm;
use mumble::{ChannelId, SessionId};
use tokio::time::{sleep, timeout};
use world::{Bridge, Caller, MumbleOptions, MumbleServer, Phone, PhoneCodec, Proxy};

/// How long a test waits for something that must happen: far more than it can take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a Mumble user may stay after its call, and its channel with it.
const LEAVING: Duration = Duration::from_secs(2);

fn silence() -> Pcm {
    Pcm::silence(8000, Duration::from_secs(60))
}

fn server(channels: &[&str]) -> MumbleServer {
    MumbleServer::start(MumbleOptions {
        channels: channels.iter().map(|&name| name.to_owned()).collect(),
        ..MumbleOptions::default()
    })
}

fn session(watcher: &Caller, name: &str) -> Option<SessionId> {
    let roster = watcher.client().roster();
    let user = roster.users().find(|user| user.name == name);
    user.map(|user| user.session)
}

/// Waits until this user is in this channel.
async fn is_in(watcher: &Caller, name: &str, channel: &str) {
    let there = || {
        let roster = watcher.client().roster();
        let user = roster.users().find(|user| user.name == name);
        let wanted = roster.find_channel(channel).map(|channel| channel.id);
        user.is_some_and(|user| Some(user.channel) == wanted)
    };
    let wait = async {
        while !there() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let came = timeout(PATIENCE, wait).await;
    came.unwrap_or_else(|_| panic!("{name} does not come to {channel}"));
}

/// Waits until this user's comment says this.
async fn tells(watcher: &Caller, name: &str, what: &str) {
    let wait = async {
        loop {
            if let Some(user) = session(watcher, name)
                && let Ok(comment) = watcher.client().comment_of(user).await
                && comment.contains(what)
            {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let told = timeout(PATIENCE, wait).await;
    told.unwrap_or_else(|_| panic!("{name} does not tell {what:?}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_goes_about_is_verified_and_hangs_up_by_keys() {
    let server = server(&["Sales", "AI"]);
    let settings = [
        ("SIP_PIN", "4711"),
        ("SIP_CHANNELS", "ai=Root/Sales"),
        ("SIP_MENU_CHANNELS", "Root/AI"),
    ];
    let bridge = Bridge::start(&server, &settings);
    let ann = Caller::join(&server, "Ann").await;
    let mut phone = Phone::start("alice", PhoneCodec::Pcmu, &silence());
    phone.dial(&bridge.address());
    phone.waits_for("CALL_ESTABLISHED");
    is_in(&ann, "Phone-alice", "Sales").await;
    tells(&ann, "Phone-alice", "not verified").await;

    phone.press("*2");
    is_in(&ann, "Phone-alice", "AI").await;
    phone.press("*3");
    is_in(&ann, "Phone-alice", "Sales").await;
    phone.press("4711#");
    tells(&ann, "Phone-alice", "is verified by PIN").await;
    phone.press("*0");
    phone.waits_for("CALL_CLOSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_has_a_channel_of_its_own_that_goes_with_it() {
    let server = server(&["Calls\t+"]);
    let settings = [
        ("SIP_CHANNEL", "Root/Calls"),
        ("SIP_CHANNEL_PER_CALL", "true"),
    ];
    let bridge = Bridge::start(&server, &settings);
    let listener = Caller::join(&server, "Ann").await;
    let channels = || {
        let roster = listener.client().roster();
        let of_calls = |name: &str| roster.find_channel(&format!("Root/Calls/{name}")).is_some();
        (of_calls("Call-alice"), of_calls("Call-bob"))
    };
    let mut phones = ["alice", "bob"].map(|user| Phone::start(user, PhoneCodec::Pcma, &silence()));
    for (phone, user) in phones.iter_mut().zip(["alice", "bob"]) {
        phone.dial(&bridge.address());
        phone.waits_for("CALL_ESTABLISHED");
        let (name, channel) = (format!("Phone-{user}"), format!("Calls/Call-{user}"));
        is_in(&listener, &name, &channel).await;
    }
    assert_eq!(channels(), (true, true));

    for (phone, left) in phones.iter_mut().zip([(false, true), (false, false)]) {
        phone.hang_up();
        let gone = async {
            while channels() != left {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let gone = timeout(LEAVING, gone).await;
        assert!(gone.is_ok(), "{:?} and not {left:?}", channels());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_keys_and_after_an_outage_a_caller_comes_back_to_the_channel_of_the_call() {
    let server = server(&["Calls\t+", "AI"]);
    let proxy = Proxy::before(&server, 1).await;
    let port = proxy.port().to_string();
    let settings = [
        ("MUMBLE_PORT", &*port),
        ("SIP_CHANNEL", "Root/Calls"),
        ("SIP_CHANNEL_PER_CALL", "true"),
        ("SIP_MENU_CHANNELS", "Root/AI"),
        ("SIP_PIN", "4711"),
    ];
    let bridge = Bridge::start(&server, &settings);
    let ann = Caller::join(&server, "Ann").await;
    let mut phone = Phone::start("alice", PhoneCodec::Pcma, &silence());
    phone.dial(&bridge.address());
    phone.waits_for("CALL_ESTABLISHED");
    is_in(&ann, "Phone-alice", "Calls/Call-alice").await;
    // Nobody is left in it: it is gone, and made again.
    phone.press("*2");
    is_in(&ann, "Phone-alice", "AI").await;
    assert!(own(&ann).is_none());
    phone.press("*3");
    is_in(&ann, "Phone-alice", "Calls/Call-alice").await;

    // Ann keeps it alive.
    let kept = own(&ann).unwrap();
    ann.client().enter(kept).await.unwrap();
    phone.press("*2");
    is_in(&ann, "Phone-alice", "AI").await;
    phone.press("*3");
    is_in(&ann, "Phone-alice", "Calls/Call-alice").await;

    let before = session(&ann, "Phone-alice");
    proxy.cut_tcp();
    let back = async {
        while matches!(session(&ann, "Phone-alice"), now if now.is_none() || now == before) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, back).await.expect("it comes back");
    // What it does it does in turn: by the time it tells this, it has come to rest.
    phone.press("4711#");
    tells(&ann, "Phone-alice", "is verified by PIN").await;
    is_in(&ann, "Phone-alice", "Calls/Call-alice").await;
    let roster = ann.client().roster();
    let inner = roster.find_channel("Root/Calls/Call-alice/Call-alice");
    assert_eq!((inner, own(&ann)), (None, Some(kept)));
}

/// The channel of Alice's call.
fn own(watcher: &Caller) -> Option<ChannelId> {
    let roster = watcher.client().roster();
    let own = roster.find_channel("Root/Calls/Call-alice");
    own.map(|channel| channel.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_line_next_does_not_bear_what_was_told_of_the_last_caller() {
    let server = server(&["Parked"]);
    let settings = [
        // So few that calls share a line from the first on.
        ("SIP_CONNECTIONS", "1"),
        ("SIP_PARKING_CHANNEL", "Root/Parked"),
        ("SIP_PIN", "4711"),
    ];
    let bridge = Bridge::start(&server, &settings);
    let ann = Caller::join(&server, "Ann").await;
    let mut phones = ["alice", "bob"].map(|user| Phone::start(user, PhoneCodec::Pcma, &silence()));
    let [alice, bob] = &mut phones;
    alice.dial(&bridge.address());
    alice.waits_for("CALL_ESTABLISHED");
    alice.press("4711#");
    let told = "of Phone-alice; the caller is verified by PIN";
    tells(&ann, "Phone-line-1", told).await;
    alice.hang_up();
    bob.dial(&bridge.address());
    bob.waits_for("CALL_ESTABLISHED");
    // Whatever the server has told before is there when it answers this.
    ann.client().set_comment("listens").await.unwrap();
    let line = session(&ann, "Phone-line-1").unwrap();
    let comment = ann.client().comment_of(line).await.unwrap();
    assert!(!comment.contains("alice"), "{comment}");
    tells(
        &ann,
        "Phone-line-1",
        "of Phone-bob; the caller is not verified",
    )
    .await;
}
