//! What strangers send to the phone line: broken, contradictory and hostile messages, and too many.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::time::{sleep, timeout};
use world::{Bridge, Caller, Chance, MumbleServer, Release, Sipp, Via};

use broken::{Broken, broken, by_tcp, is_whole, statuses, wrong};

mod broken;

/// An answer to a broken message comes at once or never.
const MOMENT: Duration = Duration::from_millis(150);

/// How long after the last message everything of it may take to be gone.
const GONE: Duration = Duration::from_secs(10);

/// How long a call that was never acknowledged is remembered (32 s by RFC 3261 section 13.3.1.4),
/// on a busy machine.
const FORGETTING: Duration = Duration::from_secs(50);

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                   m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

/// A request that nothing is wrong with but for what a test changes.
fn request(method: &str, n: usize, body: &str) -> String {
    let kind = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    format!(
        "{method} sip:ai@127.0.0.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bKn{n}\r\nMax-Forwards: 70\r\n\
         From: \"Eve\" <sip:eve@127.0.0.1>;tag=t{n}\r\nTo: <sip:ai@127.0.0.1>\r\n\
         Call-ID: c{n}\r\nCSeq: 1 {method}\r\nContact: <sip:eve@127.0.0.1:9>\r\n{kind}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn invite(n: usize, body: &str) -> String {
    request("INVITE", n, body)
}

/// Each source is silenced after a few broken messages: so each message has a source of its own.
fn source(row: u8, n: usize) -> SocketAddr {
    let [low, high, ..] = (n as u32 + 1).to_le_bytes();
    SocketAddr::from((Ipv4Addr::new(127, row, high, low), 0))
}

/// Nothing of what strangers sent is left, and whoever has something to say gets through.
async fn all_is_well(bridge: &Bridge, listener: &Caller) {
    let until = Instant::now() + GONE;
    let callers = || {
        let roster = listener.client().roster();
        roster
            .users()
            .filter(|user| user.name.starts_with("Phone-"))
            .count()
    };
    while bridge.free_ports() < 11 || callers() > 0 {
        let free = bridge.free_ports();
        assert!(
            Instant::now() < until,
            "{free} free ports, {} callers",
            callers()
        );
        sleep(Duration::from_millis(50)).await;
    }
    for via in Via::ALL {
        Sipp::start_with("call", bridge, via, &["-d", "200"])
            .passes()
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_broken_is_answered_well_and_calls_go_on() {
    let server = MumbleServer::of(Release::V1_5);
    let bridge = Bridge::start(&server, &[]);
    bridge.opens();
    let listener = Caller::join(&server, "Ann").await;
    let address = SocketAddr::from(([127, 0, 0, 1], bridge.port()));
    let mut wrongs = Vec::new();
    for (n, Broken { message, told }) in broken().into_iter().enumerate() {
        // A good answer would come as soon as a bad one.
        let patience = if told.is_some() { GONE } else { MOMENT };
        let udp = UdpSocket::bind(source(2, n)).await.unwrap();
        // What is longer than a datagram is cut off.
        let datagram = &message[..message.len().min(65_000)];
        udp.send_to(datagram, address).await.unwrap();
        let mut answer = vec![0; 8192];
        let answered = timeout(patience, udp.recv(&mut answer)).await;
        let length = answered.map_or(0, Result::unwrap_or_default);
        wrongs.extend(wrong("UDP", n, &message, &answer[..length], told));
        let tcp = TcpSocket::new_v4().unwrap();
        tcp.bind(source(3, n)).unwrap();
        let mut tcp = tcp.connect(address).await.unwrap();
        let message = by_tcp(message);
        // What is not whole is waited for.
        let told = told.filter(|_| is_whole(&message));
        let patience = if told.is_some() { GONE } else { MOMENT };
        // It may have been closed meanwhile, which is an answer as well.
        let _ = tcp.write_all(&message).await;
        let answered = timeout(patience, tcp.read(&mut answer)).await;
        let length = answered.map_or(0, Result::unwrap_or_default);
        wrongs.extend(wrong("TCP", n, &message, &answer[..length], told));
    }
    assert!(wrongs.is_empty(), "{}", wrongs.join("\n"));
    all_is_well(&bridge, &listener).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_never_bring_a_message_are_closed_and_keep_nobody_out() {
    let server = MumbleServer::of(Release::V1_5);
    let bridge = Bridge::start(&server, &[]);
    bridge.opens();
    let address = SocketAddr::from(([127, 0, 0, 1], bridge.port()));
    let mut slow = Vec::new();
    for n in 0..100 {
        let tcp = TcpSocket::new_v4().unwrap();
        // Twenty of each address, more than it may have.
        tcp.bind(SocketAddr::from((Ipv4Addr::new(127, 4, 0, n / 20), 0)))
            .unwrap();
        slow.push(tcp.connect(address).await.unwrap());
    }
    let begun = Instant::now();
    let whole = invite(1, SDP);
    // A byte now and then, and never the last one.
    for byte in whole.as_bytes().iter().take(20) {
        for tcp in &mut slow {
            let _ = tcp.write_all(&[*byte]).await;
        }
    }
    // One of another address is let in all the same.
    let own = TcpSocket::new_v4().unwrap();
    own.bind(SocketAddr::from(([127, 5, 0, 1], 0))).unwrap();
    let mut own = own.connect(address).await.unwrap();
    let options = request("OPTIONS", 7, "").replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    let mut answer = vec![0; 4096];
    let told = async {
        own.write_all(options.as_bytes()).await?;
        own.read(&mut answer).await
    };
    let length = timeout(GONE, told).await.unwrap().unwrap();
    assert!(answer[..length].starts_with(b"SIP/2.0 200 "));
    for tcp in &mut slow {
        // Its end, or an answer before it: never a good one.
        while let Ok(length @ 1..) = timeout(2 * GONE, tcp.read(&mut answer)).await.unwrap() {
            let statuses = statuses(&answer[..length]);
            assert!(statuses.iter().all(|status| *status >= 400), "{statuses:?}");
        }
    }
    assert!(begun.elapsed() < 2 * GONE, "they are held for too long");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_and_a_scanner_keep_nobody_else_from_calling() {
    let server = MumbleServer::of(Release::V1_5);
    let bridge = Bridge::start(&server, &[]);
    bridge.opens();
    let listener = Caller::join(&server, "Ann").await;
    let address = SocketAddr::from(([127, 0, 0, 1], bridge.port()));
    let flood = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let scanner = UdpSocket::bind("127.0.0.3:0").await.unwrap();
    // G.729: no call comes of it.
    let offer = SDP.replace("AVP 0", "AVP 18").replace("0 PCMU", "18 G729");
    for n in 0..3000 {
        let register = request("REGISTER", 2 * n, "");
        let invite = invite(2 * n + 1, &offer);
        for message in [register, invite] {
            let _ = flood.send_to(message.as_bytes(), address).await;
        }
        let agent = "User-Agent: friendly-scanner\r\nMax-Forwards";
        let scan = request("OPTIONS", n, "").replace("Max-Forwards", agent);
        let _ = scanner.send_to(scan.as_bytes(), address).await;
        if n == 1500 {
            Sipp::start_with("call", &bridge, Via::Udp, &["-d", "200"])
                .passes()
                .await;
        }
    }
    let mut answer = [0; 4096];
    let scanned = timeout(MOMENT, scanner.recv(&mut answer)).await;
    assert!(scanned.is_err(), "a scanner is answered");
    let mut answers = 0;
    while timeout(MOMENT, flood.recv(&mut answer)).await.is_ok() {
        answers += 1;
    }
    assert!(answers < 600, "{answers} answers to a flood");
    all_is_well(&bridge, &listener).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_altered_messages_leave_the_line_as_it_was() {
    let server = MumbleServer::of(Release::V1_5);
    // A network that is allowed is neither counted nor silenced: all of them are looked at.
    let bridge = Bridge::start(&server, &[("SIP_ALLOW", "127.0.0.0/8")]);
    bridge.opens();
    let listener = Caller::join(&server, "Ann").await;
    let address = SocketAddr::from(([127, 0, 0, 1], bridge.port()));
    let socket = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let offer = SDP.replace("AVP 0", "AVP 18").replace("0 PCMU", "18 G729");
    let mut chance = Chance::of(4475);
    let methods = [
        "INVITE", "OPTIONS", "BYE", "CANCEL", "ACK", "UPDATE", "INFO", "PRACK",
    ];
    for n in 0..4000 {
        let method = methods[n % methods.len()];
        let body = if n % 3 == 0 { &*offer } else { "" };
        // An INVITE without an offer would be a call.
        let body = if method == "INVITE" { &*offer } else { body };
        let message = altered(request(method, n, body).into_bytes(), &mut chance);
        let _ = socket.send_to(&message, address).await;
        if n % 50 == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }
    let options = Sipp::start("options", &bridge, Via::Udp);
    options.passes().await;
    all_is_well(&bridge, &listener).await;
    // Some of them have become offers that a call comes of.
    let until = Instant::now() + FORGETTING;
    loop {
        let it = bridge.board().answer();
        if (it.calls.now, it.dialogs, it.ports.free) == (0, 0, 11) {
            break;
        }
        assert!(Instant::now() < until, "something is left: {it:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// One to four changes: a byte, a piece that is lost, a piece that comes twice.
fn altered(mut message: Vec<u8>, chance: &mut Chance) -> Vec<u8> {
    for _ in 0..=chance.below(3) {
        let at = chance.below(message.len() as u64) as usize;
        let to = (at + chance.below(30) as usize).min(message.len());
        match chance.below(4) {
            0 => message[at] = chance.byte(),
            1 if message.len() > 60 => drop(message.drain(at..to)),
            2 => {
                let piece = message[at..to].to_vec();
                message.splice(at..at, piece);
            }
            _ => message[at] ^= 1 << chance.below(8),
        }
    }
    message
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_goes_to_nobody_who_did_not_ask_for_it() {
    let server = MumbleServer::of(Release::V1_5);
    let bridge = Bridge::start(&server, &[]);
    bridge.opens();
    let address = SocketAddr::from(([127, 0, 0, 1], bridge.port()));
    let victim = UdpSocket::bind("127.0.0.9:0").await.unwrap();
    let port = victim.local_addr().unwrap().port();
    let caller = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let offer = SDP
        .replace("c=IN IP4 127.0.0.1", "c=IN IP4 127.0.0.9")
        .replace("4000", &port.to_string());
    caller
        .send_to(invite(1, &offer).as_bytes(), address)
        .await
        .unwrap();
    let mut answer = [0; 4096];
    loop {
        let length = timeout(GONE, caller.recv(&mut answer))
            .await
            .unwrap()
            .unwrap();
        if String::from_utf8_lossy(&answer[..length]).starts_with("SIP/2.0 200") {
            break;
        }
    }
    let sent = timeout(Duration::from_secs(1), victim.recv(&mut answer)).await;
    assert!(
        sent.is_err(),
        "somebody is sent sound who never asked for it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_acknowledges_an_answer_keeps_nobody_else_from_calling() {
    let server = MumbleServer::of(Release::V1_5);
    // A server that bans nobody: it is not for want of connections to it that a call has to wait.
    let bridge = Bridge::start(&server, &[("SIP_CONNECTIONS", "0")]);
    bridge.opens();
    let listener = Caller::join(&server, "Ann").await;
    let address = SocketAddr::from(([127, 0, 0, 1], bridge.port()));
    let silent = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    for n in 0..30 {
        let invite = invite(n, SDP);
        silent.send_to(invite.as_bytes(), address).await.unwrap();
    }
    let mut answer = [0; 4096];
    let mut answers = String::new();
    let all = |answers: &str| {
        let finals = answers.matches("SIP/2.0 503").count();
        finals >= 20 && answers.contains("SIP/2.0 200")
    };
    while !all(&answers) {
        let received = timeout(GONE, silent.recv(&mut answer)).await;
        let length = received.expect("each of them is answered").unwrap();
        answers.push_str(&String::from_utf8_lossy(&answer[..length]));
    }
    assert!(answers.contains("\r\nRetry-After: "), "{answers}");
    Sipp::start_with("call", &bridge, Via::Udp, &["-d", "200"])
        .passes()
        .await;
    // Long before anybody has to believe that no acknowledgement comes (RFC 3261: 32 s).
    let until = Instant::now() + 2 * GONE;
    while bridge.free_ports() < 11 {
        assert!(Instant::now() < until, "ports are held");
        sleep(Duration::from_millis(50)).await;
    }
    all_is_well(&bridge, &listener).await;
}
