//! A phone, a bad network and somebody who listens, on a clock that the test owns.

use proptest::prelude::*;

use super::*;

const HZ: u32 = 8000;
const UNITS: u32 = 160;

/// A phone, a network and somebody who listens, on one clock that the test moves.
struct World {
    start: Instant,
    playout: Playout,
    /// What was played, by the phone's own count.
    played: Vec<u32>,
    pieces: Vec<Piece>,
    /// By how much the buffer was too deep after the last packet, in µs.
    surplus: i64,
}

impl World {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            playout: Playout::new(HZ),
            played: Vec::new(),
            pieces: Vec::new(),
            surplus: 0,
        }
    }

    fn header(n: u32) -> Header {
        Header {
            marker: false,
            payload_type: 0,
            sequence: 65_500_u16.wrapping_add(n as u16),
            timestamp: (u32::MAX - 9000).wrapping_add(n.wrapping_mul(UNITS)),
            ssrc: 1,
        }
    }

    fn packet(&mut self, at_us: u64, n: u32) {
        self.insert(at_us, &Self::header(n), Content::Sound(UNITS), n);
    }

    fn insert(&mut self, at_us: u64, header: &Header, content: Content, n: u32) {
        let now = self.start + Duration::from_micros(at_us);
        self.playout.insert(now, header, content, &n.to_be_bytes());
    }

    fn tick(&mut self, at_us: u64) {
        self.tick_with(at_us, 5000);
    }

    /// Plays all that is due, with packets that decode to sound of this loudness.
    fn tick_with(&mut self, at_us: u64, loudness: i16) {
        let now = self.start + Duration::from_micros(at_us);
        while let Some(piece) = self.playout.poll(now) {
            if let Piece::Packet(packet) = &piece {
                let n = u32::from_be_bytes(packet.payload[..].try_into().unwrap());
                self.played.push(n);
                let mut pcm = vec![loudness; packet.units as usize];
                self.playout.fit(&mut pcm, HZ);
                self.surplus = self.playout.surplus();
            }
            self.pieces.push(piece);
        }
    }

    /// Packets `n` at these times in µs, and a tick every 20 ms until `end_us`.
    fn run(&mut self, mut arrivals: Vec<(u64, u32)>, end_us: u64) {
        arrivals.sort_by_key(|&(at, _)| at);
        let mut arrivals = arrivals.into_iter().peekable();
        for tick in (0..=end_us).step_by(20_000) {
            while let Some((at, n)) = arrivals.next_if(|&(at, _)| at <= tick) {
                self.packet(at, n);
            }
            self.tick(tick);
        }
    }

    fn lost(&self) -> usize {
        let lost = |piece: &&Piece| matches!(piece, Piece::Lost { .. });
        self.pieces.iter().filter(lost).count()
    }
}

#[test]
fn a_steady_stream_is_played_whole_after_the_first_depth() {
    let mut world = World::new();
    world.run(
        (0..500).map(|n| (u64::from(n) * 20_000, n)).collect(),
        10_200_000,
    );
    assert_eq!(world.played, (0..500).collect::<Vec<_>>());
    let before = world
        .pieces
        .iter()
        .take_while(|p| matches!(p, Piece::Silence(_)))
        .count();
    assert_eq!(before, 2, "40 ms");
    assert_eq!(world.playout.target(), depth::LEAST_DEPTH);
    assert_eq!(world.playout.stats().lost, 0);
}

#[test]
fn a_lost_packet_is_one_piece_of_concealment() {
    let mut world = World::new();
    let arrivals = (0..100).filter(|n| n % 10 != 5);
    world.run(
        arrivals.map(|n| (u64::from(n) * 20_000, n)).collect(),
        1_980_000,
    );
    assert_eq!(world.lost(), 10);
    assert_eq!(world.playout.stats().lost, 10);
}

