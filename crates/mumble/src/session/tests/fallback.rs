//! Talk over a network that dies, loses and delays: what is lost, and for how long.

use std::collections::{BTreeMap, BTreeSet, btree_map::OccupiedEntry};

use proptest::prelude::*;

use super::*;

/// Bounds for round trips up to [`NEAR`]: speech lost, and time until it flows again.
const MOST_LOST: Duration = ms(200);
const LONGEST_GAP: Duration = ms(400);
const NEAR: Duration = ms(50);

/// The session, a network, and a server that chooses its way as Mumble's own does.
struct Net {
    world: World,
    one_way: Duration,
    /// Chance in a thousand that a datagram is lost.
    loss: u32,
    chance: u64,
    udp: Udp,
    sent: u64,
    up: BTreeMap<(Instant, u64), Packet>,
    down: BTreeMap<(Instant, u64), Packet>,
    /// Whether the server sends by UDP; it follows the way that voice came.
    by_udp: bool,
    /// Our voice at the server: each sequence number with the time it came first.
    said: BTreeMap<u64, Instant>,
    ended: bool,
    /// Ann's voice at the session.
    heard: BTreeMap<u64, Instant>,
    next_of_ann: Option<(Instant, u64)>,
    concealed: Duration,
    datagrams: Vec<Instant>,
    switches: Vec<Instant>,
}

/// What is under way; with the sequence number, if it is Ann's voice.
struct Packet(Carried, Option<u64>);

enum Carried {
    Udp(Vec<u8>),
    Tcp(Control),
}

