//! What a phone's sound is packed in, and what is played where a packet is missing.
//!
//! G.711 and G.722 are concealed by [`Concealer`]; Opus conceals by itself, and repairs a loss by
//! the coarse copy that the packet behind it holds (RFC 6716 section 2.1.7).

use audio::opus::{self, OpusError};
use audio_codec::{Decoder, Encoder, g722, pcma, pcmu};

use crate::conceal::Concealer;
use crate::offer::Codec;

/// The longest payload that is decoded, in bytes: 200 ms of G.711 or G.722, and more than Opus
/// ever makes. What a packet holds beyond it is dropped; no phone packs that much.
pub const LONGEST_PAYLOAD: usize = 1600;

/// Bit rate of the Opus that phones get, in bit/s: transparent for voices (RFC 7587 section 3.1.1
/// recommends 28 to 40 kbit/s for a whole band of speech).
const OPUS_BITRATE: u32 = 32_000;

impl Codec {
    /// The rate of the decoded sound, in Hz.
    pub fn pcm_hz(self) -> u32 {
        match self {
            Self::Opus => audio::MUMBLE_HZ,
            Self::G722 => 16_000,
            Self::Pcma | Self::Pcmu => 8000,
        }
    }

    /// Ticks of the RTP clock that a payload lasts; `None` if it cannot be read as this codec.
    pub fn duration(self, payload: &[u8]) -> Option<u32> {
        match self {
            Self::Opus => {
                let lasts = opus::packet_duration(payload)?;
                Some((lasts.as_micros() as u64 * u64::from(self.clock()) / 1_000_000) as u32)
            }
            // A byte is a tick: the clock of G.722 runs at half its rate (RFC 3551 section 4.5.2).
            Self::G722 | Self::Pcma | Self::Pcmu => {
                let length = payload.len().min(LONGEST_PAYLOAD);
                (length > 0).then_some(length as u32)
            }
        }
    }

    /// Both directions of one call's sound in this codec: they remember what went before.
    ///
    /// # Errors
    /// When the system gives no memory for Opus.
    pub fn open(self) -> Result<Box<dyn Transcoder>, OpusError> {
        Ok(match self {
            Self::Opus => Box::new(Opus {
                decoder: opus::Decoder::new(self.pcm_hz())?,
                encoder: opus::Encoder::new(OPUS_BITRATE)?,
            }),
            Self::G722 => Box::new(Plain::new(
                self,
                g722::G722Decoder::new(),
                g722::G722Encoder::new(),
            )),
            Self::Pcma => Box::new(Plain::new(
                self,
                pcma::PcmaDecoder::new(),
                pcma::PcmaEncoder::new(),
            )),
            Self::Pcmu => Box::new(Plain::new(
                self,
                pcmu::PcmuDecoder::new(),
                pcmu::PcmuEncoder::new(),
            )),
        })
    }
}

/// Both directions of one call's sound, at [`Codec::pcm_hz`].
pub trait Transcoder: Send {
    /// Sound out of a payload. Any bytes are some sound, or none; what is beyond
    /// [`LONGEST_PAYLOAD`] is dropped.
    fn decode(&mut self, payload: &[u8]) -> Vec<i16>;

    /// Sound of this many samples in place of a payload that did not come.
    fn conceal(&mut self, samples: usize) -> Vec<i16>;

    /// The same where the payload behind it, `next`, has come already: by the copy in it, if the
    /// codec has such. `next` is still to be [decoded](Self::decode) after it.
    fn recover(&mut self, next: &[u8], samples: usize) -> Vec<i16> {
        let _ = next;
        self.conceal(samples)
    }

    /// A payload out of sound, usually 20 ms of it. G.722 takes samples in pairs; a last odd one
    /// has a byte of its own. Opus takes 10, 20, 40 or 60 ms, and nothing else.
    fn encode(&mut self, pcm: &[i16]) -> Vec<u8>;

    /// Another stream begins: what was heard before has nothing to do with it.
    fn restart(&mut self);
}

struct Plain<D, E> {
    decoder: D,
    encoder: E,
    concealer: Concealer,
}

impl<D: Decoder, E: Encoder> Plain<D, E> {
    fn new(codec: Codec, decoder: D, encoder: E) -> Self {
        Self {
            decoder,
            encoder,
            concealer: Concealer::new(codec.pcm_hz()),
        }
    }
}

