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
mod tests;
