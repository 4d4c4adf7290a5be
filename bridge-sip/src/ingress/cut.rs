//! Messages cut out of the bytes of a connection (RFC 3261 section 18.3), before they are read.

use std::time::{Duration, Instant};

use super::Fault;
use super::grammar::content_length;
use super::message::{LONGEST_HEAD, Message};

/// Longest body of a message by TCP, in bytes: head and body are no longer than a datagram can be.
pub const LONGEST_BODY: usize = 64 * 1024 - LONGEST_HEAD;

/// How long a message may take from its first byte to its last. A telephone sends it in one go;
/// who sends a byte now and then wants to hold a connection for nothing.
pub const WHOLE_WITHIN: Duration = Duration::from_secs(10);

/// The end of a head, and what is sent between messages to keep a connection open (RFC 5626
/// section 3.5.1).
const TWO_ENDS: &[u8] = b"\r\n\r\n";

/// What comes out of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A message with its body, to be judged like a datagram.
    Message(Vec<u8>),
    /// Two line ends between messages: one is to be sent back.
    Ping,
    /// Nobody can tell where the next message begins. The fault is to be answered where these
    /// bytes can be, and the connection to be closed.
    Lost(Vec<u8>, Fault),
}

/// Cuts the bytes of one connection. It holds one message at most: [`LONGEST_HEAD`] and
/// [`LONGEST_BODY`] together.
#[derive(Debug, Default)]
pub struct Cutter {
    held: Vec<u8>,
    /// What the body is short of, in bytes; `None` while the head is not whole.
    missing: Option<usize>,
    /// How much of [`TWO_ENDS`] has come between two messages.
    ends: usize,
    /// When the first byte of what is held came.
    begun: Option<Instant>,
    lost: bool,
}

impl Cutter {
    /// Takes the next bytes, however they were split on their way, and gives what is whole by them.
    /// Nothing follows [`Piece::Lost`].
    pub fn take(&mut self, now: Instant, bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut rest = bytes;
        while !self.lost && !rest.is_empty() {
            let wanted = self.missing.unwrap_or(1).min(rest.len());
            let (next, after) = rest.split_at(wanted);
            rest = after;
            pieces.extend(match (self.missing, next) {
                (Some(missing), body) => self.body(body, missing),
                (None, &[end @ (b'\r' | b'\n')]) if self.held.is_empty() => self.between(end),
                (None, head) => self.head(now, head),
            });
        }
        pieces
    }

    /// Nothing more comes, or it comes too late: what has come of a message is given up.
    pub fn end(&mut self) -> Option<Piece> {
        let half = !self.lost && !self.held.is_empty();
        half.then(|| self.lose(Fault::Malformed("the message does not end")))
    }

