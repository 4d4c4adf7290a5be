//! One call that this end makes, in a process of its own: it joins the channel and ends with it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::board::Board;
use crate::bridge::House;
use crate::call::outgoing::dial;
use crate::config::Config;
use crate::dtmf::Keys;
use crate::phone::{Door, OpenError, Phone, Settings, T1};

/// A call was not made, or not to its end.
#[derive(Debug, Error)]
pub enum CallError {
    /// Nothing that can be called.
    #[error(
        "this is no address that can be reached; expected one such as sip:alice@192.0.2.7:5060"
    )]
    Address,
    /// The bridge's end cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No port for sound.
    #[error("all ports from RTP_PORT_MIN to RTP_PORT_MAX are in use; widen the range")]
    NoPort,
    /// 486 or 600.
    #[error("the line is busy")]
    Busy,
    /// Any other refusal; 401 and 407 for an account that is not known there.
    #[error("the call was declined ({0})")]
    Declined(u16),
    /// There was no answer at all.
    #[error("nobody answers; is it there, and can it be reached from SIP_BIND?")]
    Nobody,
    /// The channel could not be joined, or was away for too long.
    #[error("the Mumble server cannot be joined; `mumble-ai doctor` tells more")]
    NoChannel,
    /// The two ends have nothing in common, or the other one answers nonsense.
    #[error("the call cannot be set up: the other end offers no sound that can be used")]
    Broken,
}

/// Calls `address`, such as `sip:alice@192.0.2.7:5060`, joins the channel, and ends when either
/// side hangs up or at `shutdown`. Once it is answered `keys` are pressed, for a menu or the PIN of
/// a conference. Listens on any free port of `SIP_BIND`, so that it runs beside the phone line; its
/// sound needs one of the line's ports.
///
/// # Errors
/// See [`CallError`].
pub async fn call(
    config: Config,
    address: &str,
    keys: Keys,
    shutdown: CancellationToken,
) -> Result<(), CallError> {
    let end = CancellationToken::new();
    let _closing = end.clone().drop_guard();
    let settings = Settings {
        listen: SocketAddr::new(config.sip.bind, 0),
        public: config.sip.public_address,
        t1: T1,
    };
    // Whoever calls this port is refused: nobody takes the rings.
    let (phone, _) = Phone::open(&settings, Door::default(), end).await?;
    let called = phone.look_up(address).await.ok_or(CallError::Address)?;
    let account = config.account();
    let house = Arc::new(House::new(&config, Board::new(Instant::now())));
    let _beating = house.keep_the_beat();
    dial(&phone, called, account.as_ref(), house, keys, shutdown).await
}
