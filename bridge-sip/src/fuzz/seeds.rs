//! Valid inputs, one list for each function of [`crate::fuzz`].

use crate::rtcp::{self, Block, Report, Sent};
use crate::rtp::{self, Header};

const MESSAGE: &str = "INVITE sip:ai@192.0.2.1 SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.7:5060;rport;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
    From: \"Alice\" <sip:alice@192.0.2.7>;tag=1\r\nTo: <sip:ai@192.0.2.1>\r\nCall-ID: 1\r\n\
    CSeq: 1 INVITE\r\nContact: <sip:alice@192.0.2.7:5060>\r\nSupported: timer\r\n\
    Session-Expires: 1800;refresher=uac\r\nContent-Length: 0\r\n\r\n";

const CREDENTIALS: &str = "Digest username=\"alice\", realm=\"a\", nonce=\"b\", \
    uri=\"sip:ai@192.0.2.1\", response=\"6629fae49393a05397450978507c4ef1\", algorithm=MD5, \
    qop=auth, nc=00000001, cnonce=\"c\"";

/// Payload types of [`offers`], in their order.
const TYPES: [u8; 4] = [0, 8, 9, 111];

/// Offers of one codec each: PCMU, PCMA, G.722, Opus.
pub fn offers() -> Vec<Vec<u8>> {
    let maps = ["PCMU/8000", "PCMA/8000", "G722/8000", "opus/48000/2"];
    let offer = |(number, map): (u8, &str)| {
        let clock = if number == 111 { 48_000 } else { 8000 };
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio 4000 RTP/AVP {number} 101 13\r\na=rtpmap:{number} {map}\r\n\
             a=rtpmap:101 telephone-event/{clock}\r\na=fmtp:101 0-16\r\na=ptime:20\r\n\
             a=rtcp-mux\r\na=sendrecv\r\n"
        )
        .into_bytes()
    };
    TYPES.into_iter().zip(maps).map(offer).collect()
}

/// Connections: messages with bodies and without, and pings between them.
pub fn stream() -> Vec<Vec<u8>> {
    let body = MESSAGE.replace("Content-Length: 0", "l: 5") + "v=0\r\n";
    vec![
        MESSAGE.into(),
        format!("\r\n\r\n{body}{MESSAGE}\r\n\r\n{body}").into(),
    ]
}

/// For [`crate::fuzz::message`].
pub fn message() -> Vec<Vec<u8>> {
    let methods = ["INVITE", "OPTIONS", "BYE", "REGISTER"];
    let message = |method| MESSAGE.replace("INVITE", method).into_bytes();
    let mut all: Vec<_> = methods.into_iter().map(message).collect();
    all.push(b"SIP/2.0 200 OK\r\nCSeq: 1 BYE\r\n\r\n".to_vec());
    all
}

/// For [`crate::fuzz::description`].
pub fn description() -> Vec<Vec<u8>> {
    offers()
}

/// For [`crate::fuzz::packet`].
pub fn packet() -> Vec<Vec<u8>> {
    let packet = |payload_type| rtp::write(header(payload_type, 1), &[0x55; 160]);
    let mut all: Vec<_> = TYPES.into_iter().map(packet).collect();
    all.push(rtp::write(header(101, 2), &[5, 0x8a, 3, 0x20]));
    all.push(rtp::write(header(13, 3), &[60]));
    all
}

/// For [`crate::fuzz::reports`].
pub fn reports() -> Vec<Vec<u8>> {
    let report = Report {
        ssrc: 1,
        sent: Some(Sent {
            ntp: 0x1234_5678_9abc_def0,
            timestamp: 160,
            packets: 1,
            octets: 160,
        }),
        heard: vec![Block::default()],
    };
    let mut goodbye = rtcp::write(&report, "a@b");
    rtcp::write_goodbye(&mut goodbye, 1);
    vec![rtcp::write(&report, "a@b"), goodbye]
}

/// For [`crate::fuzz::values`].
pub fn values() -> Vec<Vec<u8>> {
    let values = [
        CREDENTIALS,
        "1800;refresher=uac",
        "Signal=5\r\nDuration=160\r\n",
    ];
    values.map(|value| value.as_bytes().to_vec()).to_vec()
}

/// For [`crate::fuzz::call`].
pub fn call() -> Vec<Vec<u8>> {
    let call = |(codec, payload_type): (u8, u8)| {
        let mut bytes = vec![codec];
        for n in 0..8 {
            let packet = match n {
                5 => rtp::write(header(101, n), &[5, 0x8a, 3, 0x20]),
                6 => rtp::write(header(13, n), &[60]),
                _ => rtp::write(header(payload_type, n), &[0x55; 160]),
            };
            bytes.push(packet.len() as u8);
            bytes.extend(packet);
        }
        bytes
    };
    (0..).zip(TYPES).map(call).collect()
}

fn header(payload_type: u8, n: u16) -> Header {
    Header {
        marker: n == 0,
        payload_type,
        sequence: n,
        timestamp: u32::from(n) * 160,
        ssrc: 1,
    }
}