    /// When what has come of a message is to be given up; `None` between messages.
    pub fn deadline(&self) -> Option<Instant> {
        self.begun?.checked_add(WHOLE_WITHIN)
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn between(&mut self, byte: u8) -> Option<Piece> {
        self.ends = match TWO_ENDS.get(self.ends) {
            Some(wanted) if *wanted == byte => self.ends + 1,
            _ => usize::from(byte == b'\r'),
        };
        let ping = self.ends == TWO_ENDS.len();
        if ping {
            self.ends = 0;
        }
        ping.then_some(Piece::Ping)
    }

    fn head(&mut self, now: Instant, byte: &[u8]) -> Option<Piece> {
        self.begun.get_or_insert(now);
        self.ends = 0;
        self.held.extend_from_slice(byte);
        if self.held.ends_with(TWO_ENDS) {
            match length(&self.held) {
                Ok(0) => Some(self.whole()),
                Ok(length) if length <= LONGEST_BODY => {
                    self.missing = Some(length);
                    None
                }
                Ok(_) => Some(self.lose(Fault::TooLong)),
                Err(fault) => Some(self.lose(fault)),
            }
        } else if self.held.len() >= LONGEST_HEAD {
            Some(self.lose(Fault::TooLong))
        } else {
            None
        }
    }

    fn body(&mut self, bytes: &[u8], missing: usize) -> Option<Piece> {
        self.held.extend_from_slice(bytes);
        self.missing = missing.checked_sub(bytes.len()).filter(|rest| *rest > 0);
        self.missing.is_none().then(|| self.whole())
    }

    fn whole(&mut self) -> Piece {
        self.begun = None;
        Piece::Message(std::mem::take(&mut self.held))
    }

    fn lose(&mut self, fault: Fault) -> Piece {
        self.lost = true;
        self.begun = None;
        Piece::Lost(std::mem::take(&mut self.held), fault)
    }
}

/// How long the body is, which on a connection every message has to say (RFC 3261 section 20.14).
fn length(head: &[u8]) -> Result<usize, Fault> {
    let Ok(message) = Message::read(head) else {
        return Err(Fault::Malformed("the first line is malformed"));
    };
    let mut lengths = message.all("content-length");
    match (lengths.next(), lengths.next()) {
        (Some(length), None) => content_length(length),
        (Some(_), Some(_)) => Err(Fault::Malformed("a header occurs twice")),
        (None, _) => {
            // It may be one of those that were too many to be read.
            let fault = message.fault.clone();
            Err(fault.unwrap_or(Fault::Malformed("Content-Length is missing")))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(body: &str) -> String {
        format!(
            "INFO sip:ai@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.7;branch=z9hG4bK1\r\n\
             l: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn cut(bytes: &str) -> Vec<Piece> {
        Cutter::default().take(Instant::now(), bytes.as_bytes())
    }

    fn whole(message: &str) -> Piece {
        Piece::Message(message.as_bytes().to_vec())
    }

    #[test]
    fn messages_behind_one_another_come_out_one_by_one() {
        let (one, two) = (message("Signal=1\r\n\r\n"), message(""));
        let pieces = cut(&format!("{one}{two}{one}"));
        assert_eq!(pieces, [whole(&one), whole(&two), whole(&one)]);
    }

    #[test]
    fn line_ends_between_messages_are_none_and_two_of_them_are_a_ping() {
        let one = message("");
        assert_eq!(cut(&format!("\r\n{one}")), [whole(&one)]);
        let pieces = cut(&format!("{one}\r\n\r\n{one}\r\n\n\r\n\r\n"));
        let wanted = [whole(&one), Piece::Ping, whole(&one), Piece::Ping];
        assert_eq!(pieces, wanted);
    }

    #[test]
    fn a_message_that_does_not_say_how_long_it_is_loses_the_rest() {
        for length in [
            "",
            "l: x\r\n",
            "l: -1\r\n",
            "l: 1\r\nContent-Length: 1\r\n",
            "l: 99999999999999999999\r\n",
            "l: 65536\r\n",
        ] {
            let broken = message("").replace("l: 0\r\n", length);
            let pieces = cut(&format!("{broken}{}", message("")));
            let [Piece::Lost(bytes, _)] = pieces.as_slice() else {
                panic!("{length:?} gives {pieces:?}");
            };
            assert_eq!(*bytes, broken.as_bytes());
        }
    }

    #[test]
    fn a_head_without_an_end_is_lost_before_it_fills_the_memory() {
        let mut cutter = Cutter::default();
        let now = Instant::now();
        let begins = cutter.take(now, b"INVITE sip:ai@192.0.2.1 SIP/2.0\r\nX: ");
        assert_eq!(begins, []);
        let pieces = cutter.take(now, &[b'x'; 20_000]);
        assert!(matches!(
            pieces.as_slice(),
            [Piece::Lost(_, Fault::TooLong)]
        ));
        assert_eq!(cutter.take(now, message("").as_bytes()), []);
    }

    #[test]
    fn a_message_has_ten_seconds_to_come() {
        let (mut cutter, begun) = (Cutter::default(), Instant::now());
        assert_eq!(cutter.deadline(), None);
        let text = message("Signal=1");
        for (n, byte) in text.bytes().enumerate() {
            let due = (n > 0).then_some(begun + WHOLE_WITHIN);
            assert_eq!(cutter.deadline(), due);
            cutter.take(begun + Duration::from_millis(n as u64), &[byte]);
        }
        assert_eq!((cutter.deadline(), cutter.end()), (None, None));
        cutter.take(begun, b"INVITE");
        assert!(matches!(cutter.end(), Some(Piece::Lost(..))));
    }

    /// Messages, pings, and now and then what is none.
    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            6 => "[ -~]{0,40}".prop_map(|body| message(&body).into_bytes()),
            2 => Just(b"\r\n".to_vec()),
            2 => Just(b"\r\n\r\n".to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..40),
        ];
        prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn however_a_stream_is_split_the_same_comes_out(
            stream in stream(),
            mut splits in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let now = Instant::now();
            let at_once = Cutter::default().take(now, &stream);
            let (mut cutter, mut pieces, mut begun) = (Cutter::default(), Vec::new(), 0);
            splits.sort_by_key(|split| split.index(stream.len() + 1));
            for split in splits {
                let end = split.index(stream.len() + 1);
                pieces.extend(cutter.take(now, &stream[begun..end]));
                begun = end;
            }
            pieces.extend(cutter.take(now, &stream[begun..]));
            prop_assert_eq!(pieces, at_once);
        }

        #[test]
        fn no_bytes_make_it_panic_or_hold_more_than_one_message(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9000), 0..12),
            start in prop::sample::select(vec!["", "INVITE a SIP/2.0\r\nl: 40000\r\n\r\n"]),
        ) {
            let mut cutter = Cutter::default();
            cutter.take(Instant::now(), start.as_bytes());
            for chunk in chunks {
                cutter.take(Instant::now(), &chunk);
                prop_assert!(cutter.held() <= LONGEST_HEAD + LONGEST_BODY);
            }
        }
    }
}
