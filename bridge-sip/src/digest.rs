//! Whether a caller knows the password: the server's side of digest authentication.
//!
//! RFC 7616 with `qop=auth`, as SIP uses it (RFC 3261 section 22, RFC 8760): MD5, because that is
//! what phones and PBXs speak, and SHA-256 before it. A nonce tells by itself when it was made
//! here, so a flood of strangers who ask for nonces fills nothing; only one with which somebody
//! has proved the password is remembered, until it expires, so that nothing is accepted twice.

use std::time::{Duration, Instant};

use subtle::ConstantTimeEq as _;

mod algorithm;
mod credentials;
mod nonces;

pub use algorithm::Algorithm;
pub use credentials::{Credentials, LONGEST, MOST_PARAMETERS, Malformed};

use nonces::{Nonces, Use};

/// What a server is set up with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the phone shows of where a password is asked for; the passwords of one realm are of
    /// no use in another.
    pub realm: String,
    /// The hashes that are offered, the preferred one first; both by default. A phone that trips
    /// over SHA-256 instead of taking the next needs MD5 alone.
    pub algorithms: Vec<Algorithm>,
    /// How long a nonce is good for: 5 min by default. Whoever goes on gets a new one then,
    /// without being asked for the password again.
    pub lifetime: Duration,
    /// How many nonces in use are remembered: 1024 by default. Beyond that the oldest is
    /// forgotten, and with it every nonce made before: their holders are asked again.
    pub remembered: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            realm: "mumble-ai".to_owned(),
            algorithms: Algorithm::ALL.to_vec(),
            lifetime: Duration::from_secs(5 * 60),
            remembered: 1024,
        }
    }
}

/// What is to be done with a request that carries credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is from somebody who knows the password of this name.
    Accepted(String),
    /// The password is right and the nonce is not: challenge again with `stale`, and the phone
    /// tries again without asking anybody.
    Stale,
    /// The name or the password is wrong, or the credentials are for another realm or made with a
    /// hash that is not offered: challenge again, and count it against the source.
    Denied,
}

/// The server's side of digest authentication, for one realm.
#[derive(Debug)]
pub struct Server {
    realm: String,
    algorithms: Vec<Algorithm>,
    nonces: Nonces,
}

impl Server {
    /// A server whose nonces are sealed with `secret`, which has to be random and is kept by
    /// nobody else. After a restart with another one all nonces are stale.
    pub fn new(settings: Settings, secret: [u8; 32], now: Instant) -> Self {
        // Quotes would end the realm, and control characters the header.
        let plain = |letter: &char| !letter.is_control() && !matches!(letter, '"' | '\\');
        Self {
            realm: settings.realm.chars().filter(plain).collect(),
            algorithms: settings.algorithms,
            nonces: Nonces::new(settings.lifetime, settings.remembered, secret, now),
        }
    }

    /// The values of the `WWW-Authenticate` (or `Proxy-Authenticate`) headers of a 401 (or 407),
    /// one header each, the preferred one first (RFC 8760 section 2.4). `random` makes this nonce
    /// unlike any other.
    pub fn challenge(&self, now: Instant, random: [u8; 8], stale: bool) -> Vec<String> {
        let nonce = self.nonces.make(now, random);
        let realm = &self.realm;
        let stale = if stale { ", stale=true" } else { "" };
        let challenge = |algorithm: &Algorithm| {
            let name = algorithm.as_str();
            format!(
                "Digest realm=\"{realm}\", nonce=\"{nonce}\", qop=\"auth\", \
                 algorithm={name}{stale}"
            )
        };
        self.algorithms.iter().map(challenge).collect()
    }

    /// Judges the credentials of a request with this `method`. `password` gives the one that
    /// belongs to a name.
    ///
    /// The digest covers the URI that the credentials name; that it may differ from the
    /// request's (a proxy on the way may change that one) is left as RFC 3261 section 22.4 has it.
    pub fn verify<'a>(
        &mut self,
        now: Instant,
        method: &str,
        credentials: &Credentials,
        password: impl FnOnce(&str) -> Option<&'a str>,
    ) -> Verdict {
        let known = password(&credentials.username);
        // An unknown name takes the same time as a wrong password.
        let expected = credentials.expected(method, known.unwrap_or_default());
        let right = expected.as_bytes().ct_eq(credentials.response.as_bytes());
        let ours =
            credentials.realm == self.realm && self.algorithms.contains(&credentials.algorithm);
        if !bool::from(right) || known.is_none() || !ours {
            return Verdict::Denied;
        }
        match self
            .nonces
            .spend(now, &credentials.nonce, credentials.count)
        {
            Use::Fresh => Verdict::Accepted(credentials.username.clone()),
            Use::Stale => Verdict::Stale,
        }
    }
}

#[cfg(test)]
mod tests;
