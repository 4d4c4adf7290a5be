//! Where the middle of an answer is.

use super::request::{end_of_head, field};

/// An answer that is to be cut, so far as it has come.
#[derive(Debug, Default)]
pub(super) struct Answer {
    bytes: Vec<u8>,
    passed: usize,
}

/// What becomes of a piece of an answer that is to be cut.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Half {
    /// These bytes get through, and more will.
    Goes(Vec<u8>),
    /// These bytes still get through; the rest never does.
    Ends(Vec<u8>),
}

impl Answer {
    /// The next piece has come.
    pub(super) fn cut(&mut self, piece: &[u8]) -> Half {
        self.bytes.extend_from_slice(piece);
        let Some(middle) = middle(&self.bytes, piece.len()) else {
            // Where its middle is, is not known yet.
            return Half::Goes(Vec::new());
        };
        let until = middle.min(self.bytes.len());
        let part = self.bytes[self.passed.min(until)..until].to_vec();
        self.passed = until;
        if until < middle {
            Half::Goes(part)
        } else {
            Half::Ends(part)
        }
    }
}

/// Where the middle of an answer is: that of its body, where its length is known; the end of the
/// first chunk of one that is streamed; else that of its newest piece. `None` when more of it
/// must come.
fn middle(bytes: &[u8], newest: usize) -> Option<usize> {
    let seen = bytes.len();
    if !is_http(bytes) {
        return Some(seen - newest / 2);
    }
    let head = end_of_head(bytes)?;
    let text = String::from_utf8_lossy(&bytes[..head]);
    if let Some(length) = field(&text, "content-length").and_then(|n| n.parse::<usize>().ok()) {
        // An answer without a body is cut in its head.
        return Some(if length == 0 {
            head / 2
        } else {
            head + length / 2
        });
    }
    if field(&text, "transfer-encoding").is_none() {
        return Some(head + (seen - head) / 2);
    }
    let body = &bytes[head..];
    let line = body.windows(2).position(|two| two == b"\r\n")?;
    let size = std::str::from_utf8(&body[..line]).ok();
    let size = size.and_then(|hex| usize::from_str_radix(hex.trim(), 16).ok());
    // Behind each chunk, and behind the line with its size, the line ends.
    Some(head + line + 2 + size.map_or(0, |size| size + 2))
}

/// Whether it is the beginning of an answer of HTTP, or of its beginning.
fn is_http(bytes: &[u8]) -> bool {
    let begins = b"HTTP/1.".iter().zip(bytes);
    begins.into_iter().all(|(one, other)| one == other)
}

/// How much of a piece is the head of an answer, in bytes.
pub(super) fn head_in(piece: &[u8]) -> usize {
    if is_http(piece) {
        end_of_head(piece).unwrap_or(piece.len())
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What gets through of an answer that comes in pieces of this length.
    fn through(answer: &[u8], length: usize) -> Option<Vec<u8>> {
        let (mut cut, mut through) = (Answer::default(), Vec::new());
        for piece in answer.chunks(length) {
            match cut.cut(piece) {
                Half::Goes(part) => through.extend(part),
                Half::Ends(part) => {
                    through.extend(part);
                    return Some(through);
                }
            }
        }
        None
    }

    #[test]
    fn half_of_a_body_gets_through_however_it_comes() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nabcdefgh";
        for length in 1..=answer.len() {
            let part = through(answer, length).unwrap();
            assert_eq!(part, answer[..answer.len() - 4], "pieces of {length}");
        }
    }

    #[test]
    fn the_first_chunk_of_a_stream_gets_through() {
        let answer =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n";
        for length in 1..=answer.len() {
            let part = through(answer, length).unwrap();
            assert!(
                part.ends_with(b"\r\n\r\n3\r\nabc\r\n"),
                "pieces of {length}"
            );
        }
    }

    #[test]
    fn an_answer_without_a_body_is_cut_in_its_head() {
        let answer = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n";
        let part = through(answer, 7).unwrap();
        assert_eq!(part.len(), answer.len() / 2);
    }

    #[test]
    fn half_of_a_piece_of_anything_else_gets_through() {
        assert_eq!(through(&[7; 10], 10).unwrap(), [7; 5]);
        assert_eq!(through(&[7; 10], 1).unwrap(), [7; 1]);
    }
}
