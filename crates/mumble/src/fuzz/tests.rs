//! The same functions that `cargo fuzz` calls, on random and mutated inputs: a million each.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

/// Cases of each property ...
const CASES: u32 = 1000;

/// ... and inputs in each case: together the million.
const INPUTS: usize = 1000;

/// Steps of one session; a session's inputs are its steps.
const STEPS: usize = 250;

/// Random numbers from a seed (SplitMix64): the same seed gives the same inputs again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 when there is none.
    fn below(&mut self, end: usize) -> usize {
        (self.roll() % end.max(1) as u64) as usize
    }

    fn one_of<'a>(&mut self, all: &'a [Vec<u8>]) -> &'a [u8] {
        &all[self.below(all.len())]
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length).map(|_| self.roll() as u8).collect()
    }

    /// A random input now and then; else a valid one with a few things wrong.
    fn input(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        if self.below(16) == 0 {
            return self.bytes(80);
        }
        let mut input = self.one_of(seeds).to_vec();
        for _ in 0..=self.below(4) {
            self.mutate(&mut input, seeds);
        }
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        /// Lengths and numbers at the edges of what anybody reckons with.
        const ABSURD: [&[u8]; 6] = [
            &[0xff; 4],
            &[0x00, 0x7f, 0xff, 0xff],
            &[0x00, 0x80, 0x00, 0x00],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0xf8; 6],
            &[0x00, 0x10, 0x00, 0x00],
        ];
        let at = self.below(input.len());
        match self.below(8) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            1 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = self.roll() as u8;
                }
            }
            2 => input.truncate(at),
            3 => {
                let other = self.one_of(seeds);
                let from = self.below(other.len());
                input.splice(at.., other[from..].iter().copied());
            }
            4 => {
                let absurd = ABSURD[self.below(ABSURD.len())];
                let end = input.len().min(at + absurd.len());
                input.splice(at..end, absurd.iter().copied());
            }
            5 => {
                let more = self.bytes(20);
                input.splice(at..at, more);
            }
            6 => {
                let end = at + self.below(input.len() - at);
                input.drain(at..end);
            }
            _ => {
                let end = at + self.below((input.len() - at).min(64));
                let again = input[at..end].to_vec();
                input.splice(at..at, again);
            }
        }
    }
}

/// Shows the input that a panic came from, as hex digits for a file of `cargo fuzz run`.
struct Culprit<'a>(&'a [u8]);

impl Drop for Culprit<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let hex = self.0.iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            eprintln!("the input: {hex}");
        }
    }
}

fn try_many(seed: u64, seeds: &[Vec<u8>], target: fn(&[u8])) {
    let mut dice = Dice(seed);
    for _ in 0..INPUTS {
        let input = dice.input(seeds);
        let _culprit = Culprit(&input);
        target(&input);
    }
}

proptest! {
    // A smaller seed is no simpler input: there is nothing to shrink.
    #![proptest_config(ProptestConfig { cases: CASES, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn no_stream_of_messages_panics_or_grows(seed: u64) {
        try_many(seed, &seeds::control(), control);
    }

    #[test]
    fn no_datagram_of_old_panics_or_grows(seed: u64) {
        try_many(seed, &seeds::legacy(), legacy);
    }

    #[test]
    fn no_datagram_since_1_5_panics_or_grows(seed: u64) {
        try_many(seed, &seeds::protobuf(), protobuf);
    }

    #[test]
    fn no_sealed_datagram_makes_it_deaf(seed: u64) {
        try_many(seed, &seeds::crypt(), crypt);
    }

    #[test]
    fn no_written_message_panics_or_grows(seed: u64) {
        try_many(seed, &seeds::text(), text);
    }

    #[test]
    fn no_order_of_messages_throws_a_session_off(seed: u64) {
        let mut dice = Dice(seed);
        let steps = seeds::steps();
        for _ in 0..INPUTS / STEPS {
            let version = seeds::versions()[dice.below(2)];
            // One in four begins in the middle of things.
            let mut life = if dice.below(4) == 0 { Vec::new() } else { seeds::login(version).concat() };
            for _ in 0..STEPS {
                life.extend(match dice.below(3) {
                    0 => dice.input(&steps),
                    _ => dice.one_of(&steps).to_vec(),
                });
            }
            let _culprit = Culprit(&life);
            session(&life);
        }
    }
}
