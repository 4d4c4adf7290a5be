//! What is inside a media datagram: the RTP header, and which datagrams are RTP at all.
//!
//! RFC 3550 section 5.1 is the header; RFC 5761 section 4 and RFC 7983 tell RTP and RTCP apart
//! when both come to one port.

use thiserror::Error;

/// Length of the fixed header, in bytes.
pub const HEADER: usize = 12;

/// The one version of RTP there is.
const VERSION: u8 = 2;

/// First bytes of RTP and RTCP; others on the same port are STUN, DTLS or garbage (RFC 7983).
const FIRST_BYTES: std::ops::RangeInclusive<u8> = 128..=191;

/// Second bytes that mean RTCP: as RTP they would be payload types 64 to 95, which nobody may use
/// together with RTCP on one port (RFC 5761 section 4).
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 192..=223;

/// What a datagram claims to be, by its first two bytes alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Media, to be read by [`read`].
    Rtp,
    /// Reports, to be read by [`crate::rtcp::read`].
    Rtcp,
    /// Neither.
    Other,
}

/// The fixed header. What a packet may carry beside it (contributing sources, an extension,
/// padding) is stepped over when it is read and never written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// In sound: the first packet after a silence.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Counts packets, whatever is in them; wraps.
    pub sequence: u16,
    /// Counts samples of the payload's clock; wraps.
    pub timestamp: u32,
    /// Names the stream.
    pub ssrc: u32,
}

/// One packet, borrowed from its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The fixed header.
    pub header: Header,
    /// The payload without padding; may be empty.
    pub payload: &'a [u8],
}

/// Why a datagram is no RTP packet.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Malformed {
    /// It ends inside the header, the contributing sources or the extension.
    #[error("RTP packet ends inside its header")]
    Short,
    /// Another version than 2.
    #[error("RTP version {0} instead of 2")]
    Version(u8),
    /// Padding of no bytes, or of more than there are.
    #[error("RTP padding of {0} bytes cannot be")]
    Padding(u8),
}

/// What `datagram` claims to be.
pub fn kind(datagram: &[u8]) -> Kind {
    match datagram {
        [first, second, ..] if FIRST_BYTES.contains(first) => {
            if RTCP_TYPES.contains(second) {
                Kind::Rtcp
            } else {
                Kind::Rtp
            }
        }
        _ => Kind::Other,
    }
}

/// Reads an RTP packet.
///
/// # Errors
/// [`Malformed`] says what cannot be.
pub fn read(datagram: &[u8]) -> Result<Packet<'_>, Malformed> {
    let (fixed, rest) = datagram
        .split_first_chunk::<HEADER>()
        .ok_or(Malformed::Short)?;
    let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
    if first >> 6 != VERSION {
        return Err(Malformed::Version(first >> 6));
    }
    let header = Header {
        marker: second & 0x80 != 0,
        payload_type: second & 0x7f,
        sequence: u16::from_be_bytes([s0, s1]),
        timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
        ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
    };
    let contributors = usize::from(first & 0x0f) * 4;
    let mut payload = rest.get(contributors..).ok_or(Malformed::Short)?;
    if first & 0x10 != 0 {
        payload = behind_extension(payload)?;
    }
    if first & 0x20 != 0 {
        payload = without_padding(payload)?;
    }
    Ok(Packet { header, payload })
}

fn behind_extension(rest: &[u8]) -> Result<&[u8], Malformed> {
    let ([_, _, l0, l1], rest) = rest.split_first_chunk::<4>().ok_or(Malformed::Short)?;
    let words = usize::from(u16::from_be_bytes([*l0, *l1]));
    rest.get(words * 4..).ok_or(Malformed::Short)
}

/// The last byte of padding counts all of it, itself included.
fn without_padding(rest: &[u8]) -> Result<&[u8], Malformed> {
    let &padding = rest.last().ok_or(Malformed::Padding(0))?;
    let kept = rest.len().checked_sub(usize::from(padding));
    match kept {
        Some(kept) if padding > 0 => Ok(rest.get(..kept).unwrap_or_default()),
        _ => Err(Malformed::Padding(padding)),
    }
}

