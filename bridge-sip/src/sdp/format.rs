//! The formats of a stream: payload types, what they stand for, and their parameters.

use std::fmt;

/// The first payload type that means what the description says (RFC 3551 section 6).
pub const FIRST_DYNAMIC: u8 = 96;

/// The last payload type there is: RTP has seven bits for it.
const LAST: u8 = 127;

/// What payload types mean that need no `a=rtpmap` (RFC 3551 table 4), as far as phones use them.
/// G.722 is written with 8000 Hz although it samples at 16000: an old mistake kept on purpose
/// (RFC 3551 section 4.5.2).
const STATIC: &[(u8, &str, u32)] = &[
    (0, "PCMU", 8000),
    (3, "GSM", 8000),
    (4, "G723", 8000),
    (8, "PCMA", 8000),
    (9, "G722", 8000),
    (13, "CN", 8000),
    (15, "G728", 8000),
    (18, "G729", 8000),
];

/// One format that an `m=` line names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// As the `m=` line has it: with RTP a payload type, elsewhere anything.
    pub token: String,
    /// What a payload type stands for, told by `a=rtpmap` or known without.
    pub map: Option<Map>,
    /// The parameters of `a=fmtp`, as they are written.
    pub fmtp: Option<String>,
}

impl Format {
    /// A format that is known by its name alone.
    pub fn bare(token: &str) -> Self {
        Self {
            token: token.to_owned(),
            map: None,
            fmtp: None,
        }
    }

    /// A payload type and what it stands for.
    pub fn mapped(payload_type: u8, map: Map) -> Self {
        Self {
            token: payload_type.to_string(),
            map: Some(map),
            fmtp: None,
        }
    }

    /// The payload type, 0 to 127; `None` where the token is not one.
    pub fn payload_type(&self) -> Option<u8> {
        let digits = !self.token.is_empty() && self.token.bytes().all(|byte| byte.is_ascii_digit());
        let number = self.token.parse().ok().filter(|_| digits);
        number.filter(|number| *number <= LAST)
    }

    /// Gives a payload type the meaning that it has without `a=rtpmap`.
    pub(super) fn know(&mut self) {
        if self.map.is_some() {
            return;
        }
        let Some(number) = self.payload_type() else {
            return;
        };
        let known = STATIC.iter().find(|(known, ..)| *known == number);
        self.map = known.map(|(_, name, clock)| Map::new(name, *clock));
    }
}

/// What `a=rtpmap` says of a payload type (RFC 8866 section 6.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// The encoding's name, which is the same in upper and lower case.
    pub name: String,
    /// Ticks of the RTP timestamp in a second, in Hz.
    pub clock: u32,
    /// Channels of sound; 1 when nothing is said.
    pub channels: u8,
}

impl Map {
    /// An encoding of one channel.
    pub fn new(name: &str, clock: u32) -> Self {
        Self {
            name: name.to_owned(),
            clock,
            channels: 1,
        }
    }

    /// Whether it is that encoding at that clock with that many channels.
    pub fn is(&self, name: &str, clock: u32, channels: u8) -> bool {
        self.name.eq_ignore_ascii_case(name) && self.clock == clock && self.channels == channels
    }

    /// Reads `opus/48000/2`; `None` when a part is missing, is 0 or is not a number.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('/');
        let name = parts.next().filter(|name| is_token(name))?;
        let clock = parts.next()?.parse().ok().filter(|clock| *clock > 0)?;
        let channels = match parts.next() {
            Some(channels) => channels.parse().ok().filter(|channels| *channels > 0)?,
            None => 1,
        };
        Some(Self {
            name: name.to_owned(),
            clock,
            channels,
        })
    }
}

impl fmt::Display for Map {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.name, self.clock)?;
        if self.channels > 1 {
            write!(out, "/{}", self.channels)?;
        }
        Ok(())
    }
}

/// The value of one parameter in what `a=fmtp` says: `1` for `useinbandfec` in
/// `maxplaybackrate=16000; useinbandfec=1`. Names are the same in upper and lower case.
pub fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    fmtp.split(';').find_map(|part| {
        let (key, value) = part.split_once('=')?;
        let found = key.trim().eq_ignore_ascii_case(name);
        found.then(|| value.trim())
    })
}

/// Whether it is a word that a description may use as a name: visible ASCII, no blanks.
pub(super) fn is_token(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic())
}
