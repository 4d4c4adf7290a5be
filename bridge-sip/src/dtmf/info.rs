//! A key in the body of SIP INFO, as phones without RTP events send it.
//!
//! `application/dtmf-relay` has lines `Signal=5` and `Duration=160` (in ms); `application/dtmf`
//! has the key alone. Neither was ever written down as a standard.

use std::time::Duration;

use thiserror::Error;

use super::Key;

/// Longest body that is looked at, in bytes.
const LONGEST_BODY: usize = 256;

/// How long a press lasts whose INFO does not say so; what phones usually name.
const USUAL: Duration = Duration::from_millis(160);

/// One press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Which key.
    pub key: Key,
    /// How long; 160 ms if it is not said, at most 65.535 s.
    pub held: Duration,
}

/// Why the body of an INFO names no press.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InfoError {
    /// A content type that says nothing of keys: to be answered by 415.
    #[error("content type of the INFO is not for keys")]
    ContentType,
    /// No key, an unknown one, or more text than a key needs: to be answered by 400.
    #[error("body of the INFO names no key")]
    NoKey,
    /// A duration that is no number of milliseconds below 65536: to be answered by 400.
    #[error("duration in the INFO is no number of milliseconds")]
    Duration,
}

impl Info {
    /// Reads the body of an INFO; parameters of the content type are not looked at.
    ///
    /// # Errors
    /// [`InfoError`] says what is wrong.
    pub fn read(content_type: &str, body: &[u8]) -> Result<Self, InfoError> {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        let text = (body.len() <= LONGEST_BODY)
            .then(|| std::str::from_utf8(body).ok())
            .flatten();
        let text = text.ok_or(InfoError::NoKey);
        if kind.eq_ignore_ascii_case("application/dtmf-relay") {
            read_relay(text?)
        } else if kind.eq_ignore_ascii_case("application/dtmf") {
            Ok(Self {
                key: one_key(text?)?,
                held: USUAL,
            })
        } else {
            Err(InfoError::ContentType)
        }
    }

    /// Writes a body for `application/dtmf-relay`.
    pub fn write(self) -> String {
        let Self { key, held } = self;
        let ms = held.as_millis().min(u16::MAX.into());
        format!("Signal={}\r\nDuration={ms}\r\n", key.character())
    }
}

fn read_relay(text: &str) -> Result<Info, InfoError> {
    let (mut key, mut held) = (None, USUAL);
    for line in text.lines() {
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let (name, value) = (name.trim(), value.trim());
        if name.eq_ignore_ascii_case("signal") {
            key = Some(one_key(value)?);
        } else if name.eq_ignore_ascii_case("duration") {
            let ms: u16 = value.parse().map_err(|_| InfoError::Duration)?;
            held = Duration::from_millis(ms.into());
        }
    }
    let key = key.ok_or(InfoError::NoKey)?;
    Ok(Info { key, held })
}

fn one_key(text: &str) -> Result<Key, InfoError> {
    let mut characters = text.trim().chars();
    let key = characters.next().and_then(Key::of);
    match (key, characters.next()) {
        (Some(key), None) => Ok(key),
        _ => Err(InfoError::NoKey),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RELAY: &str = "application/dtmf-relay";

    fn key(character: char) -> Key {
        Key::of(character).unwrap()
    }

    #[test]
    fn both_kinds_of_body_are_read() {
        let held = Duration::from_millis(250);
        let body = b"signal = #\nDURATION= 250 \n";
        let info = Info::read("Application/DTMF-Relay; x=y", body);
        assert_eq!(
            info,
            Ok(Info {
                key: key('#'),
                held
            })
        );
        let info = Info::read("application/dtmf", b" 5\r\n").unwrap();
        assert_eq!(
            info,
            Info {
                key: key('5'),
                held: USUAL
            }
        );
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert_eq!(Info::read("text/plain", b"5"), Err(InfoError::ContentType));
        for body in [
            "",
            "Signal=",
            "Signal=12",
            "Signal=x",
            "Duration=160",
            "\u{e9}",
        ] {
            assert_eq!(
                Info::read(RELAY, body.as_bytes()),
                Err(InfoError::NoKey),
                "{body}"
            );
        }
        let body = b"Signal=1\r\nDuration=70000";
        assert_eq!(Info::read(RELAY, body), Err(InfoError::Duration));
        assert_eq!(Info::read(RELAY, &[b' '; 300]), Err(InfoError::NoKey));
    }

    proptest! {
        #[test]
        fn a_press_is_read_as_it_was_written(event in 0_u8..16, ms: u16) {
            let key = Key::of_event(event).unwrap();
            let info = Info { key, held: Duration::from_millis(ms.into()) };
            prop_assert_eq!(Info::read(RELAY, info.write().as_bytes()), Ok(info));
        }

        #[test]
        fn no_body_makes_it_panic(bytes: Vec<u8>, text in "(?i)(signal|duration|=|.|\n){0,20}") {
            for body in [&bytes[..], text.as_bytes()] {
                let _ = Info::read(RELAY, body);
                let _ = Info::read("application/dtmf", body);
            }
        }
    }
}
