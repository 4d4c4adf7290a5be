//! Sound and text between users of a 1.3 and of a 1.5 server, by UDP and through the tunnel.

use std::time::Duration;

use mumble::{Config, TextScope};
use tokio::time::{sleep, timeout};
use world::{Caller, MumbleServer, Release};

use world::stage::tone;

/// How long UDP may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Joins, and waits until voice goes the way it shall.
async fn user(server: &MumbleServer, name: &str, udp: bool) -> Caller {
    let caller = Caller::join_with(server, name, |config: &mut Config| config.udp = udp).await;
    let settled = async {
        while caller.client().stats().udp != udp {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let settled = timeout(PATIENCE, settled).await;
    settled.expect("UDP answers on loopback");
    caller
}

#[tokio::test]
async fn each_release_says_which_it_is() {
    for release in Release::ALL {
        let server = MumbleServer::of(release);
        let ann = user(&server, "Ann", true).await;
        let version = ann.server().version;
        let told = (version.major, version.minor, version.patch);
        assert_eq!(told, release.version(), "{:?}", ann.server());
    }
}

/// A server drops voice that is not in the format of the version that its sender told it, so
/// what is heard was written, and read, in the format of this release.
#[tokio::test]
async fn voice_and_text_pass_between_udp_and_tunnel_on_each_release() {
    let second = Duration::from_secs(1);
    for release in Release::ALL {
        let server = MumbleServer::of(release);
        for (from, to) in [(true, true), (true, false), (false, true), (false, false)] {
            let mut ann = user(&server, "Ann", from).await;
            let mut bob = user(&server, "Bob", to).await;
            ann.meets("Bob").await;
            bob.meets("Ann").await;

            ann.say(&tone(second)).await;
            let heard = bob.hears("Ann").await.sound.duration();
            let way = format!("{release:?}, by UDP: {from} to {to}");
            assert!(heard.abs_diff(second) < second / 10, "{heard:?} ({way})");
            for caller in [&ann, &bob] {
                let stats = caller.client().stats();
                assert_eq!(stats.unreadable, 0, "{way}: {stats:?}");
                assert_eq!(stats.dropped, 0, "{way}: {stats:?}");
            }
            assert_eq!(bob.client().stats().good > 0, to, "{way}");

            bob.write("Was it you, Ann?");
            let text = ann.reads().await;
            assert_eq!(text.text, "Was it you, Ann?", "{way}");
            assert!(matches!(text.to, TextScope::Channel(_)), "{text:?}");
        }
    }
}
