//! Streams and formats as this end writes them, and how it finds its own in what others write.

use super::{Codec, PayloadTypes, TelephoneEvent};
use crate::sdp::{FIRST_DYNAMIC, Format, Map, Media};

/// The keys of a phone: digits, `*`, `#`, A to D (RFC 4733 section 3.2).
const KEYS: &str = "0-15";
/// The name under which pressed keys travel.
const TELEPHONE_EVENT: &str = "telephone-event";
/// What pressed keys are offered as at 8000 Hz when nobody has named a number; most phones agree.
const KEYS_NARROW: u8 = 101;
/// The same at 48000 Hz, beside Opus.
const KEYS_WIDE: u8 = 110;
/// The clocks that keys are offered at, in Hz, and the numbers for them.
pub(super) const KEYS_OFFERED: [(u32, u8); 2] = [(48_000, KEYS_WIDE), (8_000, KEYS_NARROW)];
/// Comfort noise at 8000 Hz has a number of its own (RFC 3551 table 4).
const COMFORT_NOISE: u8 = 13;

/// A stream as it is refused: named again, with port 0 (RFC 3264 section 6).
pub(super) fn refused(media: &Media) -> Media {
    let bare = |format: &Format| Format::bare(&format.token);
    Media {
        kind: media.kind.clone(),
        port: 0,
        protocol: media.protocol.clone(),
        formats: media.formats.iter().map(bare).collect(),
        connection: None,
        direction: None,
        ptime: None,
        maxptime: None,
        rtcp_mux: false,
    }
}

pub(super) fn numbers(sent: &Format, received: &Format) -> Option<PayloadTypes> {
    Some(PayloadTypes {
        sent: sent.payload_type()?,
        received: received.payload_type()?,
    })
}

/// Pressed keys in what the other end says: at the codec's clock (RFC 4733 section 2.1), else at
/// the one it has. `ours` is the offer that it answers.
pub(super) fn keys(theirs: &Media, ours: Option<&Media>, codec: Codec) -> Option<TelephoneEvent> {
    let at = |media: &Media, clock: u32| {
        let is = |map: &Map| map.is(TELEPHONE_EVENT, clock, 1);
        let mut formats = media.formats.iter();
        formats
            .find(|format| format.map.as_ref().is_some_and(is))
            .cloned()
    };
    let clocks = [codec.clock(), 8_000, 48_000];
    clocks.into_iter().find_map(|clock| {
        let sent = at(theirs, clock)?;
        let received = match ours {
            Some(ours) => at(ours, clock)?,
            None => sent.clone(),
        };
        let payload_types = numbers(&sent, &received)?;
        Some(TelephoneEvent {
            payload_types,
            clock,
        })
    })
}

pub(super) fn keys_format(number: u8, clock: u32) -> Format {
    let fmtp = Some(KEYS.to_owned());
    Format {
        fmtp,
        ..Format::mapped(number, Map::new(TELEPHONE_EVENT, clock))
    }
}

pub(super) fn has_noise(media: &Media) -> bool {
    let number = Some(COMFORT_NOISE);
    media
        .formats
        .iter()
        .any(|format| format.payload_type() == number)
}

pub(super) fn noise() -> Format {
    Format::mapped(COMFORT_NOISE, Map::new("CN", 8_000))
}

/// The wished number, or the first dynamic one that has no meaning yet.
pub(super) fn free(wished: u8, taken: &mut Vec<u8>) -> u8 {
    let mut numbers = std::iter::once(wished).chain(FIRST_DYNAMIC..=127);
    let number = numbers
        .find(|number| !taken.contains(number))
        .unwrap_or(wished);
    taken.push(number);
    number
}
