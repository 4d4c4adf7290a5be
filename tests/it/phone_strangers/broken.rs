//! Broken messages, and what each of them is told.

use super::{SDP, invite, request};

/// Changes of a good INVITE that make it a bad one: what is replaced, by what, and what is said to
/// that; `None` where it is dropped.
const BROKEN: [(&str, &str, Option<u16>); 34] = [
    // Its first line.
    (" SIP/2.0\r\n", " SIP/7.0\r\n", Some(505)),
    (" SIP/2.0\r\n", "\r\n", None),
    (" SIP/2.0\r\n", " SIP/2.0 \r\n", Some(400)),
    (
        "INVITE sip:ai@127.0.0.1 ",
        "INVITE <sip:ai@127.0.0.1> ",
        Some(400),
    ),
    (
        "INVITE sip:ai@127.0.0.1 ",
        "INVITE  sip:ai@127.0.0.1 ",
        Some(400),
    ),
    (
        "INVITE sip:ai@127.0.0.1 ",
        "INVITE sip:ai@127.0.0.1; lr ",
        Some(400),
    ),
    (
        "INVITE sip:ai@127.0.0.1 ",
        "INVITE nobodyknows:ai ",
        Some(416),
    ),
    (
        "INVITE sip:ai@127.0.0.1 ",
        "invite sip:ai@127.0.0.1 ",
        Some(400),
    ),
    (
        "INVITE sip:ai@127.0.0.1 ",
        "TELEPORT sip:ai@127.0.0.1 ",
        Some(400),
    ),
    // Headers that are not there.
    ("From: ", "X-From: ", None),
    ("To: ", "X-To: ", None),
    ("Call-ID: ", "X-Call-ID: ", None),
    ("CSeq: ", "X-CSeq: ", None),
    ("Via: ", "X-Via: ", None),
    (">;tag=t", ">;gat=t", Some(400)),
    // Headers that say what cannot be.
    ("CSeq: 1 INVITE", "CSeq: 1 BYE", Some(400)),
    (
        "CSeq: 1 INVITE",
        "CSeq: 36893488147419103232 INVITE",
        Some(400),
    ),
    ("CSeq: 1 INVITE", "CSeq: -1 INVITE", Some(400)),
    ("CSeq: 1 INVITE", "CSeq: INVITE", Some(400)),
    (
        "CSeq: 1 INVITE",
        "CSeq: 1 INVITE\r\nCSeq: 2 INVITE",
        Some(400),
    ),
    ("To: ", "To: <sip:eve@127.0.0.1>\r\nTo: ", Some(400)),
    ("From: \"Eve\" ", "From: \"Eve ", Some(400)),
    ("Content-Length: ", "Content-Length: 9", Some(400)),
    ("Content-Length: ", "Content-Length: -", Some(400)),
    (
        "Content-Length: ",
        "Content-Length: 99999999999999999999",
        Some(400),
    ),
    (
        "Content-Type: application/sdp",
        "Content-Type: text/plain",
        Some(415),
    ),
    (
        "Max-Forwards: 70",
        "Require: nothingSupportsThis",
        Some(420),
    ),
    ("Max-Forwards: 70", "no colon in this line", Some(400)),
    // Descriptions.
    ("v=0\r\n", "v=1\r\n", Some(400)),
    ("m=audio 4000 ", "m=audio 99999 ", Some(400)),
    ("m=audio 4000 RTP/AVP 0", "m=audio 4000 RTP/AVP", Some(488)),
    (
        "m=audio 4000 RTP/AVP 0",
        "m=audio 4000 RTP/SAVP 0",
        Some(488),
    ),
    ("m=audio 4000 ", "m=video 4000 ", Some(488)),
    ("c=IN IP4 127.0.0.1", "c=IN IP4 999.0.0.1", Some(400)),
];

/// A broken message, and the status it is told; `None` where it is dropped.
pub(super) struct Broken {
    pub(super) message: Vec<u8>,
    pub(super) told: Option<u16>,
}

