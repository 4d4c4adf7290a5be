//! The answer to a request that is not handed on, written without the stack.

use std::fmt::Write as _;

use super::grammar::named_address;
use super::message::{Message, Start};
use super::{Fault, Rules, accepted};

/// What a response repeats of its request (RFC 3261 section 8.2.6.2).
const REPEATED: [(&str, &str); 5] = [
    ("via", "Via"),
    ("from", "From"),
    ("to", "To"),
    ("call-id", "Call-ID"),
    ("cseq", "CSeq"),
];

/// Whether there is an answer to it at all: to a request that has what a response repeats, and
/// never to an ACK.
pub(super) fn can_be_answered(message: &Message<'_>) -> bool {
    let Start::Request(line) = &message.start else {
        return false;
    };
    let plain = |value: &str| !value.is_empty() && !value.contains(char::is_control);
    let repeats = REPEATED
        .iter()
        .all(|(name, _)| message.all(name).next().is_some_and(plain));
    let named = |cseq: &str| cseq.split_whitespace().next_back() == Some("ACK");
    let ack = line.starts_with("ACK ") || message.first("cseq").is_some_and(named);
    repeats && !ack
}

/// The response to a request that [`super::check`] found this fault with, to be sent to where it
/// came from (RFC 3581). `tag` is random and becomes the tag of `To` where there is none. `None`
/// for what must not be answered.
pub fn reply(request: &[u8], fault: &Fault, rules: &Rules, tag: &str) -> Option<Vec<u8>> {
    let message = Message::read(request).ok()?;
    if !can_be_answered(&message) {
        return None;
    }
    let (status, phrase) = fault.status();
    let mut out = format!("SIP/2.0 {status} {phrase}\r\n");
    for (name, written) in REPEATED {
        for value in message
            .all(name)
            .filter(|value| !value.contains(char::is_control))
        {
            line(&mut out, written, value);
            if name != "via" {
                // Where a request has two of them, it is told so with the first.
                break;
            }
        }
        let tagged = |to: &str| matches!(named_address(to), Ok(Some(_)));
        if name == "to" && !message.first(name).is_some_and(tagged) {
            out.truncate(out.trim_end().len());
            out.push_str(";tag=");
            out.push_str(tag);
            out.push_str("\r\n");
        }
    }
    match fault {
        Fault::Method => line(&mut out, "Allow", &rules.methods.join(", ")),
        Fault::Extension(unknown) => line(&mut out, "Unsupported", &unknown.join(", ")),
        Fault::BodyType => {
            let method = message
                .first("cseq")
                .and_then(|cseq| cseq.split_whitespace().last());
            line(
                &mut out,
                "Accept",
                &accepted(method.unwrap_or_default()).join(", "),
            );
        }
        Fault::Malformed(what) => line(&mut out, "Warning", &format!("399 mumble-ai \"{what}\"")),
        Fault::Scheme | Fault::Version | Fault::TooLong => {}
    }
    line(&mut out, "Content-Length", "0");
    out.push_str("\r\n");
    Some(out.into_bytes())
}

fn line(out: &mut String, name: &str, value: &str) {
    write!(out, "{name}: {value}\r\n").expect("a string takes whatever is written to it");
}
