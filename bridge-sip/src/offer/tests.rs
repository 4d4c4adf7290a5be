//! Agreements with phones as they are, and with some that they must not be.

use proptest::prelude::*;

use super::*;
use crate::sdp::read;

fn ours() -> Ours {
    Ours {
        codecs: Codec::ALL.to_vec(),
        media: "192.0.2.1:10000".parse().unwrap(),
        session_id: 7,
    }
}

fn session(lines: &str) -> Session {
    let head = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n";
    read(format!("{head}{lines}").as_bytes()).unwrap()
}

fn answer(lines: &str) -> Result<(Session, Agreed), Refusal> {
    let mut call = Negotiation::new(ours());
    let (answer, agreed) = call.answer(&session(lines))?;
    Ok((answer, agreed.clone()))
}

const PCMU: &str = "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";
const OPUS: &str = "m=audio 4000 RTP/AVP 0 9 96 97 98\r\na=rtpmap:96 opus/48000/2\r\n\
a=fmtp:96 useinbandfec=1\r\na=rtpmap:97 telephone-event/48000\r\n\
a=rtpmap:98 telephone-event/8000\r\na=rtcp-mux\r\n";

#[test]
fn our_order_decides_and_the_offers_numbers_are_kept() {
    let (answer, agreed) = answer(OPUS).unwrap();
    assert_eq!(agreed.codec, Codec::Opus);
    assert_eq!(
        agreed.payload_types,
        PayloadTypes {
            sent: 96,
            received: 96
        }
    );
    let event = agreed.telephone_event.unwrap();
    assert_eq!((event.payload_types.received, event.clock), (97, 48_000));
    assert!(agreed.inband_fec && agreed.rtcp_mux);
    assert_eq!(agreed.peer, Some("198.51.100.7:4000".parse().unwrap()));
    let text = answer.to_string();
    assert!(text.contains("m=audio 10000 RTP/AVP 96 97\r\n"), "{text}");
    assert!(text.contains("a=rtcp-mux\r\n"), "{text}");
    assert_eq!(read(text.as_bytes()), Ok(answer));
}

#[test]
fn a_plain_phone_gets_plain_sound_without_muxing() {
    let (answer, agreed) = answer(PCMU).unwrap();
    assert_eq!(agreed.codec, Codec::Pcmu);
    assert_eq!(agreed.telephone_event.unwrap().clock, 8_000);
    assert_eq!((agreed.ptime, agreed.direction), (20, Direction::SendRecv));
    assert!(!answer.media[0].rtcp_mux && !agreed.comfort_noise);
}

#[test]
fn other_streams_are_refused_in_their_place() {
    let lines = format!("m=video 5000 RTP/AVP 99\r\n{PCMU}m=image 5002 udptl t38\r\n");
    let (answer, _) = answer(&lines).unwrap();
    let ports: Vec<_> = answer.media.iter().map(|media| media.port).collect();
    assert_eq!(ports, [0, 10000, 0]);
    assert_eq!(answer.media[2].protocol.as_str(), "udptl");
    assert_eq!(answer.media[2].formats[0].token, "t38");
}

#[test]
fn who_offers_early_reports_is_answered_in_that_word() {
    let (answer, agreed) =
        answer("m=audio 4000 RTP/AVPF 0\r\na=rtcp-fb:* trr-int 1000\r\n").unwrap();
    assert_eq!(agreed.codec, Codec::Pcmu);
    let text = answer.to_string();
    assert!(text.contains("m=audio 10000 RTP/AVPF 0\r\n"), "{text}");
}

#[test]
fn a_stream_names_its_own_address_and_direction() {
    let lines = format!("a=inactive\r\n{PCMU}c=IN IP4 198.51.100.99\r\na=sendonly\r\n");
    let (answer, agreed) = answer(&lines).unwrap();
    assert_eq!(agreed.peer, Some("198.51.100.99:4000".parse().unwrap()));
    assert_eq!(agreed.direction, Direction::RecvOnly);
    assert_eq!(answer.media[0].direction, Some(Direction::RecvOnly));
}