/// Writes an RTP packet. Of the payload type only the lower seven bits are written.
pub fn write(header: Header, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::with_capacity(HEADER + payload.len());
    datagram.push(VERSION << 6);
    datagram.push(u8::from(header.marker) << 7 | header.payload_type & 0x7f);
    datagram.extend(header.sequence.to_be_bytes());
    datagram.extend(header.timestamp.to_be_bytes());
    datagram.extend(header.ssrc.to_be_bytes());
    datagram.extend(payload);
    datagram
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers() -> impl Strategy<Value = Header> {
        (
            any::<bool>(),
            0_u8..128,
            any::<u16>(),
            any::<u32>(),
            any::<u32>(),
        )
            .prop_map(|(marker, payload_type, sequence, timestamp, ssrc)| Header {
                marker,
                payload_type,
                sequence,
                timestamp,
                ssrc,
            })
    }

    #[test]
    fn a_packet_is_read_field_by_field() {
        let datagram = [
            0x80, 0x88, 0x12, 0x34, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3,
        ];
        let packet = read(&datagram).unwrap();
        let header = Header {
            marker: true,
            payload_type: 8,
            sequence: 0x1234,
            timestamp: 160,
            ssrc: 0xdead_beef,
        };
        assert_eq!(
            packet,
            Packet {
                header,
                payload: &[1, 2, 3]
            }
        );
    }

    #[test]
    fn what_cannot_be_is_told() {
        let mut datagram = vec![0x80; HEADER];
        assert_eq!(read(&datagram[..11]), Err(Malformed::Short));
        datagram[0] = 0x40;
        assert_eq!(read(&datagram), Err(Malformed::Version(1)));
        datagram[0] = 0x81;
        assert_eq!(read(&datagram), Err(Malformed::Short), "no contributor");
        datagram[0] = 0x90;
        assert_eq!(read(&datagram), Err(Malformed::Short), "no extension");
        datagram[0] = 0xa0;
        assert_eq!(read(&datagram), Err(Malformed::Padding(0)), "no padding");
        datagram.push(0);
        assert_eq!(read(&datagram), Err(Malformed::Padding(0)));
        datagram.push(3);
        assert_eq!(
            read(&datagram),
            Err(Malformed::Padding(3)),
            "into the header"
        );
    }

    #[test]
    fn reports_are_told_from_media() {
        assert_eq!(kind(&[0x80, 0]), Kind::Rtp);
        assert_eq!(kind(&[0x80, 0x80 | 101]), Kind::Rtp);
        assert_eq!(kind(&[0x81, 200]), Kind::Rtcp);
        assert_eq!(kind(&[0x80, 201]), Kind::Rtcp);
        for other in [&[][..], &[0x80], &[0, 1], &[22, 254], &[0xc0, 0]] {
            assert_eq!(kind(other), Kind::Other, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn a_packet_is_read_as_it_was_written(
            header in headers(),
            payload in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let datagram = write(header, &payload);
            prop_assert_eq!(read(&datagram), Ok(Packet { header, payload: &payload }));
        }

        #[test]
        fn what_stands_beside_the_payload_is_stepped_over(
            header in headers(),
            contributors in prop::collection::vec(any::<[u8; 4]>(), 0..16),
            extension in prop::option::of(prop::collection::vec(any::<[u8; 4]>(), 0..20)),
            payload in prop::collection::vec(any::<u8>(), 0..50),
            padding in prop::option::of(1_u8..40),
        ) {
            let plain = write(header, &payload);
            let mut datagram = plain[..HEADER].to_vec();
            datagram[0] |= contributors.len() as u8;
            datagram.extend(contributors.concat());
            if let Some(extension) = extension {
                datagram[0] |= 0x10;
                datagram.extend([0xbe, 0xde]);
                datagram.extend((extension.len() as u16).to_be_bytes());
                datagram.extend(extension.concat());
            }
            datagram.extend(&payload);
            if let Some(padding) = padding {
                datagram[0] |= 0x20;
                datagram.extend(vec![0; usize::from(padding) - 1]);
                datagram.push(padding);
            }
            prop_assert_eq!(read(&datagram), Ok(Packet { header, payload: &payload }));
        }

        #[test]
        fn no_datagram_makes_it_panic(bytes: Vec<u8>, first in 0x80_u8..0xc0) {
            let _ = (kind(&bytes), read(&bytes));
            let mut like_rtp = bytes;
            if let Some(byte) = like_rtp.first_mut() {
                *byte = first;
            }
            let _ = read(&like_rtp);
        }
    }
}
