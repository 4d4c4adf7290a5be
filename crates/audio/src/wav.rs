//! WAV files in and out, whole or while they arrive.
//!
//! Reading takes whatever speech servers send: 8, 16, 24 and 32-bit integers, 32 and 64-bit
//! floats, any number of channels (mixed to one), and the sizes 0 and 0xFFFFFFFF that servers
//! write when they do not know the length yet. Writing gives mono signed 16-bit.
//!
//! The layout is that of Microsoft's "Multimedia Programming Interface and Data Specifications
//! 1.0" and of `WAVEFORMATEXTENSIBLE`.

use thiserror::Error;

use crate::Pcm;

/// The longest header that is waited for, in bytes. Tags and pictures before the sound are
/// skipped up to here.
const MAX_HEADER: usize = 1 << 20;

/// The rates that are believed, in Hz.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=384_000;

/// Data lengths from here on mean "not known": servers write 0xFFFFFFFF, 0x7FFFFFFF, or either
/// less the size of the header.
const UNKNOWN_FROM: u32 = 0x7FFF_F000;

const HEADER_LEN: u32 = 44;
const FORMAT_INTEGER: u16 = 1;
const FORMAT_FLOAT: u16 = 3;
const FORMAT_EXTENSIBLE: u16 = 0xFFFE;

/// Reads a whole WAV file.
///
/// # Errors
///
/// See [`WavError`]; a file shorter than its header says is [`WavError::Truncated`].
pub fn read(bytes: &[u8]) -> Result<Pcm, WavError> {
    let mut reader = Reader::new();
    let samples = reader.push(bytes)?;
    let rate = reader.rate();
    reader.finish()?;
    rate.map(|rate| Pcm::new(rate, samples))
        .ok_or(WavError::NotWav)
}

/// Writes a whole WAV file: mono, signed 16-bit.
///
/// Sound of more than 4 GiB (12 hours at 48 kHz) gets the length "not known" in its header.
pub fn write(pcm: &Pcm) -> Vec<u8> {
    let data_len = u32::try_from(pcm.len() * 2)
        .ok()
        .filter(|len| *len < UNKNOWN_FROM);
    let mut out = Vec::with_capacity(HEADER_LEN as usize + pcm.len() * 2);
    out.extend_from_slice(b"RIFF");
    out.extend(
        data_len
            .map_or(u32::MAX, |len| len + HEADER_LEN - 8)
            .to_le_bytes(),
    );
    out.extend_from_slice(b"WAVEfmt ");
    out.extend(16_u32.to_le_bytes());
    out.extend(FORMAT_INTEGER.to_le_bytes());
    out.extend(1_u16.to_le_bytes());
    out.extend(pcm.rate().to_le_bytes());
    out.extend(pcm.rate().wrapping_mul(2).to_le_bytes());
    out.extend(2_u16.to_le_bytes());
    out.extend(16_u16.to_le_bytes());
    out.extend_from_slice(b"data");
    out.extend(data_len.unwrap_or(u32::MAX).to_le_bytes());
    out.extend(pcm.samples().iter().flat_map(|sample| sample.to_le_bytes()));
    out
}

/// Reads a WAV file while it arrives: sound comes out as soon as the header is complete.
///
/// Buffers the header (at most 1 MiB) and less than one frame of samples.
#[derive(Debug, Default)]
pub struct Reader {
    state: State,
    /// Bytes of the header, then of a frame that is not complete.
    pending: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Header,
    Data {
        format: Format,
        length: Length,
        got: u64,
    },
}

#[derive(Debug, Clone, Copy)]
enum Length {
    Announced(u64),
    Unknown,
}

