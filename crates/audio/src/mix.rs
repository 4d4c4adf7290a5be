//! Several voices at once: each listener hears all of them but their own.
//!
//! The sum is limited softly: when it would be too loud, it is turned down at once and comes back
//! slowly, so that nothing wraps or crackles. A lone voice is passed as it is, to the bit.

use std::collections::BTreeMap;

/// What a sample may be at most, in either direction.
const CEILING: f32 = 32_768.0;

/// How much of its loudness a sum that is turned down gets back with each sample: all of it in
/// 200 ms at 48 kHz, slower than a syllable, so that speech does not pump.
const RELEASE: f32 = 1.0 / 9600.0;

/// How much a sum loses at most with each sample while a loud one is coming: all of it in 5 ms at
/// 48 kHz. A sample that is too loud before that is turned down at once.
const ATTACK: f32 = 1.0 / 240.0;

/// Mixes voices for listeners, both named by `K`. Remembers one number for each listener of the
/// last [`Mixer::mix`], and nothing of the others.
#[derive(Debug, Default)]
pub struct Mixer<K> {
    limiters: BTreeMap<K, Limiter>,
}

impl<K: Ord + Copy> Mixer<K> {
    /// A mixer without listeners.
    pub fn new() -> Self {
        Self {
            limiters: BTreeMap::new(),
        }
    }

    /// What each of `listeners` hears of `voices` in the next `samples` samples, in the order of
    /// `listeners`. All voices are at one rate. One that is shorter is silent at its end, one that
    /// is longer is cut; one that is named twice is two voices of the same person.
    pub fn mix(
        &mut self,
        voices: &[(K, &[i16])],
        listeners: &[K],
        samples: usize,
    ) -> Vec<Vec<i16>> {
        let mut all = vec![0_i32; samples];
        for (_, pcm) in voices {
            for (sum, &sample) in all.iter_mut().zip(*pcm) {
                *sum = sum.saturating_add(sample.into());
            }
        }
        self.limiters.retain(|key, _| listeners.contains(key));
        listeners
            .iter()
            .map(|listener| {
                let mut heard = all.clone();
                for (_, own) in voices.iter().filter(|(speaker, _)| speaker == listener) {
                    for (sum, &sample) in heard.iter_mut().zip(*own) {
                        *sum = sum.saturating_sub(sample.into());
                    }
                }
                self.limiters.entry(*listener).or_default().limit(&heard)
            })
            .collect()
    }
}

/// Turns a sum down to what fits into 16 bits. It has a loudness of its own for each listener,
/// because each hears another sum.
#[derive(Clone, Debug)]
pub struct Limiter {
    gain: f32,
}

impl Default for Limiter {
    /// Passes everything until something is too loud.
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

impl Limiter {
    /// The next piece of the sum, fit to be played. The longer the piece, the earlier it is known
    /// that something loud is coming; 20 ms serve well.
    pub fn limit(&mut self, sum: &[i32]) -> Vec<i16> {
        let loudest = sum.iter().map(|sample| sample.unsigned_abs()).max();
        let wanted = (CEILING / loudest.unwrap_or(0).max(1) as f32).min(1.0);
        sum.iter()
            .map(|&sample| self.next(sample, wanted))
            .collect()
    }

    fn next(&mut self, sample: i32, wanted: f32) -> i16 {
        if self.gain >= 1.0
            && wanted >= 1.0
            && let Ok(sample) = i16::try_from(sample)
        {
            return sample;
        }
        self.gain = if self.gain > wanted {
            (self.gain - ATTACK).max(wanted)
        } else {
            (self.gain + RELEASE).min(wanted)
        };
        let loud = sample as f32;
        if loud.abs() * self.gain > CEILING {
            self.gain = CEILING / loud.abs();
        }
        // The cast holds what rounding made too large.
        (loud * self.gain) as i16
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sine(hz: f32, amplitude: f32) -> Vec<i16> {
        let step = hz * std::f32::consts::TAU / 48_000.0;
        (0..48_000)
            .map(|n| ((n as f32 * step).sin() * amplitude) as i16)
            .collect()
    }

    fn largest_jump(pcm: &[i16]) -> i32 {
        let jumps = pcm
            .windows(2)
            .map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs());
        jumps.max().unwrap_or(0)
    }

