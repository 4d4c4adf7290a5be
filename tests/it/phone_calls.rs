//! Many telephones at once: each one is heard as itself, whole, and hears all others.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use audio::Pcm;
use bridge_sip::rtcp::{self, Report, Sent};
use bridge_sip::rtp::{self, Header};
use futures::future::join_all;
use mumble::Heard;
use tokio::net::UdpSocket;
use tokio::time::sleep;
use world::handset::{Handset, Line};
use world::pitch::{HOP, NOBODYS, PACKET, PITCHES, loudness, present, range, strengths, tone};
use world::{Bridge, Caller, MumbleServer, Release, Sipp};

/// How long the telephones sound.
const LENGTH: Duration = Duration::from_secs(4);

/// By so much what is heard may be shorter or longer: the jitter buffer changes its depth, and
/// goes on for a moment when nothing more comes.
const EDGES: Duration = Duration::from_millis(150);

/// As strong as this all the time, a pitch is there, also while a buffer settles ([`world::pitch`]).
const ITSELF: f64 = 0.5;

/// As strong as this in one window, a pitch is another telephone's packet ([`world::pitch`]).
const CROSSED: f64 = 0.25;

/// As strong as this all the time, it is an echo of another telephone, 22 dB below it. A wave that
/// jumps in every window leaves less at the next pitch ([`world::pitch`]).
const STEADY: f64 = 0.08;

/// Below this nobody has the pitch amid nine others: of their waves, which jump while buffers
/// settle, some 6 % are found at any pitch.
const AMID_OTHERS: f64 = 0.15;

/// For ten calls at once: each has a Mumble connection of its own, as their server lets them.
/// At the bit rate of speech Opus makes of a high tone half a noise; this is not about Opus.
const TEN: [(&str, &str); 3] = [
    ("SIP_CONNECTIONS", "0"),
    ("SIP_ALLOW", "127.0.0.1/32"),
    ("SIP_BITRATE", "96000"),
];

/// That no pitch but these is in a sound.
fn has_none_but(name: &str, own: &[u32], sound: &Pcm) {
    for other in PITCHES.into_iter().chain([NOBODYS]) {
        if !own.contains(&other) {
            let (_, mean, most) = range(&strengths(sound, other));
            assert!(most < CROSSED, "{name} has {other} Hz: {most:.3}");
            assert!(
                mean < STEADY,
                "{name} has {other} Hz: {mean:.3} all the time"
            );
        }
    }
}

/// That a telephone's pitch, which was said for `length`, came through from its beginning to its
/// end, and nothing else did.
fn is_whole(name: &str, own: u32, length: Duration, pieces: &[Heard]) {
    let mut sound = Pcm::new(audio::MUMBLE_HZ, Vec::new());
    for pair in pieces.windows(2) {
        let end = pair[0].sequence + pair[0].pcm.duration().as_millis() as u64 / 10;
        assert!(
            !pair[0].last && pair[1].sequence == end,
            "{name} is heard in pieces"
        );
    }
    for piece in pieces {
        sound.extend_from_slice(piece.pcm.samples());
    }
    let loudness = loudness(&sound);
    let present = present(&loudness);
    let (least, ..) = range(present);
    let lasted = PACKET + HOP * present.len() as u32;
    assert!(lasted.abs_diff(length) < EDGES, "{name} lasts {lasted:?}");
    assert!(least > 0.5, "{name} has a gap: {present:.2?}");
    let (_, mean, _) = range(&strengths(&sound, own));
    assert!(mean > ITSELF, "{name} is not itself: {mean:.3}");
    has_none_but(name, &[own], &sound);
}

