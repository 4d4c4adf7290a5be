//! Sealed datagrams: OCB2-AES128 as Mumble uses it, with what replay, loss and forgery need.
//!
//! A datagram is one byte of nonce, three bytes of tag, then the ciphertext. Each direction
//! counts its own 128-bit nonce; the receiver completes it from the one byte that is sent.
//! Nothing here changes before a tag has been verified: whoever forges datagrams can waste some
//! AES blocks and nothing else.
//!
//! ```
//! use mumble::crypt::{Crypt, Dropped};
//!
//! # fn main() -> Result<(), Dropped> {
//! // Key and nonces come in the server's `CryptSetup`: client's, then server's.
//! let (key, up, down) = ([1; 16], [2; 16], [3; 16]);
//! let mut client = Crypt::new(key, up, down);
//! let mut server = Crypt::new(key, down, up);
//! let sealed = client.seal(b"a packet of voice");
//! assert_eq!(server.open(&sealed)?, b"a packet of voice");
//! assert_eq!(server.open(&sealed), Err(Dropped::Repeated));
//! # Ok(())
//! # }
//! ```

mod ocb2;

use thiserror::Error;

use ocb2::{BLOCK, Ocb2, TAG};

/// Bytes that sealing adds in front.
pub const OVERHEAD: usize = 1 + TAG;

/// A datagram further behind the newest one than this is given up as too late, as in Mumble.
/// With 20 ms of sound in each, it would be more than half a second late.
pub const WINDOW: u32 = 29;

/// The same, as it is reckoned from the newest nonce.
const LATEST: i8 = -(WINDOW as i8);

/// Key and nonces of one connection.
///
/// It holds no lock, no clock and no buffer: 16 bytes of key, expanded once, and two counters.
#[derive(Debug)]
pub struct Crypt {
    cipher: Ocb2,
    /// The nonce that the last sealed datagram had.
    sealing: u128,
    /// The newest nonce that was verified.
    opening: u128,
    /// Bit n is set when the nonce `opening - n` was verified.
    seen: u64,
    stats: CryptStats,
}

/// How well datagrams arrive; the server is told in pings. The counts wrap around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CryptStats {
    /// Verified.
    pub good: u32,
    /// Verified, but behind a newer one. Counted as good too.
    pub late: u32,
    /// Never arrived, so far: a late one is taken off again.
    pub lost: u32,
    /// How often nonces had to be agreed on anew.
    pub resyncs: u32,
    /// Dropped: forged, repeated, much too late or too short.
    pub dropped: u32,
}

/// Why a datagram was dropped.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Dropped {
    /// Shorter than [`OVERHEAD`].
    #[error("a datagram is too short to be sealed")]
    Short,
    /// Had been opened before, or is too late to know.
    #[error("a datagram was opened before, or is too late to know")]
    Repeated,
    /// The tag does not fit: forged, damaged, or sealed under other nonces than ours.
    #[error("a datagram is forged, damaged, or sealed with other keys")]
    Forged,
}

impl Crypt {
    /// Takes the key and the nonces that the server sent: `client` for what is sealed here,
    /// `server` for what is opened. A server gives the two nonces the other way round.
    pub fn new(key: [u8; BLOCK], client: [u8; BLOCK], server: [u8; BLOCK]) -> Self {
        Self {
            cipher: Ocb2::new(&key),
            sealing: u128::from_le_bytes(client),
            opening: u128::from_le_bytes(server),
            seen: 0,
            stats: CryptStats::default(),
        }
    }

    /// Seals a datagram.
    pub fn seal(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(OVERHEAD + plain.len());
        sealed.extend_from_slice(&[0; OVERHEAD]);
        sealed.extend_from_slice(plain);
        self.seal_in_place(&mut sealed);
        sealed
    }

