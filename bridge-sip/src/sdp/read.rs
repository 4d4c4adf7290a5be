//! Reads a session description that somebody sent, whoever they are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::format::is_token;
use super::{Direction, Format, Kind, Map, Media, Origin, Protocol, Session};

/// Longest description, in bytes: browsers' gateways send 8 KiB at most, phones far less.
pub const LONGEST: usize = 16 * 1024;
/// Most lines of a description.
pub const MOST_LINES: usize = 512;
/// Longest line, in bytes.
pub const LONGEST_LINE: usize = 1024;
/// Most `m=` lines.
pub const MOST_MEDIA: usize = 16;
/// Most formats of one `m=` line.
pub const MOST_FORMATS: usize = 64;

/// Why a description cannot be understood. A line is told by its number, from 1: never by its
/// text, which may hold what does not belong into a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is beyond one of the limits of this module.
    #[error("the description is too long, or has too many lines, streams or formats")]
    TooMuch,
    /// A line is not a letter, an equals sign and text.
    #[error("line {0} is not of the form letter=text")]
    NotALine(usize),
    /// It does not begin with `v=0`.
    #[error("the description does not begin with v=0")]
    Version,
    /// It has no `o=` line.
    #[error("the description has no o= line")]
    NoOrigin,
    /// A line that decides where sound goes cannot be understood.
    #[error("line {0} is malformed")]
    Malformed(usize),
    /// A line says something else than one before it.
    #[error("line {0} contradicts an earlier one")]
    Contradiction(usize),
}

/// Reads a description. Unknown lines and attributes are skipped, blank lines too; a stream
/// without formats is kept, to be refused.
///
/// # Errors
///
/// See [`Error`]; the answer to the request that carried it is 400, or 488 in the offer's place.
pub fn read(text: &[u8]) -> Result<Session, Error> {
    if text.len() > LONGEST {
        return Err(Error::TooMuch);
    }
    let mut reader = Reader::default();
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if number > MOST_LINES || line.len() > LONGEST_LINE {
            return Err(Error::TooMuch);
        }
        if line.iter().any(|byte| matches!(byte, 0 | b'\r')) {
            return Err(Error::NotALine(number));
        }
        // A session may be named in any character set; what matters below is ASCII.
        let line = String::from_utf8_lossy(line);
        if !line.is_empty() {
            reader.line(number, &line)?;
        }
    }
    reader.finish()
}

