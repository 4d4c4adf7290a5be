//! The two hashes that a digest can be made with.

use sha2::{Digest as _, Sha256};

/// A hash, as `algorithm=` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Broken as a hash, and still what nearly every phone speaks; in a digest with a nonce it
    /// keeps the password from who listens, as long as that is not easily guessed.
    Md5,
    /// RFC 7616 section 3.1.
    Sha256,
}

impl Algorithm {
    /// Both, the preferred one first.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Md5];

    /// As headers have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// Reads it, in upper or lower case; `None` for all others, the `-sess` variants too: they
    /// are not offered.
    pub fn parse(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(name))
    }

    /// The hash of these parts with colons between them, in small hexadecimal digits.
    pub(crate) fn hash(self, parts: &[&str]) -> String {
        let text = parts.join(":");
        match self {
            Self::Md5 => hex::encode(<md5::Md5 as md5::Digest>::digest(text)),
            Self::Sha256 => hex::encode(Sha256::digest(text)),
        }
    }

    /// How many digits its hash has.
    pub(super) fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 => 64,
        }
    }
}
