//! Brings sound from one rate to another while it streams.

use audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

/// How many blocks of sound are transformed in a second: each is at least 10 ms long.
///
/// A longer block filters more sharply, a shorter one waits less for its samples.
const BLOCKS_PER_SECOND: u32 = 100;

/// The highest rate that is taken literally, in Hz. It bounds the memory of a transform when two
/// rates have no common divisor.
const MAX_RATE: u32 = 768_000;

/// Resamples one stream of mono sound.
///
/// What comes out is aligned with what went in: the filter's own delay is cut off at the start
/// and made good by [`flush`](Self::flush), so that all pushes and the flush together give
/// `samples × to / from` samples (rounded to the nearest). Between, the output lags behind by at
/// most a block and a half. A block is 10 to 14 ms for the rates of Mumble and of speech engines;
/// rates with a small common divisor need longer ones (22,050 to 16,000 Hz: 40 ms). At most one
/// block is buffered.
pub struct Resampler {
    from: u64,
    to: u64,
    /// None when both rates are the same.
    fft: Option<Box<Fft<f32>>>,
    pending: Vec<f32>,
    block: Vec<f32>,
    /// Samples pushed since the last flush.
    taken: u64,
    /// Samples given since the last flush.
    given: u64,
    /// Samples of the filter's delay that are still to be cut off.
    to_skip: usize,
}

impl Resampler {
    /// A resampler from rate `from` to rate `to`, both in Hz and kept between 1 and 768,000.
    pub fn new(from: u32, to: u32) -> Self {
        let (from, to) = (from.clamp(1, MAX_RATE), to.clamp(1, MAX_RATE));
        let fft = (from != to).then(|| Box::new(transform(from, to)));
        Self {
            from: from.into(),
            to: to.into(),
            pending: Vec::new(),
            block: vec![0.0; fft.as_ref().map_or(0, |fft| fft.output_frames_max())],
            taken: 0,
            given: 0,
            to_skip: fft.as_ref().map_or(0, |fft| fft.output_delay()),
            fft,
        }
    }

    /// Takes the next samples and gives those that are ready; an empty answer is normal.
    pub fn push(&mut self, samples: &[i16]) -> Vec<i16> {
        if self.fft.is_none() {
            return samples.to_vec();
        }
        self.taken += samples.len() as u64;
        self.pending
            .extend(samples.iter().map(|&sample| f32::from(sample)));
        let mut out = Vec::with_capacity(samples.len() * self.to as usize / self.from as usize + 1);
        self.process_pending(&mut out);
        self.given += out.len() as u64;
        out
    }

    /// Gives the tail of what was pushed and makes the resampler ready for the next sound.
    pub fn flush(&mut self) -> Vec<i16> {
        let due = (self.taken * self.to + self.from / 2) / self.from;
        let mut out = Vec::new();
        if let Some(block) = self.fft.as_ref().map(|fft| fft.input_frames_next()) {
            while self.given + (out.len() as u64) < due {
                self.pending
                    .resize(self.pending.len().next_multiple_of(block).max(block), 0.0);
                self.process_pending(&mut out);
            }
        }
        out.truncate(due.saturating_sub(self.given) as usize);
        self.restart();
        out
    }

    fn process_pending(&mut self, out: &mut Vec<i16>) {
        let Some(fft) = self.fft.as_mut() else { return };
        let block_in = fft.input_frames_next();
        let mut done = 0;
        while self.pending.len() - done >= block_in {
            let input = SequentialSlice::new(&self.pending[done..done + block_in], 1, block_in)
                .expect("the slice is one block long");
            let block_out = self.block.len();
            let mut output = SequentialSlice::new_mut(&mut self.block, 1, block_out)
                .expect("the block is as long as it says");
            let (_, frames) = fft
                .process_into_buffer(&input, &mut output, None)
                .expect("both buffers are as long as the transform asks");
            let skipped = self.to_skip.min(frames);
            self.to_skip -= skipped;
            out.extend(
                self.block[skipped..frames]
                    .iter()
                    .map(|&sample| sample.round() as i16),
            );
            done += block_in;
        }
        self.pending.drain(..done);
    }

    fn restart(&mut self) {
        self.pending.clear();
        (self.taken, self.given) = (0, 0);
        if let Some(fft) = self.fft.as_mut() {
            fft.reset();
            self.to_skip = fft.output_delay();
        }
    }
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Resampler({} Hz to {} Hz)", self.from, self.to)
    }
}

