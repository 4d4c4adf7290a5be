//! Requests of HTTP, found in what a user sends over one connection.

use std::time::Instant;

/// Bytes of a body that are kept: more than any JSON that an engine of ours is asked with, and
/// less than most recordings.
const MOST_KEPT: usize = 16 << 10;

/// Bytes of a head; who sends more does not speak HTTP.
const LONGEST_HEAD: usize = 64 << 10;

/// A request of HTTP that came to the proxy as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// When its head was complete.
    pub at: Instant,
    /// Such as `POST`.
    pub method: String,
    /// Such as `/v1/audio/transcriptions`.
    pub path: String,
    /// Length of its body in bytes.
    pub length: usize,
    /// The first 16 KiB of its body.
    pub body: Vec<u8>,
}

/// Finds the requests in a stream of bytes, however it is cut into pieces.
#[derive(Debug)]
pub(super) enum Requests {
    /// A head, so far as it has come.
    Head(Vec<u8>),
    /// A body, and how many bytes of it are still to come.
    Body(Request, usize),
    /// What is sent is not HTTP, or not in a way that is understood here.
    Opaque,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self::Head(Vec::new())
    }

    /// Reads on, and gives the requests that are complete now.
    pub(super) fn read(&mut self, now: Instant, mut bytes: &[u8]) -> Vec<Request> {
        let mut complete = Vec::new();
        while !bytes.is_empty() {
            match self {
                Self::Opaque => return complete,
                Self::Head(head) => {
                    // One byte at a time would be simpler, but a head may come in two pieces.
                    let before = head.len();
                    head.extend_from_slice(bytes);
                    let Some(end) = end_of_head(head) else {
                        if head.len() > LONGEST_HEAD || !may_be_a_request(head) {
                            *self = Self::Opaque;
                        }
                        return complete;
                    };
                    bytes = &bytes[end - before..];
                    *self = Self::begun(now, &head[..end]);
                }
                Self::Body(request, left) => {
                    let (body, rest) = bytes.split_at(bytes.len().min(*left));
                    let room = MOST_KEPT.saturating_sub(request.body.len());
                    request
                        .body
                        .extend_from_slice(&body[..body.len().min(room)]);
                    *left -= body.len();
                    bytes = rest;
                }
            }
            if let Self::Body(request, 0) = self {
                complete.push(request.clone());
                *self = Self::new();
            }
        }
        complete
    }

    /// After a head: its body is to come.
    fn begun(now: Instant, head: &[u8]) -> Self {
        let text = String::from_utf8_lossy(head);
        let mut words = text.split_ascii_whitespace();
        let (Some(method), Some(path)) = (words.next(), words.next()) else {
            return Self::Opaque;
        };
        if field(&text, "transfer-encoding").is_some() {
            return Self::Opaque;
        }
        let length = field(&text, "content-length").map_or(Ok(0), str::parse);
        let Ok(length) = length else {
            return Self::Opaque;
        };
        let request = Request {
            at: now,
            method: method.to_owned(),
            path: path.to_owned(),
            length,
            body: Vec::new(),
        };
        Self::Body(request, length)
    }
}

/// Where the head of a message of HTTP ends, if it is complete.
pub(super) fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

/// The value of a field in a head.
pub(super) fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field
            .trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim())
    })
}

/// Whether it can be the beginning of a request: a method is made of capitals.
fn may_be_a_request(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] = b"POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: x\r\n\r\n";

    #[test]
    fn requests_are_found_however_they_are_cut() {
        let now = Instant::now();
        for cut in 0..=TWO.len() {
            for again in cut..=TWO.len() {
                let mut requests = Requests::new();
                let mut found = requests.read(now, &TWO[..cut]);
                found.extend(requests.read(now, &TWO[cut..again]));
                found.extend(requests.read(now, &TWO[again..]));
                let [post, get] = &found[..] else {
                    panic!("{cut}, {again}: {found:?}")
                };
                assert_eq!((&*post.method, &*post.path), ("POST", "/api/chat"));
                assert_eq!((post.length, &*post.body), (5, &b"hello"[..]));
                assert_eq!((&*get.method, &*get.path, get.length), ("GET", "/", 0));
            }
        }
    }

    #[test]
    fn what_is_not_http_is_left_alone() {
        let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc];
        let mut requests = Requests::new();
        assert_eq!(requests.read(Instant::now(), &hello), []);
        assert!(matches!(requests, Requests::Opaque));
        assert_eq!(requests.read(Instant::now(), TWO), []);
    }

    #[test]
    fn any_bytes_are_read() {
        let mut chance = crate::Chance::of(1);
        for _ in 0..2_000 {
            let mut requests = Requests::new();
            let mut bytes = TWO.to_vec();
            for _ in 0..4 {
                let at = usize::from(chance.byte()) % bytes.len();
                bytes[at] = chance.byte();
            }
            let _ = requests.read(Instant::now(), &bytes);
        }
    }
}