impl Reader {
    /// A reader that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and gives the samples that they complete, mixed to mono. Bytes after
    /// the announced end are ignored.
    ///
    /// # Errors
    ///
    /// [`WavError::NotWav`] or [`WavError::Unsupported`] when the header is not usable.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<i16>, WavError> {
        self.pending.extend_from_slice(bytes);
        if matches!(self.state, State::Header) {
            match parse_header(&self.pending)? {
                Some((format, length, header_len)) => {
                    self.pending.drain(..header_len);
                    self.state = State::Data {
                        format,
                        length,
                        got: 0,
                    };
                }
                None if self.pending.len() > MAX_HEADER => return Err(WavError::NotWav),
                None => return Ok(Vec::new()),
            }
        }
        let State::Data {
            format,
            length,
            got,
        } = &mut self.state
        else {
            return Ok(Vec::new());
        };
        let available = match length {
            Length::Announced(length) => usize::try_from(*length - *got)
                .map_or(self.pending.len(), |left| left.min(self.pending.len())),
            Length::Unknown => self.pending.len(),
        };
        let whole = available - available % format.frame_len();
        let samples = self.pending[..whole]
            .chunks_exact(format.frame_len())
            .map(|f| format.mix(f))
            .collect();
        *got += whole as u64;
        self.pending.drain(..whole);
        if matches!(length, Length::Announced(length) if *got >= *length) {
            self.pending.clear();
        }
        Ok(samples)
    }

    /// The sound's rate in Hz, once the header is complete.
    pub fn rate(&self) -> Option<u32> {
        match &self.state {
            State::Header => None,
            State::Data { format, .. } => Some(format.rate),
        }
    }

    /// Says that no more bytes will come.
    ///
    /// # Errors
    ///
    /// [`WavError::NotWav`] when not even the header was complete, [`WavError::Truncated`] when
    /// less sound came than the header announced.
    pub fn finish(self) -> Result<(), WavError> {
        match self.state {
            State::Header => Err(WavError::NotWav),
            State::Data {
                length: Length::Announced(announced),
                got,
                ..
            } if got < announced => Err(WavError::Truncated { announced, got }),
            State::Data { .. } => Ok(()),
        }
    }
}

/// How one frame (a sample of every channel) lies in the file.
#[derive(Debug, Clone, Copy)]
struct Format {
    rate: u32,
    channels: usize,
    encoding: Encoding,
}

#[derive(Debug, Clone, Copy)]
enum Encoding {
    Unsigned8,
    Signed16,
    Signed24,
    Signed32,
    Float32,
    Float64,
}

impl Format {
    fn parse(chunk: &[u8]) -> Result<Self, WavError> {
        let field = |at: usize| -> Result<u16, WavError> {
            let bytes = chunk.get(at..at + 2).ok_or(WavError::NotWav)?;
            Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
        };
        let mut tag = field(0)?;
        if tag == FORMAT_EXTENSIBLE {
            // The sub-format's identifier begins with the tag that it extends.
            tag = field(24)?;
        }
        let channels = field(2)?;
        let rate = u32::from(field(4)?) | u32::from(field(6)?) << 16;
        let (frame_len, bits) = (field(12)?, field(14)?);
        let encoding = match (tag, bits) {
            (FORMAT_INTEGER, 8) => Encoding::Unsigned8,
            (FORMAT_INTEGER, 16) => Encoding::Signed16,
            (FORMAT_INTEGER, 24) => Encoding::Signed24,
            (FORMAT_INTEGER, 32) => Encoding::Signed32,
            (FORMAT_FLOAT, 32) => Encoding::Float32,
            (FORMAT_FLOAT, 64) => Encoding::Float64,
            _ => return Err(WavError::Unsupported { tag, bits }),
        };
        let format = Self {
            rate,
            channels: channels.into(),
            encoding,
        };
        if channels == 0 || format.frame_len() != usize::from(frame_len) || !RATES.contains(&rate) {
            return Err(WavError::NotWav);
        }
        Ok(format)
    }

    fn frame_len(&self) -> usize {
        self.channels * self.encoding.len()
    }

    fn mix(&self, frame: &[u8]) -> i16 {
        let samples = frame
            .chunks_exact(self.encoding.len())
            .map(|bytes| self.encoding.decode(bytes));
        let sum: i64 = samples.map(i64::from).sum();
        (sum / self.channels as i64) as i16
    }
}

