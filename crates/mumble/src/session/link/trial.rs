//! UDP that answers again is watched for a while before voice goes back to it.

use std::time::{Duration, Instant};

/// UDP that answers again has to do so for this long before voice goes back to it; each time
/// that it died again within [`STABLE`], for twice as long, up to [`LONGEST`].
pub(super) const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(16);
pub(super) const STABLE: Duration = Duration::from_secs(10);

/// With more than one part in so many of the pings lost, the tunnel serves better.
const MOST_LOST: u32 = 4;

/// In the middle of talk voice goes back to UDP only if the tunnel is slower by no more than
/// this: listeners wait 60 ms for packets that are overtaken.
pub(super) const PROMPT: Duration = Duration::from_millis(40);

/// A trial of UDP.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    pub(super) dead_since: Instant,
    begun: Instant,
    length: Duration,
    sent: u32,
    answered: u32,
    tunnel: Tunnel,
}

/// How fast the tunnel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tunnel {
    Unknown,
    Prompt,
}

/// How long a trial takes after the one before took `before`, and UDP then lived for `lived`.
pub(super) fn length_after(before: Duration, lived: Duration) -> Duration {
    if lived >= STABLE {
        FIRST
    } else {
        (before * 2).clamp(FIRST, LONGEST)
    }
}

impl Trial {
    /// A trial that begins now. Without a length one answer is enough.
    pub(super) fn new(now: Instant, length: Duration, dead_since: Instant) -> Self {
        Self {
            dead_since,
            begun: now,
            length,
            sent: 0,
            answered: 0,
            tunnel: Tunnel::Unknown,
        }
    }

    pub(super) fn ends(&self) -> Instant {
        self.begun + self.length
    }

    /// A ping leaves.
    pub(super) fn handle_ping(&mut self) {
        self.sent += 1;
    }

    /// A ping came back.
    pub(super) fn handle_pong(&mut self) {
        self.answered += 1;
    }

    /// A ping took this long on the TCP stream, and usually takes `usual` by UDP.
    pub(super) fn handle_tcp_pong(&mut self, took: Duration, usual: Duration) {
        if took <= usual + PROMPT {
            self.tunnel = Tunnel::Prompt;
        }
    }

    /// Whether voice goes back to UDP now, with so many pings still `under_way`.
    pub(super) fn is_passed(&self, under_way: usize, talking: bool) -> bool {
        if self.length.is_zero() {
            // The first time: voice that has only just begun changes its way without harm.
            return true;
        }
        let sent = self.sent.saturating_sub(under_way as u32);
        let lost = sent.saturating_sub(self.answered);
        let nothing_overtakes = !talking || self.tunnel == Tunnel::Prompt;
        lost * MOST_LOST <= sent && nothing_overtakes
    }
}