#[test]
fn what_cannot_be_agreed_has_its_reason() {
    for (lines, why) in [
        ("", Refusal::NoAudio),
        ("m=video 5000 RTP/AVP 99\r\n", Refusal::NoAudio),
        ("m=audio 0 RTP/AVP 0\r\n", Refusal::NoAudio),
        ("m=audio 4000 RTP/SAVP 0\r\n", Refusal::Protocol),
        ("m=audio 4000 UDP/TLS/RTP/SAVPF 111\r\n", Refusal::Protocol),
        ("m=audio 4000 RTP/AVP 18\r\n", Refusal::NoCodec),
        ("m=audio 4000 RTP/AVP\r\n", Refusal::NoCodec),
        (
            "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/16000\r\n",
            Refusal::NoCodec,
        ),
        (
            "m=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\n",
            Refusal::Family,
        ),
        (
            "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 224.2.0.1/127\r\n",
            Refusal::Address,
        ),
        (
            "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 255.255.255.255\r\n",
            Refusal::Address,
        ),
    ] {
        let refused = answer(lines);
        assert_eq!(refused.as_ref().unwrap_err(), &why, "{lines}");
        assert_eq!(why.status(), 488);
    }
}

#[test]
fn encrypted_sound_beside_plain_sound_is_refused_alone() {
    let lines = format!("m=audio 4002 RTP/SAVP 0\r\n{PCMU}");
    let (answer, agreed) = answer(&lines).unwrap();
    assert_eq!(agreed.peer.unwrap().port(), 4000);
    assert_eq!(answer.media[0].port, 0);
}

#[test]
fn packets_are_as_long_as_wished_where_that_can_be() {
    for (lines, expected) in [
        ("", 20),
        ("a=ptime:30\r\n", 20),
        ("a=ptime:60\r\na=maxptime:40\r\n", 40),
        ("a=ptime:200\r\n", 60),
        ("a=maxptime:5\r\n", 10),
    ] {
        let (_, agreed) = answer(&format!("{PCMU}{lines}")).unwrap();
        assert_eq!(agreed.ptime, expected, "{lines}");
    }
}

#[test]
fn hold_and_resume_keep_port_and_codec() {
    let mut call = Negotiation::new(ours());
    let (first, _) = call.answer(&session(PCMU)).unwrap();
    for (line, direction) in [
        ("a=sendonly\r\n", Direction::RecvOnly),
        ("a=inactive\r\n", Direction::Inactive),
        ("c=IN IP4 0.0.0.0\r\n", Direction::RecvOnly),
        ("a=sendrecv\r\n", Direction::SendRecv),
    ] {
        let (answer, agreed) = call.answer(&session(&format!("{PCMU}{line}"))).unwrap();
        assert_eq!(agreed.direction, direction, "{line}");
        assert_eq!(agreed.peer.is_none(), line.contains("0.0.0.0"));
        assert_eq!(answer.media[0].port, 10000);
        assert_eq!(answer.media[0].direction, Some(direction));
    }
    let (last, _) = call.answer(&session(PCMU)).unwrap();
    assert_eq!(last.media, first.media);
}

#[test]
fn the_version_goes_up_with_each_change_and_only_then() {
    let mut call = Negotiation::new(ours());
    let mut version = |lines: &str| {
        let (answer, _) = call.answer(&session(lines)).unwrap();
        (answer.origin.id, answer.origin.version)
    };
    let held = format!("{PCMU}a=sendonly\r\n");
    assert_eq!(version(PCMU), (7, 7));
    assert_eq!(version(PCMU), (7, 7));
    assert_eq!(version(&held), (7, 8));
    assert_eq!(version(PCMU), (7, 9));
}

#[test]
fn a_call_may_lose_its_sound_and_get_it_back() {
    let mut call = Negotiation::new(ours());
    call.answer(&session(PCMU)).unwrap();
    let (answer, agreed) = call.answer(&session("m=audio 0 RTP/AVP 0\r\n")).unwrap();
    assert_eq!(answer.media[0].port, 0);
    assert_eq!((agreed.peer, agreed.direction), (None, Direction::Inactive));
    let (answer, agreed) = call.answer(&session(PCMU)).unwrap();
    assert_eq!(
        (answer.media[0].port, agreed.direction),
        (10000, Direction::SendRecv)
    );
}

#[test]
fn streams_may_come_but_never_go() {
    let mut call = Negotiation::new(ours());
    let two = format!("{PCMU}m=video 5000 RTP/AVP 99\r\n");
    call.answer(&session(PCMU)).unwrap();
    assert!(call.answer(&session(&two)).is_ok());
    assert_eq!(call.answer(&session(PCMU)).unwrap_err(), Refusal::Streams);
    assert_eq!(call.agreed().unwrap().codec, Codec::Pcmu);
    let ports: Vec<_> = call.offer().media.iter().map(|media| media.port).collect();
    assert_eq!(ports, [10000, 0]);
}

