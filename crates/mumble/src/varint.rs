//! Mumble's variable-length integers, as legacy voice packets use them.
//!
//! The length is told by the leading ones of the first byte
//! (<https://mumble-protocol.readthedocs.io/en/latest/voice_data.html#variable-length-integer-encoding>):
//! 7, 14, 21 or 28 bits, then whole 32 and 64 bits, then two marks for negative numbers.

use bytes::{Buf, BufMut};

/// Writes a number, always as a positive one.
pub(crate) fn put(out: &mut impl BufMut, value: u64) {
    match value {
        0..0x80 => out.put_u8(value as u8),
        0x80..0x4000 => out.put_u16(0x8000 | value as u16),
        0x4000..0x20_0000 => {
            out.put_u8(0xc0 | (value >> 16) as u8);
            out.put_u16(value as u16);
        }
        0x20_0000..0x1000_0000 => out.put_u32(0xe000_0000 | value as u32),
        0x1000_0000..0x1_0000_0000 => {
            out.put_u8(0xf0);
            out.put_u32(value as u32);
        }
        _ => {
            out.put_u8(0xf4);
            out.put_u64(value);
        }
    }
}

/// Reads a number; none when the bytes end within it.
///
/// Negative numbers come as the two's complement that they were made from.
pub(crate) fn get(input: &mut impl Buf) -> Option<u64> {
    let first = input.try_get_u8().ok()?;
    let value = match first {
        0x00..=0x7f => u64::from(first),
        0x80..=0xbf => u64::from(first & 0x3f) << 8 | u64::from(input.try_get_u8().ok()?),
        0xc0..=0xdf => u64::from(first & 0x1f) << 16 | u64::from(input.try_get_u16().ok()?),
        0xe0..=0xef => u64::from(first & 0x0f) << 24 | input.try_get_uint(3).ok()?,
        0xf0..=0xf3 => u64::from(input.try_get_u32().ok()?),
        0xf4..=0xf7 => input.try_get_u64().ok()?,
        // The complement of a number that follows. A chain of these marks means nothing, so
        // only one is read: no input makes this function go deep.
        0xf8..=0xfb => {
            let marked = input
                .chunk()
                .first()
                .is_some_and(|next| (0xf8..=0xfb).contains(next));
            if marked {
                return None;
            }
            !get(input)?
        }
        0xfc..=0xff => !u64::from(first & 0x03),
    };
    Some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_length_begins_where_the_protocol_says() {
        for (value, length) in [
            (0, 1),
            (0x7f, 1),
            (0x80, 2),
            (0x3fff, 2),
            (0x4000, 3),
            (0x1f_ffff, 3),
            (0x20_0000, 4),
            (0xfff_ffff, 4),
            (0x1000_0000, 5),
            (0xffff_ffff, 5),
            (0x1_0000_0000, 9),
            (u64::MAX, 9),
        ] {
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!(out.len(), length, "{value:#x}");
            assert_eq!(get(&mut out.as_slice()), Some(value));
        }
    }

    #[test]
    fn negative_numbers_come_as_twos_complement() {
        assert_eq!(get(&mut [0xfd_u8].as_slice()), Some(-2_i64 as u64));
        assert_eq!(get(&mut [0xf8_u8, 0x04].as_slice()), Some(-5_i64 as u64));
    }

    #[test]
    fn a_chain_of_negative_marks_is_no_number() {
        assert_eq!(get(&mut [0xf8_u8; 100_000].as_slice()), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value: u64) {
            let mut out = Vec::new();
            put(&mut out, value);
            prop_assert_eq!(get(&mut out.as_slice()), Some(value));
        }

        #[test]
        fn a_number_cut_short_is_none(value in 0x80_u64.., cut in 0_usize..8) {
            let mut out = Vec::new();
            put(&mut out, value);
            out.truncate(cut.min(out.len() - 1));
            prop_assert_eq!(get(&mut out.as_slice()), None);
        }

        #[test]
        fn no_input_makes_it_panic(bytes: Vec<u8>) {
            let _ = get(&mut bytes.as_slice());
        }
    }
}
