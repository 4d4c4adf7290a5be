//! What is inside a voice datagram or a tunnelled one: sound and pings, in both dialects.
//!
//! Servers and clients before 1.5 speak the legacy format
//! (<https://mumble-protocol.readthedocs.io/en/latest/voice_data.html>); between two that are
//! 1.5 or newer it is one byte and a protobuf message.

use bytes::{Buf, BufMut, Bytes};
use prost::Message;

use crate::event::{Scope, SessionId, Version};
use crate::proto::udp;
use crate::varint;

/// How datagrams of a connection are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Before 1.5.
    #[default]
    Legacy,
    /// Since 1.5.
    Protobuf,
}

impl Dialect {
    /// The first version that speaks [`Dialect::Protobuf`].
    const PROTOBUF_SINCE: Version = Version {
        major: 1,
        minor: 5,
        patch: 0,
    };

    /// What to speak with a server of this version.
    pub(crate) fn of(server: Version) -> Self {
        if server >= Self::PROTOBUF_SINCE {
            Self::Protobuf
        } else {
            Self::Legacy
        }
    }
}

/// One packet of a voice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// Who speaks; meaningless in what is sent.
    pub speaker: SessionId,
    /// Whom they speak to; meaningless in what is sent, which carries a target's number.
    pub scope: Scope,
    /// The place of its first sample in the speaker's time, in units of 10 ms.
    pub sequence: u64,
    /// One Opus packet; may be empty when `last` is set.
    pub opus: Bytes,
    /// Whether the speaker has stopped after this.
    pub last: bool,
}

/// What a datagram from the server holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// Somebody's voice.
    Voice(Voice),
    /// The echo of a ping.
    Pong(u64),
    /// Something that nothing is done about: a codec of long ago, or a kind yet unknown.
    Other,
}

/// A datagram that ends too early or holds what cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Legacy kinds, the upper three bits of the first byte.
const LEGACY_PING: u8 = 1;
const LEGACY_OPUS: u8 = 4;

/// A whisper target that is never registered: what is said to it is said to nobody.
pub(crate) const NOBODY: u8 = 30;

/// 20 ms of Opus silence (RFC 6716: a CELT frame that decodes to nothing).
const SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];
/// The lower five bits of the legacy first byte: whom a voice is for, and the way it came.
const LEGACY_TARGET: u8 = 0x1f;

/// In the length of legacy Opus data: the speaker has stopped.
const LEGACY_LAST: u64 = 0x2000;

/// Kinds since 1.5, the whole first byte.
const AUDIO: u8 = 0;
const PING: u8 = 1;

/// Longest Opus data in a packet: what the legacy length can tell, and more than fits into a
/// datagram that Mumble sends (1024 bytes).
const LONGEST_OPUS: usize = (LEGACY_LAST - 1) as usize;

/// Reads what the server sent.
pub(crate) fn read(dialect: Dialect, mut datagram: Bytes) -> Result<Received, Malformed> {
    let first = datagram.try_get_u8().map_err(|_| Malformed)?;
    match dialect {
        Dialect::Legacy => read_legacy(first, datagram),
        Dialect::Protobuf => read_protobuf(first, datagram),
    }
}

fn read_legacy(first: u8, mut rest: Bytes) -> Result<Received, Malformed> {
    let mut number = || varint::get(&mut rest).ok_or(Malformed);
    match first >> 5 {
        LEGACY_PING => Ok(Received::Pong(number()?)),
        LEGACY_OPUS => {
            let speaker = SessionId(u32::try_from(number()?).map_err(|_| Malformed)?);
            let sequence = number()?;
            let header = number()?;
            let length = usize::try_from(header & !LEGACY_LAST).map_err(|_| Malformed)?;
            if length > LONGEST_OPUS || length > rest.len() {
                return Err(Malformed);
            }
            // What follows the sound is the speaker's place in a game's world.
            let opus = rest.split_to(length);
            Ok(Received::Voice(Voice {
                speaker,
                scope: scope(u32::from(first & LEGACY_TARGET)),
                sequence,
                opus,
                last: header & LEGACY_LAST != 0,
            }))
        }
        _ => Ok(Received::Other),
    }
}

fn read_protobuf(kind: u8, rest: Bytes) -> Result<Received, Malformed> {
    match kind {
        AUDIO => {
            let audio = udp::Audio::decode(rest).map_err(|_| Malformed)?;
            if audio.opus_data.len() > LONGEST_OPUS {
                return Err(Malformed);
            }
            let context = match audio.header {
                Some(udp::audio::Header::Context(context)) => context,
                Some(udp::audio::Header::Target(_)) | None => 0,
            };
            Ok(Received::Voice(Voice {
                speaker: SessionId(audio.sender_session),
                scope: scope(context),
                sequence: audio.frame_number,
                opus: audio.opus_data,
                last: audio.is_terminator,
            }))
        }
        PING => {
            let ping = udp::Ping::decode(rest).map_err(|_| Malformed)?;
            Ok(Received::Pong(ping.timestamp))
        }
        _ => Ok(Received::Other),
    }
}

