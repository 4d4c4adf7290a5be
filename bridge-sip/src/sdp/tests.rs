//! What is read from phones, and what is not taken from anybody.

use proptest::prelude::*;

use super::*;

const PHONE: &str = "v=0\r\no=alice 2890844526 2890844527 IN IP4 198.51.100.7\r\ns=call\r\n\
c=IN IP4 198.51.100.7\r\nb=AS:80\r\nt=0 0\r\na=sendrecv\r\n\
m=audio 49170 RTP/AVP 0 8 9 111 101 18\r\n\
a=rtpmap:111 opus/48000/2\r\na=fmtp:111 maxplaybackrate=16000; useinbandfec=1\r\n\
a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=maxptime:60.0\r\n\
a=rtcp:49171\r\na=rtcp-mux\r\n\
m=video 51372 RTP/AVP 99\r\nc=IN IP6 2001:db8::7\r\na=rtpmap:99 H264/90000\r\na=inactive\r\n";

fn media(lines: &str) -> Result<Session, Error> {
    let head = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n";
    read(format!("{head}{lines}").as_bytes())
}

#[test]
fn the_offer_of_a_phone_is_read_whole() {
    let session = read(PHONE.as_bytes()).unwrap();
    assert_eq!(session.origin.version, 2_890_844_527);
    assert_eq!(session.direction, Some(Direction::SendRecv));
    let [audio, video] = session.media.as_slice() else {
        panic!("two streams");
    };
    assert_eq!(
        (audio.port, audio.ptime, audio.maxptime),
        (49170, Some(20), Some(60))
    );
    assert!(audio.rtcp_mux && !video.rtcp_mux);
    let types: Vec<_> = audio
        .formats
        .iter()
        .filter_map(Format::payload_type)
        .collect();
    assert_eq!(types, [0, 8, 9, 111, 101, 18]);
    let opus = &audio.formats[3];
    assert!(opus.map.as_ref().unwrap().is("OPUS", 48000, 2));
    let fmtp = opus.fmtp.as_deref().unwrap();
    assert_eq!(parameter(fmtp, "useinbandfec"), Some("1"));
    assert_eq!(parameter(fmtp, "MaxPlaybackRate"), Some("16000"));
    assert_eq!(video.kind, Kind::Other("video".into()));
    assert_eq!(video.connection, Some("2001:db8::7".parse().unwrap()));
    assert_eq!(video.direction, Some(Direction::Inactive));
}

#[test]
fn static_payload_types_need_no_map() {
    let session = media("m=audio 4000 RTP/AVP 0 8 9 13 18 34\r\n").unwrap();
    let names: Vec<_> = session.media[0]
        .formats
        .iter()
        .map(|format| format.map.as_ref().map(ToString::to_string))
        .collect();
    let known = [
        "PCMU/8000",
        "PCMA/8000",
        "G722/8000",
        "CN/8000",
        "G729/8000",
    ];
    let known = known.map(|name| Some(name.to_owned()));
    assert_eq!(names[..5], known);
    assert_eq!(names[5], None);
}

#[test]
fn bare_line_feeds_missing_lines_and_strange_names_are_taken() {
    let text = b"v=0\no=- 1 1 IN IP4 host.example\ns=caf\xe9\n\nm=audio 4000 RTP/AVP 0";
    let session = read(text).unwrap();
    assert_eq!(session.media.len(), 1);
    assert_eq!(session.connection, None);
}

#[test]
fn what_decides_where_sound_goes_is_not_guessed() {
    for wrong in [
        "m=audio 65536 RTP/AVP 0\r\n",
        "m=audio -1 RTP/AVP 0\r\n",
        "m=audio +5 RTP/AVP 0\r\n",
        "m=audio 4000\r\n",
        "m=audio 4000 RTP/AVP 128\r\n",
        "m=audio 4000 RTP/AVP pcmu\r\n",
        "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 name.example\r\n",
        "m=audio 4000 RTP/AVP 0\r\nc=IN IP6 198.51.100.7\r\n",
        "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 198.51.100\r\n",
        "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus\r\n",
        "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/0/2\r\n",
        "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96\r\n",
    ] {
        let refused = media(wrong);
        assert!(
            matches!(refused, Err(Error::Malformed(_))),
            "{wrong}: {refused:?}"
        );
    }
}

#[test]
fn contradictions_are_refused() {
    for wrong in [
        "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\na=recvonly\r\n",
        "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.2\r\n",
        "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:96 G726-32/8000\r\n",
        "c=IN IP4 192.0.2.9\r\n",
        "o=- 2 2 IN IP4 198.51.100.7\r\n",
        "v=0\r\n",
    ] {
        let refused = media(wrong);
        assert!(
            matches!(refused, Err(Error::Contradiction(_))),
            "{wrong}: {refused:?}"
        );
    }
}

#[test]
fn what_is_wrong_with_a_stream_that_is_refused_anyway_does_no_harm() {
    for strange in [
        "a=rtpmap:99\r\n",
        "a=rtpmap:99 H264\r\n",
        "a=rtpmap:99 H264/0\r\n",
        "a=rtpmap:99 H264/90000\r\na=rtpmap:99 VP8/90000\r\n",
    ] {
        let lines = format!("m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 99\r\n{strange}");
        let session = media(&lines);
        assert!(session.is_ok(), "{strange}: {session:?}");
    }
}

