//! Messages as bytes, written by hand: a hostile server keeps to no schema.

/// Kinds of messages.
pub(crate) const VERSION: u16 = 0;
pub(crate) const TUNNEL: u16 = 1;
pub(crate) const PING: u16 = 3;
pub(crate) const SYNC: u16 = 5;
pub(crate) const CHANNEL_STATE: u16 = 7;
pub(crate) const USER_REMOVE: u16 = 8;
pub(crate) const USER_STATE: u16 = 9;
pub(crate) const TEXT: u16 = 11;
pub(crate) const CRYPT_SETUP: u16 = 15;

/// A message: its kind, the length that it announces, its body.
pub(crate) fn frame(kind: u16, body: &[u8]) -> Vec<u8> {
    announced(kind, body.len() as u32, body)
}

/// A message that lies about its length.
pub(crate) fn announced(kind: u16, length: u32, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &length.to_be_bytes(), body].concat()
}

/// A field that holds a number.
pub(crate) fn number(field: u64, value: u64) -> Vec<u8> {
    let mut out = varint(field << 3);
    out.extend(varint(value));
    out
}

/// A field that holds bytes or a text.
pub(crate) fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    let mut out = varint(field << 3 | 2);
    out.extend(varint(value.len() as u64));
    out.extend_from_slice(value);
    out
}

/// A user of this number, name and channel.
pub(crate) fn user(session: u64, name: &str, channel: u64) -> Vec<u8> {
    let body = [
        number(1, session),
        bytes(3, name.as_bytes()),
        number(5, channel),
    ];
    frame(USER_STATE, &body.concat())
}

/// A channel of this number, parent and name.
pub(crate) fn channel(id: u64, parent: u64, name: &str) -> Vec<u8> {
    let body = [number(1, id), number(2, parent), bytes(3, name.as_bytes())];
    frame(CHANNEL_STATE, &body.concat())
}

/// A text from a user to the one that is tried.
pub(crate) fn text(from: u64, message: &str) -> Vec<u8> {
    let body = [number(1, from), bytes(5, message.as_bytes())];
    frame(TEXT, &body.concat())
}

/// A key and nonces, all made of one byte.
pub(crate) fn crypt_setup(fill: u8) -> Vec<u8> {
    let block = [fill; 16];
    let body = [bytes(1, &block), bytes(2, &block), bytes(3, &block)];
    frame(CRYPT_SETUP, &body.concat())
}

/// A tunnelled packet of voice, as servers before 1.5 send it: 20 ms of Opus.
pub(crate) fn voice(speaker: u32, sequence: u8) -> Vec<u8> {
    let opus = [0x48, 0x83, 0x3c, 0x9e, 0x11, 0x70, 0x02, 0xe5];
    let [a, b, c, d] = speaker.to_be_bytes();
    let head = [0x80, 0xf0, a, b, c, d, sequence & 0x7f, opus.len() as u8];
    frame(TUNNEL, &[&head[..], &opus].concat())
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}