/// What both dialects call the way that a voice came.
fn scope(context: u32) -> Scope {
    match context {
        1 => Scope::Shout,
        2 => Scope::Whisper,
        3 => Scope::Listened,
        _ => Scope::Normal,
    }
}

/// Writes a packet of the own voice. `target` is 0 for normal speech to the own channel, else a
/// number up to 31.
pub(crate) fn write_voice(dialect: Dialect, target: u8, voice: &Voice) -> Vec<u8> {
    debug_assert!(target <= LEGACY_TARGET, "it has five bits");
    debug_assert!(
        voice.opus.len() <= LONGEST_OPUS,
        "the encoder's packets are far shorter"
    );
    let mut out = Vec::with_capacity(voice.opus.len() + 24);
    match dialect {
        Dialect::Legacy => {
            out.put_u8(LEGACY_OPUS << 5 | target);
            varint::put(&mut out, voice.sequence);
            let last = if voice.last { LEGACY_LAST } else { 0 };
            varint::put(&mut out, voice.opus.len() as u64 | last);
            out.put_slice(&voice.opus);
        }
        Dialect::Protobuf => {
            out.put_u8(AUDIO);
            let audio = udp::Audio {
                header: Some(udp::audio::Header::Target(u32::from(target))),
                frame_number: voice.sequence,
                opus_data: voice.opus.clone(),
                is_terminator: voice.last,
                ..udp::Audio::default()
            };
            out.extend(audio.encode_to_vec());
        }
    }
    out
}

/// Writes a packet of voice that reaches nobody: a sign to the server that voice comes by UDP.
pub(crate) fn write_to_nobody(dialect: Dialect) -> Vec<u8> {
    match dialect {
        Dialect::Legacy => {
            let mut out = vec![LEGACY_OPUS << 5 | NOBODY];
            varint::put(&mut out, 0);
            varint::put(&mut out, SILENCE.len() as u64);
            out.put_slice(&SILENCE);
            out
        }
        Dialect::Protobuf => {
            let audio = udp::Audio {
                header: Some(udp::audio::Header::Target(u32::from(NOBODY))),
                opus_data: Bytes::from_static(&SILENCE),
                ..udp::Audio::default()
            };
            [&[AUDIO], audio.encode_to_vec().as_slice()].concat()
        }
    }
}

