//! Valid inputs of each kind, to begin from.

use bytes::Bytes;

use super::{
    encoded,
    life::{SECRETS, Step},
};
use crate::control::Control;
use crate::datagram::{Dialect, Voice, write_ping, write_voice};
use crate::event::{Scope, SessionId};
use crate::proto::control::*;
use crate::proto::udp;

/// The versions of which a seed's server may be: one for each dialect.
const VERSIONS: [u64; 2] = [1 << 48 | 3 << 32 | 4 << 16, 1 << 48 | 5 << 32 | 735 << 16];

/// The user that a session's seeds log in, and another.
const ME: u32 = 5;
const ANN: u32 = 9;

/// A packet of Opus: 20 ms in the mode for speech.
const OPUS: &[u8] = &[0x48, 0x83, 0x3c, 0x9e, 0x11, 0x70, 0x02, 0xe5, 0xaa, 0x31];

/// Streams for [`control`](super::control), one for each kind of message, and all in one.
pub fn control() -> Vec<Vec<u8>> {
    let messages: Vec<Vec<u8>> = messages()
        .into_iter()
        .map(|message| encoded(message).to_vec())
        .collect();
    let all = messages.concat();
    let streams = messages.into_iter().chain([all]);
    streams
        .map(|stream| [&[40], stream.as_slice()].concat())
        .collect()
}

/// Datagrams for [`legacy`](super::legacy).
pub fn legacy() -> Vec<Vec<u8>> {
    let voice = |last| {
        let sent = write_voice(Dialect::Legacy, 0, &voice(last));
        // A server puts the speaker's number behind the first byte.
        [&sent[..1], &[ANN as u8], &sent[1..]].concat()
    };
    let with_position = [voice(false), vec![0; 12]].concat();
    let ping = write_ping(Dialect::Legacy, 1 << 40);
    vec![voice(false), voice(true), with_position, ping]
}

/// Datagrams for [`protobuf`](super::protobuf).
pub fn protobuf() -> Vec<Vec<u8>> {
    use prost::Message;

    let audio = |last| udp::Audio {
        header: Some(udp::audio::Header::Context(0)),
        sender_session: ANN,
        frame_number: 1000,
        opus_data: Bytes::from_static(OPUS),
        positional_data: if last { vec![1.0, 2.0, 3.0] } else { vec![] },
        volume_adjustment: 1.0,
        is_terminator: last,
    };
    let sound = |last| [&[0], audio(last).encode_to_vec().as_slice()].concat();
    let ping = write_ping(Dialect::Protobuf, 1 << 40);
    vec![sound(false), sound(true), ping]
}

/// Runs of datagrams for [`crypt`](super::crypt).
pub fn crypt() -> Vec<Vec<u8>> {
    let genuine = [3; 20];
    let run = |kinds: &[u8]| {
        let piece = |&kind: &u8| [&[20, kind], &genuine[1..]].concat();
        kinds.iter().flat_map(piece).collect::<Vec<u8>>()
    };
    vec![
        run(&[3; 40]),
        run(&[3, 3, 3, 1, 0, 2, 3]),
        run(&[0, 0, 3, 0, 5, 3, 6, 3, 9]),
    ]
}