#[derive(Clone, Copy)]
enum Way {
    Up,
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Udp {
    Passes,
    DropsUp,
    DropsDown,
    DropsBoth,
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Net {
    /// Joined, with UDP in use for some seconds.
    fn new(round_trip: Duration, loss: u32, seed: u64) -> Self {
        let mut net = Self {
            world: World::joined(),
            one_way: round_trip / 2,
            loss,
            chance: seed,
            udp: Udp::Passes,
            sent: 0,
            up: BTreeMap::new(),
            down: BTreeMap::new(),
            by_udp: true,
            said: BTreeMap::new(),
            ended: false,
            heard: BTreeMap::new(),
            next_of_ann: None,
            concealed: Duration::ZERO,
            datagrams: Vec::new(),
            switches: Vec::new(),
        };
        net.run(ms(12_000));
        net
    }

    fn run(&mut self, length: Duration) {
        let end = self.world.now + length;
        loop {
            self.deliver();
            let before = self.world.session.uses_udp();
            for output in self.world.output() {
                self.send(output);
            }
            if self.world.session.uses_udp() != before {
                self.switches.push(self.world.now);
            }
            let first = |way: &BTreeMap<(Instant, u64), Packet>| {
                way.first_key_value().map(|(&(due, _), _)| due)
            };
            let next = [
                first(&self.up),
                first(&self.down),
                self.next_of_ann.map(|(due, _)| due),
                Some(self.world.session.deadline()),
            ];
            let next = next
                .into_iter()
                .flatten()
                .min()
                .expect("there is a deadline");
            if next > end {
                self.world.now = end;
                return;
            }
            self.world.now = self.world.now.max(next);
        }
    }

    /// What the session wants sent.
    fn send(&mut self, output: Output) {
        match output {
            Output::Datagram(datagram) => {
                self.datagrams.push(self.world.now);
                self.put(Way::Up, Packet(Carried::Udp(datagram), None));
            }
            Output::Control(message) => self.put(Way::Up, Packet(Carried::Tcp(message), None)),
            Output::Event(Event::Heard(heard)) => self.concealed += heard.concealed,
            Output::Event(_) | Output::Answer(_) => {}
        }
    }

    /// Lets arrive what has been under way for long enough, and Ann speak.
    fn deliver(&mut self) {
        let now = self.world.now;
        let due = |entry: &OccupiedEntry<'_, (Instant, u64), Packet>| entry.key().0 <= now;
        while let Some(entry) = self.up.first_entry().filter(due) {
            match entry.remove().0 {
                Carried::Udp(datagram) => {
                    let plain = self.world.crypt.open(&datagram).expect("it is genuine");
                    if plain[0] >> 5 == 1 {
                        self.say_by_udp(&plain, None);
                    } else {
                        self.by_udp = true;
                        self.hear(&plain);
                    }
                }
                Carried::Tcp(Control::UdpTunnel(plain)) => {
                    self.by_udp = false;
                    self.hear(&plain);
                }
                Carried::Tcp(ping @ Control::Ping(_)) => {
                    self.put(Way::Down, Packet(Carried::Tcp(ping), None));
                }
                Carried::Tcp(_) => {}
            }
        }
        while let Some((due, sequence)) = self.next_of_ann.filter(|&(due, _)| due <= now) {
            self.next_of_ann = Some((due + ms(20), sequence + 2));
            let voice = World::voice(sequence, false);
            if self.by_udp {
                self.say_by_udp(&voice, Some(sequence));
            } else {
                let message = Control::UdpTunnel(voice.into());
                self.put(Way::Down, Packet(Carried::Tcp(message), Some(sequence)));
            }
        }
        while let Some(entry) = self.down.first_entry().filter(due) {
            let Packet(carried, voice) = entry.remove();
            match carried {
                Carried::Udp(datagram) => self.world.session.handle_datagram(now, &datagram),
                Carried::Tcp(message) => self.world.say(message).expect("the connection holds"),
            }
            if let Some(sequence) = voice {
                self.heard.entry(sequence).or_insert(now);
            }
        }
    }

    fn say_by_udp(&mut self, plain: &[u8], voice: Option<u64>) {
        let sealed = self.world.crypt.seal(plain);
        self.put(Way::Down, Packet(Carried::Udp(sealed), voice));
    }

    /// Sends something on its way, unless it is lost.
    fn put(&mut self, way: Way, packet: Packet) {
        let dropped = match way {
            Way::Up => matches!(self.udp, Udp::DropsUp | Udp::DropsBoth),
            Way::Down => matches!(self.udp, Udp::DropsDown | Udp::DropsBoth),
        };
        // An xorshift generator: any seed but 0 does.
        for shift in [13, -7, 17] {
            self.chance ^= match shift {
                0.. => self.chance << shift,
                _ => self.chance >> -shift,
            };
        }
        let lost = dropped || self.chance % 1000 < u64::from(self.loss);
        if lost && matches!(packet.0, Carried::Udp(_)) {
            return;
        }
        self.sent += 1;
        let key = (self.world.now + self.one_way, self.sent);
        match way {
            Way::Up => self.up.insert(key, packet),
            Way::Down => self.down.insert(key, packet),
        };
    }

    /// The server hears our voice, if it is for anybody.
    fn hear(&mut self, plain: &[u8]) {
        if plain[0] != 0x80 {
            return;
        }
        let mut rest = Bytes::copy_from_slice(&plain[1..]);
        let mut number = || crate::varint::get(&mut rest).expect("it is well formed");
        let (sequence, length) = (number(), number());
        self.said.entry(sequence).or_insert(self.world.now);
        self.ended |= length & 0x2000 != 0;
    }

    /// Ann begins to speak, and does not stop.
    fn ann_speaks(&mut self) {
        self.next_of_ann = Some((self.world.now, 0));
    }

    /// Most datagrams that left in any second.
    fn busiest_second(&self) -> usize {
        let second = |&from: &Instant| {
            let rest = self.datagrams.iter().filter(move |at| **at >= from);
            rest.filter(|at| **at < from + SECOND).count()
        };
        self.datagrams.iter().map(second).max().unwrap_or_default()
    }
}

/// How much of a voice never came, and the longest time in which nothing new did.
fn damage(came: &BTreeMap<u64, Instant>) -> (Duration, Duration) {
    let (first, last) = (came.keys().next(), came.keys().next_back());
    let (Some(&first), Some(&last)) = (first, last) else {
        panic!("nothing came at all");
    };
    let lost = (last - first) / 2 + 1 - came.len() as u64;
    let times: BTreeSet<Instant> = came.values().copied().collect();
    let times: Vec<Instant> = times.into_iter().collect();
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    (ms(20) * lost as u32, gaps.max().unwrap_or_default())
}

fn any_cut() -> impl Strategy<Value = Udp> {
    prop_oneof![
        Just(Udp::DropsUp),
        Just(Udp::DropsDown),
        Just(Udp::DropsBoth)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_we_say_while_udp_dies_is_heard(
        cut in any_cut(), round_trip in 0_u64..=150, at in 0_u64..2400, seed in 1_u64..,
    ) {
        let mut net = Net::new(ms(round_trip), 0, seed);
        let _playing = net.world.speak(ms(2900));
        net.run(ms(at));
        net.udp = cut;
        net.run(ms(3500));
        prop_assert!(net.ended, "the last packet is marked");
        let (lost, gap) = damage(&net.said);
        prop_assert_eq!((lost, net.said.len()), (Duration::ZERO, 145));
        if ms(round_trip) <= NEAR {
            prop_assert!(gap <= LONGEST_GAP, "{:?}", gap);
        }
    }

    #[test]
    fn what_we_hear_while_udp_dies_has_a_short_hole(
        cut in any_cut(), round_trip in 0_u64..=150, at in 0_u64..400, seed in 1_u64..,
    ) {
        let mut net = Net::new(ms(round_trip), 0, seed);
        net.ann_speaks();
        net.run(ms(1000 + at));
        net.udp = cut;
        net.run(ms(3000));
        let (lost, gap) = damage(&net.heard);
        if cut == Udp::DropsUp {
            prop_assert_eq!(lost, Duration::ZERO);
        }
        if ms(round_trip) <= NEAR {
            prop_assert!(lost <= MOST_LOST && gap <= LONGEST_GAP, "{lost:?} {gap:?}");
        } else {
            prop_assert!(gap <= LONGEST_GAP * 2, "{gap:?}");
        }
        prop_assert!(net.concealed <= lost, "nothing else is made up");
    }

    #[test]
    fn the_way_back_costs_nothing(
        cut in any_cut(), round_trip in 0_u64..=150, away in 200_u64..3000, seed in 1_u64..,
    ) {
        let mut net = Net::new(ms(round_trip), 0, seed);
        net.ann_speaks();
        net.run(ms(1000));
        net.udp = cut;
        net.run(ms(away));
        net.udp = Udp::Passes;
        net.heard.clear();
        net.run(ms(1500 + away / 2));
        prop_assert!(net.world.session.uses_udp() && net.by_udp);
        let (lost, gap) = damage(&net.heard.split_off(&(net.heard.keys().next().unwrap() + 30)));
        prop_assert_eq!((lost, gap <= ms(40)), (Duration::ZERO, true));
    }

    #[test]
    fn words_after_a_silence_in_which_udp_died_are_all_heard(
        cut in any_cut(), round_trip in 0_u64..=50, silent in 0_u64..20_000, seed in 1_u64..,
    ) {
        let mut net = Net::new(ms(round_trip), 0, seed);
        net.udp = cut;
        net.run(ms(silent));
        let begun = net.world.now;
        let _playing = net.world.speak(SECOND);
        net.run(ms(2000));
        let (lost, gap) = damage(&net.said);
        prop_assert_eq!((lost, net.said.len()), (Duration::ZERO, 50));
        prop_assert!(gap <= LONGEST_GAP && *net.said.values().min().unwrap() <= begun + LONGEST_GAP);
    }
}

#[test]
fn random_loss_moves_voice_rarely_and_pings_stay_bounded() {
    for (loss, switches) in [(0, 0), (50, 4), (100, 12)] {
        for seed in 1..4 {
            let mut net = Net::new(ms(40), loss, seed * 977);
            net.datagrams.clear();
            net.switches.clear();
            net.ann_speaks();
            net.run(60 * SECOND);
            assert!(
                net.switches.len() <= switches,
                "{} switches at {loss} in a thousand",
                net.switches.len()
            );
            assert!(net.busiest_second() <= 45, "{}", net.busiest_second());
            assert!(net.concealed <= 60 * SECOND * (loss + 20) / 1000);
        }
    }
}

#[test]
fn udp_that_comes_and_goes_makes_no_storm() {
    let mut net = Net::new(ms(20), 0, 1);
    net.ann_speaks();
    net.switches.clear();
    for _ in 0..60 {
        net.udp = Udp::DropsBoth;
        net.run(SECOND);
        net.udp = Udp::Passes;
        net.run(SECOND);
    }
    assert!(net.switches.len() <= 8, "{}", net.switches.len());
    let (lost, _) = damage(&net.heard);
    assert!(lost <= MOST_LOST * 4, "{lost:?}");
}

#[test]
fn a_server_that_never_answers_by_udp_is_talked_to_through_the_tunnel() {
    let mut net = Net::new(ms(20), 0, 1);
    // Nothing of the user before is under way any more.
    net.up.clear();
    net.down.clear();
    net.world = World::joined();
    net.udp = Udp::DropsDown;
    net.ann_speaks();
    net.datagrams.clear();
    let _playing = net.world.speak(SECOND);
    net.run(120 * SECOND);
    assert_eq!(damage(&net.heard).0, Duration::ZERO);
    assert_eq!(net.said.len(), 50);
    assert!(net.datagrams.len() < 60, "{}", net.datagrams.len());
}
