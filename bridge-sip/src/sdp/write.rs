//! Writes a session description, in the order of RFC 8866 section 5.

use std::fmt;
use std::net::IpAddr;

use super::{Direction, Media, Session};

/// What `s=` says when a session has no name (RFC 8866 section 5.3).
const NAMELESS: &str = "-";

impl fmt::Display for Session {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = &self.origin;
        let family = match origin.host.contains(':') {
            true => "IP6",
            false => "IP4",
        };
        line(out, "v=0")?;
        let (user, id, version, host) = (&origin.user, origin.id, origin.version, &origin.host);
        line(
            out,
            format_args!("o={user} {id} {version} IN {family} {host}"),
        )?;
        line(out, format_args!("s={NAMELESS}"))?;
        connection(out, self.connection)?;
        line(out, "t=0 0")?;
        direction(out, self.direction)?;
        self.media
            .iter()
            .try_for_each(|media| write_media(out, media))
    }
}

fn write_media(out: &mut fmt::Formatter<'_>, media: &Media) -> fmt::Result {
    let (kind, protocol) = (media.kind.as_str(), media.protocol.as_str());
    write!(out, "m={kind} {} {protocol}", media.port)?;
    for format in &media.formats {
        write!(out, " {}", format.token)?;
    }
    line(out, "")?;
    connection(out, media.connection)?;
    for format in &media.formats {
        let token = &format.token;
        if let Some(map) = &format.map {
            line(out, format_args!("a=rtpmap:{token} {map}"))?;
        }
        if let Some(parameters) = &format.fmtp {
            line(out, format_args!("a=fmtp:{token} {parameters}"))?;
        }
    }
    if let Some(ptime) = media.ptime {
        line(out, format_args!("a=ptime:{ptime}"))?;
    }
    if let Some(maxptime) = media.maxptime {
        line(out, format_args!("a=maxptime:{maxptime}"))?;
    }
    direction(out, media.direction)?;
    if media.rtcp_mux {
        line(out, "a=rtcp-mux")?;
    }
    Ok(())
}

fn connection(out: &mut fmt::Formatter<'_>, address: Option<IpAddr>) -> fmt::Result {
    match address {
        Some(IpAddr::V4(address)) => line(out, format_args!("c=IN IP4 {address}")),
        Some(IpAddr::V6(address)) => line(out, format_args!("c=IN IP6 {address}")),
        None => Ok(()),
    }
}

fn direction(out: &mut fmt::Formatter<'_>, direction: Option<Direction>) -> fmt::Result {
    match direction {
        Some(direction) => line(out, format_args!("a={}", direction.as_str())),
        None => Ok(()),
    }
}

fn line(out: &mut fmt::Formatter<'_>, text: impl fmt::Display) -> fmt::Result {
    write!(out, "{text}\r\n")
}
