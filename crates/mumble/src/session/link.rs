//! Whether UDP works, found out by pings; and how long pings take on either way.

use std::time::{Duration, Instant};

/// Between pings while all is well. Servers drop a user after 30 s of silence.
pub(super) const PING_EVERY: Duration = Duration::from_secs(5);

/// Between pings while an answer is missing.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// How many probes come at [`PROBE_EVERY`] after the start.
const FIRST_PROBES: u32 = 5;

/// Between probes once UDP has proved dead: rare, for each makes the server send by UDP until
/// it hears from the tunnel again.
const RETRY_EVERY: Duration = Duration::from_secs(15);

/// UDP is dead when pings have gone unanswered for this long.
const DEAD_AFTER: Duration = Duration::from_secs(3);

/// Where voice goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// UDP answers.
    Udp,
    /// It does not, or not yet.
    Tunnel,
}

/// What the link wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkAction {
    /// Send a ping by UDP.
    Ping,
    /// Send a ping through the tunnel, after which the server uses the tunnel too.
    TunnelPing,
}

/// The UDP side of a connection.
#[derive(Debug)]
pub(super) struct Link {
    route: Route,
    /// None before the key is there, and when UDP is switched off.
    next_ping: Option<Instant>,
    probes: u32,
    /// The first ping that nothing has been heard of.
    unanswered: Option<Instant>,
    tell_tunnel: bool,
    pub(super) round_trip: RoundTrip,
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            route: Route::Tunnel,
            next_ping: None,
            probes: 0,
            unanswered: None,
            tell_tunnel: false,
            round_trip: RoundTrip::default(),
        }
    }

    /// The key is there: pings can begin.
    pub(super) fn start(&mut self, now: Instant) {
        self.next_ping.get_or_insert(now);
    }

    pub(super) fn route(&self) -> Route {
        self.route
    }

    /// A ping came back after this long.
    pub(super) fn handle_pong(&mut self, now: Instant, took: Duration) {
        self.route = Route::Udp;
        self.unanswered = None;
        self.tell_tunnel = false;
        self.probes = 0;
        self.next_ping = Some(now + PING_EVERY);
        self.round_trip.add(took);
    }

    /// What is due now.
    pub(super) fn poll(&mut self, now: Instant) -> Option<LinkAction> {
        let dead = self
            .unanswered
            .is_some_and(|since| now >= since + DEAD_AFTER);
        if self.route == Route::Udp && dead {
            self.route = Route::Tunnel;
            self.tell_tunnel = true;
        }
        if self.next_ping.is_some_and(|due| now >= due) {
            self.unanswered.get_or_insert(now);
            self.probes = self.probes.saturating_add(1);
            let retrying = self.route == Route::Tunnel && self.probes > FIRST_PROBES;
            self.tell_tunnel |= retrying;
            self.next_ping = Some(now + if retrying { RETRY_EVERY } else { PROBE_EVERY });
            return Some(LinkAction::Ping);
        }
        if self.tell_tunnel {
            self.tell_tunnel = false;
            return Some(LinkAction::TunnelPing);
        }
        None
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let dead = self
            .unanswered
            .filter(|_| self.route == Route::Udp)
            .map(|at| at + DEAD_AFTER);
        [self.next_ping, dead].into_iter().flatten().min()
    }
}

/// Mean and variance of ping times, as servers show them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RoundTrip {
    count: u32,
    mean_ms: f32,
    variance: f32,
}

impl RoundTrip {
    pub(super) fn add(&mut self, took: Duration) {
        let ms = took.as_secs_f32() * 1000.0;
        self.count = self.count.saturating_add(1);
        let difference = ms - self.mean_ms;
        self.mean_ms += difference / self.count as f32;
        let spread = difference * (ms - self.mean_ms) - self.variance;
        self.variance += spread / self.count as f32;
    }

    pub(super) fn mean(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_secs_f32(self.mean_ms / 1000.0))
    }

    pub(super) fn mean_ms(&self) -> f32 {
        self.mean_ms
    }

    pub(super) fn variance(&self) -> f32 {
        self.variance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn udp_is_used_only_once_a_ping_has_come_back() {
        let start = Instant::now();
        let mut link = Link::new();
        assert_eq!(link.poll(start), None);
        link.start(start);
        assert_eq!(link.poll(start), Some(LinkAction::Ping));
        assert_eq!(link.route(), Route::Tunnel);
        link.handle_pong(start, Duration::from_millis(1));
        assert_eq!(link.route(), Route::Udp);
        assert_eq!(link.deadline(), Some(after(start, 5)));
    }

    #[test]
    fn unanswered_pings_lead_into_the_tunnel_within_three_seconds() {
        let start = Instant::now();
        let mut link = Link::new();
        link.start(start);
        link.poll(start);
        link.handle_pong(start, Duration::ZERO);
        let mut actions = Vec::new();
        let mut now = start;
        while link.route() == Route::Udp {
            now = link.deadline().expect("a living link has a deadline");
            actions.extend(link.poll(now));
        }
        assert_eq!(now, after(start, 8));
        actions.extend(std::iter::from_fn(|| link.poll(now)));
        assert_eq!(actions.last(), Some(&LinkAction::TunnelPing));
        assert!(
            actions[..actions.len() - 1]
                .iter()
                .all(|action| *action == LinkAction::Ping)
        );
    }

    #[test]
    fn a_dead_link_is_probed_rarely_and_comes_back() {
        let start = Instant::now();
        let mut link = Link::new();
        link.start(start);
        let mut probes = Vec::new();
        while probes.len() < 8 {
            let now = link.deadline().expect("probes go on");
            while let Some(action) = link.poll(now) {
                if action == LinkAction::Ping {
                    probes.push((now - start).as_secs());
                }
            }
        }
        assert_eq!(probes, [0, 1, 2, 3, 4, 5, 20, 35]);
        link.handle_pong(after(start, 36), Duration::ZERO);
        assert_eq!(link.route(), Route::Udp);
    }

    #[test]
    fn mean_and_variance_are_those_of_the_samples() {
        let mut trip = RoundTrip::default();
        for ms in [2, 4, 6] {
            trip.add(Duration::from_millis(ms));
        }
        assert!((trip.mean_ms() - 4.0).abs() < 1e-3);
        assert!((trip.variance() - 8.0 / 3.0).abs() < 1e-3);
    }
}
