//! Opus (RFC 6716) as Mumble uses it: mono speech, with forward error correction.

use std::fmt;
use std::time::Duration;

use ::opus::{Application, Bitrate, Channels, Signal};
use thiserror::Error;

use crate::MUMBLE_HZ;

/// The longest gap that is filled in one call, in ms. Beyond that there is nothing left to guess
/// from, and a forged gap must not cost memory.
const MAX_GAP_MS: u32 = 1_000;

/// Room for one encoded packet, in bytes; the libopus documentation recommends 4000.
const MAX_PACKET: usize = 4_000;

/// The packet loss the encoder prepares for, in percent. At 10 % it repeats every frame in the
/// one after it, coarsely, for a few kbit/s.
const EXPECTED_LOSS_PERCENT: i32 = 10;

/// The rates of the sound that Opus takes and gives, in Hz (RFC 6716, section 2).
pub const RATES: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];

/// The bit rates that Opus works at, in bit/s (RFC 6716, section 2.1.1).
const BITRATES: std::ops::RangeInclusive<u32> = 6_000..=510_000;

/// Encodes mono speech, with in-band FEC for 10 % expected loss.
pub struct Encoder {
    inner: ::opus::Encoder,
    rate: u32,
}

impl Encoder {
    /// An encoder of sound at 48 kHz, at `bitrate` bit/s, kept between 6,000 and 510,000.
    ///
    /// # Errors
    ///
    /// [`OpusError::Codec`] when libopus cannot be set up.
    pub fn new(bitrate: u32) -> Result<Self, OpusError> {
        Self::at(MUMBLE_HZ, bitrate)
    }

    /// The same for sound at `rate` Hz: 8,000, 12,000, 16,000, 24,000 or 48,000. Whoever decodes
    /// the packets does so at any of these rates (RFC 6716, section 2.1.3); a telephone's 8 kHz
    /// take half the work to encode as they are that they take brought to 48 kHz.
    ///
    /// # Errors
    ///
    /// [`OpusError::Codec`] at any other rate.
    pub fn at(rate: u32, bitrate: u32) -> Result<Self, OpusError> {
        let mut inner = ::opus::Encoder::new(rate, Channels::Mono, Application::Voip)?;
        inner.set_signal(Signal::Voice)?;
        inner.set_inband_fec(true)?;
        inner.set_packet_loss_perc(EXPECTED_LOSS_PERCENT)?;
        let mut encoder = Self { inner, rate };
        encoder.set_bitrate(bitrate)?;
        Ok(encoder)
    }

    /// Changes the bit rate from the next frame on; kept between 6,000 and 510,000 bit/s.
    ///
    /// # Errors
    ///
    /// [`OpusError::Codec`] when libopus refuses.
    pub fn set_bitrate(&mut self, bitrate: u32) -> Result<(), OpusError> {
        let bitrate = bitrate.clamp(*BITRATES.start(), *BITRATES.end());
        Ok(self.inner.set_bitrate(Bitrate::Bits(bitrate as i32))?)
    }

    /// The rate of what it encodes, in Hz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Encodes one frame: 960 samples are 20 ms at 48 kHz; 10, 40 and 60 ms are allowed as well.
    ///
    /// # Errors
    ///
    /// [`OpusError::Codec`] when the frame has a length that Opus does not know.
    pub fn encode(&mut self, frame: &[i16]) -> Result<Vec<u8>, OpusError> {
        Ok(self.inner.encode_vec(frame, MAX_PACKET)?)
    }

    /// Forgets what was encoded so far: the next frame begins a new utterance.
    pub fn reset(&mut self) {
        // libopus documents no way for this request to fail; a stale state would cost only a
        // click, so there is nothing to report.
        let _ = self.inner.reset_state();
    }

    /// How far decoded sound lags behind what was encoded, in samples at 48 kHz.
    pub(crate) fn lookahead(&mut self) -> Result<usize, OpusError> {
        Ok(self.inner.get_lookahead()?.max(0) as usize)
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("opus::Encoder")
    }
}

/// Decodes one speaker's packets to mono at the rate it was made for.
///
/// Every call moves the speaker's sound on: [`decode`](Self::decode) for a packet that came,
/// [`recover`](Self::recover) for a gap whose following packet came, [`conceal`](Self::conceal)
/// for a gap without one.
pub struct Decoder {
    inner: ::opus::Decoder,
    rate: u32,
}

