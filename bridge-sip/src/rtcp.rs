//! Reports about a stream: what each side sent and what of it arrived.
//!
//! RFC 3550 section 6.4: sender and receiver reports; section 6.5: a source's canonical name,
//! which goes with each of them; section 6.6: goodbye. Other packets are stepped over.

use thiserror::Error;

const VERSION: u8 = 2;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;

/// The item of a source description that holds the canonical name.
const CNAME: u8 = 1;

/// Length of one report block, in bytes.
const BLOCK: usize = 24;

/// Report blocks in one packet at most: its header has five bits to count them. More are not
/// written.
pub const MOST_BLOCKS: usize = 31;

/// One report, of a sender or of somebody who only listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whose report it is.
    pub ssrc: u32,
    /// What it has sent; `None` in a receiver report.
    pub sent: Option<Sent>,
    /// What it has heard, one block for each stream; at most [`MOST_BLOCKS`].
    pub heard: Vec<Block>,
}

/// What a sender has sent so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The time of the report: seconds since 1900 in the upper 32 bits, their fraction in the
    /// lower ones.
    pub ntp: u64,
    /// The same time on the media clock.
    pub timestamp: u32,
    /// Packets since the stream began.
    pub packets: u32,
    /// Bytes of payload since the stream began.
    pub octets: u32,
}

/// How one stream arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Whose stream it is.
    pub ssrc: u32,
    /// Packets lost since the last report, in 256ths of those that were due.
    pub fraction_lost: u8,
    /// Packets lost since the stream began, less those that came twice; 24 bits with sign, and
    /// held there when it is written.
    pub lost: i32,
    /// The highest sequence number with the count of its wraps in the upper 16 bits.
    pub highest: u32,
    /// How much the time between packets varies, in units of the media clock (RFC 3550 A.8).
    pub jitter: u32,
    /// The middle 32 bits of the [NTP time](Sent::ntp) of the last sender report; 0 for none.
    pub last_report: u32,
    /// Time since that report came, in 65536ths of a second; 0 for none.
    pub since_report: u32,
}

/// One packet out of a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rtcp {
    /// A sender or receiver report.
    Report(Report),
    /// These streams have ended.
    Goodbye(Vec<u32>),
}

/// A datagram that is no RTCP: another version, or lengths that cannot be.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("malformed RTCP")]
pub struct Malformed;

/// Reads all packets of a datagram, in order; kinds that nothing is done about are left out.
///
/// # Errors
/// [`Malformed`] if any packet of it is: then none of it is believed.
pub fn read(mut datagram: &[u8]) -> Result<Vec<Rtcp>, Malformed> {
    let mut packets = Vec::new();
    if datagram.is_empty() {
        return Err(Malformed);
    }
    while !datagram.is_empty() {
        let (&[first, kind, l0, l1], rest) = datagram.split_first_chunk().ok_or(Malformed)?;
        if first >> 6 != VERSION {
            return Err(Malformed);
        }
        let length = usize::from(u16::from_be_bytes([l0, l1])) * 4;
        let (body, behind) = rest.split_at_checked(length).ok_or(Malformed)?;
        let count = usize::from(first & 0x1f);
        packets.extend(match kind {
            SENDER_REPORT | RECEIVER_REPORT => Some(Rtcp::Report(read_report(
                kind == SENDER_REPORT,
                count,
                body,
            )?)),
            GOODBYE => Some(Rtcp::Goodbye(
                (0..count)
                    .scan(body, |body, _| Some(number(body)))
                    .collect::<Result<_, _>>()?,
            )),
            _ => None,
        });
        datagram = behind;
    }
    Ok(packets)
}

fn read_report(sender: bool, count: usize, mut body: &[u8]) -> Result<Report, Malformed> {
    let body = &mut body;
    let ssrc = number(body)?;
    let sent = if sender {
        Some(Sent {
            ntp: u64::from(number(body)?) << 32 | u64::from(number(body)?),
            timestamp: number(body)?,
            packets: number(body)?,
            octets: number(body)?,
        })
    } else {
        None
    };
    let heard = (0..count)
        .map(|_| read_block(body))
        .collect::<Result<_, _>>()?;
    Ok(Report { ssrc, sent, heard })
}

fn read_block(body: &mut &[u8]) -> Result<Block, Malformed> {
    let ssrc = number(body)?;
    let loss = number(body)?;
    Ok(Block {
        ssrc,
        fraction_lost: (loss >> 24) as u8,
        // Shifted up and down again, so that the sign of the 24 bits is kept.
        lost: (loss << 8) as i32 >> 8,
        highest: number(body)?,
        jitter: number(body)?,
        last_report: number(body)?,
        since_report: number(body)?,
    })
}

/// The next 32 bits.
fn number(body: &mut &[u8]) -> Result<u32, Malformed> {
    let (bytes, rest) = body.split_first_chunk().ok_or(Malformed)?;
    *body = rest;
    Ok(u32::from_be_bytes(*bytes))
}