impl Encoding {
    fn len(self) -> usize {
        match self {
            Self::Unsigned8 => 1,
            Self::Signed16 => 2,
            Self::Signed24 => 3,
            Self::Signed32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    /// The upper 16 bits of a sample; `bytes` are as many as [`len`](Self::len) says.
    fn decode(self, bytes: &[u8]) -> i16 {
        let top =
            |bytes: &[u8]| i16::from_le_bytes([bytes[bytes.len() - 2], bytes[bytes.len() - 1]]);
        // `as` saturates, and takes what is not a number as 0.
        let scaled = |value: f64| (value * 32_768.0).round() as i16;
        match self {
            Self::Unsigned8 => (i16::from(bytes[0]) - 128) << 8,
            Self::Signed16 | Self::Signed24 | Self::Signed32 => top(bytes),
            Self::Float32 => {
                let bytes = bytes.try_into().expect("a frame is cut into whole samples");
                scaled(f32::from_le_bytes(bytes).into())
            }
            Self::Float64 => {
                let bytes = bytes.try_into().expect("a frame is cut into whole samples");
                scaled(f64::from_le_bytes(bytes))
            }
        }
    }
}

/// The format, the length and where the sound begins; `None` while bytes are missing.
fn parse_header(bytes: &[u8]) -> Result<Option<(Format, Length, usize)>, WavError> {
    let magic_is = |at: usize, magic: &[u8]| {
        bytes
            .iter()
            .skip(at)
            .zip(magic)
            .all(|(byte, expected)| byte == expected)
    };
    if !magic_is(0, b"RIFF") || !magic_is(8, b"WAVE") {
        return Err(WavError::NotWav);
    }
    let Some(riff_len) = length_at(bytes, 4) else {
        return Ok(None);
    };
    let mut format = None;
    let mut at = 12;
    while let Some(len) = length_at(bytes, at + 4) {
        let (id, body) = (&bytes[at..at + 4], at + 8);
        if id == b"data" {
            let format = format.ok_or(WavError::NotWav)?;
            // A length of 0 is a real one only when the file says that other chunks follow or
            // that it ends here; "the file ends here" and then sound is a streaming server.
            let unknown = len >= UNKNOWN_FROM
                || len == 0 && (riff_len as usize + 8 <= body || riff_len >= UNKNOWN_FROM);
            let length = if unknown {
                Length::Unknown
            } else {
                Length::Announced(len.into())
            };
            return Ok(Some((format, length, body)));
        }
        let end = body.saturating_add(len as usize);
        if id == b"fmt " {
            let Some(chunk) = bytes.get(body..end) else {
                break;
            };
            format = Some(Format::parse(chunk)?);
        }
        // Chunks begin at even places.
        at = end.saturating_add(len as usize % 2);
        if at > MAX_HEADER {
            return Err(WavError::NotWav);
        }
    }
    Ok(None)
}

fn length_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// Why bytes are no usable WAV file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WavError {
    /// No RIFF/WAVE header, or one that makes no sense.
    #[error("not a wav file")]
    NotWav,
    /// A format that is not plain PCM.
    #[error(
        "unsupported wav format {tag} with {bits} bits: use pcm of 8, 16, 24 or 32 bits, or float"
    )]
    Unsupported {
        /// Format tag of the header.
        tag: u16,
        /// Bits per sample.
        bits: u16,
    },
    /// The file ends before the length in its header is reached.
    #[error("half a wav file: {got} of {announced} bytes of sound")]
    Truncated {
        /// Bytes of sound that the header announces.
        announced: u64,
        /// Bytes of whole frames that came.
        got: u64,
    },
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use hound::{SampleFormat, WavSpec, WavWriter};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let pcm = Pcm::new(22_050, vec![0, 1, -1, i16::MAX, i16::MIN]);
        assert_eq!(read(&write(&pcm)).unwrap(), pcm);
    }

    #[test]
    fn another_reader_understands_what_is_written() {
        let pcm = Pcm::new(16_000, vec![5, -7, 9]);
        let mut reader = hound::WavReader::new(Cursor::new(write(&pcm))).unwrap();
        assert_eq!(
            (reader.spec().sample_rate, reader.spec().channels),
            (16_000, 1)
        );
        assert_eq!(
            reader
                .samples::<i16>()
                .map(Result::unwrap)
                .collect::<Vec<_>>(),
            [5, -7, 9]
        );
    }

    #[test]
    fn every_sample_size_is_read() {
        for bits in [8, 16, 24, 32] {
            let scale = 1 << (bits - 8);
            let file = file_of(1, bits, SampleFormat::Int, |out| {
                for sample in [-128, -1, 0, 64, 127] {
                    out.write_sample(sample * scale).unwrap();
                }
            });
            let expected = [-128 << 8, -1 << 8, 0, 64 << 8, 127 << 8];
            assert_eq!(read(&file).unwrap().samples(), expected, "{bits} bits");
        }
    }

    #[test]
    fn floats_are_read_and_kept_in_range() {
        let file = file_of(1, 32, SampleFormat::Float, |out| {
            for sample in [0.0_f32, 0.5, -0.5, 3.0, f32::NAN] {
                out.write_sample(sample).unwrap();
            }
        });
        assert_eq!(
            read(&file).unwrap().samples(),
            [0, 16_384, -16_384, i16::MAX, 0]
        );
    }

    #[test]
    fn stereo_is_mixed_to_mono() {
        let file = file_of(2, 16, SampleFormat::Int, |out| {
            for sample in [1_000_i16, 3_000, i16::MAX, i16::MAX] {
                out.write_sample(sample).unwrap();
            }
        });
        assert_eq!(read(&file).unwrap().samples(), [2_000, i16::MAX]);
    }

    #[test]
    fn lengths_that_a_streaming_server_does_not_know_are_forgiven() {
        let pcm = Pcm::new(22_050, (0..500).collect());
        for (riff, data) in [
            (u32::MAX, u32::MAX),
            (0, 0),
            (36, 0),
            (u32::MAX, 0),
            (0x7FFF_FFFF, 0x7FFF_FFFF - 36),
        ] {
            let mut file = write(&pcm);
            file[4..8].copy_from_slice(&riff.to_le_bytes());
            file[40..44].copy_from_slice(&data.to_le_bytes());
            assert_eq!(read(&file).unwrap(), pcm, "sizes {riff:#x} and {data:#x}");
        }
    }

    #[test]
    fn half_a_file_is_an_error() {
        let file = write(&Pcm::new(22_050, vec![7; 1_000]));
        let error = read(&file[..file.len() - 600]).unwrap_err();
        assert_eq!(
            error,
            WavError::Truncated {
                announced: 2_000,
                got: 1_400
            }
        );
        assert_eq!(read(&file[..30]), Err(WavError::NotWav));
        assert_eq!(read(&[]), Err(WavError::NotWav));
    }

    #[test]
    fn other_chunks_are_skipped() {
        let pcm = Pcm::new(16_000, vec![3; 10]);
        let mut file = write(&pcm);
        file.splice(36..36, *b"LIST\x03\0\0\0abc\0");
        file.extend_from_slice(b"LIST\x02\0\0\0hi");
        assert_eq!(read(&file).unwrap(), pcm);
    }

    #[test]
    fn an_empty_file_with_chunks_behind_is_empty() {
        let mut file = write(&Pcm::new(16_000, Vec::new()));
        file.extend_from_slice(b"LIST\x02\0\0\0hi");
        let riff_len = file.len() as u32 - 8;
        file[4..8].copy_from_slice(&riff_len.to_le_bytes());
        assert!(read(&file).unwrap().is_empty());
    }

    #[test]
    fn text_and_compressed_sound_are_named_for_what_they_are() {
        assert_eq!(read(b"<html>502 Bad Gateway</html>"), Err(WavError::NotWav));
        let mut file = write(&Pcm::new(8_000, vec![0; 4]));
        file[20] = 7; // mu-law
        assert_eq!(read(&file), Err(WavError::Unsupported { tag: 7, bits: 16 }));
    }

    #[test]
    fn a_rate_that_no_sound_has_is_refused() {
        for rate in [0, 1, u32::MAX] {
            let mut file = write(&Pcm::new(8_000, vec![0; 4]));
            file[24..28].copy_from_slice(&rate.to_le_bytes());
            assert_eq!(read(&file), Err(WavError::NotWav), "{rate} Hz");
        }
    }

    #[test]
    fn sound_comes_out_before_the_file_is_complete() {
        let file = write(&Pcm::new(22_050, vec![9; 1_000]));
        let mut reader = Reader::new();
        assert!(reader.push(&file[..20]).unwrap().is_empty());
        assert_eq!(reader.rate(), None);
        assert_eq!(reader.push(&file[20..145]).unwrap().len(), 50);
        assert_eq!(reader.rate(), Some(22_050));
        assert_eq!(reader.push(&file[145..]).unwrap().len(), 950);
        assert_eq!(reader.finish(), Ok(()));
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_give_the_same_sound(
            samples in prop::collection::vec(any::<i16>(), 0..300), size in 1_usize..70)
        {
            let file = write(&Pcm::new(16_000, samples.clone()));
            let mut reader = Reader::new();
            let mut out = Vec::new();
            for piece in file.chunks(size) {
                out.extend(reader.push(piece).unwrap());
            }
            prop_assert_eq!(out, samples);
            prop_assert_eq!(reader.finish(), Ok(()));
        }

        #[test]
        fn damaged_files_give_errors_or_sound(
            mut file in Just(write(&Pcm::new(16_000, vec![1; 64]))),
            damage in prop::collection::vec((0_usize..172, any::<u8>()), 0..6), length in 0_usize..172)
        {
            for (at, byte) in damage {
                file[at] = byte;
            }
            if let Ok(pcm) = read(&file[..length]) {
                prop_assert!(pcm.len() <= length);
            }
        }

        #[test]
        fn random_bytes_give_errors(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assume!(!bytes.starts_with(b"RIFF"));
            prop_assert_eq!(read(&bytes), Err(WavError::NotWav));
        }
    }

    fn file_of(
        channels: u16,
        bits: u16,
        sample_format: SampleFormat,
        fill: impl FnOnce(&mut WavWriter<&mut Cursor<Vec<u8>>>),
    ) -> Vec<u8> {
        let spec = WavSpec {
            channels,
            sample_rate: 16_000,
            bits_per_sample: bits,
            sample_format,
        };
        let mut file = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut file, spec).unwrap();
        fill(&mut writer);
        writer.finalize().unwrap();
        file.into_inner()
    }
}
