//! A message taken apart: its first line, its headers and its body, none of them understood yet.

use super::Fault;
use super::grammar::is_token;

/// Longest first line and headers together, in bytes.
pub const LONGEST_HEAD: usize = 16 * 1024;
/// Longest header with its continuation lines, in bytes.
pub const LONGEST_LINE: usize = 4096;
/// Most headers.
pub const MOST_HEADERS: usize = 128;

/// The one-letter names (RFC 3261 section 20, RFC 4028) and what they stand for.
const COMPACT: &[(&str, &str)] = &[
    ("c", "content-type"),
    ("e", "content-encoding"),
    ("f", "from"),
    ("i", "call-id"),
    ("k", "supported"),
    ("l", "content-length"),
    ("m", "contact"),
    ("s", "subject"),
    ("t", "to"),
    ("v", "via"),
    ("x", "session-expires"),
];

/// Not even the beginning of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Empty,
    NotSip,
}

/// What a message begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Request(String),
    Response(u16),
}

/// The parts of a message. Where something is wrong that spoils the whole, `fault` says what, and
/// the headers are those that could be read.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) start: Start,
    headers: Vec<(String, String)>,
    pub(super) body: &'a [u8],
    pub(super) fault: Option<Fault>,
}

impl<'a> Message<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Broken> {
        // Line ends before a message are to be skipped (RFC 3261 section 7.5).
        let blank = bytes
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let bytes = bytes.get(blank.count()..).unwrap_or_default();
        if bytes.is_empty() {
            return Err(Broken::Empty);
        }
        let (head, body) = match find(bytes, b"\r\n\r\n") {
            Some(end) => (
                bytes.get(..end).unwrap_or_default(),
                bytes.get(end + 4..).unwrap_or_default(),
            ),
            None => (bytes, [].as_slice()),
        };
        let mut fault = None;
        if head.len() == bytes.len() {
            fault = Some(Fault::Malformed("the headers do not end"));
        }
        let whole = head.len();
        let head = head.get(..LONGEST_HEAD).unwrap_or(head);
        if head.len() < whole {
            fault = Some(Fault::TooLong);
        }
        let mut lines = head.split(|byte| *byte == b'\n').map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            String::from_utf8_lossy(line)
        });
        let start = start(&lines.next().unwrap_or_default()).ok_or(Broken::NotSip)?;
        let mut message = Self {
            start,
            headers: Vec::new(),
            body,
            fault,
        };
        message.bytes_of(head);
        for line in lines {
            message.line(&line);
        }
        Ok(message)
    }

    /// The first value of a header, by its name in small letters.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The values of a header in their order, by its name in small letters.
    pub(super) fn all(&self, name: &'a str) -> impl Iterator<Item = &str> {
        let named = self.headers.iter().filter(move |(found, _)| found == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The stack behind cuts a message off at a line that is not UTF-8, silently.
    fn bytes_of(&mut self, head: &[u8]) {
        if std::str::from_utf8(head).is_err() {
            self.blame("a header is not UTF-8");
        }
        let mut before = 0;
        for byte in head {
            let bare = *byte == b'\n' && before != b'\r' || before == b'\r' && *byte != b'\n';
            let control = byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n');
            if bare || control {
                self.blame("a control character, or half a line end");
            }
            before = *byte;
        }
    }

    fn line(&mut self, line: &str) {
        if line.starts_with([' ', '\t']) {
            match self.headers.last_mut() {
                Some((_, value)) if value.len() + line.len() <= LONGEST_LINE => {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                Some(_) => self.spoil(Fault::TooLong),
                None => self.blame("the first line is continued"),
            }
            return;
        }
        let Some((name, value)) = line.split_once(':') else {
            return self.blame("a header has no colon");
        };
        let name = name.trim_end().to_ascii_lowercase();
        if !is_token(&name) {
            return self.blame("the name of a header is malformed");
        }
        if line.len() > LONGEST_LINE || self.headers.len() == MOST_HEADERS {
            return self.spoil(Fault::TooLong);
        }
        let long = COMPACT.iter().find(|(compact, _)| *compact == name);
        let name = long.map_or(name, |(_, long)| (*long).to_owned());
        self.headers.push((name, value.trim().to_owned()));
    }

    fn blame(&mut self, what: &'static str) {
        self.spoil(Fault::Malformed(what));
    }

    fn spoil(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }
}

/// Tells requests, responses and what is neither (a browser, a STUN packet, noise) apart.
fn start(line: &str) -> Option<Start> {
    if let Some(rest) = line.strip_prefix("SIP/2.0 ") {
        let code = rest.split(' ').next().unwrap_or_default();
        let three = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
        return Some(Start::Response(
            code.parse().ok().filter(|_| three).unwrap_or(0),
        ));
    }
    let (_, version) = line.trim_end().rsplit_once(' ')?;
    let sip = version.get(..4)?.eq_ignore_ascii_case("SIP/");
    sip.then(|| Start::Request(line.to_owned()))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}
