//! What is played where a packet is missing: the voice's last pitch period again and again, fading.
//!
//! The manner is that of ITU-T G.711 appendix I, without its delay of 3.75 ms: the joint is made
//! smooth by a step that dies away instead of by sound held back. For G.711 and G.722; Opus has
//! concealment of its own.

use std::collections::VecDeque;

/// After this long nothing is left of what is made up, in ms: a vowel drawn out longer is a robot.
pub const FADE_MS: u32 = 60;

/// Over this long what is made up gives way to what came, in ms.
const RETURN_MS: u32 = 5;

/// Over this long the step between real and made-up sound dies away, in ms.
const JOINT_MS: u32 = 5;

/// The highest and the lowest voice: 400 Hz and 66 Hz.
const SHORTEST_PITCH_US: u32 = 2_500;
const LONGEST_PITCH_US: u32 = 15_000;

/// As much of the last sound is compared with what went before to find the pitch, in ms.
const COMPARED_MS: u32 = 15;

/// Conceals the losses of one stream of PCM. Keeps the last 30 ms of it.
#[derive(Clone, Debug)]
pub struct Concealer {
    rate: u32,
    history: VecDeque<i16>,
    loss: Option<Loss>,
}

/// A loss that is being concealed.
#[derive(Clone, Debug)]
struct Loss {
    /// The sound that is repeated; never empty.
    period: Vec<f32>,
    /// The step at the joint, which dies away.
    step: f32,
    /// Samples made up so far.
    made: usize,
}

impl Concealer {
    /// For sound at `rate` Hz; a rate below 1 kHz counts as that.
    pub fn new(rate: u32) -> Self {
        Self {
            rate: rate.max(1000),
            history: VecDeque::new(),
            loss: None,
        }
    }

    /// Passes sound that came. Behind a loss its first 5 ms are blended with what was made up.
    pub fn heard(&mut self, pcm: &mut [i16]) {
        if let Some(mut loss) = self.loss.take() {
            let blended = self.samples(RETURN_MS * 1000).min(pcm.len());
            let fade = self.samples(FADE_MS * 1000);
            let joint = self.samples(JOINT_MS * 1000);
            for (n, sample) in pcm.iter_mut().take(blended).enumerate() {
                let share = (n + 1) as f32 / (blended + 1) as f32;
                let made_up = f32::from(loss.next(fade, joint));
                *sample = to_sample(made_up * (1.0 - share) + f32::from(*sample) * share);
            }
        }
        self.remember(pcm);
    }

    /// Makes up `samples` of sound that did not come: silence where nothing was heard before, and
    /// when the loss is longer than [`FADE_MS`].
    pub fn conceal(&mut self, samples: usize) -> Vec<i16> {
        let fade = self.samples(FADE_MS * 1000);
        let joint = self.samples(JOINT_MS * 1000);
        let mut loss = self.loss.take().unwrap_or_else(|| self.begin());
        let pcm = (0..samples).map(|_| loss.next(fade, joint)).collect();
        self.loss = Some(loss);
        pcm
    }

    /// Forgets what was heard: another stream begins.
    pub fn reset(&mut self) {
        self.history.clear();
        self.loss = None;
    }

    fn begin(&self) -> Loss {
        let history: Vec<f32> = self.history.iter().map(|&s| f32::from(s)).collect();
        let Some(pitch) = self.pitch(&history) else {
            return Loss {
                period: vec![0.0],
                step: history.last().copied().unwrap_or(0.0),
                made: 0,
            };
        };
        let (before, period) = history.split_at(history.len() - pitch);
        let mut period = period.to_vec();
        let step = match (history.last(), before.last()) {
            (Some(last), Some(before)) => last - before,
            _ => 0.0,
        };
        // The period's end is blended into what stood before its beginning, so that the end is
        // followed by the beginning as it was in the sound.
        let blended = (pitch / 4).min(before.len());
        let ends = period.iter_mut().rev().zip(before.iter().rev());
        for (n, (end, before)) in ends.take(blended).enumerate() {
            let share = (blended - n) as f32 / blended as f32;
            *end = before * share + *end * (1.0 - share);
        }
        Loss {
            period,
            step,
            made: 0,
        }
    }

    /// The distance at which the last sound is most like itself, in samples; `None` if too little
    /// was heard to say.
    fn pitch(&self, history: &[f32]) -> Option<usize> {
        let compared = self.samples(COMPARED_MS * 1000);
        let shortest = self.samples(SHORTEST_PITCH_US);
        let longest = self
            .samples(LONGEST_PITCH_US)
            .min(history.len().checked_sub(compared)?);
        let recent = history.get(history.len() - compared..)?;
        let likeness = |pitch: usize| {
            let end = history.len() - pitch;
            let earlier = history.get(end - compared..end).unwrap_or_default();
            let (mut product, mut power) = (0.0, 1.0);
            for (recent, earlier) in recent.iter().zip(earlier) {
                product += recent * earlier;
                power += earlier * earlier;
            }
            product / f32::sqrt(power)
        };
        (shortest..=longest)
            .map(|pitch| (pitch, likeness(pitch)))
            .max_by(|(_, one), (_, other)| one.total_cmp(other))
            .map(|(pitch, _)| pitch)
    }

    fn remember(&mut self, pcm: &[i16]) {
        self.history.extend(pcm);
        let kept = self.samples(LONGEST_PITCH_US + COMPARED_MS * 1000);
        let surplus = self.history.len().saturating_sub(kept);
        self.history.drain(..surplus);
    }

