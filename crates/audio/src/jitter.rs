//! Order without delay: puts one speaker's packets in order and names what is missing.
//!
//! The contract: after every [`JitterBuffer::insert`], and when [`JitterBuffer::deadline`] has
//! come, call [`JitterBuffer::poll`] until it gives `None`.
//!
//! Packets in order come out at once. Behind a gap the buffer waits at most [`HOLD`] for the
//! missing ones, then gives [`Playout::Lost`] and goes on. It never stretches or smooths time:
//! a recogniser does not care when sound arrives, only that it is in order.
//!
//! Mumble's sequence numbers count units of 10 ms, go on counting while the speaker is silent,
//! and start again at 0 after a silence of some seconds
//! (<https://mumble-voip.sourceforge.net/MumbleProtocol.pdf>, "Audio packet sequence number").

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// How long the buffer waits for packets that are overtaken by later ones.
///
/// Two to three packets' time: reordering on real networks is shorter than that, and whatever is
/// waited here is waited by the listener.
pub const HOLD: Duration = Duration::from_millis(60);

/// Packets that are kept behind a gap at most: a second of the usual 20 ms ones. When full, the
/// gap is given up at once; without a [`JitterBuffer::poll`] the oldest packet is dropped.
pub const MAX_HELD: usize = 50;

/// The longest gap that is called loss, in units of 10 ms. A speaker's counter goes on in
/// silence, so a longer jump means a pause whose end mark was lost: the packet behind it starts
/// anew without waiting.
pub const MAX_GAP: u64 = 100;

/// After this long without a packet, any sequence number starts anew, even a lower one. Packets
/// are not late by this much, and a client that starts counting at 0 was silent for longer.
const NEW_TALK_AFTER: Duration = Duration::from_secs(1);

/// A number lower by more than this, in units of 10 ms, starts anew at once: no packet can be
/// five seconds late.
const RESTART_DISTANCE: u64 = 500;

/// The longest Opus packet, in units of 10 ms.
const MAX_UNITS: u64 = 12;

/// One voice packet as it came from the network.
#[derive(Clone, PartialEq, Eq)]
pub struct Packet {
    /// Position in the speaker's sound, in units of 10 ms.
    pub sequence: u64,
    /// Length of the sound, in units of 10 ms; kept between 1 and 12.
    pub units: u64,
    /// The Opus packet. May be empty together with `last`.
    pub data: Vec<u8>,
    /// The speaker released the talk key: nothing follows for now.
    pub last: bool,
}

/// Shows the packet's place and size, not its content: what people say is in it.
impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sequence,
            units,
            data,
            last,
        } = self;
        write!(
            f,
            "Packet({sequence}+{units}, {} bytes, last: {last})",
            data.len()
        )
    }
}

/// What is to be played next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Playout {
    /// The next packet in order.
    Packet(Packet),
    /// Packets are missing; the one behind the gap is given next.
    Lost {
        /// Length of the gap, in units of 10 ms; 1 to [`MAX_GAP`].
        units: u64,
        /// Data of the packet behind the gap, which may hold a copy of what is missing.
        next: Option<Vec<u8>>,
    },
}

/// What has happened to a speaker's packets so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Packets that came in.
    pub received: u64,
    /// Packets that were given out.
    pub delivered: u64,
    /// Units of 10 ms given up as lost.
    pub lost_units: u64,
    /// Packets dropped because their time was over: late ones, and repeated ones whose first
    /// copy had been given out.
    pub late: u64,
    /// Packets dropped because the same one was held already.
    pub repeated: u64,
    /// Packets dropped because the buffer was full, or because the speaker had begun anew before
    /// they were polled.
    pub dropped: u64,
    /// How often the sequence began anew without an end mark.
    pub restarts: u64,
}

/// Puts one speaker's packets in order. Holds at most [`MAX_HELD`] packets.
#[derive(Debug, Default)]
pub struct JitterBuffer {
    place: Place,
    held: BTreeMap<u64, Held>,
    last_arrival: Option<Instant>,
    stats: Stats,
}

/// Where in the speaker's sound the buffer stands.
#[derive(Debug, Default, Clone, Copy)]
enum Place {
    /// Nothing was heard, or the speaker began anew: any packet is the first one.
    #[default]
    Anywhere,
    /// In the middle of talk: this sequence number is next.
    Talking(u64),
    /// The talk key was released: any packet from this sequence number on begins new talk.
    Released(u64),
}