fn name_of(hz: u32) -> String {
    format!("at-{hz}")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_ten_telephones_is_heard_as_itself_and_hears_all_others() {
    let server = MumbleServer::of(Release::V1_5);
    let bridge = Bridge::start(&server, &TEN);
    let listener = Caller::join(&server, "Ann").await;
    let address = SocketAddr::from(([127, 0, 0, 1], bridge.port()));
    bridge.opens();

    let mut phones = Vec::new();
    for hz in PITCHES {
        phones.push(Handset::call(address, &name_of(hz)).await);
        listener.meets(&format!("Phone-{}", name_of(hz))).await;
    }
    assert_eq!(bridge.free_ports(), 1, "of eleven");
    let began = Instant::now();
    let said = phones
        .iter_mut()
        .zip(PITCHES)
        .map(|(phone, hz)| async move {
            // What waited in its socket is not part of it.
            phone.listen(Duration::from_millis(100)).await;
            phone.say(&tone(hz, LENGTH), &mut Line::good()).await;
            phone.listen(Duration::from_millis(500)).await;
        });
    join_all(said).await;

    for hz in PITCHES {
        let name = format!("Phone-{}", name_of(hz));
        is_whole(&name, hz, LENGTH, &listener.pieces_of(&name));
    }
    for (phone, hz) in phones.iter().zip(PITCHES) {
        let name = name_of(hz);
        // All of them sound by then, and still do.
        let heard = since(phone, began + Duration::from_millis(1500), LENGTH / 2);
        let others: Vec<u32> = PITCHES.into_iter().filter(|other| *other != hz).collect();
        for other in &others {
            let (_, mean, _) = range(&strengths(&heard, *other));
            assert!(
                mean > ITSELF,
                "{name} hears too little of {other}: {mean:.3}"
            );
        }
        for silent in [hz, NOBODYS] {
            let (_, mean, _) = range(&strengths(&heard, silent));
            assert!(mean < AMID_OTHERS, "{name} hears {silent} Hz: {mean:.3}");
        }
    }
    join_all(phones.into_iter().map(Handset::hang_up)).await;
}

/// What a telephone has heard from a time on, for a length.
fn since(phone: &Handset, from: Instant, length: Duration) -> Pcm {
    let packets = phone.packets();
    let first = packets.iter().position(|packet| packet.at >= from);
    let first = first.expect("it hears something");
    let (begin, end) = (packets[0].header, packets[first].header);
    let offset = end.timestamp.wrapping_sub(begin.timestamp) as usize;
    let heard = phone.heard();
    let end = offset + length.as_millis() as usize * 8;
    Pcm::new(8000, heard.samples()[offset..end].to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_calls_of_a_real_tester_each_have_their_own_tone() {
    let server = MumbleServer::of(Release::V1_5);
    let bridge = Bridge::start(&server, &TEN);
    let listener = Caller::join(&server, "Ann").await;
    let calls = PITCHES.map(|hz| Sipp::start_saying(&tone(hz, LENGTH), &name_of(hz), &bridge));
    for hz in PITCHES {
        listener.meets(&format!("Phone-{}", name_of(hz))).await;
    }
    assert_eq!(bridge.board().answer().calls.now, 10, "at once");
    for call in calls {
        call.passes().await;
    }
    for hz in PITCHES {
        let name = format!("Phone-{}", name_of(hz));
        is_whole(&name, hz, LENGTH, &listener.pieces_of(&name));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lands_on_a_neighbours_port_is_heard_by_nobody() {
    let server = MumbleServer::of(Release::V1_5);
    let bridge = Bridge::start(&server, &TEN);
    let listener = Caller::join(&server, "Ann").await;
    let address = SocketAddr::from(([127, 0, 0, 1], bridge.port()));
    bridge.opens();
    let [low, high, strange] = [PITCHES[0], PITCHES[3], NOBODYS];
    let mut one = Handset::call(address, "one").await;
    let mut two = Handset::call(address, "two").await;
    assert_eq!(one.media().port() + 1, two.media().port(), "neighbours");
    listener.meets("Phone-one").await;
    listener.meets("Phone-two").await;

    let ports = [one.media(), two.media()];
    let (of_one, of_two) = (tone(low, LENGTH), tone(high, LENGTH));
    let (mut first, mut second) = (Line::good(), Line::good());
    let calls = async { tokio::join!(one.say(&of_one, &mut first), two.say(&of_two, &mut second)) };
    tokio::join!(calls, strays(ports, strange));

    for (name, own) in [("Phone-one", low), ("Phone-two", high)] {
        is_whole(name, own, LENGTH, &listener.pieces_of(name));
    }
    for (name, phone, other) in [("one", &one, high), ("two", &two, low)] {
        has_none_but(name, &[other], &phone.heard());
    }
    one.hang_up().await;
    two.hang_up().await;
}

/// Somebody on the same computer floods both ports: with sound that could be a call's, with other
/// streams and payload types, reports, and garbage.
async fn strays(ports: [SocketAddr; 2], hz: u32) {
    // Both calls are under way by then.
    sleep(Duration::from_millis(500)).await;
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut codec = bridge_sip::offer::Codec::Pcma.open().unwrap();
    for (n, frame) in tone(hz, LENGTH / 2).samples().chunks(160).enumerate() {
        let sound = codec.encode(frame);
        let header = |payload_type, ssrc| Header {
            marker: n == 0,
            payload_type,
            sequence: n as u16,
            timestamp: n as u32 * 160,
            ssrc,
        };
        let packets = [
            rtp::write(header(8, 7), &sound),
            rtp::write(header(0, n as u32), &sound),
            rtp::write(header(101, 9), &[5, 0x8a, 3, 0x20]),
            // What belongs to the port below: telephones that know no rtcp-mux send it there.
            rtcp::write(&report(n as u32), "neighbour"),
            vec![0x80, 200, 0, 6, 0, 0],
            vec![0xff; 1400],
            vec![n as u8; n % 40],
        ];
        for port in ports {
            for packet in &packets {
                let _ = stranger.send_to(packet, port).await;
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
}

fn report(packets: u32) -> Report {
    Report {
        ssrc: 7,
        sent: Some(Sent {
            ntp: 0,
            timestamp: packets * 160,
            packets,
            octets: packets * 160,
        }),
        heard: Vec::new(),
    }
}