impl Decoder {
    /// A decoder that gives mono sound at `rate` Hz: 8,000, 12,000, 16,000, 24,000 or 48,000.
    ///
    /// # Errors
    ///
    /// [`OpusError::Codec`] at any other rate.
    pub fn new(rate: u32) -> Result<Self, OpusError> {
        Ok(Self {
            inner: ::opus::Decoder::new(rate, Channels::Mono)?,
            rate,
        })
    }

    /// Decodes one packet of 2.5 to 120 ms; stereo is mixed down.
    ///
    /// # Errors
    ///
    /// [`OpusError::NotAPacket`] for bytes that are no Opus packet.
    pub fn decode(&mut self, packet: &[u8]) -> Result<Vec<i16>, OpusError> {
        // To libopus an empty packet means "conceal"; on the wire it is a malformed one.
        // The room is the packet's own, not that of the longest one: pieces of sound wait unread.
        let room = samples(packet, self.rate).ok_or(OpusError::NotAPacket)?;
        self.run(packet, room, Redundancy::Ignore)
            .map_err(|_| OpusError::NotAPacket)
    }

    /// Fills a gap of `samples` (at this decoder's rate) before `next_packet` by the coarse copy
    /// which that packet carries, and conceals what the copy does not reach. `next_packet` is
    /// still to be [decoded](Self::decode) after it.
    ///
    /// # Errors
    ///
    /// [`OpusError::NotAPacket`] when `next_packet` is none, [`OpusError::GapTooLong`] for more
    /// than a second.
    pub fn recover(&mut self, next_packet: &[u8], samples: usize) -> Result<Vec<i16>, OpusError> {
        if packet_duration(next_packet).is_none() {
            return Err(OpusError::NotAPacket);
        }
        self.fill(next_packet, samples)
            .map_err(|error| match error {
                OpusError::Codec(_) => OpusError::NotAPacket,
                other => other,
            })
    }

    /// Fills a gap of `samples` (at this decoder's rate) by going on with what was heard last,
    /// fading out.
    ///
    /// # Errors
    ///
    /// [`OpusError::GapTooLong`] for more than a second.
    pub fn conceal(&mut self, samples: usize) -> Result<Vec<i16>, OpusError> {
        self.fill(&[], samples)
    }

    /// Forgets what was heard so far: the next packet begins a new utterance.
    pub fn reset(&mut self) {
        // libopus documents no way for this request to fail; a stale state would cost only a
        // click, so there is nothing to report.
        let _ = self.inner.reset_state();
    }

    fn fill(&mut self, next_packet: &[u8], samples: usize) -> Result<Vec<i16>, OpusError> {
        if samples > (self.rate / 1_000 * MAX_GAP_MS) as usize {
            return Err(OpusError::GapTooLong);
        }
        if samples == 0 {
            return Ok(Vec::new());
        }
        // libopus fills gaps in steps of 2.5 ms only. Cutting the end of a rounded gap would put
        // the recovered sound in the wrong place, so the surplus is cut at the front.
        let step = (self.rate / 400) as usize;
        let room = samples.next_multiple_of(step);
        let mut filled = self.run(next_packet, room, Redundancy::Use)?;
        filled.drain(..filled.len().saturating_sub(samples));
        Ok(filled)
    }

    fn run(
        &mut self,
        packet: &[u8],
        room: usize,
        redundancy: Redundancy,
    ) -> Result<Vec<i16>, OpusError> {
        let mut out = vec![0; room];
        let samples = self
            .inner
            .decode(packet, &mut out, redundancy == Redundancy::Use)?;
        out.truncate(samples);
        Ok(out)
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "opus::Decoder({} Hz)", self.rate)
    }
}

/// Whether a packet is decoded for itself or for the copy of the one before it.
#[derive(PartialEq)]
enum Redundancy {
    Use,
    Ignore,
}

/// How much sound `packet` holds, 2.5 to 120 ms; `None` when it is no Opus packet.
///
/// Only the first two bytes are looked at (RFC 6716, section 3.1).
pub fn packet_duration(packet: &[u8]) -> Option<Duration> {
    let samples = samples(packet, MUMBLE_HZ)? as u64;
    Some(Duration::from_micros(
        samples * 1_000_000 / u64::from(MUMBLE_HZ),
    ))
}

/// How much sound `packet` holds, in samples at `rate` Hz; `None` when it is no Opus packet.
fn samples(packet: &[u8], rate: u32) -> Option<usize> {
    let samples = ::opus::packet::get_nb_samples(packet, rate).ok()?;
    (samples > 0).then_some(samples)
}

