//! Nonces: made without being stored, spent once for each count, and stale in the end.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// When it was made, what makes it unlike others, and the seal on both, in bytes.
const BORN: usize = 8;
const RANDOM: usize = 8;
const SEAL: usize = 16;
const LENGTH: usize = BORN + RANDOM + SEAL;

/// Requests over UDP may overtake each other: so far back a count is still told from one that
/// was used.
const WINDOW: u32 = u64::BITS;

/// What comes of a nonce that somebody used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It is ours, is young enough, and has not been used with this count.
    Fresh,
    /// Anything else.
    Stale,
}

/// The nonces of one server. Those in use are remembered, no more than a given number.
pub(super) struct Nonces {
    lifetime: Duration,
    remembered: usize,
    secret: [u8; 32],
    began: Instant,
    used: HashMap<[u8; LENGTH], Counts>,
    /// The keys of `used`, in the order of their first use.
    order: VecDeque<[u8; LENGTH]>,
    /// Nonces made up to this moment are stale unless they are in `used`, in ms since `began`:
    /// what was forgotten must not become fresh again.
    forgotten: Option<u64>,
}

/// Without the secret, which must not get into a log.
impl fmt::Debug for Nonces {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Nonces")
            .field("remembered", &self.order.len())
            .finish_non_exhaustive()
    }
}

/// Which counts were used with a nonce.
#[derive(Debug)]
struct Counts {
    highest: u32,
    /// Bit n stands for `highest - n`.
    seen: u64,
}

impl Nonces {
    pub(super) fn new(
        lifetime: Duration,
        remembered: usize,
        secret: [u8; 32],
        now: Instant,
    ) -> Self {
        Self {
            lifetime,
            remembered: remembered.max(1),
            secret,
            began: now,
            used: HashMap::new(),
            order: VecDeque::new(),
            forgotten: None,
        }
    }

    pub(super) fn make(&self, now: Instant, random: [u8; RANDOM]) -> String {
        let born = self.age(now).to_be_bytes();
        let seal = self.seal(born, random);
        hex::encode([born.as_slice(), &random, &seal].concat())
    }

    pub(super) fn spend(&mut self, now: Instant, nonce: &str, count: u32) -> Use {
        self.expire(now);
        let Some((born, key)) = self.ours(nonce) else {
            return Use::Stale;
        };
        let elapsed = self.age(now).checked_sub(born);
        if elapsed.is_none_or(|elapsed| Duration::from_millis(elapsed) > self.lifetime) {
            return Use::Stale;
        }
        if let Some(counts) = self.used.get_mut(&key) {
            return counts.spend(count);
        }
        if self.forgotten.is_some_and(|forgotten| born <= forgotten) {
            return Use::Stale;
        }
        if self.order.len() == self.remembered {
            self.forget_oldest();
        }
        let counts = Counts {
            highest: count,
            seen: 1,
        };
        self.used.insert(key, counts);
        self.order.push_back(key);
        Use::Fresh
    }

    /// When it was made and its bytes, if the seal is ours.
    fn ours(&self, nonce: &str) -> Option<(u64, [u8; LENGTH])> {
        let mut key = [0; LENGTH];
        hex::decode_to_slice(nonce, &mut key).ok()?;
        let (born, rest) = key.split_first_chunk::<BORN>()?;
        let (random, seal) = rest.split_first_chunk::<RANDOM>()?;
        let right = self.seal(*born, *random).ct_eq(seal);
        bool::from(right).then(|| (u64::from_be_bytes(*born), key))
    }

    /// A hash over a secret and a text of fixed length, cut in half: nothing can be appended.
    fn seal(&self, born: [u8; BORN], random: [u8; RANDOM]) -> [u8; SEAL] {
        let hash = Sha256::new()
            .chain_update(self.secret)
            .chain_update(born)
            .chain_update(random)
            .finalize();
        let mut seal = [0; SEAL];
        seal.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        seal
    }

    /// Forgets what could not be used any more.
    fn expire(&mut self, now: Instant) {
        let age = self.age(now);
        while let Some(key) = self.order.front() {
            let elapsed = Duration::from_millis(age.saturating_sub(born(key)));
            if elapsed <= self.lifetime {
                return;
            }
            self.used.remove(key);
            self.order.pop_front();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(key) = self.order.pop_front() {
            self.used.remove(&key);
            self.forgotten = self.forgotten.max(Some(born(&key)));
        }
    }

    /// Milliseconds since the server began.
    fn age(&self, now: Instant) -> u64 {
        let age = now.saturating_duration_since(self.began).as_millis();
        u64::try_from(age).unwrap_or(u64::MAX)
    }
}

fn born(key: &[u8; LENGTH]) -> u64 {
    key.first_chunk()
        .map_or(0, |born| u64::from_be_bytes(*born))
}

impl Counts {
    fn spend(&mut self, count: u32) -> Use {
        if count > self.highest {
            let step = count - self.highest;
            self.seen = self.seen.checked_shl(step).unwrap_or(0) | 1;
            self.highest = count;
            return Use::Fresh;
        }
        let back = self.highest - count;
        if back >= WINDOW || self.seen & (1 << back) != 0 {
            return Use::Stale;
        }
        self.seen |= 1 << back;
        Use::Fresh
    }
}

#[cfg(test)]
impl Nonces {
    pub(super) fn remembered_now(&self) -> usize {
        assert_eq!(self.used.len(), self.order.len());
        self.used.len()
    }
}
