//! How deep the buffer should be: as deep as nearly all packets of the last seconds needed.
//!
//! A packet's delay is measured against the quickest one of those seconds, so neither the length
//! of the way nor a clock that runs a little fast or slow counts as jitter.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A packet without delay waits this long at least: one packet's time, so that the next one may
/// come a little late.
pub const LEAST_DEPTH: Duration = Duration::from_millis(20);

/// A packet without delay waits this long at most; talk over a longer wait is no talk any more.
pub const MOST_DEPTH: Duration = Duration::from_millis(200);

/// The depth that is begun with: enough for a network of one house.
pub const FIRST_DEPTH: Duration = Duration::from_millis(40);

/// Packets that are looked back on: five seconds of the usual ones.
const WINDOW: usize = 250;

/// Before this many packets are known the depth is [`FIRST_DEPTH`] at least.
const ENOUGH: usize = 25;

/// The share of packets that may come too late for the depth, in per cent: fewer would make
/// everybody wait for the few slowest, which concealment hides well.
const LATE_PER_CENT: usize = 3;

/// What the jitter of the last packets demands. Remembers the last 250 of them.
#[derive(Debug)]
pub struct Depth {
    /// The moment that delays are counted from, and the media time at it.
    origin: Option<(Instant, Duration)>,
    /// Delays in µs, by arrival.
    delays: VecDeque<i64>,
    /// The same, the quickest first.
    sorted: Vec<i64>,
    quickest: i64,
    target: Duration,
}

impl Depth {
    pub(super) fn new() -> Self {
        Self {
            origin: None,
            delays: VecDeque::new(),
            sorted: Vec::new(),
            quickest: 0,
            target: FIRST_DEPTH,
        }
    }

    /// A packet of the media time `media` came at `now`.
    pub(super) fn arrived(&mut self, now: Instant, media: Duration) {
        let delay = self.delay(now, media);
        self.origin.get_or_insert((now, media));
        self.remember(delay);
        let place = (self.sorted.len() - 1) * (100 - LATE_PER_CENT) / 100;
        let slow = self.sorted.get(place).copied().unwrap_or(0);
        self.quickest = self.sorted.first().copied().unwrap_or(0);
        let jitter = Duration::from_micros((slow - self.quickest).max(0) as u64);
        let least = if self.delays.len() < ENOUGH {
            FIRST_DEPTH
        } else {
            LEAST_DEPTH
        };
        self.target = jitter.clamp(least, MOST_DEPTH);
    }

    fn remember(&mut self, delay: i64) {
        self.delays.push_back(delay);
        let place = self.sorted.partition_point(|&other| other < delay);
        self.sorted.insert(place, delay);
        if self.delays.len() > WINDOW
            && let Some(oldest) = self.delays.pop_front()
            && let Ok(place) = self.sorted.binary_search(&oldest)
        {
            self.sorted.remove(place);
        }
    }

    /// Whether a packet's delay is so far from the others' that the phone's clock must have jumped.
    pub(super) fn jumps(&self, now: Instant, media: Duration, jump: Duration) -> bool {
        let away = (self.delay(now, media) - self.quickest).unsigned_abs();
        !self.delays.is_empty() && Duration::from_micros(away) > jump
    }

    /// When a packet of the media time `media` would come if it were as quick as the quickest;
    /// `None` before anything came.
    pub(super) fn arrival(&self, media: Duration) -> Option<Instant> {
        let (moment, origin) = self.origin?;
        let since = micros(media) - micros(origin) + self.quickest;
        let length = Duration::from_micros(since.unsigned_abs());
        let arrival = if since < 0 {
            moment.checked_sub(length)
        } else {
            moment.checked_add(length)
        };
        Some(arrival.unwrap_or(moment))
    }

    /// What a packet without delay is to wait.
    pub(super) fn target(&self) -> Duration {
        self.target
    }

    fn delay(&self, now: Instant, media: Duration) -> i64 {
        let Some((moment, origin)) = self.origin else {
            return 0;
        };
        let elapsed = micros(now.saturating_duration_since(moment));
        let before = micros(moment.saturating_duration_since(now));
        elapsed - before - (micros(media) - micros(origin))
    }
}

/// Media times are those of 48 bits of samples, so they fit.
fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 4)
}
