//! Where a PBX or a telephone is: a host, a port, and what they come to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;

/// The port of SIP where none is named (RFC 3261 section 19.1.2).
const PORT: u16 = 5060;

/// `host`, `host:port`, or an address with or without a port (IPv6 in brackets).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Domain {
    host: String,
    port: Option<u16>,
}

/// A text is no [`Domain`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected a host, or host:port")]
pub struct NoDomain;

/// A host has no address that can be reached from here.
#[derive(Debug, Error)]
#[error("{host} has no address here; check the name")]
pub struct Unknown {
    host: String,
}

impl Domain {
    /// Looks the host up, for somebody who sends from `local`.
    ///
    /// # Errors
    /// When it has no address of that family.
    pub async fn resolve(&self, local: IpAddr) -> Result<SocketAddr, Unknown> {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        let found = tokio::net::lookup_host((bare, self.port.unwrap_or(PORT))).await;
        let mut found = found.into_iter().flatten();
        let unknown = || Unknown {
            host: self.host.clone(),
        };
        found
            .find(|address| address.is_ipv4() == local.is_ipv4())
            .ok_or_else(unknown)
    }

    /// The host alone.
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// The address of this machine by which `peer` reaches what is bound to `local`.
///
/// # Errors
/// When the system knows no way there.
pub fn reached_at(local: IpAddr, peer: IpAddr) -> std::io::Result<IpAddr> {
    if !local.is_unspecified() {
        return Ok(local);
    }
    // The system knows by which of its addresses the peer is reached; nothing is sent.
    let probe = std::net::UdpSocket::bind(SocketAddr::new(local, 0))?;
    probe.connect(SocketAddr::new(peer, PORT))?;
    Ok(probe.local_addr()?.ip())
}

impl FromStr for Domain {
    type Err = NoDomain;

    fn from_str(text: &str) -> Result<Self, NoDomain> {
        let text = text.trim();
        let bracket = text.rfind(']').unwrap_or_default();
        let (host, port) = match text.rfind(':') {
            Some(colon) if colon > bracket => {
                let (host, port) = text.split_at(colon);
                let port = port.trim_start_matches(':').parse().map_err(|_| NoDomain)?;
                (host, Some(port))
            }
            _ => (text, None),
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let plain = |sign: char| sign.is_ascii_alphanumeric() || ".-_".contains(sign);
        let right = match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.chars().all(plain),
        };
        let host = host.to_owned();
        (right && port != Some(0))
            .then_some(Self { host, port })
            .ok_or(NoDomain)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_have_a_port_and_an_address_brackets() {
        for text in [
            "pbx.example",
            "pbx:5070",
            "192.0.2.1",
            "[2001:db8::1]:5070",
            "[::1]",
        ] {
            assert_eq!(text.parse::<Domain>().unwrap().to_string(), text);
        }
        for text in [
            "",
            ":5060",
            "pbx:",
            "pbx:0",
            "pbx:70000",
            "a b",
            "sip:pbx",
            "[pbx]",
            "::1",
        ] {
            assert_eq!(text.parse::<Domain>(), Err(NoDomain), "{text}");
        }
    }
}