    fn samples(&self, us: u32) -> usize {
        (u64::from(self.rate) * u64::from(us) / 1_000_000) as usize
    }
}

impl Loss {
    /// The next sample, where all is faded after `fade` samples and the joint is over after
    /// `joint`.
    fn next(&mut self, fade: usize, joint: usize) -> i16 {
        let left = |of: usize| 1.0 - (self.made as f32 / of as f32).min(1.0);
        let place = self.made % self.period.len();
        let repeated = self.period.get(place).copied().unwrap_or(0.0);
        let sample = (repeated + self.step * left(joint)) * left(fade);
        self.made = self.made.saturating_add(1);
        to_sample(sample)
    }
}

fn to_sample(sample: f32) -> i16 {
    // A cast from a float to an integer holds what is too large at the ends.
    sample.round() as i16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATES: [u32; 2] = [8000, 16_000];

    fn sine(hz: f32, rate: u32) -> Vec<i16> {
        let step = hz * std::f32::consts::TAU / rate as f32;
        (0..rate)
            .map(|n| ((n as f32 * step).sin() * 10_000.0) as i16)
            .collect()
    }

    fn noise(rate: u32) -> Vec<i16> {
        let mut state = 12_345_u32;
        (0..rate)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state as i32 >> 18) as i16
            })
            .collect()
    }

    /// The sound with the frames that `lost` names concealed.
    fn through(rate: u32, sound: &[i16], lost: impl Fn(usize) -> bool) -> Vec<i16> {
        let mut concealer = Concealer::new(rate);
        let frame = rate as usize / 50;
        let frames = sound.chunks(frame).enumerate().map(|(n, frame)| {
            if lost(n) {
                return concealer.conceal(frame.len());
            }
            let mut pcm = frame.to_vec();
            concealer.heard(&mut pcm);
            pcm
        });
        frames.collect::<Vec<_>>().concat()
    }

    fn largest_jump(pcm: &[i16]) -> i32 {
        let jumps = pcm
            .windows(2)
            .map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs());
        jumps.max().unwrap_or(0)
    }

    fn power(pcm: &[i16]) -> f64 {
        pcm.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / pcm.len() as f64
    }

    #[test]
    fn a_tone_goes_on_through_a_lost_frame_without_a_click() {
        for rate in RATES {
            for hz in [100.0, 173.0, 220.0, 350.0] {
                let sound = sine(hz, rate);
                let played = through(rate, &sound, |n| n % 10 == 9);
                let (was, is) = (largest_jump(&sound), largest_jump(&played));
                assert!(is <= was * 3 / 2, "{hz} Hz at {rate}: {was} became {is}");
                let frame = rate as usize / 50;
                let lost = &played[frame * 9..frame * 10];
                assert!(power(lost) > power(&sound) / 3.0, "{hz} Hz: too soft");
                let error: Vec<_> = lost
                    .iter()
                    .zip(&sound[frame * 9..])
                    .map(|(a, b)| a - b)
                    .collect();
                assert!(power(&error) < power(&sound) / 3.0, "{hz} Hz: another tone");
            }
        }
    }

    #[test]
    fn noise_has_no_click_at_a_loss() {
        for rate in RATES {
            let sound = noise(rate);
            let played = through(rate, &sound, |n| n % 7 > 4);
            let (was, is) = (largest_jump(&sound), largest_jump(&played));
            assert!(is <= was * 3 / 2, "at {rate} Hz: {was} became {is}");
        }
    }

    #[test]
    fn a_long_loss_fades_to_silence_and_back() {
        for rate in RATES {
            let sound = sine(200.0, rate);
            let played = through(rate, &sound, |n| (10..20).contains(&n));
            let frame = rate as usize / 50;
            assert!(
                power(&played[frame * 10..frame * 11]) > power(&played[frame * 12..frame * 13])
            );
            assert!(
                played[frame * 13..frame * 20]
                    .iter()
                    .all(|&sample| sample == 0)
            );
            assert_eq!(largest_jump(&played), largest_jump(&sound));
            assert_eq!(
                &played[frame * 21..],
                &sound[frame * 21..],
                "what came is kept"
            );
        }
    }

    #[test]
    fn nothing_heard_is_nothing_made_up() {
        assert_eq!(Concealer::new(8000).conceal(320), [0; 320]);
        let mut concealer = Concealer::new(8000);
        concealer.heard(&mut sine(200.0, 8000));
        concealer.reset();
        assert_eq!(concealer.conceal(320), [0; 320]);
    }

    #[test]
    fn a_short_beginning_ends_without_a_step() {
        let mut concealer = Concealer::new(8000);
        let mut begun = vec![5000; 160];
        concealer.heard(&mut begun);
        begun.extend(concealer.conceal(160));
        assert!(largest_jump(&begun) < 200);
    }

    proptest! {
        #[test]
        fn no_sound_makes_it_panic(
            rate: u32,
            frames in prop::collection::vec(prop::collection::vec(any::<i16>(), 0..400), 0..10),
        ) {
            let mut concealer = Concealer::new(rate % 48_001);
            for mut frame in frames {
                concealer.heard(&mut frame);
                prop_assert_eq!(concealer.conceal(frame.len()).len(), frame.len());
            }
        }
    }
}
