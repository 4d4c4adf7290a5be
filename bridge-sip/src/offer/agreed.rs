//! What both ends have agreed on, and why they have not.

use std::net::{IpAddr, SocketAddr};

use super::Codec;
use crate::sdp::{Direction, Media, Session, parameter};

/// What holds for the sound of a call until the next agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Where the other end awaits sound, and the only one sound is taken from. `None` while it
    /// names no address (a call held by `c=0.0.0.0`, a stream ended by port 0).
    pub peer: Option<SocketAddr>,
    /// In which codec.
    pub codec: Codec,
    /// Under which numbers.
    pub payload_types: PayloadTypes,
    /// What the other end may change to without a word, because its answer named it too
    /// (RFC 3264 section 6.1); empty where this end answered.
    pub others: Vec<(Codec, PayloadTypes)>,
    /// How keys that are pressed travel, if they do (RFC 4733).
    pub telephone_event: Option<TelephoneEvent>,
    /// Whether the other end may send comfort noise, as payload type 13 (RFC 3389). This end
    /// understands it and sends none: what it has to say is sound, silence as well.
    pub comfort_noise: bool,
    /// Whether the other end wants Opus packets that repair the one before (RFC 7587 section 6.1).
    pub inband_fec: bool,
    /// Which way sound flows, as seen from here.
    pub direction: Direction,
    /// How much sound each packet sent is to hold, in ms: 10, 20, 40 or 60.
    pub ptime: u16,
    /// Whether RTCP uses the port of the sound (RFC 5761). Without it there is none.
    pub rtcp_mux: bool,
}

/// One format under the numbers of both ends, which may differ (RFC 3264 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PayloadTypes {
    /// What to write into packets sent.
    pub sent: u8,
    /// What packets received have.
    pub received: u8,
}

/// How pressed keys travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TelephoneEvent {
    /// Under which numbers.
    pub payload_types: PayloadTypes,
    /// Ticks of its durations in a second, in Hz: the codec's, unless the other end has only
    /// another.
    pub clock: u32,
}

/// Why there is no agreement. The call, or the agreement before, stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No stream of sound, or only refused ones.
    #[error("no stream of sound is offered")]
    NoAudio,
    /// Sound only by a protocol not spoken here: encrypted, for one.
    #[error("sound is offered by another protocol than RTP/AVP only")]
    Protocol,
    /// Sound only in codecs not spoken here.
    #[error("no codec in common")]
    NoCodec,
    /// Sound to be sent where nobody can be: no address, a group of hosts.
    #[error("the address cannot be sent to")]
    Address,
    /// IPv6 from here to IPv4, or the other way round.
    #[error("the address is of the other family")]
    Family,
    /// Streams of the call have vanished or changed their place (RFC 3264 section 8).
    #[error("the streams do not match those of the description before")]
    Streams,
    /// An offer of this end waits for its answer (RFC 3261 section 14.2).
    #[error("an offer of this end is not answered yet")]
    Glare,
    /// An answer came to no offer.
    #[error("there is no offer that it answers")]
    NothingOffered,
}

impl Refusal {
    /// The status that tells the other end: 488 mostly, 491 when both have offered at once.
    pub fn status(self) -> u16 {
        match self {
            Self::Glare => 491,
            _ => 488,
        }
    }

    /// The code of the `Warning` header that goes with it (RFC 3261 section 20.43).
    pub fn warning(self) -> u16 {
        match self {
            Self::Family => 300,
            Self::Address => 301,
            Self::Protocol => 302,
            Self::NoAudio => 304,
            Self::NoCodec => 305,
            Self::Streams | Self::Glare | Self::NothingOffered => 399,
        }
    }
}

/// Packets of sound that are sent here: what Opus can make in one frame.
const PTIMES: [u16; 4] = [60, 40, 20, 10];
/// When nobody wishes anything else, in ms (RFC 3551 section 4.2).
pub(super) const PTIME: u16 = 20;

/// The longest packet that is no longer than wished and allowed.
pub(super) fn ptime(media: &Media) -> u16 {
    let wished = media.ptime.unwrap_or(PTIME);
    let wished = media.maxptime.map_or(wished, |most| wished.min(most));
    let fits = PTIMES.into_iter().find(|ptime| *ptime <= wished);
    fits.unwrap_or(PTIMES[PTIMES.len() - 1])
}

/// Whether a stream is sound that could be spoken here, and if not why.
pub(super) fn speakable(media: &Media, codecs: &[Codec]) -> Result<(), Refusal> {
    if media.kind != crate::sdp::Kind::Audio || media.port == 0 {
        return Err(Refusal::NoAudio);
    }
    if !media.protocol.is_plain_rtp() {
        return Err(Refusal::Protocol);
    }
    let spoken = |format| Codec::of(format).is_some_and(|codec| codecs.contains(&codec));
    if media.formats.iter().any(spoken) {
        Ok(())
    } else {
        Err(Refusal::NoCodec)
    }
}

/// Where a stream of the other end is to be sent, and which way it flows as that end sees it.
pub(super) fn place(
    session: &Session,
    media: &Media,
    ours: IpAddr,
) -> Result<(Option<SocketAddr>, Direction), Refusal> {
    let said = media.direction.or(session.direction).unwrap_or_default();
    let address = media.connection.or(session.connection);
    // An IPv4 address written as an IPv6 one is judged as what it is.
    let address = address.ok_or(Refusal::Address)?.to_canonical();
    if address.is_unspecified() {
        // The hold of before RFC 3264 (its section 8.4): nothing may be sent there.
        return Ok((None, Direction::new(said.sends(), false)));
    }
    if address.is_ipv4() != ours.to_canonical().is_ipv4() {
        return Err(Refusal::Family);
    }
    // A link-local address is of no use without the link, which a description cannot name.
    let link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    if address.is_multicast() || address == IpAddr::from([255; 4]) || link_local {
        return Err(Refusal::Address);
    }
    Ok((Some(SocketAddr::new(address, media.port)), said))
}

/// Whether the other end asks for packets that repair the one before.
pub(super) fn inband_fec(fmtp: Option<&str>) -> bool {
    fmtp.and_then(|fmtp| parameter(fmtp, "useinbandfec")) == Some("1")
}
