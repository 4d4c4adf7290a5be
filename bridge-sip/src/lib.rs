//! The phone line: makes each SIP call a user in the Mumble channel.
//!
//! [`call`](call()) makes one call, and [`run`] takes calls: each one that rings in [`phone`] is
//! held from its beginning to its end in `call`, which moves sound between the telephone
//! ([`sound`]) and a Mumble user of its own ([`mod@line`]). Whoever is in the channel is heard
//! ([`voices`]), and hears the caller when the caller talks ([`talk`]).
//!
//! What is decided is decided without a socket and without a clock. Of the signalling:
//!
//! - [`ingress`]: whether a message is looked at at all, and what a broken one is told.
//! - [`digest`], [`password`]: whether a caller knows the password.
//! - [`sdp`]: what a call is made of, as the two ends write it to each other.
//! - [`offer`]: what both ends agree on.
//! - [`timer`]: when a call whose other end has vanished is over.
//!
//! Of the sound: a packet from the phone is read ([`rtp`]), admitted ([`latch`]), put in time
//! ([`playout`]), decoded ([`codec`]), or made up where it is missing ([`conceal`], [`comfort`]).
//! Keys that are pressed are in [`dtmf`]; how the line is, in [`rtcp`] and [`quality`].
//!
//! Nothing in here knows that an assistant exists.

pub mod config;
mod bridge;
mod beat;
pub mod board;
mod call;
mod outgoing;
pub mod caller;
pub mod line;
pub mod menu;
pub mod ports;
pub mod media;
pub mod probe;

pub mod phone;
pub mod ingress;
pub mod digest;
pub mod password;
pub mod sdp;
pub mod offer;
pub mod timer;

pub mod sound;
pub mod rtp;
pub mod rtcp;
pub mod quality;
pub mod latch;
pub mod playout;
pub mod codec;
pub mod conceal;
pub mod comfort;
pub mod dtmf;
pub mod talk;
pub mod voices;
pub mod tone;

#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;

pub use board::Board;
pub use bridge::run;
pub use config::Config;
pub use outgoing::{CallError, call};
pub use phone::OpenError;
