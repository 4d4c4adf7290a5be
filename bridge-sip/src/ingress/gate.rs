//! Who may send at all: a rate for each source, and silence for those who scan.
//!
//! Nothing of a message is read here: a flood costs one look into a table. The table is bounded.
//! It has two halves; when the younger one is full it becomes the older one, and the older one is
//! forgotten. So whoever keeps sending is remembered, and a silence is forgotten early only when
//! more sources than [`Limits::sources`] send between two messages of the silenced one.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How much is taken from strangers. Trusted networks are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages of one source in a second, in the long run; 20 by default: a call is set up,
    /// held and ended with a dozen.
    pub rate: u32,
    /// Messages of one source at once; 60 by default.
    pub burst: u32,
    /// Messages of all strangers together in a second, in the long run and at once; 500 by
    /// default. It bounds what a flood with forged sources costs.
    pub rate_of_all: u32,
    /// Wrong passwords and broken requests until a source is silenced; 8 by default.
    pub strikes: u32,
    /// How long a source is silenced, and how long a strike counts; 10 min by default.
    pub silence: Duration,
    /// Sources remembered in each half of the table; 4096 by default.
    pub sources: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rate: 20,
            burst: 60,
            rate_of_all: 500,
            strikes: 8,
            silence: Duration::from_secs(10 * 60),
            sources: 4096,
        }
    }
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Admission {
    /// It is looked at.
    Pass,
    /// Its source, or all strangers together, send too much: it is dropped.
    TooFast,
    /// Its source is silenced: it is dropped.
    Silenced,
}

/// Addresses that begin alike, as `192.0.2.0/24` or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    first: u128,
    /// How many of 128 bits are the same; an IPv4 address is at the end of `::ffff:0:0/96`.
    bits: u32,
}

/// What is neither an address nor a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither an address nor a network like 192.0.2.0/24")]
pub struct NotANetwork;

impl Network {
    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        prefix(wide(address), self.bits) == self.first
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| NotANetwork)?;
        let (before, length) = if address.is_ipv4() {
            (96, 32)
        } else {
            (0, 128)
        };
        let bits = bits.map_or(Ok(length), |bits| bits.trim().parse());
        let bits = bits
            .ok()
            .filter(|bits| *bits <= length)
            .ok_or(NotANetwork)?;
        let bits = before + bits;
        let first = prefix(wide(address), bits);
        Ok(Self { first, bits })
    }
}

/// The door: who is trusted, how much the others may send, and who is silenced.
#[derive(Debug)]
pub struct Gate {
    limits: Limits,
    trusted: Vec<Network>,
    young: HashMap<u128, Record>,
    old: HashMap<u128, Record>,
    all: Meter,
}

/// What is remembered of one source.
#[derive(Clone, Copy, Debug)]
struct Record {
    meter: Meter,
    strikes: u32,
    struck: Instant,
    silenced_until: Option<Instant>,
}

impl Gate {
    /// A door that `trusted` networks (the PBX, for one) pass uncounted.
    pub fn new(limits: Limits, trusted: Vec<Network>, now: Instant) -> Self {
        Self {
            limits,
            trusted,
            young: HashMap::new(),
            old: HashMap::new(),
            all: Meter { due: now },
        }
    }

    /// Whether a message of this source is looked at.
    pub fn admit(&mut self, now: Instant, source: IpAddr) -> Admission {
        if self.trusts(source) {
            return Admission::Pass;
        }
        let limits = self.limits;
        let record = self.record(now, source);
        if record.silenced_until.is_some_and(|until| now < until) {
            return Admission::Silenced;
        }
        let pass = record.meter.count(now, limits.rate, limits.burst);
        if pass && self.all.count(now, limits.rate_of_all, limits.rate_of_all) {
            Admission::Pass
        } else {
            Admission::TooFast
        }
    }

    /// A source has sent a wrong password or a broken request.
    pub fn strike(&mut self, now: Instant, source: IpAddr) {
        let limits = self.limits;
        if self.trusts(source) {
            return;
        }
        let record = self.record(now, source);
        if now.saturating_duration_since(record.struck) > limits.silence {
            record.strikes = 0;
        }
        record.strikes = record.strikes.saturating_add(1);
        record.struck = now;
        if record.strikes >= limits.strikes {
            record.strikes = 0;
            record.silenced_until = now.checked_add(limits.silence);
        }
    }

    /// A source is a scanner beyond doubt: nothing of it is looked at for a while.
    pub fn silence(&mut self, now: Instant, source: IpAddr) {
        let until = now.checked_add(self.limits.silence);
        if !self.trusts(source) {
            self.record(now, source).silenced_until = until;
        }
    }

    /// A source has proved that it knows a password: its strikes are forgotten.
    pub fn forgive(&mut self, now: Instant, source: IpAddr) {
        if !self.trusts(source) {
            self.record(now, source).strikes = 0;
        }
    }

    fn trusts(&self, source: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(source))
    }

    fn record(&mut self, now: Instant, source: IpAddr) -> &mut Record {
        let key = source_key(source);
        if !self.young.contains_key(&key) {
            let known = self.old.remove(&key);
            if self.young.len() >= self.limits.sources {
                self.old = std::mem::take(&mut self.young);
            }
            let record = known.unwrap_or(Record {
                meter: Meter { due: now },
                strikes: 0,
                struck: now,
                silenced_until: None,
            });
            self.young.insert(key, record);
        }
        self.young
            .get_mut(&key)
            .expect("it is there, or was put there just now")
    }
}

/// A rate with a burst, as the moment at which everything so far would have been in time.
#[derive(Clone, Copy, Debug)]
struct Meter {
    due: Instant,
}

impl Meter {
    /// Counts a message, unless it is one too many.
    fn count(&mut self, now: Instant, rate: u32, burst: u32) -> bool {
        let each = Duration::from_secs(1) / rate.max(1);
        let due = self.due.max(now);
        let ahead = due.saturating_duration_since(now);
        if ahead > each * burst.max(1).saturating_sub(1) {
            return false;
        }
        self.due = due.checked_add(each).unwrap_or(due);
        true
    }
}

/// What a source is counted by: a host with IPv6 has a whole /64 to send from.
pub(crate) fn source_key(source: IpAddr) -> u128 {
    let wide = wide(source);
    match source.to_canonical() {
        IpAddr::V4(_) => wide,
        IpAddr::V6(_) => prefix(wide, 64),
    }
}

fn wide(address: IpAddr) -> u128 {
    let address: Ipv6Addr = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    address.to_bits()
}

fn prefix(address: u128, bits: u32) -> u128 {
    match 128_u32.checked_sub(bits) {
        Some(128) => 0,
        Some(rest) => address >> rest << rest,
        None => address,
    }
}

#[cfg(test)]
impl Gate {
    pub(super) fn remembered(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
