//! What a caller hears of the bridge itself: a few tones, which need no language.

/// A sound of the bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// The channel is being entered: a soft high beep now and then.
    Connecting,
    /// The channel is out of reach for the moment: two falling beeps now and then.
    Gone,
    /// A key was heard, and more are awaited.
    Heard,
    /// The menu is open: two rising beeps.
    Opened,
    /// It is done, or on: two beeps, the second one high.
    On,
    /// It is off, or over: the same, falling.
    Off,
    /// It means nothing, or is wrong: one low beep.
    No,
}

/// One beep: from and to in ms of the pattern, and its pitch in Hz.
type Beep = (u32, u32, f32);

/// A sixteenth of full scale: as loud as a quiet voice.
const AMPLITUDE: f32 = 2000.0;

/// A beep rises and falls over this long, in ms: without it it would click.
const EDGE_MS: f32 = 8.0;

impl Tone {
    /// The beeps, and the length of the pattern in ms.
    fn pattern(self) -> (&'static [Beep], u32) {
        match self {
            Self::Connecting => (&[(0, 120, 660.0)], 2000),
            Self::Gone => (&[(0, 180, 520.0), (240, 480, 390.0)], 3000),
            Self::Heard => (&[(0, 60, 880.0)], 100),
            Self::Opened => (&[(0, 70, 660.0), (90, 160, 880.0)], 200),
            Self::On => (&[(0, 80, 660.0), (100, 220, 1040.0)], 260),
            Self::Off => (&[(0, 80, 1040.0), (100, 220, 660.0)], 260),
            Self::No => (&[(0, 250, 260.0)], 300),
        }
    }

    /// How long it is until it begins again, in ms.
    pub fn length_ms(self) -> u64 {
        u64::from(self.pattern().1)
    }

    /// The `samples` of it that begin `at` samples after its beginning, at `rate` Hz.
    pub fn play(self, at: u64, samples: usize, rate: u32) -> Vec<i16> {
        let (beeps, length) = self.pattern();
        let rate = rate.max(1);
        (0..samples as u64)
            .map(|n| {
                let ms = ((at + n) as f64 * 1000.0 / f64::from(rate)) % f64::from(length);
                let beeps = beeps.iter().map(|beep| sample(*beep, ms as f32));
                beeps.sum::<f32>() as i16
            })
            .collect()
    }
}

fn sample((from, to, hz): Beep, ms: f32) -> f32 {
    let (from, to) = (from as f32, to as f32);
    if !(from..to).contains(&ms) {
        return 0.0;
    }
    let edge = ((ms - from).min(to - ms) / EDGE_MS).min(1.0);
    let turns = (ms - from) / 1000.0 * hz;
    (turns * std::f32::consts::TAU).sin() * AMPLITUDE * edge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_the_same_however_it_is_cut() {
        for tone in [Tone::Connecting, Tone::Gone] {
            let whole = tone.play(0, 32_000, 8000);
            let pieces = (0..200).flat_map(|n| tone.play(n * 160, 160, 8000));
            assert_eq!(whole, pieces.collect::<Vec<_>>());
            let steps = whole.windows(2).map(|pair| pair[1].abs_diff(pair[0]));
            assert!(steps.max() < Some(1300), "it clicks");
            let sounds = whole.iter().filter(|sample| sample.abs() > 500).count();
            assert!((400..8000).contains(&sounds), "{sounds} loud samples");
        }
    }
}
