//! Messages that phones send, messages that torture, and sources that flood.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const INVITE: &str = "INVITE sip:bot@192.0.2.1 SIP/2.0\r\n\
Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKabc;rport\r\n\
Max-Forwards: 70\r\n\
From: \"Ann, <the> \\\"one\\\"\" <sip:ann@198.51.100.7>;tag=1928\r\n\
To: <sip:bot@stage.example>\r\n\
Call-ID: a84b4c76e66710@198.51.100.7\r\n\
CSeq: 314159 INVITE\r\n\
Contact: <sip:ann@198.51.100.7>\r\n\
Supported: timer\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 5\r\n\r\nv=0\r\n";

fn judged(message: &str) -> Verdict {
    check(message.as_bytes(), &Rules::default())
}

/// The status that the invitation gets with one part of it changed.
fn status(from: &str, to: &str) -> u16 {
    assert!(INVITE.contains(from), "{from}");
    match judged(&INVITE.replacen(from, to, 1)) {
        Verdict::Pass => 0,
        Verdict::Answer(fault) => fault.status().0,
        Verdict::Drop(reason) => panic!("{from} -> {to}: {reason:?}"),
    }
}

#[test]
fn what_phones_send_passes() {
    assert_eq!(judged(INVITE), Verdict::Pass);
    for (from, to) in [
        ("Max-Forwards: 70", "Max-Forwards: 0"),
        ("Max-Forwards: 70\r\n", ""),
        ("sip:bot@192.0.2.1", "sip:192.0.2.1:5060;transport=udp"),
        ("sip:bot@192.0.2.1", "sips:b?t:p%41ss@[2001:db8::1]:5060"),
        ("sip:bot@192.0.2.1", "tel:+358-555-1234567"),
        ("SIP/2.0/UDP 198", "SIP / 2.0 / UDP\r\n  198"),
        (
            "To: <sip:bot@stage.example>",
            "t :\r\n sip:bot@stage.example;x",
        ),
        (";tag=1928", "; TAG = 1928"),
        ("Content-Length: 5\r\n", ""),
        ("Content-Length: 5", "l: 0"),
        ("Supported", "Require"),
        ("Supported: timer", "x: 1800;refresher=uac\r\nMin-SE: 90"),
        ("INVITE sip", "\r\n\r\nINVITE sip"),
        ("Content-Type: application/sdp", "c: Application/SDP ; x=y"),
    ] {
        assert_eq!(status(from, to), 0, "{from} -> {to}");
    }
    let response = INVITE.replacen("INVITE sip:bot@192.0.2.1 SIP/2.0", "SIP/2.0 200 OK", 1);
    assert_eq!(judged(&response), Verdict::Pass);
}

