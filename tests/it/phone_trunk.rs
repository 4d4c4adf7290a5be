//! What the README says of calls through a PBX, done as it says it.

use std::time::Duration;

use audio::Pcm;
use tokio::time::{sleep, timeout};
use world::{Bridge, Caller, MumbleOptions, MumbleServer, Pbx, Phone, PhoneCodec};

use super::phone_call::{OF_CHANNEL, OF_PHONE, share, tone};

const README: &str = include_str!("../../README.md");

/// The addresses of the README's PBX and of its phone line.
const PBX: &str = "192.168.1.5";
const LINE: &str = "192.168.1.20:5060";

/// For so long a tone has to be clear: a packet. A busy machine leaves gaps between packets, and a
/// gap moves the tone.
const CLEAR: Duration = Duration::from_millis(20);

/// How long somebody may take to leave: far more than it can take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the README has between fences of this language, and with this word in it.
fn fenced(language: &str, word: &str) -> &'static str {
    let opening = format!("```{language}\n");
    let fences = README.split(&*opening).skip(1);
    let mut texts = fences.filter_map(|rest| Some(rest.split_once("```")?.0));
    let found = texts.find(|text| text.contains(word));
    found.unwrap_or_else(|| panic!("the README has no {language} with {word}"))
}

/// The settings of the README's trunk: the words before the command. All of a test is on this
/// machine, and listens to it alone.
fn trunk() -> Vec<(String, String)> {
    let words = fenced("sh", "SIP_CHANNELS=").split_whitespace();
    let set = words.filter_map(|word| word.split_once('='));
    let set = set.filter(|(name, _)| *name != "SIP_BIND");
    let set: Vec<_> = set
        .map(|(name, value)| (name.to_owned(), value.replace(PBX, "127.0.0.1")))
        .collect();
    assert_eq!(set.len(), 2, "{set:?}");
    set
}

struct Trunk {
    watcher: Caller,
    phone: Phone,
    _pbx: Pbx,
    _bridge: Bridge,
    _server: MumbleServer,
}

impl Trunk {
    /// A telephone of the PBX has dialled 77, and somebody is in the channel where that leads.
    async fn is_dialled() -> Self {
        let server = MumbleServer::start(MumbleOptions {
            channels: vec!["Phone".to_owned()],
            ..MumbleOptions::default()
        });
        let settings = trunk();
        let settings: Vec<_> = settings.iter().map(|(n, v)| (&**n, &**v)).collect();
        let bridge = Bridge::start(&server, &settings);
        bridge.opens();
        let route = fenced("kamailio", "\"77\"");
        assert!(route.contains(LINE), "{route}");
        let here = format!("127.0.0.1:{}", bridge.port());
        let pbx = Pbx::routing("unused", &route.replace(LINE, &here));
        let watcher = Caller::join_with(&server, "Ann", |config| {
            config.channel = Some("Root/Phone".to_owned());
        })
        .await;
        let mut phone = Phone::start("alice", PhoneCodec::Pcma, &tone(OF_PHONE, 20));
        phone.dial(&pbx.address("77"));
        phone.waits_for("CALL_ESTABLISHED");
        watcher.meets("Phone-alice").await;
        Self {
            watcher,
            phone,
            _pbx: pbx,
            _bridge: bridge,
            _server: server,
        }
    }

    async fn is_left(&self) {
        let gone = async {
            let there = || {
                let roster = self.watcher.client().roster();
                roster.users().any(|user| user.name.starts_with("Phone-"))
            };
            while there() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let left = timeout(PATIENCE, gone).await;
        left.expect("the caller does not leave");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_dials_the_extension_of_the_readme_talks_with_the_channel_until_they_hang_up() {
    let mut trunk = Trunk::is_dialled().await;
    let Trunk { watcher, phone, .. } = &mut trunk;
    watcher.say(&tone(OF_CHANNEL, 3)).await;
    phone.hang_up();
    phone.waits_for("CALL_CLOSED");
    trunk.is_left().await;

    let heard = trunk.watcher.heard_of("Phone-alice");
    let heard = heard.iter().map(|said| share(&said.sound, OF_PHONE, CLEAR));
    let in_channel = heard.fold(0.0, f64::max);
    let by_phone = share(&trunk.phone.heard(), OF_CHANNEL, CLEAR);
    assert!(
        in_channel > 0.9 && by_phone > 0.9,
        "{in_channel} {by_phone}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_through_the_pbx_of_the_readme_can_be_ended_from_this_end() {
    let mut trunk = Trunk::is_dialled().await;
    trunk.phone.press("*0");
    trunk.phone.waits_for("CALL_CLOSED");
    trunk.is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_calls_past_the_pbx_of_the_readme_is_not_heard() {
    let server = MumbleServer::start(MumbleOptions::default());
    // Another PBX is meant: this telephone is not on the list.
    let bridge = Bridge::start(&server, &[("SIP_ALLOW", PBX)]);
    bridge.opens();
    let silence = Pcm::silence(8000, Duration::from_secs(20));
    let mut phone = Phone::start("mallory", PhoneCodec::Pcma, &silence);
    phone.dial(&bridge.address());
    let until = tokio::time::Instant::now() + PATIENCE;
    while bridge.board().answer().turned_away["stranger"] == 0 {
        assert!(tokio::time::Instant::now() < until, "{}", phone.log());
        sleep(Duration::from_millis(20)).await;
    }
    let answer = bridge.board().answer();
    assert_eq!((answer.calls.begun, answer.dialogs), (0, 0));
}
