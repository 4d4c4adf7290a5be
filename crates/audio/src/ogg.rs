//! Ogg Opus files (RFC 7845) in and out: the shape in which prepared sounds are kept.

use std::io::Cursor;

use ::ogg::{PacketReader, PacketWriteEndInfo, PacketWriter};
use thiserror::Error;

use crate::opus::{Decoder, Encoder, OpusError, packet_duration};
use crate::{MUMBLE_HZ, Pcm};

/// Samples of one packet that is written: 20 ms at 48 kHz.
const FRAME: usize = 960;

/// Bit rate of what is written, in bit/s: prepared sounds are few, so they may be clear.
const BITRATE: u32 = 64_000;

/// The longest file that is read, in samples at 48 kHz: ten minutes. A few forged bytes can
/// claim much sound.
const MAX_SAMPLES: usize = 10 * 60 * MUMBLE_HZ as usize;

/// Sound that decoders need to settle after a start, in samples at 48 kHz (RFC 7845, section
/// 4.2, recommends to skip 80 ms when seeking); bounds a forged pre-skip.
const MAX_PRE_SKIP: usize = MUMBLE_HZ as usize;

/// The stream's number within the file; any will do, as there is only one.
const SERIAL: u32 = 1;

const HEAD: &[u8; 8] = b"OpusHead";
const TAGS: &[u8; 8] = b"OpusTags";

/// Reads a whole Ogg Opus file to 48 kHz mono; stereo is mixed down. The first stream counts.
///
/// # Errors
///
/// See [`OggError`].
pub fn read(bytes: &[u8]) -> Result<Pcm, OggError> {
    let mut decoder = Decoder::new(MUMBLE_HZ)?;
    let mut samples: Vec<i16> = Vec::new();
    let (head, end) = each_packet(bytes, |packet| {
        samples.extend(decoder.decode(&packet)?);
        Ok(samples.len())
    })?;
    samples.truncate(end);
    samples.drain(..head.pre_skip.min(samples.len()));
    head.apply_gain(&mut samples);
    Ok(Pcm::new(MUMBLE_HZ, samples))
}

/// Reads the packets of a whole Ogg Opus file as they are, to be sent again without decoding.
/// What a player would skip at the beginning (some ms) and cut at the end is among them, and
/// the file's gain is not applied.
///
/// # Errors
///
/// See [`OggError`].
pub fn packets(bytes: &[u8]) -> Result<Vec<Vec<u8>>, OggError> {
    let mut packets = Vec::new();
    let mut samples = 0;
    each_packet(bytes, |packet| {
        let duration = packet_duration(&packet).ok_or(OpusError::NotAPacket)?;
        samples += duration.as_micros() as usize * MUMBLE_HZ as usize / 1_000_000;
        packets.push(packet);
        Ok(samples)
    })?;
    Ok(packets)
}

/// Hands each packet of sound to `take`, which tells how many samples there are so far. Gives
/// the head, and the sample at which the sound ends, counted from before the pre-skip: what is
/// behind it pads the last packet.
fn each_packet(
    bytes: &[u8],
    mut take: impl FnMut(Vec<u8>) -> Result<usize, OggError>,
) -> Result<(Head, usize), OggError> {
    let mut reader = PacketReader::new(Cursor::new(bytes));
    let first = reader
        .read_packet()
        .ok()
        .flatten()
        .ok_or(OggError::NotOggOpus)?;
    let (serial, head) = (first.stream_serial(), Head::parse(&first.data)?);
    let mut tags_seen = false;
    while let Some(packet) = reader.read_packet()? {
        if packet.stream_serial() != serial {
            continue;
        }
        if !tags_seen {
            tags_seen = packet.data.starts_with(TAGS);
            if !tags_seen {
                return Err(OggError::NotOggOpus);
            }
            continue;
        }
        let (last, position) = (packet.last_in_stream(), packet.absgp_page());
        if take(packet.data)? > MAX_SAMPLES {
            return Err(OggError::TooLong);
        }
        if last {
            let end = usize::try_from(position).map_err(|_| OggError::Truncated)?;
            return Ok((head, end));
        }
    }
    Err(OggError::Truncated)
}

