//! Any bytes at all, given to each part that reads what a network sent: nothing may panic or
//! grow, and what must hold of every input is asserted here.
//!
//! `cargo fuzz` (the package in `fuzz/`) and the tests of this module call the same functions,
//! one for each kind of input; [`seeds`] has valid inputs to begin from.

pub mod seeds;

mod life;
#[cfg(test)]
mod tests;

use std::time::Duration;

use audio::opus;
use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use crate::control::{Control, ControlCodec};
use crate::crypt::Crypt;
use crate::datagram::{self, Dialect, Received};
use crate::text;

pub use life::session;

/// More than the stream's buffer takes up while it waits for the longest message that is read
/// (1 MiB; a buffer grows by doubling).
const MOST_BUFFERED: usize = 4 << 20;

/// The longest packet of Opus (RFC 6716, section 3.2.5).
const LONGEST_PACKET: Duration = Duration::from_millis(120);

/// Up to this size a message is written again and read again.
const SMALL: usize = 1 << 10;

/// The stream of control messages, arriving in pieces as long as the first byte says.
///
/// What is read can be written and read again, and no announced length fills the buffer.
///
/// # Panics
/// When that does not hold.
pub fn control(bytes: &[u8]) {
    let Some((&piece, bytes)) = bytes.split_first() else {
        return;
    };
    let (mut codec, mut stream) = (ControlCodec::default(), BytesMut::new());
    for arriving in bytes.chunks(usize::from(piece).max(1)) {
        stream.extend_from_slice(arriving);
        loop {
            match codec.decode(&mut stream) {
                Ok(Some(message)) => is_read_as_it_is_written(message),
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(stream.capacity() <= MOST_BUFFERED, "the buffer grows");
    }
}

fn is_read_as_it_is_written(message: Control) {
    let written = encoded(message);
    if written.len() > SMALL {
        return;
    }
    let again = ControlCodec::default().decode(&mut written.clone());
    let again = again.ok().flatten().expect("our own message can be read");
    // Compared as bytes, for a number in it may be none.
    assert_eq!(encoded(again), written);
}

/// A message with its header.
pub(crate) fn encoded(message: Control) -> BytesMut {
    let mut out = BytesMut::new();
    ControlCodec::default()
        .encode(message, &mut out)
        .expect("a BytesMut takes any message");
    out
}

/// A datagram in the dialect of servers before 1.5, unsealed.
///
/// # Panics
/// When more sound is found in it than bytes.
pub fn legacy(bytes: &[u8]) {
    datagram(Dialect::Legacy, bytes);
}

/// A datagram in the dialect of servers since 1.5, unsealed.
///
/// # Panics
/// When more sound is found in it than bytes.
pub fn protobuf(bytes: &[u8]) {
    datagram(Dialect::Protobuf, bytes);
}

fn datagram(dialect: Dialect, bytes: &[u8]) {
    if let Ok(Received::Voice(voice)) = datagram::read(dialect, Bytes::copy_from_slice(bytes)) {
        assert!(voice.opus.len() < bytes.len(), "sound out of nothing");
        let duration = opus::packet_duration(&voice.opus).unwrap_or_default();
        assert!(duration <= LONGEST_PACKET, "a packet of {duration:?}");
    }
}

/// Sealed datagrams: genuine, late, repeated, damaged and invented ones in any order.
///
/// A genuine one opens once, a dropped one changes nothing, and whatever came before, the next
/// genuine ones all open.
///
/// # Panics
/// When that does not hold.
pub fn crypt(bytes: &[u8]) {
    let (key, up, down) = ([5; 16], [0xfe; 16], [9; 16]);
    let mut server = Crypt::new(key, down, up);
    let mut client = Crypt::new(key, up, down);
    let mut sent: Vec<Vec<u8>> = Vec::new();
    let mut accepted = 0;
    for piece in pieces(bytes) {
        let Some((&kind, content)) = piece.split_first() else {
            continue;
        };
        let datagram = match (kind % 4, sent.as_slice()) {
            (0, _) => content.to_vec(),
            (1, [_, ..]) => sent[usize::from(kind) % sent.len()].clone(),
            (2, [.., newest]) => {
                let mut damaged = newest.clone();
                let at = usize::from(kind) % damaged.len();
                damaged[at] ^= content.first().copied().unwrap_or(1).max(1);
                damaged
            }
            _ => {
                let sealed = server.seal(content);
                let opened = client.open(&sealed);
                assert_eq!(opened.map(|plain| plain.len()), Ok(content.len()));
                sent.push(sealed);
                continue;
            }
        };
        let before = client.place();
        match client.open(&datagram) {
            Ok(_) => accepted += 1,
            Err(_) => assert_eq!(client.place(), before, "a dropped datagram left a trace"),
        }
    }
    // Three bytes of tag can be guessed, once in sixteen million times.
    if accepted == 0 {
        for n in 0..10_u32 {
            let sealed = server.seal(&n.to_be_bytes());
            assert!(client.open(&sealed).is_ok(), "deaf to genuine datagram {n}");
        }
    }
}

/// A written message: what it says in plain words, back in HTML, and cut to pieces.
///
/// Plain text stays as it is, is no longer than its HTML, and its pieces hold every word of it
/// and keep to the limit.
///
/// # Panics
/// When that does not hold.
pub fn text(bytes: &[u8]) {
    let (limit, message) = bytes.split_at(bytes.len().min(1));
    let html = String::from_utf8_lossy(message);
    let plain = text::plain(&html);
    assert!(plain.len() <= html.len(), "longer than its HTML");
    assert_eq!(text::plain(&text::escape(&plain)), plain);

    // No limit is shorter than a character in HTML.
    let limit = usize::from(limit.first().copied().unwrap_or_default()).max(8);
    let pieces = text::split(&plain, limit);
    for piece in &pieces {
        let length = text::escape(piece).encode_utf16().count();
        assert!(!piece.is_empty() && length <= limit, "{length} of {limit}");
    }
    let letters = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(letters(&pieces.concat()), letters(&plain));
}

/// Cuts bytes into pieces, each led by its length in one byte.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (&length, after) = rest.split_first()?;
        let (piece, after) = after.split_at(after.len().min(usize::from(length)));
        rest = after;
        Some(piece)
    })
}