#[test]
fn our_offer_names_everything_and_its_answer_is_read() {
    let mut call = Negotiation::new(ours());
    let text = call.offer().to_string();
    assert!(
        text.contains("m=audio 10000 RTP/AVP 111 9 8 0 13 110 101\r\n"),
        "{text}"
    );
    assert!(
        text.contains("a=rtcp-mux\r\n") && text.contains("a=sendrecv\r\n"),
        "{text}"
    );
    let lines = "m=audio 4000 RTP/AVP 96 97\r\na=rtpmap:96 opus/48000/2\r\n\
a=rtpmap:97 telephone-event/48000\r\na=ptime:40\r\n";
    let agreed = call.answered(&session(lines)).unwrap();
    assert_eq!(
        agreed.payload_types,
        PayloadTypes {
            sent: 96,
            received: 111
        }
    );
    let keys = agreed.telephone_event.unwrap().payload_types;
    assert_eq!(
        keys,
        PayloadTypes {
            sent: 97,
            received: 110
        }
    );
    assert_eq!(agreed.ptime, 40);
    assert!(!agreed.rtcp_mux);
}

#[test]
fn what_a_provisional_answer_says_may_be_said_otherwise_later() {
    let mut call = Negotiation::new(ours());
    call.offer();
    assert!(call.forecast(&session("m=video 9 RTP/AVP 96\r\n")).is_err());
    let early = call
        .forecast(&session("m=audio 4000 RTP/AVP 8\r\n"))
        .unwrap();
    assert_eq!(early.codec, Codec::Pcma);
    let agreed = call
        .answered(&session("m=audio 5000 RTP/AVP 0\r\n"))
        .unwrap();
    assert_eq!(agreed.codec, Codec::Pcmu);
    assert_eq!(agreed.peer, Some("198.51.100.7:5000".parse().unwrap()));
    let again = call.answered(&session("m=audio 5000 RTP/AVP 0\r\n"));
    assert_eq!(again.err(), Some(Refusal::NothingOffered));
}

#[test]
fn a_call_on_hold_is_resumed_by_the_answer_to_our_offer() {
    let mut call = Negotiation::new(ours());
    call.answer(&session(PCMU)).unwrap();
    call.answer(&session(&format!("{PCMU}a=sendonly\r\n")))
        .unwrap();
    assert_eq!(call.agreed().unwrap().direction, Direction::RecvOnly);
    let offer = call.offer();
    assert_eq!(offer.media[0].direction, Some(Direction::SendRecv));
    let agreed = call.answered(&session(PCMU)).unwrap();
    assert_eq!(agreed.direction, Direction::SendRecv);
}

#[test]
fn an_answer_that_is_none_leaves_what_was_agreed() {
    let mut call = Negotiation::new(ours());
    call.answer(&session(PCMU)).unwrap();
    let before = call.agreed().cloned();
    assert_eq!(call.answered(&session(PCMU)), Err(Refusal::NothingOffered));
    for (lines, why) in [
        ("m=audio 0 RTP/AVP 0\r\n", Refusal::NoAudio),
        ("m=audio 4000 RTP/AVP 18\r\n", Refusal::NoCodec),
        ("", Refusal::Streams),
        ("m=audio 4000 RTP/SAVP 0\r\n", Refusal::Protocol),
    ] {
        call.offer();
        assert_eq!(call.answered(&session(lines)), Err(why), "{lines}");
        assert_eq!(call.agreed(), before.as_ref());
    }
}

#[test]
fn an_answer_with_several_codecs_says_what_else_may_come() {
    let mut call = Negotiation::new(ours());
    call.offer();
    let agreed = call
        .answered(&session(
            "m=audio 4000 RTP/AVP 8 18 0 99\r\na=rtpmap:99 PCMU/8000\r\n",
        ))
        .unwrap();
    assert_eq!(agreed.codec, Codec::Pcma);
    let types = PayloadTypes {
        sent: 0,
        received: 0,
    };
    assert_eq!(agreed.others, [(Codec::Pcmu, types)]);
}

