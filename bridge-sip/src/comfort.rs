//! What is heard where nothing is said: comfort noise, so that a silent line does not seem dead.
//!
//! RFC 3389: a packet tells how loud the silence is. The shape of its spectrum, which may follow,
//! is not looked at: the noise here has a little less in its heights than in its depths, as rooms
//! have.

/// Payload type of comfort noise at 8 kHz (RFC 3551 section 6). Its clock is 8000 Hz.
pub const PAYLOAD_TYPE: u8 = 13;

/// The loudest silence that is played, in dB below full scale. A packet that asks for more is
/// broken or hostile.
const LOUDEST: u8 = 40;

/// The level below which there is nothing to hear: less than one step of a sample.
const SILENT: u8 = 90;

/// How much of the last sample is in the next one; makes the noise softer in its heights.
const SOFTNESS: f32 = 0.5;

/// A new level is taken on within some 30 ms, so that no step is heard.
const GLIDE_S: f32 = 0.01;

/// The loudness of a silence: dB below full scale, 0 (loud) to 127 (nothing).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(u8);

impl Level {
    /// No sound at all.
    pub const NOTHING: Self = Self(127);

    /// `below` dB below full scale, at most 127.
    pub fn new(below: u8) -> Self {
        Self(below.min(127))
    }

    /// Reads a comfort noise payload (RFC 3389 section 3.1); an empty one tells nothing.
    pub fn read(payload: &[u8]) -> Option<Self> {
        payload.first().map(|byte| Self(byte & 0x7f))
    }

    /// The loudness of `pcm`.
    pub fn of(pcm: &[i16]) -> Self {
        let power: f64 = pcm.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        let mean = power / pcm.len().max(1) as f64;
        let below = 20.0 * 32_768_f64.log10() - 10.0 * mean.max(1e-9).log10();
        Self(below.round().clamp(0.0, 127.0) as u8)
    }

    /// dB below full scale.
    pub fn below(self) -> u8 {
        self.0
    }

    /// The mean size of a sample, by its power.
    fn amplitude(self) -> f32 {
        if self.0 >= SILENT {
            return 0.0;
        }
        32_768.0 * 10_f32.powf(-f32::from(self.0.max(LOUDEST)) / 20.0)
    }
}

/// Makes noise of a level, without an end and never the same twice within hours.
#[derive(Clone, Debug)]
pub struct Noise {
    rate: u32,
    state: u32,
    last: f32,
    amplitude: f32,
    wanted: f32,
}

impl Noise {
    /// Silence at `rate` Hz, until a level is [set](Self::set).
    pub fn new(rate: u32) -> Self {
        Self {
            rate: rate.max(1),
            state: 0x9e37_79b9,
            last: 0.0,
            amplitude: 0.0,
            wanted: 0.0,
        }
    }

    /// From here on the noise glides to `level`; nothing is louder than 40 dB below full scale.
    pub fn set(&mut self, level: Level) {
        self.wanted = level.amplitude();
    }

    /// The next `samples` of it.
    pub fn make(&mut self, samples: usize) -> Vec<i16> {
        let glide = 1.0 / (GLIDE_S * self.rate as f32).max(1.0);
        // Even chance between -1 and 1 has a power of a third, and the filter takes its share.
        let loudness = (3.0 * (1.0 + SOFTNESS) / (1.0 - SOFTNESS)).sqrt();
        (0..samples)
            .map(|_| {
                self.amplitude += (self.wanted - self.amplitude) * glide;
                self.last = self.last * SOFTNESS + self.chance() * (1.0 - SOFTNESS);
                (self.last * self.amplitude * loudness).round() as i16
            })
            .collect()
    }

    /// Anything between -1 and 1 (Marsaglia's xorshift; it needs no secrecy).
    fn chance(&mut self) -> f32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        self.state as i32 as f32 / 2_147_483_648.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn noise_is_as_loud_as_it_was_asked_to_be() {
        for below in [40_u8, 50, 60, 70] {
            let mut noise = Noise::new(8000);
            noise.set(Level::new(below));
            noise.make(800);
            let measured = Level::of(&noise.make(8000)).below();
            assert!(measured.abs_diff(below) <= 1, "{below}: {measured}");
        }
    }

    #[test]
    fn no_packet_makes_a_roar() {
        let mut noise = Noise::new(16_000);
        noise.set(Level::read(&[0]).unwrap());
        noise.make(1600);
        assert!(Level::of(&noise.make(16_000)).below() >= LOUDEST - 1);
    }

    #[test]
    fn nothing_is_nothing() {
        let mut noise = Noise::new(8000);
        assert_eq!(noise.make(160), [0; 160]);
        noise.set(Level::new(50));
        noise.make(800);
        noise.set(Level::NOTHING);
        noise.make(4000);
        assert_eq!(noise.make(160), [0; 160]);
    }

    #[test]
    fn a_new_level_is_no_step() {
        let mut noise = Noise::new(8000);
        noise.set(Level::new(40));
        let first = noise.make(8);
        assert!(first.iter().all(|sample| sample.abs() < 120), "{first:?}");
    }

    #[test]
    fn silence_and_full_scale_have_their_levels() {
        assert_eq!(Level::of(&[]), Level::NOTHING);
        assert_eq!(Level::of(&[0; 160]), Level::NOTHING);
        assert_eq!(Level::of(&[i16::MIN; 160]), Level::new(0));
        assert_eq!(Level::read(&[]), None);
    }

    proptest! {
        #[test]
        fn a_level_is_read_whatever_follows_it(below in 0_u8..128, spectrum: Vec<u8>) {
            let payload = [&[below], spectrum.as_slice()].concat();
            prop_assert_eq!(Level::read(&payload), Some(Level::new(below)));
        }

        #[test]
        fn any_sound_has_a_level(pcm: Vec<i16>, payload: Vec<u8>) {
            prop_assert!(Level::of(&pcm) <= Level::NOTHING);
            let _ = Level::read(&payload);
        }
    }
}