#[test]
fn a_loss_has_the_packet_behind_it_where_that_reaches_over_all_of_it() {
    let next = |n: u32| Some(n.to_be_bytes().to_vec());
    // Packets of one, two and three ticks; one, and then two of them in a row do not come.
    for units in [UNITS, 2 * UNITS, 3 * UNITS] {
        let mut world = World::new();
        for tick in (0..4_000_000_u64).step_by(20_000) {
            let length = u64::from(units) * 125;
            // All is played 200 ms later, so what is behind a loss has come.
            if tick % length == 0 && !matches!(tick / length, 20 | 30 | 31) {
                let n = (tick / length) as u32;
                let mut header = World::header(n);
                header.timestamp = n * units;
                world.insert(tick, &header, Content::Sound(units), n);
            }
            if tick >= 200_000 {
                world.tick(tick);
            }
        }
        let lost = world.pieces.iter().filter_map(|piece| match piece {
            Piece::Lost { units, next } => Some((*units, next.clone())),
            _ => None,
        });
        let lost: Vec<_> = lost.collect();
        let concealed = lost.iter().filter(|(_, next)| next.is_none());
        let concealed = concealed.map(|(units, _)| units).sum::<u32>();
        assert_eq!(concealed, units, "the first of two: {lost:?}");
        let repaired: Vec<_> = lost
            .into_iter()
            .filter(|(_, next)| next.is_some())
            .collect();
        assert_eq!(repaired, [(units, next(21)), (units, next(32))]);
        assert_eq!(world.playout.stats().lost, 3);
    }
}

#[test]
fn pressed_keys_and_pauses_are_no_losses() {
    let mut world = World::new();
    for n in 0..200_u32 {
        let at = u64::from(n) * 20_000;
        match n {
            50..100 => world.insert(at, &World::header(n), Content::Other, n),
            _ => world.packet(at, n),
        }
        world.tick(at);
    }
    // And a pause: time goes on, sequence numbers do not.
    for n in 200..300_u32 {
        let at = u64::from(n) * 20_000 + 3_000_000;
        let mut header = World::header(n);
        header.timestamp = header.timestamp.wrapping_add(3 * HZ);
        for tick in (0..3_000_000).step_by(20_000).filter(|_| n == 200) {
            world.tick(200 * 20_000 + tick);
        }
        world.insert(at, &header, Content::Sound(UNITS), n);
        world.tick(at);
    }
    let stats = world.playout.stats();
    assert_eq!((stats.lost, stats.late, stats.other), (0, 0, 50));
    assert!(stats.played >= 245, "{stats:?}");
    assert!(
        world.lost() <= 6,
        "60 ms at each of two ends: {}",
        world.lost()
    );
}

#[test]
fn comfort_noise_is_played_until_sound_comes() {
    let mut world = World::new();
    for n in 0..20_u32 {
        world.packet(u64::from(n) * 20_000, n);
        world.tick(u64::from(n) * 20_000);
    }
    world.insert(400_000, &World::header(20), Content::Noise, 20);
    for tick in 20..60 {
        world.tick(tick * 20_000);
    }
    assert_eq!(world.lost(), 0);
    let noises = world
        .pieces
        .iter()
        .filter(|p| matches!(p, Piece::ComfortNoise { .. }));
    assert!(noises.count() >= 37);
    let levels = world.pieces.iter();
    let levels = levels.filter(|p| matches!(p, Piece::ComfortNoise { level: Some(_), .. }));
    assert_eq!(levels.count(), 1);
}

#[test]
fn another_ssrc_is_heard_at_once() {
    let mut world = World::new();
    for n in 0..200_u32 {
        let mut header = World::header(n);
        if n >= 100 {
            header.ssrc = 2;
            header.sequence = (n as u16).wrapping_add(9);
            header.timestamp = n * UNITS + 77;
        }
        world.insert(u64::from(n) * 20_000, &header, Content::Sound(UNITS), n);
        world.tick(u64::from(n) * 20_000);
    }
    let gap = world.played.windows(2).find(|w| w[1] != w[0] + 1).unwrap();
    assert!(gap[1] == 100 && gap[0] >= 96, "{gap:?}");
    assert_eq!(world.playout.stats().streams, 2);
}

