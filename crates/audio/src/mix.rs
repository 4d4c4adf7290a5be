//! Several voices at once, as loud as fits: a sum that would be too loud is turned down at once
//! and comes back slowly, so that nothing wraps or crackles. A lone voice is passed as it is, to
//! the bit.

/// What a sample may be at most, in either direction.
const CEILING: f32 = 32_768.0;

/// How much of its loudness a sum that is turned down gets back with each sample: all of it in
/// 200 ms at 48 kHz, slower than a syllable, so that speech does not pump.
const RELEASE: f32 = 1.0 / 9600.0;

/// How much a sum loses at most with each sample while a loud one is coming: all of it in 5 ms at
/// 48 kHz. A sample that is too loud before that is turned down at once.
const ATTACK: f32 = 1.0 / 240.0;

/// What one listener hears of several voices.
#[derive(Clone, Debug, Default)]
pub struct Mixer {
    limiter: Limiter,
}

impl Mixer {
    /// The next `samples` samples of all these voices together, which are at one rate; `None` if
    /// there are none. A voice that is shorter is silent at its end, one that is longer is cut.
    pub fn mix<V: AsRef<[i16]>>(
        &mut self,
        voices: impl IntoIterator<Item = V>,
        samples: usize,
    ) -> Option<Vec<i16>> {
        let mut sum: Option<Vec<i32>> = None;
        for voice in voices {
            let sum = sum.get_or_insert_with(|| vec![0; samples]);
            for (sum, &sample) in sum.iter_mut().zip(voice.as_ref()) {
                *sum = sum.saturating_add(sample.into());
            }
        }
        sum.map(|sum| self.limiter.limit(&sum))
    }
}

/// Turns a sum down to what fits into 16 bits. It has a loudness of its own for each listener,
/// because each hears another sum.
#[derive(Clone, Debug)]
struct Limiter {
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
    fn limit(&mut self, sum: &[i32]) -> Vec<i16> {
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
    fn ten_loud_voices_neither_wrap_nor_crackle() {
        let voices: Vec<_> = (0..10)
            .map(|n| sine(200.0 + 37.0 * n as f32, 32_000.0))
            .collect();
        let mut mixer = Mixer::default();
        let pieces = (0..48_000).step_by(960).map(|at| {
            let voices = voices.iter().map(|voice| &voice[at..at + 960]);
            mixer.mix(voices, 960).unwrap()
        });
        let played = pieces.collect::<Vec<_>>().concat();
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
        let mut mixer = Mixer::default();
        mixer.mix([&shout, &shout], 48_000);
        mixer.mix([&soft], 48_000);
        mixer.mix([&soft], 48_000);
        assert_eq!(mixer.mix([&soft], 48_000), Some(soft));
    }

    #[test]
    fn a_short_voice_is_silent_at_its_end_and_a_long_one_is_cut() {
        let heard = Mixer::default().mix([&[5][..], &[1, 2, 3, 4]], 3);
        assert_eq!(heard, Some(vec![6, 2, 3]));
        assert_eq!(Mixer::default().mix([[0; 0]; 0], 3), None);
    }

    proptest! {
        #[test]
        fn a_lone_voice_is_unchanged(pcm in prop::collection::vec(any::<i16>(), 0..500)) {
            prop_assert_eq!(Mixer::default().mix([&pcm], pcm.len()), Some(pcm));
        }

        #[test]
        fn the_mix_never_wraps(
            voices in prop::collection::vec(prop::collection::vec(any::<i16>(), 50), 1..12),
        ) {
            let heard = Mixer::default().mix(&voices, 50).unwrap();
            for (n, sample) in heard.into_iter().enumerate() {
                let sum: i32 = voices.iter().map(|voice| i32::from(voice[n])).sum();
                prop_assert!(i32::from(sample).signum() * sum.signum() >= 0, "{sum}: {sample}");
                prop_assert!(i32::from(sample).abs() <= sum.abs());
            }
        }
    }
}
