//! Voice when UDP dies in the middle of a sentence, on real servers: how much is lost, and for
//! how long nothing flows.

use std::pin::pin;
use std::time::{Duration, Instant};

use mumble::Heard;
use tokio::time::{sleep, timeout};
use world::{Caller, Direction, MumbleServer, Proxy, Release, Tcp, Udp};

use world::stage::tone;

/// The bounds of a change of way.
const MOST_LOST: Duration = ms(200);
const LONGEST_GAP: Duration = ms(400);

/// A sentence, and how far into it UDP dies: phases that no timer of 20 or 50 ms divides, and
/// every way to die.
const SENTENCE: Duration = ms(1500);
const CUTS: [(Duration, Udp); 5] = [
    (ms(301), Udp::DropsBoth),
    (ms(413), Udp::DropsUp),
    (ms(527), Udp::DropsDown),
    (ms(639), Udp::DropsBoth),
    (ms(748), Udp::DropsBoth),
];

/// How long anything else may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Half a second has so many packets, and is said so often at most until all go by UDP.
const PACKETS: usize = 25;
const TRIES: usize = 3;

/// Datagrams of voice are longer than this, and pings shorter; in bytes.
const VOICE: usize = 40;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Waits until voice of this user goes that way.
async fn goes_by_udp(user: &Caller, udp: bool) {
    let settled = async {
        while user.client().stats().udp != udp {
            sleep(ms(5)).await;
        }
    };
    let settled = timeout(PATIENCE, settled).await;
    settled.unwrap_or_else(|_| panic!("voice never goes by UDP: {udp}"));
}

/// How much of a sentence was lost, and for how long nothing of it came.
#[derive(Clone, Copy, Debug)]
struct Damage {
    lost: Duration,
    gap: Duration,
}

impl Damage {
    /// Of the sentence in `pieces`, which is all that was heard.
    fn of(pieces: &[Heard]) -> Self {
        // A hole is filled by a piece of its own, all of it made up or silent.
        let hole = |piece: &&Heard| !piece.concealed.is_zero();
        let filled: Duration = pieces.iter().filter(hole).map(|p| p.pcm.duration()).sum();
        let total: Duration = pieces.iter().map(|piece| piece.pcm.duration()).sum();
        let times: Vec<Instant> = pieces.iter().map(|piece| piece.received).collect();
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        Self {
            lost: filled + SENTENCE.saturating_sub(total),
            gap: gaps.max().unwrap_or_default(),
        }
    }

    #[expect(
        clippy::print_stdout,
        reason = "shown when a test fails: how bad each cut was"
    )]
    fn check(self, what: &str) {
        println!("{what}: lost {:?}, nothing for {:?}", self.lost, self.gap);
        assert!(self.lost <= MOST_LOST, "{what}: {self:?}");
        assert!(self.gap <= LONGEST_GAP, "{what}: {self:?}");
    }
}

/// Lets `from` say a sentence to `to`, and UDP die in the middle of it.
async fn sentence(from: &Caller, to: &mut Caller, proxy: &Proxy, cut: (Duration, Udp)) -> Damage {
    let name = from.name();
    let before = to.pieces_of(&name).len();
    let mut playing = from.begin_to_say(&tone(SENTENCE)).await;
    to.begins(&name).await;
    sleep(cut.0).await;
    proxy.change(|faults| faults.udp = cut.1);
    playing.done().await.expect("it is being said");
    to.hears(&name).await;
    Damage::of(&to.pieces_of(&name)[before..])
}

/// Says something without trouble, all of which goes by UDP that way past the proxy.
///
/// Where the user there has found UDP dead meanwhile it says so, and it is said once more: a machine
/// that stands still for a tenth of a second looks like that. Without a word of it none may be lost.
async fn all_goes_by_udp(from: &Caller, to: &mut Caller, proxy: &Proxy, way: Direction) {
    for _ in 0..TRIES {
        let behind = if way == Direction::Up { from } else { &*to };
        goes_by_udp(behind, true).await;
        let client = behind.client().clone();
        proxy.forget_datagrams();
        let mut heard = pin!(async {
            from.say(&tone(ms(20) * PACKETS as u32)).await;
            to.hears(&from.name()).await
        });
        let mut died = false;
        while timeout(ms(5), &mut heard).await.is_err() {
            died |= !client.stats().udp;
        }
        if !died {
            let passed = proxy.datagrams().into_iter();
            let voice = passed.filter(|d| d.direction == way && d.length > VOICE);
            assert!(voice.count() >= PACKETS);
            return;
        }
    }
    panic!("UDP was found dead {TRIES} times, and it was not");
}

