//! What a PBX asks of who calls it, made such that the SIP stack can answer.
//!
//! A PBX may ask by several hashes, the one it likes best first (RFC 8760 section 2.4). The stack
//! looks at the first alone, calls SHA-256 by another name than RFC 7616, and takes no list of
//! qualities of protection. So of what comes only the first challenge that this end has an answer
//! to is left, in the stack's words; what goes is put into the RFC's again.

use rsipstack::sip::{
    Authorization, Header, Headers, ProxyAuthenticate, ProxyAuthorization, SipMessage,
    WwwAuthenticate,
};
use rsipstack::transaction::endpoint::MessageInspector;
use rsipstack::transport::SipAddr;

/// SHA-256 as the stack calls it, and as it is called on the wire.
const STACKS: &str = "algorithm=SHA256";
const WIRES: &str = "algorithm=SHA-256";

/// Looks at all messages between the stack and the network.
#[derive(Debug)]
pub(super) struct Challenges;

impl MessageInspector for Challenges {
    fn before_send(&self, mut message: SipMessage, _: Option<&SipAddr>) -> SipMessage {
        if let SipMessage::Request(request) = &mut message {
            request.headers.iter_mut().for_each(say_as_written);
        }
        message
    }

    fn after_received(&self, mut message: SipMessage, _: Option<&SipAddr>) -> SipMessage {
        if let SipMessage::Response(response) = &mut message {
            leave_one(&mut response.headers);
        }
        message
    }
}

fn say_as_written(header: &mut Header) {
    match header {
        Header::Authorization(value) => {
            *value = Authorization::new(value.value().replace(STACKS, WIRES));
        }
        Header::ProxyAuthorization(value) => {
            *value = ProxyAuthorization::new(value.value().replace(STACKS, WIRES));
        }
        _ => {}
    }
}

/// Leaves the first challenge of either kind that can be answered.
fn leave_one(headers: &mut Headers) {
    let first = |of: fn(&Header) -> Option<&str>| headers.iter().filter_map(of).find_map(usable);
    let (server, proxy) = (first(by_server), first(by_proxy));
    headers.retain(|header| by_server(header).is_none() && by_proxy(header).is_none());
    headers.extend(
        server
            .map(|one| WwwAuthenticate::new(one).into())
            .into_iter()
            .collect(),
    );
    headers.extend(
        proxy
            .map(|one| ProxyAuthenticate::new(one).into())
            .into_iter()
            .collect(),
    );
}

fn by_server(header: &Header) -> Option<&str> {
    match header {
        Header::WwwAuthenticate(challenge) => Some(challenge.value()),
        _ => None,
    }
}

fn by_proxy(header: &Header) -> Option<&str> {
    match header {
        Header::ProxyAuthenticate(challenge) => Some(challenge.value()),
        _ => None,
    }
}

/// The challenge in the stack's words; `None` if it cannot be answered: another scheme than
/// Digest, another hash than MD5 and SHA-256, or none but `auth-int`.
fn usable(challenge: &str) -> Option<String> {
    let (scheme, parameters) = challenge.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Digest") {
        return None;
    }
    let mut kept = Vec::new();
    for parameter in unquoted_split(parameters) {
        let (name, value) = parameter.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        let plain = value.trim_matches('"').trim();
        if name.eq_ignore_ascii_case("algorithm") {
            if plain.eq_ignore_ascii_case("SHA-256") {
                kept.push(STACKS.to_owned());
            } else if plain.eq_ignore_ascii_case("MD5") {
                kept.push("algorithm=MD5".to_owned());
            } else {
                return None;
            }
        } else if name.eq_ignore_ascii_case("qop") {
            let mut offered = plain.split(',').map(str::trim);
            if !offered.any(|quality| quality.eq_ignore_ascii_case("auth")) {
                return None;
            }
            kept.push("qop=\"auth\"".to_owned());
        } else {
            kept.push(format!("{name}={value}"));
        }
    }
    Some(format!("Digest {}", kept.join(", ")))
}

/// The pieces between commas that stand outside quotes.
fn unquoted_split(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let pieces = text.split(move |c: char| {
        quoted ^= c == '"' && !escaped;
        escaped = quoted && !escaped && c == '\\';
        c == ',' && !quoted
    });
    pieces.filter(|piece| !piece.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn challenge(algorithm: &str) -> Header {
        let text =
            format!("Digest realm=\"a, b\", nonce=\"1,2\", qop=\"auth-int,auth\"{algorithm}");
        WwwAuthenticate::new(text).into()
    }

    fn left(challenges: Vec<Header>) -> Vec<String> {
        let mut headers = Headers::default();
        headers.extend(challenges);
        leave_one(&mut headers);
        let left = headers.iter().filter_map(by_server);
        left.map(str::to_owned).collect()
    }

    #[test]
    fn the_first_hash_that_is_known_is_answered() {
        let sha_first = [", algorithm=SHA-256", ", algorithm=MD5"].map(challenge);
        let left_of_both = left(sha_first.into());
        assert_eq!(
            left_of_both,
            ["Digest realm=\"a, b\", nonce=\"1,2\", qop=\"auth\", algorithm=SHA256"]
        );
        let unknown_first = [", algorithm=SHA-512-256", ", algorithm=\"md5\""].map(challenge);
        assert!(left(unknown_first.into())[0].ends_with("algorithm=MD5"));
        let old = left(vec![challenge("")]);
        assert_eq!(old, ["Digest realm=\"a, b\", nonce=\"1,2\", qop=\"auth\""]);
    }

    #[test]
    fn what_cannot_be_answered_is_not_tried() {
        assert!(left(vec![challenge(", algorithm=MD5-sess")]).is_empty());
        for other in [
            "Basic realm=\"a\"",
            "Digest qop=\"auth-int\"",
            "Digest",
            "Digest x",
        ] {
            assert_eq!(usable(other), None, "{other}");
        }
    }

    #[test]
    fn a_challenge_of_a_proxy_stays_one() {
        let mut headers = Headers::default();
        let text = "Digest realm=\"a\", nonce=\"1\", algorithm=SHA-256";
        headers.extend(vec![ProxyAuthenticate::new(text).into()]);
        leave_one(&mut headers);
        let found: Vec<_> = headers.iter().filter_map(by_proxy).collect();
        assert_eq!(found, ["Digest realm=\"a\", nonce=\"1\", algorithm=SHA256"]);
    }

    #[test]
    fn an_answer_names_the_hash_as_the_rfc_does() {
        let mut header = Authorization::new("Digest username=\"a\", algorithm=SHA256").into();
        say_as_written(&mut header);
        assert!(header.to_string().ends_with("algorithm=SHA-256"));
    }

    proptest! {
        #[test]
        fn no_challenge_makes_it_panic(text: String) {
            let _ = usable(&format!("Digest {text}"));
            let _ = usable(&text);
        }
    }
}