/// Messages for [`text`](super::text).
pub fn text() -> Vec<Vec<u8>> {
    [
        "\u{8}hello, and how are you today?",
        "\u{20}<b>hello</b> &amp; <i title=\"a>b\">you</i><br>two&nbsp;lines &#x27;x&#39;",
        "\u{40}<style>p { color: red }</style><!-- no --><p>one</p><table><td>two</td></table>",
        "\u{9}5 < 6 & 7 > 2, I <3 🦀 <unclosed &hellip; &unknown; &#xd800;",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Steps for [`session`](super::session): whole lives, each of which begins with a login.
pub fn session() -> Vec<Vec<u8>> {
    let lives = VERSIONS.map(|version| [login(version).concat(), steps().concat()].concat());
    lives.to_vec()
}

/// Steps that bring a session into its channel.
pub(super) fn login(version: u64) -> Vec<Vec<u8>> {
    let (key, up, down) = SECRETS;
    let channel = |id, parent, name: &str| {
        Control::ChannelState(ChannelState {
            channel_id: Some(id),
            parent,
            name: Some(name.to_owned()),
            ..ChannelState::default()
        })
    };
    let user = |session, channel, name: &str| {
        Control::UserState(UserState {
            session: Some(session),
            channel_id: Some(channel),
            name: Some(name.to_owned()),
            ..UserState::default()
        })
    };
    [
        Control::Version(Version {
            version_v2: Some(version),
            ..Version::default()
        }),
        Control::CryptSetup(CryptSetup {
            key: Some(Bytes::copy_from_slice(&key)),
            client_nonce: Some(Bytes::copy_from_slice(&up)),
            server_nonce: Some(Bytes::copy_from_slice(&down)),
        }),
        channel(0, None, "Root"),
        channel(1, Some(0), "AI"),
        user(ANN, 1, "Ann"),
        user(ME, 0, "AI-Bot"),
        Control::ServerSync(ServerSync {
            session: Some(ME),
            max_bandwidth: Some(72_000),
            ..ServerSync::default()
        }),
        user(ME, 1, "AI-Bot"),
    ]
    .map(|message| Step::Stream.with(&encoded(message)))
    .to_vec()
}

/// The versions that [`login`] is for.
pub(super) fn versions() -> [u64; 2] {
    VERSIONS
}

/// Steps of a session that is in its channel.
pub(super) fn steps() -> Vec<Vec<u8>> {
    let stream = messages()
        .into_iter()
        .map(|message| Step::Stream.with(&encoded(message)));
    let datagrams = [legacy(), protobuf()].concat();
    let sealed = datagrams.iter().map(|datagram| Step::Sealed.with(datagram));
    let tunnelled = datagrams.iter().map(|datagram| {
        let message = Control::UdpTunnel(Bytes::copy_from_slice(datagram));
        Step::Stream.with(&encoded(message))
    });
    let waits = [5_u16, 20, 60, 1000].map(|ms| Step::Wait.with(&ms.to_le_bytes()));
    stream
        .chain(sealed)
        .chain(tunnelled)
        .chain(waits)
        .chain([
            Step::Datagram.with(&[7; 30]),
            Step::Write.with(b"good morning, all of you"),
            Step::Say.with(&[9; 200]),
        ])
        .collect()
}

fn voice(last: bool) -> Voice {
    Voice {
        speaker: SessionId::default(),
        scope: Scope::default(),
        sequence: 1000,
        opus: Bytes::from_static(OPUS),
        last,
    }
}

/// One message of each kind that a server sends.
fn messages() -> Vec<Control> {
    let (some, words) = (|number| Some(number), || Some("some words".to_owned()));
    vec![
        Control::UdpTunnel(legacy().swap_remove(0).into()),
        Control::Version(Version {
            version_v1: some(0x1_0304),
            release: words(),
            ..Version::default()
        }),
        Control::Ping(Ping {
            timestamp: Some(1000),
            tcp_ping_avg: Some(1.5),
            ..Ping::default()
        }),
        Control::Reject(Reject {
            r#type: Some(4),
            reason: words(),
        }),
        Control::ServerSync(ServerSync {
            session: some(ME),
            welcome_text: words(),
            ..ServerSync::default()
        }),
        Control::ChannelRemove(ChannelRemove {
            channel_id: some(3),
        }),
        Control::ChannelState(ChannelState {
            channel_id: some(2),
            parent: some(1),
            name: words(),
            temporary: Some(true),
            ..ChannelState::default()
        }),
        Control::UserRemove(UserRemove {
            session: some(ANN),
            actor: some(ME),
            reason: words(),
            ..UserRemove::default()
        }),
        Control::UserState(UserState {
            session: some(ANN),
            channel_id: some(2),
            mute: Some(true),
            comment: words(),
            ..UserState::default()
        }),
        Control::TextMessage(TextMessage {
            actor: some(ANN),
            session: vec![ME],
            message: Some("<b>hi</b>".to_owned()),
            ..TextMessage::default()
        }),
        Control::PermissionDenied(PermissionDenied {
            r#type: Some(1),
            permission: some(0x100),
            channel_id: some(1),
            session: some(ME),
            ..PermissionDenied::default()
        }),
        Control::CryptSetup(CryptSetup {
            server_nonce: Some(Bytes::from_static(&SECRETS.2)),
            ..CryptSetup::default()
        }),
        Control::CodecVersion(CodecVersion {
            opus: Some(true),
            ..CodecVersion::default()
        }),
        Control::ServerConfig(ServerConfig {
            max_bandwidth: some(40_000),
            message_length: some(100),
            ..ServerConfig::default()
        }),
    ]
}
