//! What messages say in their headers, between the SIP stack's words and those of this house.

use rsipstack::sip::prelude::{HasHeaders as _, HeadersExt as _, ToTypedHeader as _};
use rsipstack::sip::{self, Header, Request};
use rsipstack::transaction::transaction::Transaction;

use crate::phone::Invitation;
use crate::timer::{self, SessionExpires, read_min_se};

pub(super) fn invitation(transaction: &Transaction) -> Option<Invitation> {
    let request = &transaction.original;
    let source = transaction
        .connection
        .as_ref()?
        .get_remote_addr()?
        .get_socketaddr()
        .ok()?;
    let from = request.from_header().ok()?.typed().ok()?;
    let display = from.display_name.filter(|name| !name.trim().is_empty());
    Some(Invitation {
        display,
        number: from.uri.auth.map(|auth| auth.user),
        dialled: request.uri.auth.as_ref().map(|auth| auth.user.clone()),
        source,
        offer: request.body.clone(),
        timer: timer_asked(request),
        authorization: request
            .headers()
            .iter()
            .filter_map(|header| match header {
                Header::Authorization(value) => Some(value.value().to_owned()),
                _ => None,
            })
            .collect(),
        believed: false,
    })
}

pub(super) fn timer_asked(request: &Request) -> timer::Asked {
    let expires = header(request.headers(), "Session-Expires", "x");
    let min_se = header(request.headers(), "Min-SE", "Min-SE");
    let supported = request.headers().iter().filter_map(|header| {
        let line = header.to_string();
        ["Supported", "Require"]
            .into_iter()
            .find_map(|name| named(&line, name, "k"))
    });
    let is_timer = |value: String| value.split(',').any(|tag| tag.trim() == "timer");
    timer::Asked {
        expires: expires.and_then(|value| SessionExpires::read(&value).ok()),
        min_se: min_se.and_then(|value| read_min_se(&value).ok()),
        supported: supported.into_iter().any(is_timer),
    }
}

pub(super) fn value(request: &Request, name: &str) -> Option<String> {
    header(request.headers(), name, "c")
}

/// The value of the first header of this name, or of its short form.
pub(super) fn header(headers: &sip::Headers, name: &str, short: &str) -> Option<String> {
    let mut lines = headers.iter().map(Header::to_string);
    lines.find_map(|line| named(&line, name, short))
}

/// The value of a header's line, if it has this name, or this short form.
fn named(line: &str, name: &str, short: &str) -> Option<String> {
    let (found, value) = line.split_once(':')?;
    let found = found.trim();
    let is = found.eq_ignore_ascii_case(name) || found.eq_ignore_ascii_case(short);
    is.then(|| value.trim().to_owned())
}

pub(super) fn headers(named: Vec<(&'static str, String)>) -> Vec<Header> {
    let named = named.into_iter();
    named
        .map(|(name, value)| Header::Other(name.to_owned(), value))
        .collect()
}
