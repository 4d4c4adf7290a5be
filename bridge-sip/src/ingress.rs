//! Whether a message is looked at at all: a strict check of raw bytes before anything acts on them.
//!
//! The SIP stack behind this check is lenient (it answers broken requests with 200) and drops what
//! it cannot parse. Here RFC 3261 is held, and the torture tests of RFC 4475: a request that is
//! broken gets the status that says so, as long as it can be answered; the rest is dropped. The
//! order is [`Gate::admit`] by the source alone, then [`check`], then the stack. Of a connection
//! [`Cutter`] makes messages first.

mod cut;
mod gate;
mod grammar;
mod message;
mod reply;

pub use cut::{Cutter, LONGEST_BODY, Piece, WHOLE_WITHIN};
pub(crate) use gate::source_key;
pub use gate::{Admission, Gate, Limits, Network, NotANetwork};
pub use message::{LONGEST_HEAD, LONGEST_LINE, MOST_HEADERS};
pub use reply::reply;

use grammar::{Scheme, content_length, cseq, is_token, method_and_uri, named_address, via};
use message::{Broken, Message, Start};

use crate::timer::{SessionExpires, read_min_se};

/// What this end of the line understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The methods that are answered otherwise than by 405, for `Allow`.
    pub methods: &'static [&'static str],
    /// The option tags that a request may require, for `Supported`.
    pub extensions: &'static [&'static str],
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            methods: &[
                "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE",
            ],
            // Provisional answers of the stack behind are not reliable ones (RFC 3262).
            extensions: &["timer"],
        }
    }
}

/// What is to be done with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Hand it on.
    Pass,
    /// Answer it with [`reply`], and do nothing else about it.
    Answer(Fault),
    /// Do nothing.
    Drop(Reason),
}

/// What is wrong with a request that can be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// 400, and what is malformed.
    #[error("{0}")]
    Malformed(&'static str),
    /// 405: the method is not one of [`Rules::methods`].
    #[error("the method is not one of those answered")]
    Method,
    /// 415: a body in another format than session descriptions, or than pressed keys in an INFO.
    #[error("the body is of a type that is not read")]
    BodyType,
    /// 416: an address that is neither `sip:`, `sips:` nor `tel:`.
    #[error("the scheme of the address is not known")]
    Scheme,
    /// 420, with what is required and not one of [`Rules::extensions`].
    #[error("an extension is required that is not known")]
    Extension(Vec<String>),
    /// 505: another version of SIP.
    #[error("the version of the protocol is not 2.0")]
    Version,
    /// 513: beyond a limit of this module.
    #[error("the message is too long, or has too many headers")]
    TooLong,
}

impl Fault {
    /// The status to answer, and its phrase.
    pub fn status(&self) -> (u16, &'static str) {
        match self {
            Self::Malformed(_) => (400, "Bad Request"),
            Self::Method => (405, "Method Not Allowed"),
            Self::BodyType => (415, "Unsupported Media Type"),
            Self::Scheme => (416, "Unsupported URI Scheme"),
            Self::Extension(_) => (420, "Bad Extension"),
            Self::Version => (505, "Version Not Supported"),
            Self::TooLong => (513, "Message Too Large"),
        }
    }
}

/// Why a message is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nothing but line ends: somebody keeps a way through a firewall open (RFC 5626 section
    /// 3.5.1).
    KeepAlive,
    /// No SIP.
    NotSip,
    /// A broken message that must not or cannot be answered: a response, an ACK, a request
    /// without the headers that a response repeats.
    Unanswerable,
    /// A tool that looks for open telephone systems names itself.
    Scanner,
}

/// Names by which tools give themselves away, in small letters. It costs an attacker nothing to
/// take another; most do not.
const SCANNERS: [&str; 8] = [
    "friendly-scanner",
    "friendly-request",
    "sipvicious",
    "sip-scan",
    "sipcli",
    "sipsak-scan",
    "sundayddr",
    "vaxsipuseragent",
];

/// Headers that a message has once at most, whatever it is for.
const SINGLE: [&str; 9] = [
    "from",
    "to",
    "call-id",
    "cseq",
    "max-forwards",
    "content-length",
    "content-type",
    "session-expires",
    "min-se",
];

/// Judges one message: a datagram, or what framing has cut out of a stream.
pub fn check(bytes: &[u8], rules: &Rules) -> Verdict {
    let message = match Message::read(bytes) {
        Ok(message) => message,
        Err(Broken::Empty) => return Verdict::Drop(Reason::KeepAlive),
        Err(Broken::NotSip) => return Verdict::Drop(Reason::NotSip),
    };
    if ["user-agent", "from"]
        .into_iter()
        .any(|name| names_a_scanner(message.first(name)))
    {
        return Verdict::Drop(Reason::Scanner);
    }
    match judge(&message, rules) {
        Ok(()) => Verdict::Pass,
        Err(fault) if reply::can_be_answered(&message) => Verdict::Answer(fault),
        Err(_) => Verdict::Drop(Reason::Unanswerable),
    }
}