/// Writes a whole Ogg Opus file: 48 kHz mono, 64 kbit/s; sound at other rates is resampled.
///
/// # Errors
///
/// [`OggError::Opus`] when the encoder fails.
pub fn write(pcm: &Pcm) -> Result<Vec<u8>, OggError> {
    let mut samples = pcm.resampled(MUMBLE_HZ).into_samples();
    let mut encoder = Encoder::new(BITRATE)?;
    let pre_skip = encoder.lookahead()?;
    let end = pre_skip + samples.len();
    samples.resize(end.next_multiple_of(FRAME).max(FRAME), 0);

    let mut writer = PacketWriter::new(Vec::new());
    writer.write_packet(
        Head::bytes(pre_skip, pcm.rate()),
        SERIAL,
        PacketWriteEndInfo::EndPage,
        0,
    )?;
    writer.write_packet(tags(), SERIAL, PacketWriteEndInfo::EndPage, 0)?;
    let frames = samples.len() / FRAME;
    for (i, frame) in samples.chunks_exact(FRAME).enumerate() {
        let (info, position) = if i + 1 == frames {
            (PacketWriteEndInfo::EndStream, end)
        } else {
            (PacketWriteEndInfo::NormalPacket, (i + 1) * FRAME)
        };
        writer.write_packet(encoder.encode(frame)?, SERIAL, info, position as u64)?;
    }
    Ok(writer.into_inner())
}

/// The identification header (RFC 7845, section 5.1).
struct Head {
    /// Samples at 48 kHz to drop from the start.
    pre_skip: usize,
    /// Factor for every sample.
    gain: f32,
}

impl Head {
    fn parse(packet: &[u8]) -> Result<Self, OggError> {
        let [fields @ .., _mapping] = packet.get(..19).ok_or(OggError::NotOggOpus)? else {
            return Err(OggError::NotOggOpus);
        };
        // A version of 16 and more is one that older readers must not try to understand.
        if !fields.starts_with(HEAD) || fields[8] >= 16 || !(1..=2).contains(&fields[9]) {
            return Err(OggError::NotOggOpus);
        }
        let pre_skip = usize::from(u16::from_le_bytes([fields[10], fields[11]]));
        let gain_db = f32::from(i16::from_le_bytes([fields[16], fields[17]])) / 256.0;
        Ok(Self {
            pre_skip: pre_skip.min(MAX_PRE_SKIP),
            gain: 10_f32.powf(gain_db / 20.0),
        })
    }

    fn bytes(pre_skip: usize, input_rate: u32) -> Vec<u8> {
        let mut head = HEAD.to_vec();
        head.extend([1, 1]); // version, channels
        head.extend((pre_skip as u16).to_le_bytes());
        head.extend(input_rate.to_le_bytes());
        head.extend([0, 0, 0]); // gain, mapping family
        head
    }

    fn apply_gain(&self, samples: &mut [i16]) {
        if self.gain != 1.0 {
            for sample in samples {
                *sample = (f32::from(*sample) * self.gain).round() as i16;
            }
        }
    }
}

/// The comment header (RFC 7845, section 5.2), with no comments.
fn tags() -> Vec<u8> {
    let vendor = b"mumble-ai";
    let mut tags = TAGS.to_vec();
    tags.extend((vendor.len() as u32).to_le_bytes());
    tags.extend_from_slice(vendor);
    tags.extend(0_u32.to_le_bytes());
    tags
}

