//! Tones by which telephones are told apart: each has a pitch of its own, and one is nobody's.
//!
//! A tone is looked for in short windows that fade in and out (Goertzel's algorithm behind a Hann
//! window), so that steady tones at other pitches count for nothing. What counts a little: a
//! jitter buffer that changes its depth leaves out or repeats a sample, and the wave jumps there.
//! One such jump in the middle of a window shows at a pitch that is `d` Hz away as a tone of at
//! most 2 / (π `d` [`WINDOW`]): 8 % at the next pitch, and there may be two in a window. A packet
//! of another call in that place shows as 70 %, and hardly less wherever it lies between two
//! windows. G.711's rounding (-38 dB) and what Opus makes of a lone tone are below 2 %.
//!
//! What a jump does to the tone itself grows with its pitch: a sample is a quarter of a turn at
//! 2000 Hz, and where two of them are left out in one window its two halves cancel each other. So
//! whether a tone is whole is seen by its [`loudness`], and whether it is this one by the mean of
//! its strength.

use std::f64::consts::TAU;
use std::time::Duration;

use audio::Pcm;

/// Pitches for ten telephones, in Hz: 150 Hz apart, and 40 Hz and more, of which a window sees
/// nothing, from twice, three or four times any other.
pub const PITCHES: [u32; 10] = [560, 710, 860, 1010, 1160, 1460, 1610, 1760, 1910, 2060];

/// The pitch that nobody has, in Hz: amid the others, and as far from them as they from each other.
pub const NOBODYS: u32 = 1310;

/// How loud the tones are: 8 % of full scale. Ten together fit in.
pub const AMPLITUDE: f64 = 2600.0;

/// The piece that a tone is looked for in.
pub const WINDOW: Duration = Duration::from_millis(50);

/// The piece that a hole is looked for in: one of 15 ms leaves less than half there.
pub const PACKET: Duration = Duration::from_millis(20);

/// From one window to the next.
pub const HOP: Duration = Duration::from_millis(10);

/// The rate at which is looked, in Hz: a telephone's.
const RATE: u32 = 8000;

/// A tone as a telephone sends it.
pub fn tone(hz: u32, length: Duration) -> Pcm {
    let turn = TAU * f64::from(hz) / f64::from(RATE);
    let sample = |n: usize| ((turn * n as f64).sin() * AMPLITUDE) as i16;
    Pcm::new(RATE, (0..samples(length)).map(sample).collect())
}

/// How strong the tone of this pitch is in each window, as a share of [`AMPLITUDE`].
pub fn strengths(sound: &Pcm, hz: u32) -> Vec<f64> {
    let sound = sound.resampled(RATE);
    let window = samples(WINDOW);
    let fade: Vec<f64> = (0..window)
        .map(|n| 0.5 - 0.5 * (TAU * n as f64 / window as f64).cos())
        .collect();
    let whole: f64 = fade.iter().sum::<f64>() * AMPLITUDE / 2.0;
    let turn = 2.0 * (TAU * f64::from(hz) / f64::from(RATE)).cos();
    let strength = |piece: &[i16]| {
        let (mut before, mut last) = (0.0, 0.0);
        for (&sample, fade) in piece.iter().zip(&fade) {
            (before, last) = (last, f64::from(sample) * fade + turn * last - before);
        }
        let power: f64 = last * last + before * before - turn * last * before;
        power.max(0.0).sqrt() / whole
    };
    let windows = sound.samples().windows(window).step_by(samples(HOP));
    windows.map(strength).collect()
}

/// How loud each 20 ms are, whatever sounds there: a tone of [`AMPLITUDE`] is 1.
pub fn loudness(sound: &Pcm) -> Vec<f64> {
    let sound = sound.resampled(RATE);
    let window = samples(PACKET);
    let loud = |piece: &[i16]| {
        let power: f64 = piece.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        (2.0 * power / window as f64).sqrt() / AMPLITUDE
    };
    let windows = sound.samples().windows(window).step_by(samples(HOP));
    windows.map(loud).collect()
}

/// The part from the first window with half of the sound or more to the last such.
pub fn present(strengths: &[f64]) -> &[f64] {
    let is_there = |strength: &f64| *strength > 0.5;
    let first = strengths.iter().position(is_there);
    let last = strengths.iter().rposition(is_there);
    match (first, last) {
        (Some(first), Some(last)) => &strengths[first..=last],
        _ => &[],
    }
}

/// The least, the mean and the most of them; nothing is 0.
pub fn range(strengths: &[f64]) -> (f64, f64, f64) {
    let least = strengths.iter().copied().reduce(f64::min).unwrap_or(0.0);
    let most = strengths.iter().copied().fold(0.0, f64::max);
    let mean = strengths.iter().sum::<f64>() / strengths.len().max(1) as f64;
    (least, mean, most)
}

fn samples(length: Duration) -> usize {
    (length.as_micros() * u128::from(RATE) / 1_000_000) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(1);

    fn most(sound: &Pcm, hz: u32) -> f64 {
        range(&strengths(sound, hz)).2
    }

    #[test]
    fn a_tone_is_found_at_its_pitch_alone() {
        for hz in PITCHES {
            let sound = tone(hz, LENGTH);
            let (least, mean, most_of_own) = range(&strengths(&sound, hz));
            assert!(least > 0.99 && mean > 0.99 && most_of_own < 1.01, "{hz}");
            let others = PITCHES.into_iter().filter(|&other| other != hz);
            for other in others.chain([NOBODYS]) {
                let leak = most(&sound, other);
                assert!(leak < 0.005, "{other} in {hz}: {leak}");
            }
        }
    }

    #[test]
    fn a_hole_is_seen_and_a_jump_of_the_wave_is_none() {
        let whole = tone(NOBODYS, LENGTH).into_samples();
        let (mut hole, mut jumps) = (whole.clone(), whole);
        hole[4003..4003 + 18 * 8].fill(0);
        for packet in 20..45 {
            jumps.remove(packet * 159);
        }
        let least = |samples| range(present(&loudness(&Pcm::new(RATE, samples)))).0;
        assert!(least(hole) < 0.5);
        assert!(least(jumps) > 0.95);
    }

    #[test]
    fn jumps_of_the_wave_are_no_other_tone_and_a_foreign_packet_is() {
        let mut jumps = tone(1460, LENGTH).into_samples();
        let mut crossed = jumps.clone();
        // The buffer is made less deep for half a second.
        for packet in 20..45 {
            jumps.remove(packet * 159);
        }
        let jumps = Pcm::new(RATE, jumps);
        let (.., own) = range(&strengths(&jumps, 1460));
        let next = most(&jumps, 1610).max(most(&jumps, NOBODYS));
        assert!(own > 0.9 && next < 0.2, "{own} {next}");

        let foreign = tone(1610, LENGTH).into_samples();
        crossed[4043..4203].copy_from_slice(&foreign[4043..4203]);
        let found = most(&Pcm::new(RATE, crossed), 1610);
        assert!(found > 0.6, "{found}");
    }
}