/// Judges bytes of which framing says what is wrong: they are answered by that, if they can be.
pub fn refuse(bytes: &[u8], fault: &Fault) -> Verdict {
    match Message::read(bytes) {
        Ok(message) if reply::can_be_answered(&message) => Verdict::Answer(fault.clone()),
        Ok(_) => Verdict::Drop(Reason::Unanswerable),
        Err(_) => Verdict::Drop(Reason::NotSip),
    }
}

fn names_a_scanner(value: Option<&str>) -> bool {
    let value = value.unwrap_or_default().to_ascii_lowercase();
    SCANNERS.iter().any(|name| value.contains(name))
}

fn judge(message: &Message<'_>, rules: &Rules) -> Result<(), Fault> {
    if let Some(fault) = &message.fault {
        return Err(fault.clone());
    }
    let line = match &message.start {
        Start::Response(status) if (100..700).contains(status) => None,
        Start::Response(_) => return Err(Fault::Malformed("the status is out of range")),
        Start::Request(line) => Some(method_and_uri(line)?),
    };
    let method = line.as_ref().map(|(method, ..)| *method);
    headers(message, method)?;
    let Some((method, scheme)) = line else {
        return Ok(());
    };
    if !rules.methods.contains(&method) {
        return Err(Fault::Method);
    }
    if scheme == Scheme::Unknown {
        return Err(Fault::Scheme);
    }
    extensions(message, method, rules)?;
    body(message, method)
}

/// What every message must have, once and well-formed (RFC 3261 section 8.1.1).
fn headers(message: &Message<'_>, method: Option<&str>) -> Result<(), Fault> {
    for name in SINGLE {
        if message.all(name).count() > 1 {
            return Err(Fault::Malformed("a header occurs twice"));
        }
    }
    let need = |name, fault| message.first(name).ok_or(Fault::Malformed(fault));
    via(need("via", "Via is missing")?)?;
    let from = named_address(need("from", "From is missing")?)?;
    if from.is_none() {
        return Err(Fault::Malformed("From has no tag"));
    }
    named_address(need("to", "To is missing")?)?;
    let call_id = need("call-id", "Call-ID is missing")?;
    if call_id.is_empty() || call_id.contains([' ', '\t']) {
        return Err(Fault::Malformed("Call-ID is malformed"));
    }
    let named = cseq(need("cseq", "CSeq is missing")?)?;
    if method.is_some_and(|method| method != named) {
        return Err(Fault::Malformed("CSeq names another method"));
    }
    if let Some(hops) = message.first("max-forwards") {
        let digits = hops.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || hops.parse::<u8>().is_err() {
            return Err(Fault::Malformed("Max-Forwards is malformed"));
        }
    }
    if let Some(expires) = message.first("session-expires") {
        SessionExpires::read(expires)
            .map_err(|_| Fault::Malformed("Session-Expires is malformed"))?;
    }
    if let Some(least) = message.first("min-se") {
        read_min_se(least).map_err(|_| Fault::Malformed("Min-SE is malformed"))?;
    }
    for contact in message.all("contact").filter(|contact| *contact != "*") {
        grammar::balanced(contact)?;
    }
    if method == Some("INVITE") && message.first("contact").is_none_or(str::is_empty) {
        return Err(Fault::Malformed("Contact is missing"));
    }
    Ok(())
}

/// RFC 3261 section 8.2.2.3; an ACK and a CANCEL require nothing.
fn extensions(message: &Message<'_>, method: &str, rules: &Rules) -> Result<(), Fault> {
    if matches!(method, "ACK" | "CANCEL") {
        return Ok(());
    }
    let required = message.all("require").flat_map(|value| value.split(','));
    let known = |tag: &&str| {
        rules
            .extensions
            .iter()
            .any(|known| known.eq_ignore_ascii_case(tag))
    };
    let unknown: Vec<_> = required
        .map(str::trim)
        .filter(|tag| !tag.is_empty() && !known(tag))
        .collect();
    if !unknown.iter().all(|tag| is_token(tag)) {
        return Err(Fault::Malformed("Require is malformed"));
    }
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(Fault::Extension(
            unknown.into_iter().map(str::to_owned).collect(),
        ))
    }
}

/// Bodies of this method that are read (RFC 3261 section 8.2.3).
fn accepted(method: &str) -> &'static [&'static str] {
    match method {
        "INVITE" | "ACK" | "UPDATE" => &["application/sdp"],
        "INFO" => &["application/dtmf-relay", "application/dtmf"],
        // The body of any other is of no interest.
        _ => &[],
    }
}

fn body(message: &Message<'_>, method: &str) -> Result<(), Fault> {
    let length = match message.first("content-length") {
        Some(value) => content_length(value)?,
        None => message.body.len(),
    };
    if length > message.body.len() {
        return Err(Fault::Malformed("the body is shorter than Content-Length"));
    }
    let accepted = accepted(method);
    if length == 0 || accepted.is_empty() {
        return Ok(());
    }
    let kind = message.first("content-type");
    let kind = kind.ok_or(Fault::Malformed("Content-Type is missing"))?;
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let plain = message
        .all("content-encoding")
        .all(|encoding| encoding.eq_ignore_ascii_case("identity"));
    if plain
        && accepted
            .iter()
            .any(|known| known.eq_ignore_ascii_case(kind))
    {
        Ok(())
    } else {
        Err(Fault::BodyType)
    }
}

#[cfg(test)]
mod tests;