/// Writes a ping; the server echoes the number.
pub(crate) fn write_ping(dialect: Dialect, timestamp: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(12);
    match dialect {
        Dialect::Legacy => {
            out.put_u8(LEGACY_PING << 5);
            varint::put(&mut out, timestamp);
        }
        Dialect::Protobuf => {
            out.put_u8(PING);
            let ping = udp::Ping {
                timestamp,
                request_extended_information: false,
            };
            out.extend(ping.encode_to_vec());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: [Dialect; 2] = [Dialect::Legacy, Dialect::Protobuf];

    /// What a server makes of a client's packet: it puts the speaker in.
    fn as_forwarded(dialect: Dialect, voice: &Voice) -> Bytes {
        let sent = write_voice(dialect, 0, voice);
        let context = voice.scope as u8;
        match dialect {
            Dialect::Legacy => {
                let mut out = vec![sent[0] | context];
                varint::put(&mut out, u64::from(voice.speaker.0));
                out.extend(&sent[1..]);
                out.into()
            }
            Dialect::Protobuf => {
                let mut audio = udp::Audio::decode(&sent[1..]).unwrap();
                audio.sender_session = voice.speaker.0;
                audio.header = Some(udp::audio::Header::Context(u32::from(context)));
                [&[AUDIO], audio.encode_to_vec().as_slice()].concat().into()
            }
        }
    }

    #[test]
    fn a_ping_comes_back_as_a_pong() {
        for dialect in BOTH {
            for timestamp in [0, 1, 0xffff, u64::MAX] {
                let ping = write_ping(dialect, timestamp).into();
                assert_eq!(read(dialect, ping), Ok(Received::Pong(timestamp)));
            }
        }
    }

    #[test]
    fn the_dialect_follows_the_servers_version() {
        let version = |minor, patch| Version {
            major: 1,
            minor,
            patch,
        };
        assert_eq!(Dialect::of(version(3, 4)), Dialect::Legacy);
        assert_eq!(Dialect::of(version(4, 999)), Dialect::Legacy);
        assert_eq!(Dialect::of(version(5, 735)), Dialect::Protobuf);
    }

    #[test]
    fn a_voice_carries_the_number_of_its_target() {
        let voice = Voice {
            speaker: SessionId(0),
            scope: Scope::Normal,
            sequence: 0,
            opus: Bytes::from_static(&[0xf8]),
            last: false,
        };
        for target in [0, 1, 30, 31] {
            let legacy = write_voice(Dialect::Legacy, target, &voice);
            assert_eq!(legacy[0], 4 << 5 | target);
            let protobuf = write_voice(Dialect::Protobuf, target, &voice);
            let audio = udp::Audio::decode(&protobuf[1..]).unwrap();
            let header = udp::audio::Header::Target(u32::from(target));
            assert_eq!(audio.header, Some(header));
        }
    }

    #[test]
    fn what_is_said_about_place_and_loudness_is_tolerated() {
        let audio = udp::Audio {
            header: Some(udp::audio::Header::Context(2)),
            sender_session: 9,
            frame_number: 7,
            opus_data: Bytes::from_static(&[0xf8]),
            positional_data: vec![1.0, f32::NAN, -3.5],
            volume_adjustment: 0.5,
            is_terminator: true,
        };
        let datagram = [&[AUDIO], audio.encode_to_vec().as_slice()].concat();
        let voice = Voice {
            speaker: SessionId(9),
            scope: Scope::Whisper,
            sequence: 7,
            opus: Bytes::from_static(&[0xf8]),
            last: true,
        };
        let read = read(Dialect::Protobuf, datagram.into());
        assert_eq!(read, Ok(Received::Voice(voice)));
    }

    #[test]
    fn codecs_of_long_ago_are_not_sound() {
        for kind in [0_u8, 2, 3, 5, 6, 7] {
            let datagram = Bytes::from(vec![kind << 5, 1, 2, 3, 4]);
            assert_eq!(read(Dialect::Legacy, datagram), Ok(Received::Other));
        }
    }

    #[test]
    fn a_length_beyond_the_datagram_is_malformed() {
        let datagram = Bytes::from_static(&[0x80, 1, 2, 40, 0, 0]);
        assert_eq!(read(Dialect::Legacy, datagram), Err(Malformed));
    }

    proptest! {
        #[test]
        fn a_place_in_a_games_world_changes_nothing(
            speaker: u32,
            opus in prop::collection::vec(any::<u8>(), 1..200),
            last: bool,
            place in prop::collection::vec(any::<f32>(), 0..4),
        ) {
            let voice = Voice {
                speaker: SessionId(speaker),
                scope: Scope::Normal,
                sequence: 12,
                opus: opus.into(),
                last,
            };
            let mut legacy = as_forwarded(Dialect::Legacy, &voice).to_vec();
            for axis in &place {
                legacy.put_f32_le(*axis);
            }
            let heard = Ok(Received::Voice(voice.clone()));
            prop_assert_eq!(read(Dialect::Legacy, legacy.into()), heard.clone());

            let plain = as_forwarded(Dialect::Protobuf, &voice);
            let mut audio = udp::Audio::decode(&plain[1..]).unwrap();
            audio.positional_data = place;
            let placed = [&[AUDIO], audio.encode_to_vec().as_slice()].concat();
            prop_assert_eq!(read(Dialect::Protobuf, placed.into()), heard);
        }

        #[test]
        fn a_voice_is_read_as_it_was_written(
            speaker: u32,
            sequence: u64,
            opus in prop::collection::vec(any::<u8>(), 0..1000),
            last: bool,
            context in 0_u32..4,
        ) {
            let (speaker, scope) = (SessionId(speaker), scope(context));
            let voice = Voice { speaker, scope, sequence, opus: opus.into(), last };
            for dialect in BOTH {
                let datagram = as_forwarded(dialect, &voice);
                prop_assert_eq!(read(dialect, datagram), Ok(Received::Voice(voice.clone())));
            }
        }

        #[test]
        fn a_position_behind_the_sound_is_not_sound(position: [u8; 12], opus: [u8; 30]) {
            let speaker = SessionId(4);
            let scope = Scope::Normal;
            let voice = Voice { speaker, scope, sequence: 9, opus: opus.to_vec().into(), last: false };
            let datagram = [as_forwarded(Dialect::Legacy, &voice).as_ref(), &position].concat();
            prop_assert_eq!(read(Dialect::Legacy, datagram.into()), Ok(Received::Voice(voice)));
        }

        #[test]
        fn no_datagram_makes_it_panic(bytes: Vec<u8>) {
            for dialect in BOTH {
                let _ = read(dialect, bytes.clone().into());
            }
        }
    }
}