#[test]
fn a_broken_request_is_told_so() {
    for (from, to) in [
        ("INVITE sip", "INVITE  sip"),
        ("Supported: timer", "Session-Expires: soon"),
        ("Supported: timer", "x: 90;refresher=me"),
        ("Supported: timer", "Min-SE: -1"),
        ("SIP/2.0\r\nVia", "SIP/2.0 \r\nVia"),
        ("sip:bot@192.0.2.1", "<sip:bot@192.0.2.1>"),
        ("sip:bot@192.0.2.1", "sip:bot@192.0.2.1?Route=%3Csip:x%3E"),
        ("sip:bot@192.0.2.1", "sip:@192.0.2.1"),
        ("sip:bot@192.0.2.1", "sip:bot@192.0.2.1:99999"),
        ("sip:bot@192.0.2.1", "sip:bot%4@192.0.2.1"),
        ("sip:bot@192.0.2.1", "bot"),
        (";tag=1928", ""),
        (";tag=1928", ";tag=1;tag=2"),
        ("\\\"\" <sip", "\\\" <sip"),
        ("<sip:ann@198.51.100.7>;tag", "<sip:ann @198.51.100.7>;tag"),
        ("314159 INVITE", "314159 OPTIONS"),
        ("314159 INVITE", "2147483648 INVITE"),
        ("314159 INVITE", "-1 INVITE"),
        ("314159 INVITE", "1"),
        ("Max-Forwards: 70", "Max-Forwards: 256"),
        ("Max-Forwards: 70", "Max-Forwards: 70\r\nMax-Forwards: 70"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5", "Content-Length: -5"),
        ("Content-Length: 5", "Content-Length: 5\r\nl: 5"),
        ("Content-Type: application/sdp\r\n", ""),
        ("Contact: <sip:ann@198.51.100.7>\r\n", ""),
        ("Contact: <sip", "Contact: \"<sip"),
        ("Max-Forwards: 70", "Max Forwards: 70"),
        ("Max-Forwards: 70", "hello"),
        ("Max-Forwards: 70", "Subject: \u{1}"),
        ("Max-Forwards: 70", "Subject: a\nSubject: b"),
        ("SIP/2.0/UDP", "SIP/3.0/UDP"),
        ("SIP/2.0/UDP 198.51.100.7:5060", "SIP/2.0/UDP"),
        ("\r\n\r\nv=0\r\n", "\r\n"),
    ] {
        assert_eq!(status(from, to), 400, "{from} -> {to}");
    }
}

#[test]
fn what_is_not_understood_has_a_status_of_its_own() {
    for (from, to, expected) in [
        ("bot@192.0.2.1 SIP/2.0", "bot@192.0.2.1 SIP/7.0", 505),
        ("sip:bot@192.0.2.1", "nobodyKnowsThisScheme:x", 416),
        (
            "Supported: timer",
            "Require: timer, nothingSupportsThis",
            420,
        ),
        ("Supported: timer", "Require: 100rel", 420),
        ("application/sdp", "multipart/mixed", 415),
        ("Supported: timer", "Content-Encoding: gzip", 415),
        ("Supported: timer", &"X: y\r\n".repeat(MOST_HEADERS), 513),
        (
            "Supported: timer",
            &format!("X: {}", "y".repeat(LONGEST_LINE)),
            513,
        ),
        (
            "Supported: timer",
            &format!("X: {}", "y\r\n y".repeat(LONGEST_LINE)),
            513,
        ),
    ] {
        assert_eq!(status(from, to.trim_end()), expected, "{to}");
    }
    let register = INVITE.replace("INVITE", "NEWMETHOD");
    assert_eq!(judged(&register), Verdict::Answer(Fault::Method));
    let bytes = INVITE
        .replacen("Supported: timer", "Subject: \u{e9}", 1)
        .into_bytes();
    let latin: Vec<_> = bytes.into_iter().filter(|byte| *byte != 0xc3).collect();
    let verdict = check(&latin, &Rules::default());
    assert_eq!(
        verdict,
        Verdict::Answer(Fault::Malformed("a header is not UTF-8"))
    );
}

#[test]
fn keys_may_come_in_an_info_and_nothing_else() {
    let info = INVITE.replace("INVITE", "INFO");
    let keys = info.replace("application/sdp", "application/dtmf-relay");
    assert_eq!(judged(&keys), Verdict::Pass);
    assert_eq!(judged(&info), Verdict::Answer(Fault::BodyType));
    let reply = reply(info.as_bytes(), &Fault::BodyType, &Rules::default(), "t").unwrap();
    let text = String::from_utf8(reply).unwrap();
    assert!(
        text.contains("Accept: application/dtmf-relay, application/dtmf\r\n"),
        "{text}"
    );
}

#[test]
fn what_cannot_or_must_not_be_answered_is_dropped() {
    let unanswerable = Verdict::Drop(Reason::Unanswerable);
    let ack = INVITE.replace("INVITE", "ACK").replace("70", "x");
    assert_eq!(judged(&ack), unanswerable);
    assert_eq!(judged(&INVITE.replacen("Call-ID", "X", 1)), unanswerable);
    assert_eq!(judged(&INVITE.replacen("CSeq", "X", 1)), unanswerable);
    let response = INVITE.replacen("INVITE sip:bot@192.0.2.1 SIP/2.0", "SIP/2.0 99 ?", 1);
    assert_eq!(judged(&response), unanswerable);
    for (text, reason) in [
        ("", Reason::KeepAlive),
        ("\r\n\r\n", Reason::KeepAlive),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", Reason::NotSip),
        ("hello", Reason::NotSip),
        ("\0\u{1}\0\0!\u{12}", Reason::NotSip),
    ] {
        assert_eq!(judged(text), Verdict::Drop(reason), "{text:?}");
    }
    let scan = INVITE.replacen("Supported: timer", "User-Agent: Friendly-Scanner/1", 1);
    assert_eq!(judged(&scan), Verdict::Drop(Reason::Scanner));
    let scan = INVITE.replacen("Ann", "sipvicious", 1);
    assert_eq!(judged(&scan), Verdict::Drop(Reason::Scanner));
}

#[test]
fn a_method_that_only_ends_like_an_acknowledgement_is_answered() {
    let prack = INVITE.replace("INVITE", "PRACK");
    assert_eq!(judged(&prack), Verdict::Answer(Fault::Method));
}

#[test]
fn an_answer_repeats_what_it_must_and_says_what_would_do() {
    let rules = Rules::default();
    let fault = Fault::Extension(vec!["a".into(), "b".into()]);
    let reply = reply(INVITE.as_bytes(), &fault, &rules, "ours").unwrap();
    let text = String::from_utf8(reply.clone()).unwrap();
    assert!(
        text.starts_with("SIP/2.0 420 Bad Extension\r\nVia: SIP/2.0/UDP 198"),
        "{text}"
    );
    assert!(
        text.contains("To: <sip:bot@stage.example>;tag=ours\r\n"),
        "{text}"
    );
    assert!(
        text.contains("CSeq: 314159 INVITE\r\nUnsupported: a, b\r\n"),
        "{text}"
    );
    assert!(text.ends_with("Content-Length: 0\r\n\r\n"), "{text}");
    assert_eq!(check(&reply, &rules), Verdict::Pass);
}

fn stranger(number: u32) -> IpAddr {
    Ipv4Addr::from(0xc633_0000 + number).into()
}

#[test]
fn a_source_has_its_rate_and_others_are_not_touched() {
    let now = Instant::now();
    let mut gate = Gate::new(Limits::default(), Vec::new(), now);
    let passed = |gate: &mut Gate, now, source| {
        let admitted = (0..200).filter(|_| gate.admit(now, source) == Admission::Pass);
        admitted.count()
    };
    assert_eq!(passed(&mut gate, now, stranger(1)), 60);
    assert_eq!(gate.admit(now, stranger(1)), Admission::TooFast);
    assert_eq!(passed(&mut gate, now, stranger(2)), 60);
    assert_eq!(
        passed(&mut gate, now + Duration::from_secs(1), stranger(1)),
        20
    );
}

#[test]
fn a_flood_with_forged_sources_is_bounded_and_the_pbx_gets_through() {
    let now = Instant::now();
    let pbx: IpAddr = "192.0.2.5".parse().unwrap();
    let trusted = vec!["192.0.2.0/28".parse().unwrap()];
    let mut gate = Gate::new(Limits::default(), trusted, now);
    let admitted =
        (0..50_000).filter(|number| gate.admit(now, stranger(*number)) == Admission::Pass);
    assert_eq!(admitted.count(), 500);
    assert!(gate.remembered() <= 2 * Limits::default().sources);
    for _ in 0..1000 {
        gate.strike(now, pbx);
        assert_eq!(gate.admit(now, pbx), Admission::Pass);
    }
}

#[test]
fn who_guesses_is_silenced_for_a_while() {
    let now = Instant::now();
    let limits = Limits::default();
    let mut gate = Gate::new(limits, Vec::new(), now);
    for _ in 1..limits.strikes {
        gate.strike(now, stranger(1));
    }
    assert_eq!(gate.admit(now, stranger(1)), Admission::Pass);
    gate.forgive(now, stranger(1));
    gate.strike(now, stranger(1));
    assert_eq!(
        gate.admit(now, stranger(1)),
        Admission::Pass,
        "strikes were forgiven"
    );
    for _ in 1..limits.strikes {
        gate.strike(now, stranger(1));
    }
    assert_eq!(gate.admit(now, stranger(1)), Admission::Silenced);
    assert_eq!(gate.admit(now, stranger(2)), Admission::Pass);
    assert_eq!(
        gate.admit(now + limits.silence, stranger(1)),
        Admission::Pass
    );
}

#[test]
fn strikes_that_are_old_do_not_add_up() {
    let mut now = Instant::now();
    let limits = Limits::default();
    let mut gate = Gate::new(limits, Vec::new(), now);
    for _ in 0..100 {
        now += limits.silence + Duration::from_secs(1);
        gate.strike(now, stranger(1));
    }
    assert_eq!(gate.admit(now, stranger(1)), Admission::Pass);
}

#[test]
fn a_scanner_that_goes_on_stays_silenced_while_others_come_and_go() {
    let now = Instant::now();
    let mut gate = Gate::new(
        Limits {
            sources: 8,
            ..Limits::default()
        },
        Vec::new(),
        now,
    );
    gate.silence(now, stranger(0));
    for number in 1..1000 {
        gate.admit(now, stranger(number));
        if number % 8 == 0 {
            assert_eq!(gate.admit(now, stranger(0)), Admission::Silenced);
        }
        assert!(gate.remembered() <= 16);
    }
}

#[test]
fn a_host_cannot_change_its_ipv6_address_to_get_more() {
    let now = Instant::now();
    let mut gate = Gate::new(Limits::default(), Vec::new(), now);
    gate.silence(now, "2001:db8::1".parse().unwrap());
    let same = gate.admit(now, "2001:db8::ffff:1".parse().unwrap());
    assert_eq!(same, Admission::Silenced);
    let other = gate.admit(now, "2001:db8:0:1::1".parse().unwrap());
    assert_eq!(other, Admission::Pass);
}

#[test]
fn networks_are_read_and_know_their_addresses() {
    let holds = |network: &str, address: &str| {
        let network: Network = network.parse().unwrap();
        network.contains(address.parse().unwrap())
    };
    assert!(holds("192.0.2.0/24", "192.0.2.255"));
    assert!(holds("192.0.2.7/24", "::ffff:192.0.2.9"));
    assert!(!holds("192.0.2.0/24", "192.0.3.0"));
    assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.8"));
    assert!(holds("0.0.0.0/0", "203.0.113.9") && !holds("0.0.0.0/0", "2001:db8::1"));
    assert!(holds("2001:db8::/32", "2001:db8:ffff::1") && holds("::/0", "192.0.2.1"));
    for wrong in [
        "",
        "x",
        "192.0.2.0/33",
        "::/129",
        "192.0.2.0/",
        "192.0.2.0/-1",
    ] {
        assert_eq!(wrong.parse::<Network>(), Err(NotANetwork), "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        check(&bytes, &Rules::default());
        let _ = reply(&bytes, &Fault::Method, &Rules::default(), "t");
    }

    #[test]
    fn every_answer_to_a_mutated_request_is_one_message(
        places in prop::collection::vec((0..INVITE.len(), any::<u8>()), 1..12),
    ) {
        let mut bytes = INVITE.as_bytes().to_vec();
        for (place, byte) in places {
            bytes[place] = byte;
        }
        let rules = Rules::default();
        if let Verdict::Answer(fault) = check(&bytes, &rules) {
            let reply = reply(&bytes, &fault, &rules, "t").unwrap();
            let text = String::from_utf8(reply).unwrap();
            let end = text.find("\r\n\r\n").unwrap();
            prop_assert_eq!(end + 4, text.len());
            let controls = text.lines().any(|line| line.contains(char::is_control));
            prop_assert!(!controls, "{text:?}");
        }
    }

    #[test]
    fn no_network_makes_it_panic(text in "[0-9a-f:./]{0,24}") {
        let _ = text.parse::<Network>();
    }
}