#[test]
fn rtp_with_early_reports_is_plain_rtp() {
    let session = media("m=audio 4000 rtp/avpf 0 9\r\n").unwrap();
    let audio = &session.media[0];
    assert_eq!(audio.protocol, Protocol::RtpAvpf);
    assert!(audio.formats[1].map.as_ref().unwrap().is("G722", 8000, 1));
    assert!(
        session
            .to_string()
            .contains("m=audio 4000 RTP/AVPF 0 9\r\n")
    );
    let wrong = media("m=audio 4000 RTP/AVPF 128\r\n");
    assert!(matches!(wrong, Err(Error::Malformed(_))), "{wrong:?}");
    for encrypted in ["RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVPF"] {
        assert!(!Protocol::parse(encrypted).is_plain_rtp());
    }
}

#[test]
fn what_is_no_description_is_refused() {
    assert_eq!(read(b""), Err(Error::Version));
    assert_eq!(read(b"v=1\r\n"), Err(Error::Version));
    assert_eq!(read(b"o=- 1 1 IN IP4 a\r\nv=0\r\n"), Err(Error::Version));
    assert_eq!(read(b"v=0\r\ns=-\r\n"), Err(Error::NoOrigin));
    assert_eq!(read(b"v=0\r\nhello\r\n"), Err(Error::NotALine(2)));
    assert_eq!(read(b"v=0\r\ns=a\0b\r\n"), Err(Error::NotALine(2)));
    assert_eq!(
        read(b"v=0\r\no=- 99999999999999999999 1 IN IP4 a\r\n"),
        Err(Error::Malformed(2))
    );
}

#[test]
fn nothing_is_read_beyond_the_limits() {
    let many_lines = "a=x\r\n".repeat(MOST_LINES);
    let long_line = format!("a={}\r\n", "x".repeat(LONGEST_LINE));
    let many_streams = "m=audio 0 RTP/AVP 0\r\n".repeat(MOST_MEDIA + 1);
    let numbers: Vec<_> = (0..=MOST_FORMATS)
        .map(|number| number.to_string())
        .collect();
    let many_formats = format!("m=audio 1 RTP/AVP {}\r\n", numbers.join(" "));
    for wrong in [
        many_lines,
        long_line,
        many_streams,
        many_formats,
        "a".repeat(LONGEST),
    ] {
        assert_eq!(media(&wrong), Err(Error::TooMuch));
    }
}

#[test]
fn directions_are_seen_from_both_ends() {
    assert_eq!(Direction::SendOnly.reversed(), Direction::RecvOnly);
    assert_eq!(Direction::SendRecv.reversed(), Direction::SendRecv);
    assert_eq!(
        Direction::SendOnly.and(Direction::RecvOnly),
        Direction::Inactive
    );
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
    ]
}

fn any_direction() -> impl Strategy<Value = Option<Direction>> {
    prop::option::of((any::<bool>(), any::<bool>()).prop_map(|(a, b)| Direction::new(a, b)))
}

fn any_format(number: u8) -> impl Strategy<Value = Format> {
    (
        "[a-zA-Z][a-zA-Z0-9-]{0,9}",
        1_u32..=192_000,
        1_u8..=8,
        prop::option::of("[a-z0-9=;-]{1,30}"),
    )
        .prop_map(move |(name, clock, channels, fmtp)| Format {
            token: number.to_string(),
            map: Some(Map {
                name,
                clock,
                channels,
            }),
            fmtp,
        })
}

fn any_media() -> impl Strategy<Value = Media> {
    let kind = prop_oneof![Just(Kind::Audio), Just(Kind::Other("video".into()))];
    let protocol = prop_oneof![
        Just(Protocol::RtpAvp),
        Just(Protocol::RtpAvpf),
        Just(Protocol::Other("UDP/TLS/RTP/SAVPF".into())),
    ];
    let formats = prop::collection::btree_set(0_u8..=127, 0..8)
        .prop_flat_map(|numbers| numbers.into_iter().map(any_format).collect::<Vec<_>>());
    let head = (kind, any::<u16>(), protocol, formats);
    let rest = (
        prop::option::of(any_address()),
        any_direction(),
        prop::option::of(1_u16..),
        prop::option::of(1_u16..),
        any::<bool>(),
    );
    (head, rest).prop_map(|((kind, port, protocol, formats), rest)| {
        let (connection, direction, ptime, maxptime, rtcp_mux) = rest;
        Media {
            kind,
            port,
            protocol,
            formats,
            connection,
            direction,
            ptime,
            maxptime,
            rtcp_mux,
        }
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_the_same(
        user in "[a-z-]{1,8}",
        id: u64,
        version: u64,
        connection in prop::option::of(any_address()),
        direction in any_direction(),
        media in prop::collection::vec(any_media(), 0..4),
    ) {
        let origin = Origin { user, id, version, host: "192.0.2.1".into() };
        let session = Session { origin, connection, direction, media };
        prop_assert_eq!(read(session.to_string().as_bytes()), Ok(session));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_mutation_of_a_real_offer_makes_it_panic(
        places in prop::collection::vec((0..PHONE.len(), any::<u8>()), 1..8),
        end in 0..PHONE.len(),
    ) {
        let mut bytes = PHONE.as_bytes().to_vec();
        for (place, byte) in places {
            bytes[place] = byte;
        }
        bytes.truncate(end.max(1));
        if let Ok(session) = read(&bytes) {
            // What was understood can be said again.
            let again = read(session.to_string().as_bytes());
            prop_assert!(again.is_ok(), "{again:?}");
        }
    }
}
