//! The link alone, with answers that the test gives or withholds.

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A link and a network that answers each ping after `round_trip` while it is up.
struct World {
    link: Link,
    start: Instant,
    now: Instant,
    round_trip: Duration,
    tunnel_takes: Duration,
    up: bool,
    under_way: Vec<Instant>,
    log: Vec<(Duration, LinkAction)>,
}

impl World {
    /// Started, not answered yet.
    fn started(round_trip: Duration, up: bool) -> Self {
        let now = Instant::now();
        let mut link = Link::new();
        link.start(now);
        Self {
            link,
            start: now,
            now,
            round_trip,
            tunnel_takes: round_trip,
            up,
            under_way: Vec::new(),
            log: Vec::new(),
        }
    }

    /// Has been up for ten seconds; nothing is logged yet.
    fn alive(round_trip: Duration) -> Self {
        let mut world = Self::started(round_trip, true);
        world.run(ms(10_000), Talk::Nobody);
        assert_eq!(world.link.route(), Route::Udp);
        world.log.clear();
        world
    }

    fn run(&mut self, length: Duration, talk: Talk) {
        let end = self.now + length;
        let mut next_voice = self.now;
        loop {
            if talk != Talk::Nobody && self.now >= next_voice {
                next_voice += ms(20);
                match talk {
                    Talk::Own => self.link.handle_own_voice(self.now),
                    Talk::Heard(by) => self.link.handle_voice(self.now, by),
                    Talk::Nobody => {}
                }
            }
            while let Some(&sent) = self.under_way.first()
                && self.now >= sent + self.round_trip
            {
                self.under_way.remove(0);
                self.link.handle_pong(self.now, self.now - sent);
            }
            while let Some(action) = self.link.poll(self.now) {
                self.log.push((self.now - self.start, action));
                match action {
                    LinkAction::Ping if self.up => self.under_way.push(self.now),
                    LinkAction::TcpPing => self.link.handle_tcp_pong(self.tunnel_takes),
                    _ => {}
                }
            }
            let pong = self.under_way.first().map(|&sent| sent + self.round_trip);
            let voice = (talk != Talk::Nobody).then_some(next_voice);
            let next = [pong, voice, self.link.deadline()].into_iter().flatten();
            let next = next.min().expect("a started link has a deadline");
            if next > end {
                self.now = end;
                return;
            }
            self.now = self.now.max(next);
        }
    }

    fn times(&self, wanted: LinkAction) -> Vec<Duration> {
        let wanted = self.log.iter().filter(|(_, action)| *action == wanted);
        wanted.map(|(at, _)| *at).collect()
    }