/// Why sound could not be encoded or decoded.
#[derive(Debug, Error)]
pub enum OpusError {
    /// The bytes are no Opus packet, or a damaged one. Treat it as lost.
    #[error("not an opus packet: treat it as lost")]
    NotAPacket,
    /// More than a second is to be filled.
    #[error("a gap of more than a second cannot be filled: reset the decoder instead")]
    GapTooLong,
    /// libopus refused: a rate or a frame length that Opus does not know.
    #[error("opus refuses the request: use 8, 12, 16, 24 or 48 kHz and frames of 10 to 60 ms")]
    Codec(#[from] ::opus::Error),
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    const FRAME: usize = 960;

    #[test]
    fn every_packet_length_of_mumble_comes_back_whole() {
        for ms in [10, 20, 40, 60] {
            for rate in [8_000, 12_000, 16_000, 24_000, 48_000] {
                let mut encoder = Encoder::new(40_000).unwrap();
                let mut decoder = Decoder::new(rate).unwrap();
                for frame in voice(48 * ms * 5).chunks(48 * ms) {
                    let packet = encoder.encode(frame).unwrap();
                    assert_eq!(
                        packet_duration(&packet),
                        Some(Duration::from_millis(ms as u64))
                    );
                    assert_eq!(
                        decoder.decode(&packet).unwrap().len(),
                        rate as usize / 1_000 * ms
                    );
                }
            }
        }
    }

    #[test]
    fn a_voice_comes_back_as_loud_as_it_was() {
        let sound = voice(48_000);
        let mut encoder = Encoder::new(40_000).unwrap();
        let mut decoder = Decoder::new(48_000).unwrap();
        let heard: Vec<i16> = sound
            .chunks(FRAME)
            .flat_map(|frame| decoder.decode(&encoder.encode(frame).unwrap()).unwrap())
            .collect();
        let ratio = energy(&heard) / energy(&sound);
        assert!((0.7..1.3).contains(&ratio), "energy changed by {ratio}");
    }

    #[test]
    fn recovery_is_nearer_the_truth_than_concealment() {
        let sound = voice(48_000 * 2);
        let mut encoder = Encoder::new(40_000).unwrap();
        let packets: Vec<_> = sound
            .chunks(FRAME)
            .map(|frame| encoder.encode(frame).unwrap())
            .collect();
        let (mut recovered_error, mut concealed_error) = (0.0, 0.0);
        for lost in (20..90).step_by(7) {
            let mut truth = Decoder::new(48_000).unwrap();
            let mut recovering = Decoder::new(48_000).unwrap();
            let mut concealing = Decoder::new(48_000).unwrap();
            for packet in &packets[..lost] {
                truth.decode(packet).unwrap();
                recovering.decode(packet).unwrap();
                concealing.decode(packet).unwrap();
            }
            let expected = truth.decode(&packets[lost]).unwrap();
            let recovered = recovering.recover(&packets[lost + 1], FRAME).unwrap();
            let concealed = concealing.conceal(FRAME).unwrap();
            assert_eq!((recovered.len(), concealed.len()), (FRAME, FRAME));
            recovered_error += distance(&recovered, &expected);
            concealed_error += distance(&concealed, &expected);
        }
        assert!(
            recovered_error < 0.8 * concealed_error,
            "recovered {recovered_error:.3e}, concealed {concealed_error:.3e}"
        );
    }

    #[test]
    fn gaps_of_any_length_are_filled_to_the_sample() {
        let mut encoder = Encoder::new(40_000).unwrap();
        let packet = encoder.encode(&voice(FRAME)).unwrap();
        let mut decoder = Decoder::new(16_000).unwrap();
        decoder.decode(&packet).unwrap();
        for samples in [0, 1, 160, 333, 960, 16_000] {
            assert_eq!(decoder.conceal(samples).unwrap().len(), samples);
            assert_eq!(decoder.recover(&packet, samples).unwrap().len(), samples);
        }
    }

    #[test]
    fn a_forged_gap_costs_no_memory() {
        let mut decoder = Decoder::new(16_000).unwrap();
        assert!(matches!(
            decoder.conceal(16_001),
            Err(OpusError::GapTooLong)
        ));
        assert!(matches!(
            decoder.conceal(usize::MAX),
            Err(OpusError::GapTooLong)
        ));
    }

    #[test]
    fn an_empty_packet_is_not_a_packet() {
        let mut decoder = Decoder::new(16_000).unwrap();
        assert!(matches!(decoder.decode(&[]), Err(OpusError::NotAPacket)));
        assert!(matches!(
            decoder.recover(&[], 320),
            Err(OpusError::NotAPacket)
        ));
        assert_eq!(packet_duration(&[]), None);
    }

    #[test]
    fn a_reset_decoder_has_forgotten_the_speaker() {
        let mut encoder = Encoder::new(40_000).unwrap();
        let mut decoder = Decoder::new(48_000).unwrap();
        for frame in voice(FRAME * 10).chunks(FRAME) {
            decoder.decode(&encoder.encode(frame).unwrap()).unwrap();
        }
        decoder.reset();
        assert_eq!(energy(&decoder.conceal(FRAME).unwrap()), 0.0);
    }

    #[test]
    fn sound_of_a_telephone_is_encoded_at_its_own_rate() {
        let (mut encoder, mut decoder) = (
            Encoder::at(8000, 24_000).unwrap(),
            Decoder::new(48_000).unwrap(),
        );
        let sound: Vec<i16> = voice(48_000).into_iter().step_by(6).collect();
        let heard: Vec<i16> = sound
            .chunks(160)
            .flat_map(|frame| decoder.decode(&encoder.encode(frame).unwrap()).unwrap())
            .collect();
        assert_eq!(heard.len(), 48_000);
        let ratio = energy(&heard) / 6.0 / energy(&sound);
        assert!((0.7..1.3).contains(&ratio), "energy changed by {ratio}");
        assert!(matches!(
            Encoder::at(44_100, 24_000),
            Err(OpusError::Codec(_))
        ));
    }

    #[test]
    fn a_lower_bit_rate_makes_smaller_packets() {
        let frames = voice(FRAME * 50);
        let size = |bitrate| {
            let mut encoder = Encoder::new(510_000).unwrap();
            encoder.set_bitrate(bitrate).unwrap();
            frames
                .chunks(FRAME)
                .map(|frame| encoder.encode(frame).unwrap().len())
                .sum::<usize>()
        };
        assert!(size(0) < size(40_000) && size(40_000) < size(96_000));
    }

    #[test]
    fn an_odd_frame_or_rate_is_an_error() {
        assert!(matches!(
            Encoder::new(40_000).unwrap().encode(&[0; 777]),
            Err(OpusError::Codec(_))
        ));
        assert!(matches!(Decoder::new(44_100), Err(OpusError::Codec(_))));
    }

    proptest! {
        #[test]
        fn hostile_packets_give_errors_or_sound(packets in prop::collection::vec(
            prop::collection::vec(any::<u8>(), 0..200), 1..8), gap in 0_usize..4_000)
        {
            let mut decoder = Decoder::new(16_000).unwrap();
            for packet in &packets {
                let duration = packet_duration(packet);
                match decoder.decode(packet) {
                    Ok(sound) => {
                        let expected = duration.unwrap().as_micros() * 16 / 1_000;
                        prop_assert_eq!(sound.len() as u128, expected);
                    }
                    Err(error) => prop_assert!(matches!(error, OpusError::NotAPacket)),
                }
                if let Ok(sound) = decoder.recover(packet, gap) {
                    prop_assert_eq!(sound.len(), gap);
                }
            }
        }
    }

    /// A gliding harmonic tone with a syllable's rhythm: enough like a voice for Opus to model.
    fn voice(samples: usize) -> Vec<i16> {
        let mut phase = 0.0;
        (0..samples)
            .map(|i| {
                let t = i as f64 / 48_000.0;
                phase += TAU * (130.0 + 40.0 * (TAU * 1.3 * t).sin()) / 48_000.0;
                let loudness = 0.55 + 0.45 * (TAU * 3.1 * t).sin();
                let tone: f64 = (1..20)
                    .map(|k| (phase * f64::from(k)).sin() / f64::from(k))
                    .sum();
                (tone * loudness * 6_000.0) as i16
            })
            .collect()
    }

    fn energy(samples: &[i16]) -> f64 {
        samples
            .iter()
            .map(|&sample| f64::from(sample).powi(2))
            .sum()
    }

    fn distance(a: &[i16], b: &[i16]) -> f64 {
        a.iter()
            .zip(b)
            .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2))
            .sum()
    }
}