#[derive(Default)]
struct Reader {
    version: bool,
    origin: Option<Origin>,
    connection: Option<IpAddr>,
    direction: Option<Direction>,
    media: Vec<Media>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), Error> {
        let (letter, value) = line.split_once('=').ok_or(Error::NotALine(number))?;
        let [letter @ b'a'..=b'z'] = letter.as_bytes() else {
            return Err(Error::NotALine(number));
        };
        if !self.version {
            self.version = *letter == b'v' && value.trim_end() == "0";
            return self.version.then_some(()).ok_or(Error::Version);
        }
        match letter {
            b'v' => Err(Error::Contradiction(number)),
            b'o' => {
                let origin = origin(value).ok_or(Error::Malformed(number))?;
                put(&mut self.origin, origin, number)
            }
            b'c' => {
                let address = connection(value).ok_or(Error::Malformed(number))?;
                let place = match self.media.last_mut() {
                    Some(media) => &mut media.connection,
                    None => &mut self.connection,
                };
                put(place, address, number)
            }
            b'm' if self.media.len() == MOST_MEDIA => Err(Error::TooMuch),
            b'm' => {
                self.media.push(media(value, number)?);
                Ok(())
            }
            b'a' => self.attribute(value, number),
            _ => Ok(()),
        }
    }

    fn attribute(&mut self, text: &str, number: usize) -> Result<(), Error> {
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        let name = name.trim_end();
        if let Some(direction) = Direction::parse(name) {
            let place = match self.media.last_mut() {
                Some(media) => &mut media.direction,
                None => &mut self.direction,
            };
            return put(place, direction, number);
        }
        let Some(media) = self.media.last_mut() else {
            return Ok(());
        };
        match name {
            "rtpmap" => match rtpmap(media, value) {
                Err(fault) if media.kind == Kind::Audio => Err(fault.at(number)),
                // A stream that is refused anyway does not keep the sound from being agreed on.
                _ => Ok(()),
            },
            "fmtp" => {
                // Parameters of a format that the stream does not have are of no use.
                if let Some((token, parameters)) = value.trim().split_once(' ')
                    && let Some(format) = find(media, token)
                {
                    format
                        .fmtp
                        .get_or_insert_with(|| parameters.trim().to_owned());
                }
                Ok(())
            }
            "ptime" => {
                media.ptime = milliseconds(value);
                Ok(())
            }
            "maxptime" => {
                media.maxptime = milliseconds(value);
                Ok(())
            }
            "rtcp-mux" => {
                media.rtcp_mux = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn finish(mut self) -> Result<Session, Error> {
        if !self.version {
            return Err(Error::Version);
        }
        for media in &mut self.media {
            if media.protocol.is_plain_rtp() {
                media.formats.iter_mut().for_each(Format::know);
            }
        }
        Ok(Session {
            origin: self.origin.ok_or(Error::NoOrigin)?,
            connection: self.connection,
            direction: self.direction,
            media: self.media,
        })
    }
}

/// Puts a value where none was, or the same one again.
fn put<T: PartialEq>(place: &mut Option<T>, value: T, number: usize) -> Result<(), Error> {
    match place {
        Some(earlier) if *earlier != value => Err(Error::Contradiction(number)),
        _ => {
            *place = Some(value);
            Ok(())
        }
    }
}

/// `<user> <id> <version> IN <IP4|IP6> <host>`.
fn origin(value: &str) -> Option<Origin> {
    let [user, id, version, _, _, host] = words(value)?;
    Some(Origin {
        user: is_token(user).then(|| user.to_owned())?,
        id: digits(id)?,
        version: digits(version)?,
        host: is_token(host).then(|| host.to_owned())?,
    })
}

/// `IN IP4 192.0.2.1`; the time to live or the count of multicast (`/127/3`) is dropped. A name
/// is refused: nobody here asks a name server on a stranger's word.
fn connection(value: &str) -> Option<IpAddr> {
    let [network, family, address] = words(value)?;
    if network != "IN" {
        return None;
    }
    let address = address.split('/').next()?;
    match family {
        "IP4" => Some(address.parse::<Ipv4Addr>().ok()?.into()),
        "IP6" => Some(address.parse::<Ipv6Addr>().ok()?.into()),
        _ => None,
    }
}

/// `<kind> <port>[/<count>] <protocol> <format> …`
fn media(value: &str, number: usize) -> Result<Media, Error> {
    let mut words = value.split(' ').filter(|word| !word.is_empty());
    let malformed = || Error::Malformed(number);
    let mut word = || words.next().filter(|word| is_token(word));
    let kind = word().ok_or_else(malformed)?;
    let port = word().ok_or_else(malformed)?;
    let port = port.split('/').next().and_then(digits);
    let protocol = Protocol::parse(word().ok_or_else(malformed)?);
    let mut formats = Vec::<Format>::new();
    for token in words {
        let format = Format::bare(token);
        let wrong = protocol.is_plain_rtp() && format.payload_type().is_none();
        if wrong || !is_token(token) {
            return Err(malformed());
        }
        if formats.len() == MOST_FORMATS {
            return Err(Error::TooMuch);
        }
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    Ok(Media {
        kind: Kind::parse(kind),
        port: port
            .and_then(|port| u16::try_from(port).ok())
            .ok_or_else(malformed)?,
        protocol,
        formats,
        connection: None,
        direction: None,
        ptime: None,
        maxptime: None,
        rtcp_mux: false,
    })
}

enum Fault {
    Malformed,
    Contradiction,
}

impl Fault {
    fn at(self, number: usize) -> Error {
        match self {
            Self::Malformed => Error::Malformed(number),
            Self::Contradiction => Error::Contradiction(number),
        }
    }
}

/// `<payload type> <name>/<clock>[/<channels>]`; one for a type that the stream does not have is
/// skipped.
fn rtpmap(media: &mut Media, value: &str) -> Result<(), Fault> {
    let (token, map) = value.trim().split_once(' ').ok_or(Fault::Malformed)?;
    let map = Map::parse(map).ok_or(Fault::Malformed)?;
    let Some(format) = find(media, token) else {
        return Ok(());
    };
    match &format.map {
        Some(earlier) if *earlier != map => Err(Fault::Contradiction),
        _ => {
            format.map = Some(map);
            Ok(())
        }
    }
}

fn find<'a>(media: &'a mut Media, token: &str) -> Option<&'a mut Format> {
    media
        .formats
        .iter_mut()
        .find(|format| format.token == token)
}

/// Whole milliseconds; some phones write `20.0`. What makes no sense is no wish at all.
fn milliseconds(value: &str) -> Option<u16> {
    let whole = value.trim().split('.').next()?;
    digits(whole)
        .and_then(|number| u16::try_from(number).ok())
        .filter(|number| *number > 0)
}

/// A number of digits only: `parse` alone would take a sign.
fn digits(text: &str) -> Option<u64> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| all)
}

fn words<const N: usize>(value: &str) -> Option<[&str; N]> {
    let words: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
    words.try_into().ok()
}
