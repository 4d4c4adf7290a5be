//! How the buffer is brought to its depth, and two clocks to one pace, without being heard.
//!
//! Three ways, the first that serves:
//!
//! - Where the phone pauses, the next sound simply begins when it should.
//! - Where it sends silence as sound, a packet so soft that nobody hears it is left out or played
//!   once more, backwards, so that its ends meet.
//! - In the middle of speech a packet loses or gains an eighth of a millisecond (one sample at
//!   8 kHz), at the place where neighbouring samples differ least, so the step is no larger than
//!   the smallest in the sound. That is 0.6 % of the time: a tenth of a semitone, and sixty times
//!   what clocks differ by.

use std::time::Duration;

use super::Playout;

/// Off by less than this nothing is done: jitter is not measured more exactly.
pub const TOLERANCE: Duration = Duration::from_millis(10);

/// A packet whose every sample is at most this is silence: 57 dB below full scale.
const QUIET: u16 = 48;

/// An eighth of a millisecond, as a share of a second.
const SLIP: u32 = 8000;

impl Playout {
    /// Takes the sound of the packet that was polled last, at `pcm_hz`, and makes it shorter or
    /// longer if the buffer is too deep or not deep enough. May leave nothing of it.
    pub fn fit(&mut self, pcm: &mut Vec<i16>, pcm_hz: u32) {
        let surplus = self.surplus();
        let off = Duration::from_micros(surplus.unsigned_abs());
        let pcm_hz = pcm_hz.max(1000);
        let before = pcm.len();
        if off < TOLERANCE || before < 2 {
            return;
        }
        let length = samples_last(before, pcm_hz);
        let quiet = pcm.iter().all(|sample| sample.unsigned_abs() <= QUIET);
        let slip = slip(pcm_hz);
        match (surplus > 0, quiet && off >= length) {
            (true, true) => pcm.clear(),
            (true, false) => shorten(pcm, slip),
            (false, true) => {
                let backwards: Vec<i16> = pcm.iter().rev().copied().collect();
                pcm.extend(backwards);
            }
            (false, false) => lengthen(pcm, slip),
        }
        let Some(due) = self.due else { return };
        self.due = Some(if pcm.len() < before {
            let gone = samples_last(before - pcm.len(), pcm_hz);
            due.checked_sub(gone).unwrap_or(due)
        } else {
            due + samples_last(pcm.len() - before, pcm_hz)
        });
    }
}

/// The samples of one slip at `pcm_hz`.
pub(crate) fn slip(pcm_hz: u32) -> usize {
    (pcm_hz / SLIP).max(1) as usize
}

fn samples_last(samples: usize, pcm_hz: u32) -> Duration {
    Duration::from_nanos(samples as u64 * 1_000_000_000 / u64::from(pcm_hz))
}

/// Takes `slip` samples out where what stands before them and what stands behind differ least.
pub(crate) fn shorten(pcm: &mut Vec<i16>, slip: usize) {
    if let Some(at) = calmest(pcm, slip) {
        pcm.drain(at..at + slip);
    }
}

/// Puts the mean of two neighbours between them, `slip` times, where they differ least.
fn lengthen(pcm: &mut Vec<i16>, slip: usize) {
    if let Some(at) = calmest(pcm, 1)
        && let (Some(&before), Some(&behind)) =
            (at.checked_sub(1).and_then(|n| pcm.get(n)), pcm.get(at))
    {
        let mean = i16::midpoint(before, behind);
        pcm.splice(at..at, std::iter::repeat_n(mean, slip));
    }
}

/// The place that samples `slip` farther on than their neighbour's are most like it.
fn calmest(pcm: &[i16], slip: usize) -> Option<usize> {
    let behind = pcm.get(slip + 1..).unwrap_or_default().iter();
    let steps = pcm.iter().zip(behind).map(|(a, b)| a.abs_diff(*b));
    let (at, _) = steps.enumerate().min_by_key(|&(_, step)| step)?;
    Some(at + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slip_in_a_tone_is_no_click() {
        let tone: Vec<i16> = (0..160)
            .map(|n| ((n as f32 * 0.2).sin() * 9000.0) as i16)
            .collect();
        let largest = |pcm: &[i16]| pcm.windows(2).map(|w| w[1].abs_diff(w[0])).max();
        for slip in [1, 2, 6] {
            let (mut shorter, mut longer) = (tone.clone(), tone.clone());
            shorten(&mut shorter, slip);
            lengthen(&mut longer, slip);
            assert_eq!((shorter.len(), longer.len()), (160 - slip, 160 + slip));
            assert!(largest(&shorter) <= largest(&tone), "{slip} out");
            assert!(largest(&longer) <= largest(&tone), "{slip} in");
        }
    }

    proptest! {
        #[test]
        fn no_sound_makes_a_slip_panic(pcm: Vec<i16>, slip in 1_usize..10) {
            shorten(&mut pcm.clone(), slip);
            lengthen(&mut pcm.clone(), slip);
        }
    }
}