impl<D: Decoder, E: Encoder> Transcoder for Plain<D, E> {
    fn decode(&mut self, payload: &[u8]) -> Vec<i16> {
        let payload = payload.get(..LONGEST_PAYLOAD).unwrap_or(payload);
        let mut pcm = vec![0; self.decoder.max_decode_samples(payload.len())];
        // The one error is a buffer too small, and this one is as large as the decoder asks.
        let decoded = self.decoder.decode_into(payload, &mut pcm).unwrap_or(0);
        pcm.truncate(decoded);
        self.concealer.heard(&mut pcm);
        pcm
    }

    fn conceal(&mut self, samples: usize) -> Vec<i16> {
        self.concealer.conceal(samples)
    }

    fn encode(&mut self, pcm: &[i16]) -> Vec<u8> {
        let mut payload = vec![0; self.encoder.max_encode_bytes(pcm.len())];
        let encoded = self.encoder.encode_into(pcm, &mut payload).unwrap_or(0);
        payload.truncate(encoded);
        payload
    }

    fn restart(&mut self) {
        self.concealer.reset();
    }
}

struct Opus {
    decoder: opus::Decoder,
    encoder: opus::Encoder,
}

impl Transcoder for Opus {
    fn decode(&mut self, payload: &[u8]) -> Vec<i16> {
        self.decoder.decode(payload).unwrap_or_default()
    }

    fn conceal(&mut self, samples: usize) -> Vec<i16> {
        let made_up = self.decoder.conceal(samples);
        made_up.unwrap_or_else(|_| vec![0; samples])
    }

    fn recover(&mut self, next: &[u8], samples: usize) -> Vec<i16> {
        let copied = self.decoder.recover(next, samples);
        copied.unwrap_or_else(|_| self.conceal(samples))
    }

    fn encode(&mut self, pcm: &[i16]) -> Vec<u8> {
        self.encoder.encode(pcm).unwrap_or_default()
    }