#[derive(Debug)]
struct Held {
    packet: Packet,
    arrived: Instant,
}

impl JitterBuffer {
    /// An empty buffer; the first packet that comes is taken as the first of the talk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a packet that arrived at `now`, in whatever order.
    pub fn insert(&mut self, now: Instant, mut packet: Packet) {
        self.stats.received += 1;
        packet.units = packet.units.clamp(1, MAX_UNITS);
        self.notice_new_talk(now, packet.sequence);
        self.last_arrival = Some(now);

        if self.is_past(packet.sequence) {
            self.stats.late += 1;
        } else if self.held.contains_key(&packet.sequence) {
            self.stats.repeated += 1;
        } else {
            if self.held.len() >= MAX_HELD {
                self.held.pop_first();
                self.stats.dropped += 1;
            }
            self.held.insert(
                packet.sequence,
                Held {
                    packet,
                    arrived: now,
                },
            );
        }
    }

    /// What is to be played at `now`, or `None` until the next packet or the
    /// [deadline](Self::deadline).
    pub fn poll(&mut self, now: Instant) -> Option<Playout> {
        loop {
            let (&sequence, first) = self.held.first_key_value()?;
            let Place::Talking(next) = self.place else {
                return self.deliver_first();
            };
            if sequence < next {
                // A packet claimed to be longer than the distance to its follower.
                self.held.pop_first();
                self.stats.late += 1;
                continue;
            }
            let gap = sequence - next;
            if gap == 0 {
                return self.deliver_first();
            }
            if gap > MAX_GAP {
                self.stats.restarts += 1;
                return self.deliver_first();
            }
            if self.held.len() < MAX_HELD && self.deadline().is_some_and(|deadline| now < deadline)
            {
                return None;
            }
            let data = first.packet.data.clone();
            self.place = Place::Talking(sequence);
            self.stats.lost_units += gap;
            return Some(Playout::Lost {
                units: gap,
                next: Some(data),
            });
        }
    }

    /// When to [poll](Self::poll) again although no packet came: a gap is given up then.
    pub fn deadline(&self) -> Option<Instant> {
        self.held
            .values()
            .map(|held| held.arrived)
            .min()
            .map(|arrived| arrived + HOLD)
    }