/// Every broken message.
pub(super) fn broken() -> Vec<Broken> {
    let mut all = Vec::new();
    let mut add = |message: String, told| {
        let message = message.into_bytes();
        all.push(Broken { message, told });
    };
    for (n, (good, bad, told)) in BROKEN.into_iter().enumerate() {
        let message = invite(n, SDP);
        assert!(message.contains(good), "{good}");
        let longer = bad.len().wrapping_sub(good.len());
        let mut message = message.replacen(good, bad, 1);
        if SDP.contains(good) {
            // Its length is right: only the description is wrong.
            let length = SDP.len().wrapping_add(longer);
            message = message.replace(
                &format!("Content-Length: {}", SDP.len()),
                &format!("Content-Length: {length}"),
            );
        }
        add(message, told);
    }
    let strange = [
        ("v=0\r\n".to_owned(), Some(400)),
        ("m=audio 4000 RTP/AVP 0\r\n".repeat(400), Some(400)),
        (format!("{SDP}a={}\r\n", "x".repeat(20_000)), Some(400)),
        (SDP.replace("c=IN IP4 127.0.0.1\r\n", ""), Some(488)),
        (SDP.replace("m=audio 4000", "m=audio 0"), Some(488)),
        (SDP.replace("v=0", "\0\0\0"), Some(400)),
        (SDP.replace('=', ""), Some(400)),
        ("\0".repeat(3000), Some(400)),
    ];
    for (n, (sdp, told)) in strange.into_iter().enumerate() {
        add(invite(100 + n, &sdp), told);
    }
    let methods = [
        ("BYE", Some(481)),
        ("UPDATE", Some(481)),
        ("INFO", Some(481)),
        ("PRACK", Some(405)),
        ("REGISTER", Some(405)),
        ("SUBSCRIBE", Some(405)),
        ("CANCEL", Some(481)),
    ];
    for (n, (method, told)) in methods.into_iter().enumerate() {
        let message = request(method, 200 + n, "");
        let within = message.replace("127.0.0.1>\r\nCall-ID", "127.0.0.1>;tag=x\r\nCall-ID");
        add(within, told);
    }
    let head = invite(300, SDP);
    let many = head.replacen("Max-Forwards", &"X: y\r\n".repeat(5000), 1);
    add(many, None);
    add(head.replacen("Eve", &"E".repeat(50_000), 1), None);
    add("SIP/2.0 200 OK\r\n\r\n".to_owned(), None);
    add("GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), None);
    // Cut off anywhere.
    let whole = invite(400, SDP);
    for end in (1..whole.len() - 1).step_by(41) {
        // Where all is there that an answer needs, it is answered that the rest is missing.
        let told = whole[..end].contains("CSeq: 1 INVITE\r\n").then_some(400);
        add(whole[..end].to_owned(), told);
    }
    let (message, told) = (vec![0xff; 3000], None);
    all.push(Broken { message, told });
    all
}

/// What was broken and what it was told, if that is not what it is to be told.
pub(super) fn wrong(
    via: &str,
    n: usize,
    message: &[u8],
    answer: &[u8],
    told: Option<u16>,
) -> Option<String> {
    let statuses = statuses(answer);
    let right = statuses == Vec::from_iter(told);
    let shown: String = String::from_utf8_lossy(message).chars().take(60).collect();
    (!right).then(|| format!("{n} by {via}: {statuses:?} and not {told:?} for {shown:?}"))
}

/// The same as it comes by a connection, and is no repetition of the one by UDP.
pub(super) fn by_tcp(message: Vec<u8>) -> Vec<u8> {
    match String::from_utf8(message) {
        Ok(text) => text
            .replace("SIP/2.0/UDP", "SIP/2.0/TCP")
            .replace("branch=z9hG4bKn", "branch=z9hG4bKt")
            .replace("\r\nCall-ID: c", "\r\nCall-ID: t")
            .into_bytes(),
        Err(error) => error.into_bytes(),
    }
}

/// Whether nothing more has to come, as far as the message itself says how long it is.
pub(super) fn is_whole(message: &[u8]) -> bool {
    let text = String::from_utf8_lossy(message);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.split("Content-Length: ").nth(1);
    let length = length.and_then(|rest| rest.lines().next()?.parse::<usize>().ok());
    length.is_none_or(|length| length <= body.len())
}

/// The statuses of the answers in this.
pub(super) fn statuses(answer: &[u8]) -> Vec<u16> {
    let answer = String::from_utf8_lossy(answer);
    let lines = answer.split("SIP/2.0 ").skip(1);
    let status = |line: &str| line.get(..3).and_then(|status| status.parse::<u16>().ok());
    lines.map(|line| status(line).unwrap_or_default()).collect()
}
