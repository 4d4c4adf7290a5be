//! What both ends say about the time a session lasts: the headers of RFC 4028.

use std::fmt;

/// The least that any session may be asked to last without a refresh, in s (RFC 4028 section 5).
pub const LEAST: u32 = 90;

/// Which end of one transaction refreshes the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refresher {
    /// The one that sent the request.
    Uac,
    /// The one that answers it.
    Uas,
}

impl Refresher {
    fn as_str(self) -> &'static str {
        match self {
            Self::Uac => "uac",
            Self::Uas => "uas",
        }
    }
}

/// The value of a `Session-Expires` header (compact form `x`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionExpires {
    /// The session ends this long after its last refresh, in s.
    pub seconds: u32,
    /// Who refreshes it, if that is said.
    pub refresher: Option<Refresher>,
}

/// A header that is no number of seconds, or names a refresher that there is none of; the answer
/// is 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session timer's header is malformed")]
pub struct Malformed;

impl SessionExpires {
    /// Reads the header's value; parameters that are not known are skipped.
    ///
    /// # Errors
    ///
    /// [`Malformed`], for two different refreshers too.
    pub fn read(value: &str) -> Result<Self, Malformed> {
        let mut parts = value.split(';');
        let seconds = read_seconds(parts.next().unwrap_or_default())?;
        let mut refresher = None;
        for parameter in parts {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if !name.trim().eq_ignore_ascii_case("refresher") {
                continue;
            }
            let named = [Refresher::Uac, Refresher::Uas]
                .into_iter()
                .find(|refresher| refresher.as_str().eq_ignore_ascii_case(value.trim()));
            let named = named.ok_or(Malformed)?;
            if refresher.is_some_and(|earlier| earlier != named) {
                return Err(Malformed);
            }
            refresher = Some(named);
        }
        Ok(Self { seconds, refresher })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.seconds)?;
        match self.refresher {
            Some(refresher) => write!(out, ";refresher={}", refresher.as_str()),
            None => Ok(()),
        }
    }
}

/// Reads the value of a `Min-SE` header, in s.
///
/// # Errors
///
/// [`Malformed`].
pub fn read_min_se(value: &str) -> Result<u32, Malformed> {
    // Parameters may come one day (RFC 4028 section 5); none are known.
    read_seconds(value.split(';').next().unwrap_or_default())
}

fn read_seconds(text: &str) -> Result<u32, Malformed> {
    let text = text.trim();
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed);
    }
    text.parse().map_err(|_| Malformed)
}