/// Why a file is no usable Ogg Opus, or could not be made.
#[derive(Debug, Error)]
pub enum OggError {
    /// Another kind of file, or Opus with more than two channels.
    #[error("not an ogg opus file with one or two channels")]
    NotOggOpus,
    /// The file ends before its stream does.
    #[error("half an ogg opus file")]
    Truncated,
    /// More than ten minutes of sound.
    #[error("an ogg opus file of more than ten minutes: use a shorter sound")]
    TooLong,
    /// The container is damaged.
    #[error("damaged ogg file: {0}")]
    Container(#[from] ::ogg::OggReadError),
    /// A packet in it is damaged, or could not be made.
    #[error(transparent)]
    Opus(#[from] OpusError),
    /// The file could not be put together.
    #[error("cannot write the ogg file: {0}")]
    Write(#[from] std::io::Error),
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sound_comes_back_in_place_and_length() {
        for samples in [0, 1, 959, 960, 24_000, 48_001] {
            let back = read(&write(&tone(48_000, samples)).unwrap()).unwrap();
            assert_eq!((back.rate(), back.len()), (48_000, samples));
        }
        let mut beep = vec![0; 24_000];
        beep[12_000..14_400].copy_from_slice(tone(48_000, 2_400).samples());
        let back = read(&write(&Pcm::new(48_000, beep.clone())).unwrap()).unwrap();
        let moved = centre(back.samples()) - centre(&beep);
        assert!(moved.abs() < 48.0, "moved by {moved} samples");
    }

    #[test]
    fn the_packets_of_a_file_are_those_that_were_encoded() {
        let sound = tone(48_000, 9_600);
        let stored = packets(&write(&sound).unwrap()).unwrap();
        let mut encoder = Encoder::new(BITRATE).unwrap();
        let mut frames: Vec<&[i16]> = sound.samples().chunks(FRAME).collect();
        // What the encoder holds back comes out with one more frame.
        frames.push(&[0; FRAME]);
        let encoded: Vec<Vec<u8>> = frames
            .iter()
            .map(|frame| encoder.encode(frame).unwrap())
            .collect();
        assert_eq!(stored, encoded);
    }

    #[test]
    fn sound_at_another_rate_keeps_its_duration() {
        let back = read(&write(&tone(22_050, 22_050)).unwrap()).unwrap();
        assert_eq!(back.duration(), Duration::from_secs(1));
    }

    #[test]
    fn another_kind_of_file_is_refused() {
        assert!(matches!(read(b""), Err(OggError::NotOggOpus)));
        let wav = crate::wav::write(&tone(48_000, 100));
        assert!(matches!(read(&wav), Err(OggError::NotOggOpus)));
    }

    #[test]
    fn half_a_file_is_an_error() {
        let file = write(&tone(48_000, 96_000)).unwrap();
        assert!(read(&file[..file.len() / 2]).is_err());
    }

    #[test]
    fn the_gain_in_the_header_is_applied() {
        let mut samples = [100, -30_000];
        Head {
            pre_skip: 0,
            gain: 2.0,
        }
        .apply_gain(&mut samples);
        assert_eq!(samples, [200, i16::MIN]);
    }

    proptest! {
        #[test]
        fn damaged_files_give_errors_or_sound(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6))
        {
            let mut file = write(&tone(48_000, 9_600)).unwrap();
            for (at, byte) in damage {
                let at = at.index(file.len());
                file[at] = byte;
            }
            if let Ok(pcm) = read(&file) {
                prop_assert!(pcm.len() <= MAX_SAMPLES);
            }
            if let Ok(packets) = packets(&file) {
                prop_assert!(packets.iter().all(|packet| packet_duration(packet).is_some()));
            }
        }

        #[test]
        fn random_bytes_give_errors(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(read(&bytes).is_err());
        }

        #[test]
        fn random_headers_give_errors_or_a_head(bytes in prop::collection::vec(any::<u8>(), 0..30)) {
            let mut packet = HEAD.to_vec();
            packet.extend(bytes);
            if let Ok(head) = Head::parse(&packet) {
                prop_assert!(head.pre_skip <= MAX_PRE_SKIP);
            }
        }
    }

    fn tone(rate: u32, samples: usize) -> Pcm {
        let step = TAU * 300.0 / f64::from(rate);
        Pcm::new(
            rate,
            (0..samples)
                .map(|i| ((i as f64 * step).sin() * 9_000.0) as i16)
                .collect(),
        )
    }

    /// Where the sound's energy lies, in samples.
    fn centre(samples: &[i16]) -> f64 {
        let energy = |sample: &i16| f64::from(*sample).powi(2);
        let whole: f64 = samples.iter().map(energy).sum();
        samples
            .iter()
            .enumerate()
            .map(|(i, sample)| i as f64 * energy(sample))
            .sum::<f64>()
            / whole
    }
}