#[test]
fn an_address_is_judged_as_what_it_is_however_it_is_written() {
    let lines = "m=audio 4000 RTP/AVP 0\r\nc=IN IP6 ";
    for (address, why) in [
        ("::ffff:224.0.0.1", Refusal::Address),
        ("::ffff:255.255.255.255", Refusal::Address),
        ("2001:db8::1", Refusal::Family),
    ] {
        assert_eq!(answer(&format!("{lines}{address}\r\n")).unwrap_err(), why);
    }
    let (_, agreed) = answer(&format!("{lines}::ffff:198.51.100.9\r\n")).unwrap();
    assert_eq!(agreed.peer, Some("198.51.100.9:4000".parse().unwrap()));
    let mut wide = Negotiation::new(Ours {
        media: "[2001:db8::2]:10000".parse().unwrap(),
        ..ours()
    });
    assert_eq!(
        wide.answer(&session(&format!("{lines}fe80::1\r\n")))
            .unwrap_err(),
        Refusal::Address
    );
    assert_eq!(
        wide.answer(&session(&format!("{lines}ff02::1\r\n")))
            .unwrap_err(),
        Refusal::Address
    );
    let (answer, agreed) = wide
        .answer(&session(&format!("{lines}2001:db8::1\r\n")))
        .unwrap();
    assert_eq!(agreed.peer, Some("[2001:db8::1]:4000".parse().unwrap()));
    assert!(answer.to_string().contains("c=IN IP6 2001:db8::2\r\n"));
}

#[test]
fn two_offers_at_once_are_glare() {
    let mut call = Negotiation::new(ours());
    call.answer(&session(PCMU)).unwrap();
    call.offer();
    let refused = call.answer(&session(PCMU)).unwrap_err();
    assert_eq!((refused, refused.status()), (Refusal::Glare, 491));
    call.withdrawn();
    assert!(call.answer(&session(PCMU)).is_ok());
}

#[test]
fn a_number_never_means_two_things_in_our_offer() {
    // The phone has named its keys what Opus is offered as.
    let lines = "m=audio 4000 RTP/AVP 0 111\r\na=rtpmap:111 telephone-event/8000\r\n";
    let mut call = Negotiation::new(ours());
    call.answer(&session(lines)).unwrap();
    let offer = call.offer();
    let mut numbers: Vec<_> = offer.media[0]
        .formats
        .iter()
        .map(|f| f.token.clone())
        .collect();
    let count = numbers.len();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), count);
}

#[test]
fn comfort_noise_goes_with_narrow_codecs_only() {
    let (answer, agreed) = answer("m=audio 4000 RTP/AVP 8 13\r\n").unwrap();
    assert!(agreed.comfort_noise);
    assert!(
        answer
            .to_string()
            .contains("m=audio 10000 RTP/AVP 8 13\r\n")
    );
    let mut wide = Negotiation::new(ours());
    let lines = "m=audio 4000 RTP/AVP 96 13\r\na=rtpmap:96 opus/48000/2\r\n";
    assert!(!wide.answer(&session(lines)).unwrap().1.comfort_noise);
}

proptest! {
    #[test]
    fn every_answer_fits_its_offer(
        streams in prop::collection::vec(
            (any::<bool>(), 0_u16..3, prop::collection::vec(0_u8..=127, 0..6)),
            0..5,
        ),
        repeat in 1_usize..4,
    ) {
        let mut call = Negotiation::new(ours());
        let mut text = String::new();
        for (audio, port, formats) in streams {
            let kind = if audio { "audio" } else { "video" };
            text += &format!("m={kind} {port} RTP/AVP");
            for format in &formats {
                text += &format!(" {format}");
            }
            text += "\r\na=rtpmap:96 opus/48000/2\r\n";
        }
        let offer = session(&text);
        for _ in 0..repeat {
            let Ok((answer, agreed)) = call.answer(&offer) else { continue };
            let agreed = agreed.clone();
            prop_assert_eq!(answer.media.len(), offer.media.len());
            let used = answer.media.iter().filter(|media| media.port != 0).count();
            prop_assert_eq!(used, 1);
            let index = answer.media.iter().position(|media| media.port != 0).unwrap();
            let offered = &offer.media[index].formats;
            let number = agreed.payload_types.received.to_string();
            prop_assert!(offered.iter().any(|format| format.token == number));
            prop_assert_eq!(read(answer.to_string().as_bytes()).unwrap().media.len(), offer.media.len());
        }
    }
}