#[test]
fn a_clock_that_jumps_silences_nothing() {
    for jump in [i32::MAX, i32::MIN, 80_000, -80_000] {
        let mut world = World::new();
        for n in 0..200_u32 {
            let mut header = World::header(n);
            if n >= 100 {
                header.timestamp = header.timestamp.wrapping_add(jump as u32);
            }
            world.insert(u64::from(n) * 20_000, &header, Content::Sound(UNITS), n);
            world.tick(u64::from(n) * 20_000);
        }
        assert!(world.played.len() >= 192, "{jump}: {}", world.played.len());
        assert!(world.played.is_sorted());
    }
}

#[test]
fn a_phone_that_counts_anew_is_heard_again() {
    let mut world = World::new();
    for n in 0..200_u32 {
        let mut header = World::header(n);
        if n >= 100 {
            header.sequence = header.sequence.wrapping_sub(2000);
        }
        world.insert(u64::from(n) * 20_000, &header, Content::Sound(UNITS), n);
        world.tick(u64::from(n) * 20_000);
    }
    assert!(world.played.len() >= 190, "{}", world.played.len());
}

#[test]
fn depth_follows_jitter_and_comes_back() {
    let mut world = World::new();
    let jitter = |n: u32| {
        if n < 500 {
            u64::from(n * 7919 % 61) * 1000
        } else {
            0
        }
    };
    let arrivals = (0..2000)
        .map(|n| (u64::from(n) * 20_000 + jitter(n), n))
        .collect();
    world.run(arrivals, 9_900_000);
    let deep = world.playout.target();
    assert!(
        deep > Duration::from_millis(50) && deep < Duration::from_millis(65),
        "{deep:?}"
    );
    let mut world = World::new();
    let arrivals = (0..2000)
        .map(|n| (u64::from(n) * 20_000 + jitter(n), n))
        .collect();
    world.run(arrivals, 40_200_000);
    assert_eq!(world.playout.target(), depth::LEAST_DEPTH);
    let surplus = world.surplus;
    assert!(surplus.abs() <= 12_000, "{surplus} µs");
}

#[test]
fn clocks_that_differ_are_followed_without_loss() {
    for ppm in [-1000_i64, -100, 100, 1000] {
        let mut world = World::new();
        let at = |n: u32| (i64::from(n) * (20_000_000_000 + ppm * 20_000) / 1_000_000) as u64;
        world.run((0..15_000).map(|n| (at(n), n)).collect(), 300_000_000);
        let stats = world.playout.stats();
        assert_eq!(
            (stats.lost, stats.late, stats.dropped),
            (0, 0, 0),
            "{ppm} ppm"
        );
        let surplus = world.surplus;
        assert!(surplus.abs() < 20_000, "{ppm} ppm: {surplus} µs");
    }
}

#[test]
fn silence_that_is_sent_as_sound_brings_the_depth_back_quickly() {
    let mut world = World::new();
    for n in 0..100_u32 {
        let at = u64::from(n) * 20_000;
        // The network stands still for 300 ms and then gives all at once.
        if !(20..35).contains(&n) {
            if n == 35 {
                (20..35).for_each(|n| world.packet(at, n));
            }
            world.packet(at, n);
        }
        world.tick_with(at, 10);
    }
    assert!(world.surplus < 100_000, "{}", world.surplus);
    assert_eq!(world.playout.stats().late, 0);
}

#[test]
fn a_bad_network_makes_few_packets_late() {
    let mut world = World::new();
    let random = |n: u32, of: u32| n.wrapping_mul(2_654_435_761).rotate_left(13) % of;
    let came = (0..3000).filter(|&n| random(n, 100) >= 5);
    let arrivals = came.map(|n| (u64::from(n) * 20_000 + u64::from(random(n + 7, 60_000)), n));
    world.run(arrivals.collect(), 61_000_000);
    let stats = world.playout.stats();
    let late = stats.late as f64 / stats.received as f64;
    assert!(late < 0.04, "{stats:?}");
    assert!(stats.reordered > 500, "{stats:?}");
    assert!(world.surplus.abs() < 30_000, "{} µs", world.surplus);
}