    /// Seals a datagram where it lies: the plain bytes follow [`OVERHEAD`] bytes of room.
    ///
    /// # Panics
    /// When there is less room than that.
    pub fn seal_in_place(&mut self, datagram: &mut [u8]) {
        let (head, text) = datagram.split_at_mut(OVERHEAD);
        self.sealing = self.sealing.wrapping_add(1);
        let nonce = self.sealing.to_le_bytes();
        head[0] = nonce[0];
        head[1..].copy_from_slice(&self.cipher.seal(&nonce, text));
    }

    /// Opens a datagram, or drops and counts it.
    ///
    /// # Errors
    /// Why it was dropped; but for the count, nothing has changed then.
    pub fn open(&mut self, sealed: &[u8]) -> Result<Vec<u8>, Dropped> {
        let mut datagram = sealed.to_vec();
        self.open_in_place(&mut datagram)?;
        Ok(datagram.split_off(OVERHEAD))
    }

    /// Opens a datagram where it lies, or drops and counts it. The plain bytes follow the first
    /// [`OVERHEAD`].
    ///
    /// # Errors
    /// Why it was dropped; but for the count, nothing has changed then. What is left in
    /// `datagram` means nothing.
    pub fn open_in_place<'a>(&mut self, datagram: &'a mut [u8]) -> Result<&'a mut [u8], Dropped> {
        let opened = self.try_open(datagram);
        if opened.is_err() {
            self.stats.dropped = self.stats.dropped.wrapping_add(1);
        }
        opened
    }

    fn try_open<'a>(&mut self, datagram: &'a mut [u8]) -> Result<&'a mut [u8], Dropped> {
        let Some((&mut [low, ref tag @ ..], text)) = datagram.split_first_chunk_mut::<OVERHEAD>()
        else {
            return Err(Dropped::Short);
        };
        let ahead = low.wrapping_sub(self.opening as u8) as i8;
        let late_seen = || self.seen >> ahead.unsigned_abs() & 1 == 1;
        if ahead == 0 || ahead < LATEST || (ahead < 0 && late_seen()) {
            return Err(Dropped::Repeated);
        }
        let nonce = self.opening.wrapping_add_signed(i128::from(ahead));
        if !self.cipher.open(&nonce.to_le_bytes(), text, tag) {
            return Err(Dropped::Forged);
        }
        self.accept(nonce, ahead);
        Ok(text)
    }

    /// Notes a nonce whose tag was right.
    fn accept(&mut self, nonce: u128, ahead: i8) {
        self.stats.good = self.stats.good.wrapping_add(1);
        if ahead > 0 {
            let skipped = u32::from(ahead.unsigned_abs()) - 1;
            self.stats.lost = self.stats.lost.wrapping_add(skipped);
            self.opening = nonce;
            self.seen = self.seen.checked_shl(skipped + 1).unwrap_or(0) | 1;
        } else {
            self.stats.late = self.stats.late.wrapping_add(1);
            self.stats.lost = self.stats.lost.saturating_sub(1);
            self.seen |= 1 << ahead.unsigned_abs();
        }
    }

    /// The nonce that the other end must continue from to open what is sealed here; it goes into
    /// the answer to an empty `CryptSetup`.
    pub fn sealing_nonce(&self) -> [u8; BLOCK] {
        self.sealing.to_le_bytes()
    }

    /// Continues from the nonce that the other end sent after a request for it. What was opened
    /// before stays known, or it could be repeated now.
    pub fn resync(&mut self, nonce: [u8; BLOCK]) {
        let nonce = u128::from_le_bytes(nonce);
        let skipped = nonce.wrapping_sub(self.opening);
        let is_ahead = skipped < 1 << 127;
        self.seen = match u32::try_from(skipped) {
            Ok(skipped) => self.seen.checked_shl(skipped).unwrap_or(0),
            Err(_) if is_ahead => 0,
            Err(_) => u64::MAX,
        };
        self.opening = nonce;
        self.stats.resyncs = self.stats.resyncs.wrapping_add(1);
    }

    /// All that decides what opens next.
    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn place(&self) -> (u128, u64) {
        (self.opening, self.seen)
    }

    /// The counts so far.
    pub fn stats(&self) -> CryptStats {
        self.stats
    }
}

#[cfg(test)]
mod forgery;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