    fn restart(&mut self) {
        self.decoder.reset();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A second of a tone with a swell, at -6 dB.
    fn tone(hz: f64, rate: u32) -> Vec<i16> {
        (0..rate)
            .map(|n| {
                let t = f64::from(n) / f64::from(rate);
                let swell = 0.6 + 0.4 * (t * 3.0 * std::f64::consts::TAU).sin();
                ((t * hz * std::f64::consts::TAU).sin() * swell * 16_000.0) as i16
            })
            .collect()
    }

    /// Power of the sound over that of the error, in dB; `delay` is the codec's own, in samples.
    fn snr(sound: &[i16], decoded: &[i16], delay: usize) -> f64 {
        let pairs = sound.iter().zip(&decoded[delay..]);
        let (mut power, mut error) = (0.0, 0.0);
        for (&sound, &decoded) in pairs {
            power += f64::from(sound).powi(2);
            error += (f64::from(sound) - f64::from(decoded)).powi(2);
        }
        10.0 * (power / error.max(1.0)).log10()
    }

    /// Those that pack every sample for itself.
    const PLAIN: [Codec; 3] = [Codec::G722, Codec::Pcma, Codec::Pcmu];

    fn frame(codec: Codec) -> usize {
        codec.pcm_hz() as usize / 50
    }

    fn through(codec: Codec, sound: &[i16]) -> Vec<i16> {
        let mut transcoder = codec.open().unwrap();
        let mut decoded = Vec::new();
        for frame in sound.chunks(frame(codec)) {
            let payload = transcoder.encode(frame);
            assert_eq!(codec.duration(&payload), Some(160));
            assert_eq!(payload.len(), 160, "20 ms at 64 kbit/s");
            decoded.extend(transcoder.decode(&payload));
        }
        assert_eq!(decoded.len(), sound.len());
        decoded
    }

    #[test]
    fn what_goes_through_a_codec_comes_out_nearly_the_same() {
        for codec in PLAIN {
            for hz in [300.0, 440.0, 1000.0, 3000.0] {
                let sound = tone(hz, codec.pcm_hz());
                let decoded = through(codec, &sound);
                // Both filter banks of G.722 together delay by 22 samples.
                let (delay, least) = match codec {
                    Codec::G722 => (22, 20.0),
                    Codec::Opus | Codec::Pcma | Codec::Pcmu => (0, 35.0),
                };
                let snr = snr(&sound, &decoded, delay);
                assert!(snr > least, "{codec:?} at {hz} Hz: {snr:.1} dB");
            }
        }
    }

    #[test]
    fn g722_carries_what_g711_cannot() {
        let sound = tone(6000.0, 16_000);
        let decoded = through(Codec::G722, &sound);
        let snr = snr(&sound, &decoded, 22);
        assert!(snr > 8.0, "{snr:.1} dB");
    }

    #[test]
    fn silence_stays_silence() {
        for codec in PLAIN {
            let decoded = through(codec, &vec![0; frame(codec) * 50]);
            let loudest = decoded.iter().map(|s| s.unsigned_abs()).max();
            assert!(loudest <= Some(16), "{codec:?}: {loudest:?}");
        }
    }

    #[test]
    fn opus_carries_a_voice_and_goes_on_where_a_packet_is_missing() {
        let sound = tone(440.0, Codec::Opus.pcm_hz());
        let mut transcoder = Codec::Opus.open().unwrap();
        let mut decoded = Vec::new();
        for (n, frame) in sound.chunks(frame(Codec::Opus)).enumerate() {
            let payload = transcoder.encode(frame);
            assert_eq!(Codec::Opus.duration(&payload), Some(960));
            decoded.extend(match n % 10 {
                9 => transcoder.conceal(960),
                _ => transcoder.decode(&payload),
            });
        }
        let power = |pcm: &[i16]| pcm.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>();
        let kept = power(&decoded) / power(&sound);
        assert!(
            (0.7..1.3).contains(&kept),
            "{kept:.2} of the power is there"
        );
    }

    /// A gliding voice with a syllable's rhythm, for so many seconds.
    fn voice(rate: u32, seconds: u32) -> Vec<i16> {
        let mut phase = 0.0;
        (0..rate * seconds)
            .map(|n| {
                let t = f64::from(n) / f64::from(rate);
                let pitch = 130.0 + 40.0 * (t * 1.3 * std::f64::consts::TAU).sin();
                phase += pitch * std::f64::consts::TAU / f64::from(rate);
                let loudness = 0.55 + 0.45 * (t * 3.1 * std::f64::consts::TAU).sin();
                let tone: f64 = (1..20)
                    .map(|k| (phase * f64::from(k)).sin() / f64::from(k))
                    .sum();
                (tone * loudness * 6000.0) as i16
            })
            .collect()
    }

    #[test]
    fn opus_is_nearer_the_truth_where_the_packet_behind_a_loss_repairs_it() {
        for length in [10, 20, 40, 60] {
            let mut phone = Codec::Opus.open().unwrap();
            let frame = length * 48;
            let packets: Vec<_> = voice(48_000, 12)
                .chunks_exact(frame)
                .map(|frame| phone.encode(frame))
                .collect();
            let heard = |lose: &dyn Fn(&mut dyn Transcoder, &[u8]) -> Vec<i16>| {
                let mut transcoder = Codec::Opus.open().unwrap();
                let heard = packets
                    .windows(2)
                    .enumerate()
                    .map(|(n, pair)| match n % 20 {
                        13 => lose(transcoder.as_mut(), &pair[1]),
                        _ => transcoder.decode(&pair[0]),
                    });
                heard.collect::<Vec<_>>().concat()
            };
            let mut lossless = Codec::Opus.open().unwrap();
            let decoded = packets.iter().map(|packet| lossless.decode(packet));
            let decoded = decoded.collect::<Vec<_>>().concat();
            let off = |heard: Vec<i16>| {
                let pairs = heard.iter().zip(&decoded);
                let errors = pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
                errors.sum::<f64>()
            };
            let recovered = off(heard(&|codec, next| codec.recover(next, frame)));
            let concealed = off(heard(&|codec, _| codec.conceal(frame)));
            assert!(
                recovered < 0.7 * concealed,
                "{length} ms: {recovered:.2e}, concealed {concealed:.2e}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_some_sound(payload in prop::collection::vec(any::<u8>(), 0..4000)) {
            for codec in PLAIN {
                let samples = codec.open().unwrap().decode(&payload).len();
                let whole = payload.len().min(LONGEST_PAYLOAD) * frame(codec) / 160;
                prop_assert_eq!(samples, whole);
            }
            let sound = Codec::Opus.open().unwrap().decode(&payload);
            prop_assert!(sound.len() <= 5760, "120 ms at most");
            for codec in Codec::ALL {
                let sound = codec.open().unwrap().recover(&payload, 960);
                prop_assert_eq!(sound.len(), 960);
            }
        }

        #[test]
        fn any_sound_is_encoded(pcm in prop::collection::vec(any::<i16>(), 0..700)) {
            for codec in PLAIN {
                let mut transcoder = codec.open().unwrap();
                let payload = transcoder.encode(&pcm);
                prop_assert_eq!(payload.len(), (pcm.len() * 160).div_ceil(frame(codec)));
                transcoder.decode(&payload);
            }
        }
    }
}
