//! The one PCM type: mono, signed 16-bit, at a stated rate.

use std::fmt;
use std::time::Duration;

use crate::resample::Resampler;

/// A piece of mono sound in signed 16-bit samples.
#[derive(Clone, PartialEq, Eq)]
pub struct Pcm {
    rate: u32,
    samples: Vec<i16>,
}

impl Pcm {
    /// Sound of `samples` at `rate` Hz. A rate of 0 Hz, which no sound has, counts as 1 Hz.
    pub fn new(rate: u32, samples: Vec<i16>) -> Self {
        Self {
            rate: rate.max(1),
            samples,
        }
    }

    /// Silence of duration `d` at `rate` Hz, to the nearest sample.
    pub fn silence(rate: u32, d: Duration) -> Self {
        let samples = (d.as_secs_f64() * f64::from(rate)).round() as usize;
        Self::new(rate, vec![0; samples])
    }

    /// Samples in a second, in Hz; never 0.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The samples, in order.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// The samples, in order, without a copy.
    pub fn into_samples(self) -> Vec<i16> {
        self.samples
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is no sample at all.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// How long the sound lasts.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(self.rate))
    }

    /// Appends `samples`, which are taken to be at this sound's rate.
    pub fn extend_from_slice(&mut self, samples: &[i16]) {
        self.samples.extend_from_slice(samples);
    }

    /// The same sound at `rate` Hz: as long as before, and not delayed.
    pub fn resampled(&self, rate: u32) -> Self {
        if rate == self.rate {
            return self.clone();
        }
        let mut resampler = Resampler::new(self.rate, rate);
        let mut samples = resampler.push(&self.samples);
        samples.extend(resampler.flush());
        Self::new(rate, samples)
    }
}

/// Shows rate and duration, never the samples: what people say is in them.
impl fmt::Debug for Pcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pcm({} Hz, {:?})", self.rate, self.duration())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_follows_from_rate_and_length() {
        assert_eq!(
            Pcm::new(48_000, vec![0; 960]).duration(),
            Duration::from_millis(20)
        );
        assert_eq!(Pcm::silence(16_000, Duration::from_millis(16)).len(), 256);
        assert_eq!(Pcm::new(48_000, Vec::new()).duration(), Duration::ZERO);
    }

    #[test]
    fn a_rate_of_zero_is_no_trap() {
        assert_eq!(Pcm::new(0, vec![1, 2]).duration(), Duration::from_secs(2));
    }

    #[test]
    fn debug_shows_no_samples() {
        assert_eq!(
            format!("{:?}", Pcm::new(8_000, vec![12_345; 80])),
            "Pcm(8000 Hz, 10ms)"
        );
    }

    #[test]
    fn resampling_keeps_the_duration() {
        for (from, to) in [
            (22_050, 48_000),
            (48_000, 16_000),
            (16_000, 48_000),
            (44_100, 8_000),
        ] {
            let pcm = Pcm::silence(from, Duration::from_millis(730));
            let error = pcm.resampled(to).duration().as_secs_f64() - pcm.duration().as_secs_f64();
            assert!(
                error.abs() <= 1.0 / f64::from(to),
                "{from} to {to} Hz: off by {error} s"
            );
        }
    }
}
