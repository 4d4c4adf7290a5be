//! Ear and mouth engines behind two small traits, and voice activity.
//!
//! - [`stt`]: speech to text. One file per server dialect, one line each in its table.
//! - [`tts`]: text to speech, the same way.
//! - [`vad`]: is there a voice in these 16 ms?
//! - [`turn`]: when does a speaker's turn begin, pause and end?
//!
//! Engines fail honestly: no retry, no fallback and no deadline lives here; those are put
//! around an engine where it is wired. What people say is never logged here, at any level.

pub mod stt;
pub mod tts;
pub mod vad;
pub mod turn;
mod auto;
mod http;
mod error;

pub use error::ServerError;