async fn udp_dies_and_comes_back(release: Release) {
    let server = MumbleServer::of(release);
    let mut near = Caller::join(&server, "Near").await;
    for (at, cut) in CUTS.into_iter().enumerate() {
        let proxy = Proxy::before(&server, at as u64).await;
        let port = proxy.port();
        let mut far = Caller::join_with(&server, "Far", |config| config.port = port).await;
        far.meets("Near").await;
        near.meets("Far").await;
        goes_by_udp(&near, true).await;
        goes_by_udp(&far, true).await;

        let what = format!("{release:?}, speaking when {:?} at {:?}", cut.1, cut.0);
        sentence(&far, &mut near, &proxy, cut).await.check(&what);
        goes_by_udp(&far, false).await;
        proxy.heal();
        goes_by_udp(&far, true).await;
        all_goes_by_udp(&far, &mut near, &proxy, Direction::Up).await;
        all_goes_by_udp(&near, &mut far, &proxy, Direction::Down).await;

        let what = format!("{release:?}, hearing when {:?} at {:?}", cut.1, cut.0);
        sentence(&near, &mut far, &proxy, cut).await.check(&what);
        goes_by_udp(&far, false).await;
        proxy.heal();
        goes_by_udp(&far, true).await;
        // Nobody behind the proxy has spoken since: the server is asked for UDP all the same.
        all_goes_by_udp(&near, &mut far, &proxy, Direction::Down).await;
    }
}

#[tokio::test]
async fn udp_may_die_in_the_middle_of_a_sentence_on_1_3() {
    udp_dies_and_comes_back(Release::V1_3).await;
}

#[tokio::test]
async fn udp_may_die_in_the_middle_of_a_sentence_on_1_5() {
    udp_dies_and_comes_back(Release::V1_5).await;
}

/// A server that nothing reaches goes on sending by UDP. What is lost then is more than a
/// nonce's low byte can tell, and it takes an agreement on new ones to hear again by UDP.
#[tokio::test]
async fn nonces_that_have_drifted_apart_are_agreed_on_anew() {
    for release in Release::ALL {
        let server = MumbleServer::of(release);
        let near = Caller::join(&server, "Near").await;
        let proxy = Proxy::before(&server, 1).await;
        let port = proxy.port();
        let mut far = Caller::join_with(&server, "Far", |config| config.port = port).await;
        far.meets("Near").await;
        goes_by_udp(&far, true).await;
        proxy.change(|faults| (faults.udp, faults.tcp) = (Udp::DropsDown, Tcp::HangsUp));
        near.say(&tone(ms(3400))).await;
        let lost = proxy.datagrams();
        assert!(lost.iter().filter(|datagram| !datagram.passed).count() > 128);
        goes_by_udp(&far, false).await;
        proxy.heal();
        goes_by_udp(&far, true).await;
        assert_eq!(far.client().stats().resyncs, 1, "{release:?}");
        all_goes_by_udp(&near, &mut far, &proxy, Direction::Down).await;
        let mut third = Caller::join(&server, "Third").await;
        all_goes_by_udp(&far, &mut third, &proxy, Direction::Up).await;
    }
}

/// Loss alone is repaired by the codec, and rarely changes the way.
#[tokio::test]
async fn random_loss_does_not_change_the_way_all_the_time() {
    let server = MumbleServer::of(Release::V1_5);
    let mut near = Caller::join(&server, "Near").await;
    let proxy = Proxy::before(&server, 5).await;
    let port = proxy.port();
    let far = Caller::join_with(&server, "Far", |config| config.port = port).await;
    far.meets("Near").await;
    goes_by_udp(&far, true).await;
    proxy.change(|faults| {
        (faults.loss_percent, faults.reorder_percent) = (5.0, 2.0);
        faults.delay = ms(15);
    });
    let length = Duration::from_secs(8);
    let sound = tone(length);
    let (mut changes, mut udp) = (0, true);
    let watch = async {
        loop {
            sleep(ms(10)).await;
            let now = far.client().stats().udp;
            changes += usize::from(now != udp);
            udp = now;
        }
    };
    tokio::select! {
        () = watch => {}
        _ = far.say(&sound) => {}
    }
    let heard = near.hears("Far").await.sound.duration();
    assert!(heard.abs_diff(length) < ms(100), "{heard:?}");
    assert!(changes <= 6, "{changes}");
}