    /// Counts since the buffer was made.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    fn notice_new_talk(&mut self, now: Instant, sequence: u64) {
        let (Place::Talking(next) | Place::Released(next)) = self.place else {
            return;
        };
        let silent = self
            .last_arrival
            .is_some_and(|last| now.saturating_duration_since(last) >= NEW_TALK_AFTER);
        if silent || sequence.saturating_add(RESTART_DISTANCE) < next {
            self.stats.dropped += self.held.len() as u64;
            self.held.clear();
            if matches!(self.place, Place::Talking(_)) || sequence < next {
                self.stats.restarts += 1;
            }
            self.place = Place::Anywhere;
        }
    }

    fn is_past(&self, sequence: u64) -> bool {
        match self.place {
            Place::Anywhere => false,
            Place::Talking(next) | Place::Released(next) => sequence < next,
        }
    }

    fn deliver_first(&mut self) -> Option<Playout> {
        let (sequence, Held { packet, .. }) = self.held.pop_first()?;
        let next = sequence.saturating_add(packet.units);
        self.place = if packet.last {
            Place::Released(next)
        } else {
            Place::Talking(next)
        };
        self.stats.delivered += 1;
        Some(Playout::Packet(packet))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packets_in_order_come_out_at_once() {
        let mut speaker = Speaker::new();
        for sequence in [0, 2, 4, 6] {
            assert_eq!(speaker.hear(sequence), [said(sequence)]);
        }
        assert_eq!(speaker.buffer.deadline(), None);
    }

    #[test]
    fn overtaken_packets_are_put_back_in_order() {
        let mut speaker = Speaker::new();
        speaker.hear(10);
        assert_eq!(speaker.hear(16), []);
        assert_eq!(speaker.hear(14), []);
        assert_eq!(speaker.hear(12), [said(12), said(14), said(16)]);
        assert_eq!(speaker.buffer.stats().lost_units, 0);
    }

    #[test]
    fn a_gap_is_given_up_after_the_hold() {
        let mut speaker = Speaker::new();
        speaker.hear(0);
        assert_eq!(speaker.hear(6), []);
        assert_eq!(speaker.buffer.deadline(), Some(speaker.now + HOLD));
        speaker.wait(HOLD - Duration::from_millis(1));
        assert_eq!(speaker.poll(), []);
        speaker.wait(Duration::from_millis(1));
        assert_eq!(speaker.poll(), [lost(4, 6), said(6)]);
        assert_eq!(speaker.buffer.stats().lost_units, 4);
        assert_eq!(speaker.buffer.deadline(), None);
    }

    #[test]
    fn a_second_gap_waits_from_its_own_start() {
        let mut speaker = Speaker::new();
        speaker.hear(0);
        speaker.hear(4);
        speaker.wait(Duration::from_millis(40));
        speaker.hear(8);
        speaker.wait(Duration::from_millis(20));
        assert_eq!(speaker.poll(), [lost(2, 4), said(4)]);
        assert_eq!(speaker.poll(), []);
        speaker.wait(Duration::from_millis(40));
        assert_eq!(speaker.poll(), [lost(2, 8), said(8)]);
    }

    #[test]
    fn a_late_packet_is_dropped() {
        let mut speaker = Speaker::new();
        speaker.hear(0);
        speaker.hear(4);
        speaker.wait(HOLD);
        speaker.poll();
        assert_eq!(speaker.hear(2), []);
        assert_eq!(speaker.buffer.stats().late, 1);
    }

    #[test]
    fn a_repeated_packet_is_heard_once() {
        let mut speaker = Speaker::new();
        assert_eq!(speaker.hear(0), [said(0)]);
        assert_eq!(speaker.hear(0), []);
        speaker.hear(4);
        assert_eq!(speaker.hear(4), []);
        let stats = speaker.buffer.stats();
        assert_eq!((stats.late, stats.repeated), (1, 1));
    }

    #[test]
    fn after_the_talk_key_is_released_a_jump_is_silence_and_not_loss() {
        let mut speaker = Speaker::new();
        speaker.hear(0);
        speaker.insert(Packet {
            last: true,
            ..packet(2)
        });
        assert_eq!(speaker.hear(60), [said(60)]);
        assert_eq!(
            speaker.buffer.stats(),
            Stats {
                received: 3,
                delivered: 3,
                ..Stats::default()
            }
        );
    }

    #[test]
    fn a_late_packet_does_not_begin_new_talk() {
        let mut speaker = Speaker::new();
        speaker.hear(0);
        speaker.hear(2);
        speaker.insert(Packet {
            last: true,
            ..packet(4)
        });
        assert_eq!(speaker.hear(2), []);
    }

    #[test]
    fn a_jump_too_long_for_loss_is_played_at_once() {
        let mut speaker = Speaker::new();
        speaker.hear(0);
        assert_eq!(speaker.hear(3 + MAX_GAP), [said(3 + MAX_GAP)]);
        assert_eq!(speaker.hear(u64::MAX - 1), [said(u64::MAX - 1)]);
        assert_eq!(speaker.buffer.stats().lost_units, 0);
    }

    #[test]
    fn a_client_that_counts_from_zero_after_a_silence_is_heard() {
        let mut speaker = Speaker::new();
        for sequence in [40, 42, 44] {
            speaker.hear(sequence);
        }
        speaker.wait(Duration::from_secs(6));
        assert_eq!(speaker.hear(0), [said(0)]);
        assert_eq!(speaker.hear(2), [said(2)]);
        assert_eq!(speaker.buffer.stats().restarts, 1);
    }

    #[test]
    fn a_counter_that_falls_far_back_is_followed_at_once() {
        let mut speaker = Speaker::new();
        speaker.hear(10_000);
        assert_eq!(speaker.hear(0), [said(0)]);
    }

    #[test]
    fn packets_of_other_lengths_leave_no_gaps() {
        let mut speaker = Speaker::new();
        for (sequence, units) in [(0, 1), (1, 6), (7, 4), (11, 1)] {
            let long = Packet {
                units,
                ..packet(sequence)
            };
            assert_eq!(speaker.insert(long.clone()), [Playout::Packet(long)]);
        }
    }

    #[test]
    fn a_full_buffer_gives_the_gap_up_at_once() {
        let mut speaker = Speaker::new();
        speaker.hear(0);
        for i in 1..MAX_HELD as u64 {
            assert_eq!(
                speaker.insert(Packet {
                    units: 1,
                    ..packet(3 + i)
                }),
                []
            );
        }
        let out = speaker.insert(Packet {
            units: 1,
            ..packet(3 + MAX_HELD as u64)
        });
        assert_eq!((out.len(), &out[0]), (MAX_HELD + 1, &lost(2, 4)));
    }

    proptest! {
        #[test]
        fn whatever_the_order_the_output_rises_and_nothing_comes_twice(
            arrivals in prop::collection::vec((0_u64..90, 0_u64..5), 1..200))
        {
            let mut speaker = Speaker::new();
            let mut out = Vec::new();
            for (sequence, ms) in arrivals {
                speaker.wait(Duration::from_millis(ms));
                out.extend(speaker.hear(sequence));
            }
            speaker.wait(HOLD);
            out.extend(speaker.poll());
            let sequences: Vec<_> = out.iter().filter_map(sequence_of).collect();
            prop_assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
            // Packets and losses together tell the time without a hole.
            let mut clock = sequences[0];
            for item in &out {
                match item {
                    Playout::Packet(packet) => {
                        prop_assert_eq!(packet.sequence, clock);
                        clock += packet.units;
                    }
                    Playout::Lost { units, .. } => clock += units,
                }
            }
        }

        #[test]
        fn no_sequence_of_packets_panics_grows_or_loses_count(
            arrivals in prop::collection::vec(
                (prop_oneof![any::<u64>(), 0_u64..200], any::<u64>(), any::<bool>(), 0_u64..2_000, any::<bool>()),
                1..300))
        {
            let mut speaker = Speaker::new();
            for (number, (sequence, units, last, ms, polled)) in arrivals.into_iter().enumerate() {
                speaker.wait(Duration::from_millis(ms));
                let data = number.to_le_bytes().to_vec();
                speaker.buffer.insert(speaker.now, Packet { sequence, units, data, last });
                prop_assert!(speaker.buffer.held.len() <= MAX_HELD);
                if polled {
                    for item in speaker.poll() {
                        if let Playout::Lost { units, .. } = item {
                            prop_assert!((1..=MAX_GAP).contains(&units));
                        }
                    }
                }
            }
            speaker.wait(HOLD);
            speaker.poll();
            let stats = speaker.buffer.stats();
            prop_assert!(speaker.buffer.held.is_empty());
            prop_assert_eq!(
                stats.received,
                stats.delivered + stats.late + stats.repeated + stats.dropped
            );
        }
    }

    /// A buffer with the test's own clock.
    struct Speaker {
        buffer: JitterBuffer,
        now: Instant,
    }

    impl Speaker {
        fn new() -> Self {
            Self {
                buffer: JitterBuffer::new(),
                now: Instant::now(),
            }
        }

        fn wait(&mut self, time: Duration) {
            self.now += time;
        }

        fn hear(&mut self, sequence: u64) -> Vec<Playout> {
            self.insert(packet(sequence))
        }

        fn insert(&mut self, packet: Packet) -> Vec<Playout> {
            self.buffer.insert(self.now, packet);
            self.poll()
        }

        fn poll(&mut self) -> Vec<Playout> {
            std::iter::from_fn(|| self.buffer.poll(self.now)).collect()
        }
    }

    fn packet(sequence: u64) -> Packet {
        Packet {
            sequence,
            units: 2,
            data: sequence.to_le_bytes().to_vec(),
            last: false,
        }
    }

    fn said(sequence: u64) -> Playout {
        Playout::Packet(packet(sequence))
    }

    fn lost(units: u64, next: u64) -> Playout {
        Playout::Lost {
            units,
            next: Some(packet(next).data),
        }
    }

    fn sequence_of(item: &Playout) -> Option<u64> {
        match item {
            Playout::Packet(packet) => Some(packet.sequence),
            Playout::Lost { .. } => None,
        }
    }
}
