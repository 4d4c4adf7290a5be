//! The parts of the grammar (RFC 3261 section 25) that decide whether a message is whole.

use super::Fault;

/// Whom a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Known,
    Unknown,
}

/// The highest number of a request (RFC 3261 section 8.1.1.5).
const HIGHEST_CSEQ: u64 = (1 << 31) - 1;

/// Whether it is a token: what methods, header names and option tags are made of.
pub(super) fn is_token(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte);
    !text.is_empty() && text.bytes().all(letter)
}

/// Reads `<method> <address> SIP/2.0`, with one blank between each two.
pub(super) fn method_and_uri(line: &str) -> Result<(&str, Scheme), Fault> {
    let malformed = Fault::Malformed("the first line is malformed");
    let version = line.trim_end().rsplit(' ').next().unwrap_or_default();
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return Err(Fault::Version);
    }
    let parts: Vec<_> = line.split(' ').collect();
    let [method, uri, _] = parts.as_slice() else {
        return Err(malformed);
    };
    if !is_token(method) {
        return Err(malformed);
    }
    Ok((*method, scheme(uri)?))
}

fn scheme(uri: &str) -> Result<Scheme, Fault> {
    let malformed = || Fault::Malformed("the address of the request is malformed");
    let visible = uri
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"<>\"".contains(&byte));
    let (scheme, rest) = uri.split_once(':').ok_or_else(malformed)?;
    let letter = scheme.starts_with(|letter: char| letter.is_ascii_alphabetic());
    if !visible || !letter || rest.is_empty() || !escapes(rest) {
        return Err(malformed());
    }
    if scheme.eq_ignore_ascii_case("tel") {
        return Ok(Scheme::Known);
    }
    if !scheme.eq_ignore_ascii_case("sip") && !scheme.eq_ignore_ascii_case("sips") {
        return Ok(Scheme::Unknown);
    }
    let (user, host) = match rest.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, rest),
    };
    // Headers in the address are not for a request's own (RFC 3261 section 19.1.1).
    let empty_user = user.is_some_and(|user| user.is_empty() || user.starts_with(':'));
    let host = host.split(';').next().unwrap_or_default();
    if empty_user || host.contains('?') || !is_host(host) {
        return Err(malformed());
    }
    Ok(Scheme::Known)
}

/// Whether each percent sign stands before two hexadecimal digits.
fn escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        let digits = after.as_bytes().first_chunk::<2>();
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// A name, an address or an IPv6 address in brackets, with or without a port.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, after)) if host.parse::<std::net::Ipv6Addr>().is_ok() => ("v6", after),
            _ => return false,
        },
        None => match text.find(':') {
            Some(colon) => text.split_at(colon),
            None => (text, ""),
        },
    };
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let named = !host.is_empty() && host.bytes().all(letter);
    named && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

fn is_port(text: &str) -> bool {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits && text.parse::<u16>().is_ok()
}

/// The topmost `Via`: `SIP/2.0/UDP host[:port][;…]`, with blanks around the slashes if need be.
pub(super) fn via(value: &str) -> Result<(), Fault> {
    let malformed = Fault::Malformed("Via is malformed");
    balanced(value)?;
    let mut parts = value.splitn(3, '/').map(str::trim);
    let (name, version) = (parts.next(), parts.next());
    let (Some("SIP" | "sip"), Some("2.0"), Some(rest)) = (name, version, parts.next()) else {
        return Err(malformed);
    };
    let (transport, sent_by) = rest
        .split_once([' ', '\t'])
        .ok_or_else(|| malformed.clone())?;
    let host: String = sent_by
        .split([';', ','])
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    if is_token(transport) && is_host(&host) {
        Ok(())
    } else {
        Err(malformed)
    }
}

/// The tag of a `From` or a `To`, once the rest of it has turned out to be whole.
pub(super) fn named_address(value: &str) -> Result<Option<&str>, Fault> {
    const MALFORMED: Fault = Fault::Malformed("From or To is malformed");
    balanced(value)?;
    let (uri, parameters) = match outside_quotes(value, '<') {
        Some(open) => {
            let rest = value.get(open + 1..).unwrap_or_default();
            rest.split_once('>').ok_or(MALFORMED)?
        }
        None => match value.find(';') {
            Some(end) => value.split_at(end),
            None => (value, ""),
        },
    };
    let uri = uri.trim();
    let (scheme, rest) = uri.split_once(':').ok_or(MALFORMED)?;
    if !is_token(scheme) || rest.is_empty() || uri.contains([' ', '\t', '<', '"']) {
        return Err(MALFORMED);
    }
    let parameters = parameters.trim();
    if !parameters.is_empty() && !parameters.starts_with(';') {
        return Err(MALFORMED);
    }
    let mut tags = parameters.split(';').filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("tag")
            .then(|| value.trim())
    });
    match (tags.next(), tags.next()) {
        (tag, None) if tag.is_none_or(is_token) => Ok(tag),
        _ => Err(MALFORMED),
    }
}

/// Refuses a quote that does not end.
pub(super) fn balanced(value: &str) -> Result<(), Fault> {
    match outside_quotes(value, '\0') {
        Some(end) if end == value.len() => Ok(()),
        _ => Err(Fault::Malformed("a quote does not end")),
    }
}

/// Where a letter stands that is not quoted, or the end when it is not looked for (`\0`); `None`
/// when it is not there or a quote does not end.
fn outside_quotes(value: &str, wanted: char) -> Option<usize> {
    let mut quoted = false;
    let mut letters = value.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => quoted = !quoted,
            '\\' if quoted => {
                letters.next();
            }
            letter if !quoted && letter == wanted => return Some(place),
            _ => {}
        }
    }
    (wanted == '\0' && !quoted).then_some(value.len())
}

/// The method that a `CSeq` names.
pub(super) fn cseq(value: &str) -> Result<&str, Fault> {
    let malformed = Fault::Malformed("CSeq is malformed");
    let mut words = value.split_whitespace();
    let (Some(number), Some(method), None) = (words.next(), words.next(), words.next()) else {
        return Err(malformed);
    };
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    match number.parse::<u64>() {
        Ok(number) if digits && number <= HIGHEST_CSEQ => Ok(method),
        _ => Err(malformed),
    }
}

/// A number of bytes.
pub(super) fn content_length(value: &str) -> Result<usize, Fault> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let length = value.parse().ok().filter(|_| digits);
    length.ok_or(Fault::Malformed("Content-Length is malformed"))
}