#[test]
fn packets_of_any_usual_length_are_played_whole() {
    for (units, length_us) in [(80, 10_000), (240, 30_000), (320, 40_000), (480, 60_000)] {
        let mut world = World::new();
        let mut n = 0;
        for tick in (0..6_000_000_u64).step_by(10_000) {
            if tick % length_us == 0 {
                let mut header = World::header(n);
                header.timestamp = n * units;
                world.insert(tick, &header, Content::Sound(units), n);
                n += 1;
            }
            world.tick(tick);
        }
        let stats = world.playout.stats();
        assert_eq!((stats.lost, stats.late), (0, 0), "{length_us} µs");
        let held = u64::from(n) - stats.played;
        assert!(held * length_us <= 100_000, "{length_us} µs: {held} held");
        assert!(world.lost() <= 3, "{length_us} µs: {}", world.lost());
    }
}

/// Jitter in µs, whether it is lost, whether it comes twice: for each packet.
fn networks() -> impl Strategy<Value = Vec<(u64, bool, bool)>> {
    let packet = (
        0..120_000_u64,
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.02),
    );
    prop::collection::vec(packet, 1..400)
}

proptest! {
    #[test]
    fn what_came_in_time_is_played_once_and_in_order(network in networks(), phase in 0..20_000_u64) {
        let mut world = World::new();
        let mut arrivals = Vec::new();
        for (n, &(jitter, lost, twice)) in network.iter().enumerate() {
            let at = n as u64 * 20_000 + jitter + phase;
            if !lost {
                arrivals.push((at, n as u32));
            }
            if twice && !lost {
                arrivals.push((at + jitter / 2, n as u32));
            }
        }
        let end = network.len() as u64 * 20_000 + 1_000_000;
        world.run(arrivals.clone(), end);
        prop_assert!(world.played.windows(2).all(|w| w[0] < w[1]), "{:?}", world.played);
        let stats = world.playout.stats();
        prop_assert_eq!(stats.received, arrivals.len() as u64);
        prop_assert_eq!(stats.played, world.played.len() as u64);
        prop_assert_eq!(
            stats.received,
            stats.played + stats.late + stats.repeated + stats.dropped
        );
        prop_assert_eq!(stats.dropped, 0);
        prop_assert!(world.playout.order.first().is_none(), "nothing stays behind");
    }

    #[test]
    fn jitter_below_the_depth_loses_nothing(jitters in prop::collection::vec(0..19_000_u64, 1..300)) {
        let mut world = World::new();
        let arrivals = jitters.iter().enumerate();
        let arrivals = arrivals.map(|(n, jitter)| (n as u64 * 20_000 + jitter, n as u32));
        world.run(arrivals.collect(), jitters.len() as u64 * 20_000 + 1_000_000);
        prop_assert_eq!(world.played, (0..jitters.len() as u32).collect::<Vec<_>>());
    }

    #[test]
    fn no_packets_make_it_panic_or_grow(
        packets in prop::collection::vec(any::<(u16, u32, bool, u8, u16)>(), 0..300),
    ) {
        let mut world = World::new();
        let mut at = 0;
        for (sequence, timestamp, other, content, later) in packets {
            at += u64::from(later) * 4;
            let content = match content {
                0..50 => Content::Other,
                50..100 => Content::Noise,
                _ => Content::Sound(timestamp.rotate_left(7) >> (content % 32)),
            };
            let header = Header {
                marker: false,
                payload_type: 0,
                sequence,
                timestamp,
                ssrc: other.into(),
            };
            world.insert(at, &header, content, 0);
            let now = world.start + Duration::from_micros(at);
            for _ in 0..1000 {
                let Some(piece) = world.playout.poll(now) else { break };
                match piece {
                    Piece::Packet(_) => world.playout.fit(&mut vec![0; 160], HZ),
                    Piece::Lost { units, .. } => prop_assert!(units <= HZ / 2, "a long loss"),
                    _ => {}
                }
            }
            prop_assert!(world.playout.poll(now).is_none(), "without an end");
            prop_assert!(world.playout.order.held() <= MOST_HELD);
        }
    }
}