    /// Kills UDP now and says how long it takes until voice goes through the tunnel.
    fn dies_after(&mut self, talk: Talk) -> Duration {
        self.up = false;
        self.under_way.clear();
        let from = self.now;
        while self.link.route() == Route::Udp {
            assert!(self.now < from + ms(10_000), "it never notices");
            self.run(ms(1), talk);
        }
        self.now - from
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Talk {
    Nobody,
    Own,
    Heard(Route),
}

#[test]
fn udp_is_used_once_a_ping_has_come_back() {
    let mut world = World::started(ms(10), true);
    world.run(ms(9), Talk::Nobody);
    assert_eq!(world.link.route(), Route::Tunnel);
    assert_eq!(world.times(LinkAction::TunnelPing), [ms(0)]);
    world.run(ms(1), Talk::Nobody);
    assert_eq!(world.link.route(), Route::Udp);
    assert_eq!(world.times(LinkAction::Claim), [ms(10)]);
}

#[test]
fn pings_are_rare_while_nobody_speaks_and_frequent_while_somebody_does() {
    for talk in [Talk::Own, Talk::Heard(Route::Udp)] {
        let mut world = World::alive(ms(10));
        world.run(ms(60_000), Talk::Nobody);
        assert_eq!(world.times(LinkAction::Ping).len(), 60);
        world.log.clear();
        world.run(ms(10_000), talk);
        let pings = world.times(LinkAction::Ping).len();
        assert!((199..=202).contains(&pings), "{pings}");
        assert_eq!(pings, world.log.len(), "nothing else is done");
    }
}

#[test]
fn two_missed_pings_in_talk_lead_into_the_tunnel() {
    for (round_trip, at_most) in [(0, 140), (20, 140), (50, 166), (150, 266)] {
        for phase in 0..50 {
            let mut world = World::alive(ms(round_trip));
            world.run(ms(3000 + phase), Talk::Own);
            let took = world.dies_after(Talk::Own);
            assert!(took <= ms(at_most), "{took:?} at {round_trip} ms");
            let resent = world.log.iter().find_map(|(at, action)| match action {
                LinkAction::Resend(since) => Some(world.start + *at - *since),
                _ => None,
            });
            let resent = resent.expect("what may be lost is sent again");
            // The last ping that came back had been sent a round trip before the end, or more.
            let unproved = (took + ms(round_trip)).min(MOST_RESENT);
            assert!(resent + ms(1) >= unproved && resent >= LEAST_RESENT);
        }
    }
}

#[test]
fn one_missed_ping_is_nothing() {
    let mut world = World::alive(ms(10));
    for _ in 0..50 {
        world.run(ms(1000), Talk::Own);
        world.up = false;
        world.run(ms(50), Talk::Own);
        world.up = true;
    }
    assert!(world.times(LinkAction::TunnelPing).is_empty());
    assert_eq!(world.link.route(), Route::Udp);
}

#[test]
fn udp_that_died_in_silence_is_noticed_with_the_first_words() {
    let mut world = World::alive(ms(10));
    world.run(ms(10_000), Talk::Nobody);
    let took = world.dies_after(Talk::Own);
    assert!(took <= ms(95), "{took:?}");
}

#[test]
fn udp_that_dies_in_silence_is_noticed_with_the_next_ping() {
    let mut world = World::alive(ms(10));
    let took = world.dies_after(Talk::Nobody);
    assert!(took <= IDLE_EVERY + ms(95), "{took:?}");
}

#[test]
fn a_dead_way_is_probed_ever_more_rarely() {
    for talk in [Talk::Nobody, Talk::Own] {
        let mut world = World::started(ms(10), false);
        world.run(ms(300_000), talk);
        let pings = world.times(LinkAction::Ping);
        let within = |from, to| {
            let inside = pings.iter().filter(|at| **at >= ms(from) && **at < ms(to));
            inside.count()
        };
        assert!(within(0, 1000) <= 12, "{}", within(0, 1000));
        assert!((15..30).contains(&within(0, 20_000)));
        assert_eq!(within(240_000, 300_000), 4);
        assert!(world.times(LinkAction::TunnelPing).len() <= pings.len() + 1);
    }
}

#[test]
fn voice_comes_back_half_a_second_after_udp() {
    let mut world = World::alive(ms(10));
    world.dies_after(Talk::Own);
    world.run(ms(2000), Talk::Own);
    world.up = true;
    let from = world.now;
    while world.link.route() == Route::Tunnel {
        world.run(ms(1), Talk::Own);
    }
    let took = world.now - from;
    assert!(took >= trial::FIRST && took <= ms(1200), "{took:?}");
    assert_eq!(world.times(LinkAction::Claim).len(), 1);
}

#[test]
fn in_the_middle_of_talk_a_slow_tunnel_is_not_left() {
    let mut world = World::alive(ms(10));
    world.dies_after(Talk::Own);
    world.up = true;
    world.tunnel_takes = ms(10) + trial::PROMPT * 2;
    world.run(ms(5000), Talk::Own);
    assert_eq!(world.link.route(), Route::Tunnel);
    world.run(ms(3000), Talk::Nobody);
    assert_eq!(world.link.route(), Route::Udp, "in a pause it is");
}

#[test]
fn udp_that_keeps_dying_has_to_answer_for_longer_each_time() {
    let mut world = World::alive(ms(10));
    let mut returns = Vec::new();
    for _ in 0..4 {
        world.dies_after(Talk::Own);
        world.up = true;
        let from = world.now;
        while world.link.route() == Route::Tunnel {
            world.run(ms(5), Talk::Own);
        }
        returns.push((world.now - from).as_millis());
        world.run(ms(500), Talk::Own);
    }
    assert!(
        returns.windows(2).all(|pair| pair[1] > pair[0] * 3 / 2),
        "{returns:?}"
    );
    world.run(trial::STABLE * 2, Talk::Own);
    world.dies_after(Talk::Own);
    assert_eq!(world.link.trial, trial::FIRST);
}

#[test]
fn voice_that_still_comes_through_the_tunnel_makes_us_claim_udp() {
    let mut world = World::alive(ms(10));
    world.run(ms(2000), Talk::Heard(Route::Tunnel));
    let claims = world.times(LinkAction::Claim).len();
    assert!((3..=5).contains(&claims), "{claims}");
    world.log.clear();
    world.run(ms(2000), Talk::Heard(Route::Udp));
    assert!(world.times(LinkAction::Claim).is_empty());
}

#[test]
fn who_slept_looks_at_what_has_come_meanwhile_before_it_calls_udp_dead() {
    let mut world = World::alive(ms(10));
    world.run(ms(2015), Talk::Own);
    assert!(world.under_way.is_empty());
    let mut first = world.now;
    for _ in 0..2 {
        first = world.now;
        world.now = world.link.deadline().expect("it pings");
        while world.link.poll(world.now).is_some() {}
    }
    world.now += ms(400);
    assert_eq!(world.link.poll(world.now), Some(LinkAction::Ping));
    assert_eq!(world.link.route(), Route::Udp);
    world.link.handle_pong(world.now, world.now - first);
    world.run(ms(10), Talk::Nobody);
    assert_eq!(world.link.route(), Route::Udp);
}
