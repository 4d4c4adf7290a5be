//! Control messages on the TCP stream: a type, a length, a protobuf message.
//!
//! See <https://mumble-protocol.readthedocs.io/en/latest/protocol_stack_tcp.html>. A message of
//! an unknown kind is skipped, one that cannot be read or is too long for its kind is dropped
//! and counted: neither ends the connection, for a newer server may send what this crate has
//! never heard of.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;
use thiserror::Error;
use tokio_util::codec::{Decoder, Encoder};

use crate::proto::control::*;

/// Type and length in front of each message.
const HEADER: usize = 6;

/// The protocol's longest message; a length beyond it is no Mumble.
const LONGEST: usize = (8 << 20) - 1;

/// The stream cannot be a Mumble server's.
#[derive(Debug, Error)]
pub(crate) enum ControlError {
    /// No message is that long.
    #[error("a message of {0} bytes was announced")]
    TooLong(usize),
    /// The stream broke.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Makes the enum of messages and both directions of its table, one line per kind.
macro_rules! control_messages {
    ($($id:literal $name:ident at most $most:expr;)+) => {
        /// A control message of a kind that this crate knows.
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) enum Control {
            /// Voice or a ping, as in a datagram but not sealed.
            UdpTunnel(Bytes),
            $($name($name),)+
        }

        impl Control {
            fn id(&self) -> u16 {
                match self {
                    Self::UdpTunnel(_) => UDP_TUNNEL,
                    $(Self::$name(_) => $id,)+
                }
            }

            fn put(&self, out: &mut BytesMut) {
                match self {
                    Self::UdpTunnel(datagram) => out.put_slice(datagram),
                    $(Self::$name(message) => {
                        message.encode(out).expect("a BytesMut grows as needed");
                    })+
                }
            }

            /// The longest sensible message of a kind; none for a kind that is not known.
            fn longest(id: u16) -> Option<usize> {
                match id {
                    UDP_TUNNEL => Some(LONGEST_TUNNELLED),
                    $($id => Some($most),)+
                    _ => None,
                }
            }

            fn parse(id: u16, body: Bytes) -> Option<Self> {
                match id {
                    UDP_TUNNEL => Some(Self::UdpTunnel(body)),
                    $($id => $name::decode(body).ok().map(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

/// The one kind that is no protobuf message.
const UDP_TUNNEL: u16 = 1;

/// A datagram has at most 1024 bytes.
const LONGEST_TUNNELLED: usize = 4096;

/// Room for every field of a message without free text.
const SHORT: usize = 4096;

/// Room for texts, comments and welcome messages; pictures in them are beyond what is read.
const WORDY: usize = 1 << 20;

control_messages! {
    0 Version at most SHORT;
    2 Authenticate at most WORDY;
    3 Ping at most SHORT;
    4 Reject at most WORDY;
    5 ServerSync at most WORDY;
    6 ChannelRemove at most SHORT;
    7 ChannelState at most WORDY;
    8 UserRemove at most WORDY;
    9 UserState at most WORDY;
    11 TextMessage at most WORDY;
    12 PermissionDenied at most WORDY;
    15 CryptSetup at most SHORT;
    19 VoiceTarget at most SHORT;
    20 PermissionQuery at most SHORT;
    21 CodecVersion at most SHORT;
    23 RequestBlob at most SHORT;
    24 ServerConfig at most WORDY;
    25 SuggestConfig at most SHORT;
}

/// Cuts the stream into messages, and writes them.
#[derive(Debug, Default)]
pub(crate) struct ControlCodec {
    /// How much of a message that nobody wants is still to come.
    skipping: usize,
    dropped: u64,
}

impl ControlCodec {
    /// How many messages of known kinds were dropped because they could not be read.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Decoder for ControlCodec {
    type Item = Control;
    type Error = ControlError;

    fn decode(&mut self, stream: &mut BytesMut) -> Result<Option<Control>, ControlError> {
        loop {
            // What is skipped is thrown away as it comes, however long it is.
            let skipped = self.skipping.min(stream.len());
            stream.advance(skipped);
            self.skipping -= skipped;
            let Some((mut header, body)) = stream.split_at_checked(HEADER) else {
                return Ok(None);
            };
            let id = header.get_u16();
            let length = header.get_u32() as usize;
            if length > LONGEST {
                return Err(ControlError::TooLong(length));
            }
            match Control::longest(id) {
                Some(longest) if length <= longest => {
                    if body.len() < length {
                        stream.reserve(HEADER + length - stream.len());
                        return Ok(None);
                    }
                    stream.advance(HEADER);
                    match Control::parse(id, stream.split_to(length).freeze()) {
                        Some(message) => return Ok(Some(message)),
                        None => self.dropped += 1,
                    }
                }
                known => {
                    self.dropped += u64::from(known.is_some());
                    stream.advance(HEADER);
                    self.skipping = length;
                }
            }
        }
    }
}

impl Encoder<Control> for ControlCodec {
    type Error = ControlError;

    fn encode(&mut self, message: Control, out: &mut BytesMut) -> Result<(), ControlError> {
        let start = out.len();
        out.put_u16(message.id());
        out.put_u32(0);
        message.put(out);
        let length = out.len() - start - HEADER;
        let length_field = start + size_of::<u16>()..start + HEADER;
        out[length_field].copy_from_slice(&(length as u32).to_be_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(messages: &[Control]) -> BytesMut {
        let mut out = BytesMut::new();
        for message in messages {
            ControlCodec::default()
                .encode(message.clone(), &mut out)
                .unwrap();
        }
        out
    }

    fn decoded(codec: &mut ControlCodec, mut stream: BytesMut) -> Vec<Control> {
        std::iter::from_fn(|| codec.decode(&mut stream).unwrap()).collect()
    }

    fn frame(id: u16, body: &[u8]) -> Vec<u8> {
        [
            &id.to_be_bytes()[..],
            &(body.len() as u32).to_be_bytes(),
            body,
        ]
        .concat()
    }

    fn a_text() -> Control {
        Control::TextMessage(TextMessage {
            message: Some("hi".into()),
            ..TextMessage::default()
        })
    }

    #[test]
    fn messages_are_cut_out_of_the_stream_however_it_arrives() {
        let messages = [
            Control::Ping(Ping {
                timestamp: Some(5),
                ..Ping::default()
            }),
            Control::UdpTunnel(Bytes::from_static(b"\x80voice")),
            a_text(),
        ];
        let stream = encoded(&messages);
        let mut codec = ControlCodec::default();
        let mut arrived = BytesMut::new();
        let mut found = Vec::new();
        for byte in stream {
            arrived.put_u8(byte);
            found.extend(codec.decode(&mut arrived).unwrap());
        }
        assert_eq!(found, messages);
    }

    #[test]
    fn an_unknown_kind_is_skipped() {
        let mut stream = BytesMut::from(&frame(999, &[7; 70_000])[..]);
        stream.extend(encoded(&[a_text()]));
        let mut codec = ControlCodec::default();
        assert_eq!(decoded(&mut codec, stream), [a_text()]);
        assert_eq!(codec.dropped(), 0);
    }

    #[test]
    fn an_unreadable_message_is_dropped_and_counted() {
        let mut stream = BytesMut::from(&frame(9, b"\xff\xff\xff")[..]);
        stream.extend(frame(0, &vec![0; SHORT + 1]));
        stream.extend(encoded(&[a_text()]));
        let mut codec = ControlCodec::default();
        assert_eq!(decoded(&mut codec, stream), [a_text()]);
        assert_eq!(codec.dropped(), 2);
    }

    #[test]
    fn another_protocol_is_recognised_by_its_absurd_length() {
        let mut stream = BytesMut::from(&b"HTTP/1.1 400 Bad Request\r\n"[..]);
        let error = ControlCodec::default().decode(&mut stream).unwrap_err();
        assert!(matches!(error, ControlError::TooLong(_)), "{error}");
    }

    proptest! {
        #[test]
        fn no_stream_makes_it_panic(
            frames in prop::collection::vec((0_u16..30, prop::collection::vec(any::<u8>(), 0..60)), 0..20),
            garbage: Vec<u8>,
        ) {
            let mut stream: BytesMut = frames.iter().flat_map(|(id, body)| frame(*id, body)).collect();
            stream.extend_from_slice(&garbage);
            let mut codec = ControlCodec::default();
            while let Ok(Some(_)) = codec.decode(&mut stream) {}
        }

        #[test]
        fn bad_frames_do_not_hide_good_ones(
            frames in prop::collection::vec((0_u16..30, prop::collection::vec(any::<u8>(), 0..60)), 0..20),
        ) {
            let mut stream: BytesMut = frames.iter().flat_map(|(id, body)| frame(*id, body)).collect();
            stream.extend(encoded(&[a_text()]));
            let found = decoded(&mut ControlCodec::default(), stream);
            prop_assert_eq!(found.last(), Some(&a_text()));
        }
    }
}
