//! What stands in an `Authorization` header.

use super::Algorithm;

/// Longest header value that is read, in bytes.
pub const LONGEST: usize = 2048;
/// Most parameters that are read.
pub const MOST_PARAMETERS: usize = 24;

/// Why credentials cannot be judged; the answer is 400, or a challenge where the scheme is
/// another. What it says holds nothing of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Basic or Bearer, for example.
    #[error("the scheme of the credentials is not Digest")]
    Scheme,
    /// Beyond [`LONGEST`] or [`MOST_PARAMETERS`].
    #[error("the credentials are too long")]
    TooLong,
    /// Not a list of `name=value`.
    #[error("the credentials are not a list of parameters")]
    Syntax,
    /// The same parameter twice.
    #[error("a parameter of the credentials occurs twice")]
    Twice,
    /// A parameter that this way of authentication needs.
    #[error("{0} is missing from the credentials")]
    Missing(&'static str),
    /// A parameter has a value that was not offered or cannot be.
    #[error("{0} has an unusable value in the credentials")]
    Unusable(&'static str),
}

/// Credentials as a phone sends them, in any order and with or without quotes (RFC 7616 section
/// 3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Who they say they are.
    pub username: String,
    pub(super) realm: String,
    pub(super) nonce: String,
    pub(super) response: String,
    pub(super) count: u32,
    pub(super) algorithm: Algorithm,
    uri: String,
    cnonce: String,
    /// As written: the digits are part of what is hashed.
    nc: String,
}

impl Credentials {
    /// Reads the value of an `Authorization` (or `Proxy-Authorization`) header. Parameters that
    /// are not needed are skipped.
    ///
    /// # Errors
    ///
    /// See [`Malformed`].
    pub fn read(value: &str) -> Result<Self, Malformed> {
        if value.len() > LONGEST {
            return Err(Malformed::TooLong);
        }
        let value = value.trim();
        let (scheme, rest) = value.split_once([' ', '\t']).ok_or(Malformed::Scheme)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Err(Malformed::Scheme);
        }
        let parameters = parameters(rest)?;
        let find = |name: &'static str| {
            let mut named = parameters.iter().filter(|(found, _)| found == name);
            let value = named.next().map(|(_, value)| value.clone());
            match named.next() {
                Some(_) => Err(Malformed::Twice),
                None => Ok(value),
            }
        };
        let need = |name| find(name)?.ok_or(Malformed::Missing(name));
        // Without an algorithm it is MD5 (RFC 7616 section 3.4).
        let algorithm =
            find("algorithm")?.map_or(Some(Algorithm::Md5), |name| Algorithm::parse(&name));
        let algorithm = algorithm.ok_or(Malformed::Unusable("algorithm"))?;
        // Without qop there is no count, and so no protection from what was recorded.
        if !need("qop")?.eq_ignore_ascii_case("auth") {
            return Err(Malformed::Unusable("qop"));
        }
        let nc = need("nc")?;
        let count = count(&nc).ok_or(Malformed::Unusable("nc"))?;
        let mut response = need("response")?;
        response.make_ascii_lowercase();
        if response.len() != algorithm.digits() {
            return Err(Malformed::Unusable("response"));
        }
        Ok(Self {
            username: need("username")?,
            realm: need("realm")?,
            nonce: need("nonce")?,
            uri: need("uri")?,
            cnonce: need("cnonce")?,
            response,
            count,
            nc,
            algorithm,
        })
    }

    /// Where they are for: a request that passed a proxy may carry several (RFC 3261 section
    /// 22.3), and only those for the own realm are to be judged.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// What the response would be with this password (RFC 7616 section 3.4.1).
    pub(super) fn expected(&self, method: &str, password: &str) -> String {
        let hash = |parts: &[&str]| self.algorithm.hash(parts);
        let who = hash(&[&self.username, &self.realm, password]);
        let what = hash(&[method, &self.uri]);
        hash(&[&who, &self.nonce, &self.nc, &self.cnonce, "auth", &what])
    }
}

/// Eight hexadecimal digits; fewer are taken too.
fn count(nc: &str) -> Option<u32> {
    let digits = (1..=8).contains(&nc.len()) && nc.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u32::from_str_radix(nc, 16).ok().filter(|_| digits);
    number.filter(|number| *number > 0)
}

/// Names in small letters, values without their quotes.
fn parameters(mut rest: &str) -> Result<Vec<(String, String)>, Malformed> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Ok(found);
        }
        if found.len() == MOST_PARAMETERS {
            return Err(Malformed::TooLong);
        }
        let (name, after) = rest.split_once('=').ok_or(Malformed::Syntax)?;
        let name = name.trim_end();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Malformed::Syntax);
        }
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = after.find(',').unwrap_or(after.len());
                let (value, after) = after.split_at(end);
                (value.trim_end().to_owned(), after)
            }
        };
        found.push((name.to_ascii_lowercase(), value));
        rest = after.trim_start();
        if !rest.is_empty() && !rest.starts_with(',') {
            return Err(Malformed::Syntax);
        }
    }
}

/// The text up to the closing quote, without its escapes, and what follows it.
fn unquote(text: &str) -> Result<(String, &str), Malformed> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((_, letter)) = letters.next() {
        match letter {
            '"' => return Ok((value, letters.as_str())),
            '\\' => value.push(letters.next().ok_or(Malformed::Syntax)?.1),
            letter => value.push(letter),
        }
    }
    Err(Malformed::Syntax)
}