fn transform(from: u32, to: u32) -> Fft<f32> {
    // The filter is centred on a sample only when its length is even.
    let smallest = from / common_divisor(from, to);
    let step = if smallest.is_multiple_of(2) {
        smallest
    } else {
        smallest * 2
    };
    let block = (from / BLOCKS_PER_SECOND).max(1).next_multiple_of(step) as usize;
    let window = WindowFunction::BlackmanHarris2;
    Fft::new_custom(
        from as usize,
        to as usize,
        block,
        1,
        1,
        window,
        FixedSync::Both,
    )
    .expect("both rates and the block are at least 1")
}

fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    const PAIRS: [(u32, u32); 7] = [
        (48_000, 16_000),
        (16_000, 48_000),
        (22_050, 48_000),
        (22_050, 16_000),
        (24_000, 48_000),
        (44_100, 48_000),
        (48_000, 8_000),
    ];

    #[test]
    fn a_tone_survives_in_place_and_in_level() {
        for (from, to) in PAIRS {
            let mut resampler = Resampler::new(from, to);
            let mut out = resampler.push(&tone(from, 440.0, from as usize));
            out.extend(resampler.flush());
            let expected = tone(to, 440.0, to as usize);
            assert_eq!(out.len(), expected.len(), "{from} to {to} Hz");
            // The filter rings where the tone starts and ends; between, it must be the same tone.
            let edge = to as usize / 50;
            let worst = (edge..out.len() - edge)
                .map(|i| (i32::from(out[i]) - i32::from(expected[i])).abs())
                .max();
            assert!(
                worst < Some(200),
                "{from} to {to} Hz: off by {worst:?} of 10000"
            );
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_filtered_out() {
        let mut resampler = Resampler::new(48_000, 16_000);
        let mut out = resampler.push(&tone(48_000, 12_000.0, 48_000));
        out.extend(resampler.flush());
        let loudest = out[400..15_600]
            .iter()
            .map(|sample| sample.unsigned_abs())
            .max();
        assert!(
            loudest < Some(50),
            "12 kHz came through at {loudest:?} of 10000"
        );
    }

    #[test]
    fn the_output_lags_by_a_block_and_a_half() {
        for (from, to) in PAIRS {
            let allowed = if (from, to) == (22_050, 16_000) {
                0.060
            } else {
                0.021
            };
            let mut resampler = Resampler::new(from, to);
            let (mut taken, mut given) = (0.0, 0.0);
            for _ in 0..100 {
                let chunk = vec![0; from as usize / 50];
                taken += chunk.len() as f64 / f64::from(from);
                given += resampler.push(&chunk).len() as f64 / f64::from(to);
                assert!(
                    taken - given < allowed,
                    "{from} to {to} Hz lags by {} s",
                    taken - given
                );
            }
        }
    }

    #[test]
    fn a_flushed_resampler_starts_anew() {
        let mut resampler = Resampler::new(22_050, 48_000);
        let sound = tone(22_050, 300.0, 5_000);
        let mut first = resampler.push(&sound);
        first.extend(resampler.flush());
        let mut second = resampler.push(&sound);
        second.extend(resampler.flush());
        assert_eq!(first, second);
        assert!(resampler.flush().is_empty());
    }

    #[test]
    fn the_same_rate_passes_everything_through() {
        let mut resampler = Resampler::new(16_000, 16_000);
        assert_eq!(resampler.push(&[1, -2, 3]), [1, -2, 3]);
        assert!(resampler.flush().is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn chunks_of_any_size_give_the_same_sound(cuts in prop::collection::vec(0_usize..900, 1..12)) {
            let length = cuts.iter().sum();
            let sound = tone(22_050, 700.0, length);
            let mut whole = Resampler::new(22_050, 48_000);
            let mut expected = whole.push(&sound);
            expected.extend(whole.flush());
            let mut pieces = Resampler::new(22_050, 48_000);
            let (mut out, mut rest) = (Vec::new(), &sound[..]);
            for cut in cuts {
                let (piece, after) = rest.split_at(cut);
                out.extend(pieces.push(piece));
                rest = after;
            }
            out.extend(pieces.flush());
            prop_assert_eq!(out, expected);
        }
    }

    fn tone(rate: u32, hz: f64, samples: usize) -> Vec<i16> {
        (0..samples)
            .map(|i| ((TAU * hz * i as f64 / f64::from(rate)).sin() * 10_000.0) as i16)
            .collect()
    }
}
