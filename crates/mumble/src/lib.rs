//! A Mumble user: joins, hears each speaker apart, speaks.
//!
//! [`join`] starts the user's life and gives the two ends to hold: a [`Client`] to act with and
//! [`Events`] to react to. Below that, sound travels in the order of the modules: `client`
//! (the only one with sockets) hands bytes to `session` (the protocol without I/O), which cuts
//! them out of the stream (`control`), unseals (`crypt`) and reads them (`datagram`) and gives
//! them to `hear`; what is said goes from `speak` the same way back.
#![doc = include_str!("../README.md")]

mod config;
mod limiter;
mod life;
mod standing;
mod error;
mod event;
mod act;
mod denied;
mod kept;
mod beat;
mod handle;
mod client;
mod identity;
mod pin;
pub mod trust;
mod session;
mod proto;
mod control;
pub mod crypt;
mod datagram;
mod varint;
mod roster;
mod hear;
mod speak;
mod target;
pub mod text;
mod outbox;
mod pace;
mod inbox;
#[cfg(test)]
mod oracle;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;

pub use act::{ActError, Lifetime, Presence};
pub use beat::Beat;
pub use client::{Alarm, join};
pub use config::{Config, DEFAULT_BITRATE, DEFAULT_PORT, InvalidPin, Pin, Retry};
pub use datagram::Voice;
pub use denied::{Denied, Permission};
pub use error::{JoinError, KNOWN_CHANNELS, Outlook, SpeechError, StateError, TextError};
pub use event::{
    ChannelId, Event, Heard, RosterChange, Scope, ServerInfo, SessionId, Stats, Suggestions,
    TextMessage, TextScope, To, Version,
};
pub use handle::{Client, Events};
pub use hear::Hearing;
pub use limiter::{ConnectionLimit, Permit};
pub use pin::{Fingerprint, InvalidFingerprint};
pub use roster::{About, Channel, Roster, User};
pub use speak::{MOST_QUEUED, MOST_UTTERANCES, Playing, Speech};
pub use standing::{Standing, Trouble};
pub use target::Target;
