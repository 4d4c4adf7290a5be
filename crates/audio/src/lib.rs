//! Sound: the one PCM type, resampling, the jitter buffer, mixing, Opus, WAV and Ogg Opus.
//!
//! Sound travels in this order: packets are put in order ([`jitter`]), decoded ([`opus`]) into
//! [`Pcm`], brought to another rate where somebody needs one ([`resample`]), put together
//! where several are heard at once ([`mix`]), and read from or written to files ([`wav`],
//! [`ogg`]).
//! Nothing here does any input or output of its own.

mod pcm;
pub mod jitter;
pub mod opus;
pub mod resample;
pub mod mix;
pub mod wav;
pub mod ogg;

pub use pcm::Pcm;

/// The rate at which Mumble's Opus runs, in Hz.
pub const MUMBLE_HZ: u32 = 48_000;

/// The rate that recognisers and voice activity detection take, in Hz.
pub const SPEECH_HZ: u32 = 16_000;