/// Writes a report together with the canonical name of its source, as section 6.1 demands. Of
/// `cname` the first 255 bytes are written.
pub fn write(report: &Report, cname: &str) -> Vec<u8> {
    let mut body = report.ssrc.to_be_bytes().to_vec();
    if let Some(sent) = report.sent {
        body.extend(sent.ntp.to_be_bytes());
        for number in [sent.timestamp, sent.packets, sent.octets] {
            body.extend(number.to_be_bytes());
        }
    }
    let blocks = report.heard.iter().take(MOST_BLOCKS);
    let count = blocks.len() as u8;
    blocks.for_each(|block| write_block(&mut body, block));
    let kind = match report.sent {
        Some(_) => SENDER_REPORT,
        None => RECEIVER_REPORT,
    };
    let mut datagram = Vec::with_capacity(64 + usize::from(count) * BLOCK);
    write_packet(&mut datagram, kind, count, &body);

    let mut description = report.ssrc.to_be_bytes().to_vec();
    let name = cname.as_bytes();
    let name = name.get(..usize::from(u8::MAX)).unwrap_or(name);
    description.extend([CNAME, name.len() as u8]);
    description.extend(name);
    // A list of items ends with one zero at least, and at a word's end.
    description.push(0);
    description.resize(description.len().next_multiple_of(4), 0);
    write_packet(&mut datagram, SOURCE_DESCRIPTION, 1, &description);
    datagram
}

/// Writes that the stream `ssrc` has ended; to be appended to a report.
pub fn write_goodbye(datagram: &mut Vec<u8>, ssrc: u32) {
    write_packet(datagram, GOODBYE, 1, &ssrc.to_be_bytes());
}

fn write_block(body: &mut Vec<u8>, block: &Block) {
    let lost = block.lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
    for number in [
        block.ssrc,
        u32::from(block.fraction_lost) << 24 | lost,
        block.highest,
        block.jitter,
        block.last_report,
        block.since_report,
    ] {
        body.extend(number.to_be_bytes());
    }
}

/// `body` is whole words, and shorter than a datagram.
fn write_packet(datagram: &mut Vec<u8>, kind: u8, count: u8, body: &[u8]) {
    datagram.extend([VERSION << 6 | count, kind]);
    datagram.extend(((body.len() / 4) as u16).to_be_bytes());
    datagram.extend(body);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn blocks()(
            ssrc: u32, fraction_lost: u8, lost in -0x80_0000..0x80_0000_i32,
            highest: u32, jitter: u32, last_report: u32, since_report: u32,
        ) -> Block {
            Block { ssrc, fraction_lost, lost, highest, jitter, last_report, since_report }
        }
    }

    prop_compose! {
        fn reports()(
            ssrc: u32,
            sent in prop::option::of(any::<(u64, u32, u32, u32)>()),
            heard in prop::collection::vec(blocks(), 0..=MOST_BLOCKS),
        ) -> Report {
            let sent = sent.map(|(ntp, timestamp, packets, octets)| {
                Sent { ntp, timestamp, packets, octets }
            });
            Report { ssrc, sent, heard }
        }
    }

    #[test]
    fn a_packet_longer_than_its_datagram_is_malformed() {
        let report = Report {
            ssrc: 1,
            sent: None,
            heard: vec![Block::default()],
        };
        let datagram = write(&report, "phone");
        for end in 0..datagram.len() {
            let whole = end == 8 + BLOCK;
            assert_eq!(read(&datagram[..end]).is_ok(), whole, "{end} bytes");
        }
    }

    #[test]
    fn more_blocks_than_can_be_counted_are_left_out() {
        let report = Report {
            ssrc: 1,
            sent: None,
            heard: vec![Block::default(); 40],
        };
        let [Rtcp::Report(read)] = &read(&write(&report, "")).unwrap()[..] else {
            panic!("not one report");
        };
        assert_eq!(read.heard.len(), MOST_BLOCKS);
    }

    #[test]
    fn a_goodbye_names_its_stream() {
        let mut datagram = write(
            &Report {
                ssrc: 7,
                sent: None,
                heard: vec![],
            },
            "phone",
        );
        write_goodbye(&mut datagram, 7);
        let packets = read(&datagram).unwrap();
        assert_eq!(packets.last(), Some(&Rtcp::Goodbye(vec![7])));
    }

    proptest! {
        #[test]
        fn a_report_is_read_as_it_was_written(report in reports(), cname in ".{0,300}") {
            let datagram = write(&report, &cname);
            prop_assert_eq!(datagram.len() % 4, 0);
            prop_assert_eq!(crate::rtp::kind(&datagram), crate::rtp::Kind::Rtcp);
            prop_assert_eq!(read(&datagram), Ok(vec![Rtcp::Report(report)]));
        }

        #[test]
        fn no_datagram_makes_it_panic(bytes: Vec<u8>, kind in 200_u8..205, count in 0_u8..32) {
            let _ = read(&bytes);
            let mut like_rtcp = vec![0x80 | count, kind];
            like_rtcp.extend(((bytes.len() / 4) as u16).to_be_bytes());
            like_rtcp.extend(bytes);
            let _ = read(&like_rtcp);
        }
    }
}