    #[test]
    fn nobody_hears_themselves() {
        let (ann, bob) = (sine(300.0, 8000.0), sine(500.0, 9000.0));
        let voices = [('a', &ann[..]), ('b', &bob[..])];
        let heard = Mixer::new().mix(&voices, &['a', 'b', 'c'], ann.len());
        assert_eq!(heard[0], bob);
        assert_eq!(heard[1], ann);
        let both: Vec<_> = ann.iter().zip(&bob).map(|(a, b)| a + b).collect();
        assert_eq!(heard[2], both);
    }

    #[test]
    fn ten_loud_voices_neither_wrap_nor_crackle() {
        let voices: Vec<_> = (0..10)
            .map(|n| sine(200.0 + 37.0 * n as f32, 32_000.0))
            .collect();
        let named: Vec<_> = voices
            .iter()
            .enumerate()
            .map(|(n, v)| (n, &v[..]))
            .collect();
        let mut mixer = Mixer::new();
        let mut played = Vec::new();
        for at in (0..48_000).step_by(960) {
            let frames: Vec<_> = named.iter().map(|(n, v)| (*n, &v[at..at + 960])).collect();
            played.extend(mixer.mix(&frames, &[99], 960).remove(0));
        }
        let sum: Vec<i32> = (0..48_000)
            .map(|at| voices.iter().map(|voice| i32::from(voice[at])).sum())
            .collect();
        let steepest = sum.windows(2).map(|pair| (pair[1] - pair[0]).abs()).max();
        assert!(
            Some(largest_jump(&played)) <= steepest,
            "a step that was not there"
        );
        let held = played.iter().filter(|s| s.unsigned_abs() >= 32_767).count();
        assert!(held < 480, "{held} of 48,000 samples at the ceiling");
        let loudest = played.iter().map(|s| s.unsigned_abs()).max();
        assert!(loudest > Some(20_000));
    }

    #[test]
    fn loudness_comes_back_after_a_shout() {
        let shout = sine(300.0, 32_000.0);
        let soft = sine(400.0, 2000.0);
        let mut mixer = Mixer::new();
        mixer.mix(&[(1, &shout), (2, &shout)], &[3], 48_000);
        mixer.mix(&[(1, &[]), (2, &soft)], &[3], 48_000);
        mixer.mix(&[(1, &[]), (2, &soft)], &[3], 48_000);
        let heard = mixer.mix(&[(1, &[]), (2, &soft)], &[3], 48_000);
        assert_eq!(heard[0], soft);
    }

    #[test]
    fn listeners_who_left_are_forgotten() {
        let mut mixer = Mixer::new();
        for listener in 0..1000 {
            mixer.mix(&[], &[listener], 960);
        }
        assert_eq!(mixer.limiters.len(), 1);
    }

    #[test]
    fn a_short_voice_is_silent_at_its_end_and_a_long_one_is_cut() {
        let heard = Mixer::new().mix(&[(1, &[5][..]), (2, &[1, 2, 3, 4][..])], &[3], 3);
        assert_eq!(heard, [[6, 2, 3]]);
    }

    proptest! {
        #[test]
        fn a_lone_voice_is_unchanged(pcm in prop::collection::vec(any::<i16>(), 0..500)) {
            let heard = Mixer::new().mix(&[(1, &pcm)], &[2], pcm.len());
            prop_assert_eq!(&heard[0], &pcm);
        }

        #[test]
        fn the_mix_never_wraps(
            voices in prop::collection::vec(prop::collection::vec(any::<i16>(), 50), 0..12),
        ) {
            let named: Vec<_> = voices.iter().enumerate().map(|(n, v)| (n, &v[..])).collect();
            let heard = Mixer::new().mix(&named, &[99], 50);
            for (n, &sample) in heard[0].iter().enumerate() {
                let sum: i32 = voices.iter().map(|voice| i32::from(voice[n])).sum();
                prop_assert!(i32::from(sample).signum() * sum.signum() >= 0, "{sum}: {sample}");
                prop_assert!(i32::from(sample).abs() <= sum.abs());
            }
        }
    }
}
