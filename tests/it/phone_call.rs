//! Calls that are made to telephones.

use std::f64::consts::TAU;
use std::time::Duration;

use audio::Pcm;
use bridge_sip::CallError;
use tokio_util::sync::CancellationToken;
use world::program::{Program, Ran};
use world::{Bridge, Caller, MumbleServer, Pbx, Phone, PhoneCodec, Release, free_port, free_range};

/// What the telephone plays and what the channel says, in Hz: far apart, and neither a multiple
/// of the other.
pub(crate) const OF_PHONE: f64 = 1000.0;
pub(crate) const OF_CHANNEL: f64 = 440.0;

pub(crate) fn tone(hz: f64, seconds: usize) -> Pcm {
    const RATE: u32 = 16_000;
    let sample = |n: usize| (8000.0 * (TAU * hz * n as f64 / f64::from(RATE)).sin()) as i16;
    Pcm::new(RATE, (0..RATE as usize * seconds).map(sample).collect())
}

/// What a tone is looked for in.
const HALF_A_SECOND: Duration = Duration::from_millis(500);

/// How strong this tone is where it is clearest for so long, as a share of all that sounds there.
pub(crate) fn share(sound: &Pcm, hz: f64, window: Duration) -> f64 {
    let window = (f64::from(sound.rate()) * window.as_secs_f64()) as usize;
    let shares = sound.samples().chunks_exact(window).map(|samples| {
        let (mut re, mut im, mut whole) = (0.0, 0.0, 1.0);
        for (n, &sample) in samples.iter().enumerate() {
            let (sin, cos) = (TAU * hz * n as f64 / f64::from(sound.rate())).sin_cos();
            re += f64::from(sample) * cos;
            im += f64::from(sample) * sin;
            whole += f64::from(sample).powi(2);
        }
        // Silence has no tone, however pure its noise is.
        let loud = whole > 500.0_f64.powi(2) * window as f64;
        let share = 2.0 * (re * re + im * im) / (whole * window as f64);
        if loud { share } else { 0.0 }
    });
    shares.fold(0.0, f64::max)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_called_hears_the_channel_and_is_heard_there() {
    let server = MumbleServer::of(Release::V1_5);
    let listener = Caller::join(&server, "Ann").await;
    let mut phone = Phone::start("alice", PhoneCodec::Pcma, &tone(OF_PHONE, 8));
    let call = Bridge::call(&server, phone.address(), &[], CancellationToken::new());
    let talk = async {
        listener.meets("Phone-alice").await;
        listener.say(&tone(OF_CHANNEL, 3)).await;
    };
    // It ends by itself when the telephone hangs up, at the end of what it plays.
    let (ended, ()) = tokio::join!(call, talk);
    ended.unwrap();
    phone.waits_for("CALL_CLOSED");

    let heard = listener.heard_of("Phone-alice");
    let heard = heard
        .iter()
        .map(|said| share(&said.sound, OF_PHONE, HALF_A_SECOND));
    let in_channel = heard.fold(0.0, f64::max);
    let by_phone = share(&phone.heard(), OF_CHANNEL, HALF_A_SECOND);
    assert!(
        in_channel > 0.9 && by_phone > 0.9,
        "{in_channel} {by_phone}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_changes_their_mind_cancels_the_call() {
    let server = MumbleServer::of(Release::V1_5);
    let manual = "answermode=manual";
    let mut phone = Phone::with("alice", PhoneCodec::Pcma, &tone(OF_PHONE, 8), manual);
    let shutdown = CancellationToken::new();
    let address = phone.address().to_owned();
    let call = Bridge::call(&server, &address, &[], shutdown.clone());
    let rings = tokio::task::spawn_blocking(move || {
        phone.waits_for("CALL_INCOMING");
        shutdown.cancel();
        phone.waits_for("CALL_CLOSED");
    });
    let (ended, rang) = tokio::join!(call, rings);
    ended.unwrap();
    rang.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_there_is_said_to_be_so() {
    let server = MumbleServer::of(Release::V1_5);
    let nobody = Pbx::start("unused");
    let address = nobody.address("nobody");
    let call = Bridge::call(&server, &address, &[], CancellationToken::new());
    assert!(matches!(call.await, Err(CallError::Declined(404))));
    let call = Bridge::call(&server, "alice", &[], CancellationToken::new());
    assert!(matches!(call.await, Err(CallError::Address)));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_pressed_once_somebody_has_answered() {
    let server = MumbleServer::of(Release::V1_5);
    for codec in [PhoneCodec::Pcmu, PhoneCodec::Opus] {
        let mut phone = Phone::start("alice", codec, &tone(OF_PHONE, 20));
        let shutdown = CancellationToken::new();
        let address = phone.address().to_owned();
        let call = Bridge::call_and_press(&server, &address, "12,2#", shutdown.clone());
        let hears = tokio::task::spawn_blocking(move || {
            let mut heard = String::new();
            while heard.len() < 4 {
                let key = phone.waits_for("CALL_DTMF_START");
                heard.push_str(key["param"].as_str().unwrap());
            }
            shutdown.cancel();
            phone.waits_for("CALL_CLOSED");
            heard
        });
        let (ended, heard) = tokio::join!(call, hears);
        ended.unwrap();
        assert_eq!(heard.unwrap(), "122#", "{codec:?}");
    }
}

/// `mumble-ai call`, which would call for this server.
fn command(server: &MumbleServer) -> Program {
    let (port, first) = (server.port().to_string(), free_range(2));
    Program::new(&[
        ("MUMBLE_HOST", server.host()),
        ("MUMBLE_PORT", &port),
        ("RTP_PORT_MIN", &first.to_string()),
        ("RTP_PORT_MAX", &(first + 1).to_string()),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_ends_well_when_the_telephone_hangs_up() {
    let server = MumbleServer::of(Release::V1_5);
    let listener = Caller::join(&server, "Ann").await;
    let mut phone = Phone::start("alice", PhoneCodec::Pcma, &tone(OF_PHONE, 8));
    let program = command(&server);
    let call = program.start(&["call", phone.address()]);
    listener.meets("Phone-alice").await;
    // At the end of what it plays.
    phone.waits_for("CALL_CLOSED");
    let ran = call.ends().await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let heard = listener.heard_of("Phone-alice");
    let heard = heard
        .iter()
        .map(|said| share(&said.sound, OF_PHONE, HALF_A_SECOND));
    assert!(heard.fold(0.0, f64::max) > 0.9);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_why_nobody_was_called() {
    let server = MumbleServer::of(Release::V1_5);
    let pbx = Pbx::start("unused");
    let nobody = format!("sip:alice@127.0.0.1:{}", free_port());
    let call = async |address: &str| command(&server).run(&["call", address]).await;
    let unknown = pbx.address("nobody");
    let (unknown, nobody, nonsense): (Ran, Ran, Ran) =
        tokio::join!(call(&unknown), call(&nobody), call("alice"));
    for (ran, code, why) in [
        (unknown, 1, "declined (404)"),
        (nobody, 1, "nobody answers"),
        (nonsense, 64, "expected one such as sip:"),
    ] {
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.stderr.contains(why), "{ran:?}");
    }
}
