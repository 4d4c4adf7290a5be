//! When the caller talks: a phone has no talk key, and a channel need not hear its silence.
//!
//! The door opens at once when something rises out of the noise of the line, and stays open for a
//! while after the last of it. Whoever listens for the end of a sentence hears a good second of
//! the line's own silence before the door closes, so the door decides no turn.

use std::time::Duration;

use crate::comfort::Level;

/// So far above the line's noise something is taken to be said, in dB.
const ABOVE_NOISE: u8 = 9;

/// Softer than this nothing is taken to be said, in dB below full scale: packets of a phone that
/// is muted hold a little noise.
const SOFTEST: u8 = 55;

/// Louder than this something is said, whatever the noise is taken to be.
const SURELY: u8 = 30;

/// The door stays open this long after the last that rose above the noise.
pub const HANGOVER: Duration = Duration::from_millis(1200);

/// The noise is followed downwards at once and upwards by one dB in this many pieces: 25 pieces
/// of 20 ms are half a second.
const RISE: u32 = 25;

/// What to do with a piece of the caller's sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// Nothing is being said.
    Silent,
    /// Something is being said, or was a moment ago.
    Said,
    /// Nothing has been said for a while: this is the end.
    Over,
}

/// The door of one call.
#[derive(Clone, Debug)]
pub struct Door {
    /// What the line's noise is taken to be, in dB below full scale.
    noise: u8,
    waited: u32,
    open_for: Duration,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            noise: 60,
            waited: 0,
            open_for: Duration::ZERO,
        }
    }
}

impl Door {
    /// Judges the next piece, which lasts `length`.
    pub fn judge(&mut self, pcm: &[i16], length: Duration) -> Talk {
        let level = Level::of(pcm).below();
        let said = level < SURELY || (level < SOFTEST && level + ABOVE_NOISE < self.noise);
        self.follow(level);
        if said {
            self.open_for = HANGOVER;
            return Talk::Said;
        }
        if self.open_for.is_zero() {
            return Talk::Silent;
        }
        self.open_for = self.open_for.saturating_sub(length);
        if self.open_for.is_zero() {
            Talk::Over
        } else {
            Talk::Said
        }
    }

    fn follow(&mut self, level: u8) {
        if level >= self.noise {
            self.noise = level.min(90);
            self.waited = 0;
            return;
        }
        self.waited += 1;
        if self.waited >= RISE {
            self.waited = 0;
            self.noise = self.noise.saturating_sub(1).max(level);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: Duration = Duration::from_millis(20);

    fn noise(amplitude: i16, seed: u32) -> Vec<i16> {
        let mut state = seed | 1;
        let next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (i32::from(amplitude) * ((state >> 16) as i32 - 32_768) / 32_768) as i16
        };
        std::iter::repeat_with(next).take(160).collect()
    }

    fn said(door: &mut Door, amplitude: i16, pieces: u32) -> u32 {
        (0..pieces)
            .filter(|&n| door.judge(&noise(amplitude, n), PIECE) == Talk::Said)
            .count() as u32
    }

    #[test]
    fn a_voice_opens_at_its_first_piece_and_the_end_is_told_once() {
        let mut door = Door::default();
        assert_eq!(said(&mut door, 20, 100), 0, "the noise of a line");
        assert_eq!(said(&mut door, 6000, 10), 10);
        let hangover = (HANGOVER.as_millis() / PIECE.as_millis()) as usize;
        let after: Vec<_> = (0..200).map(|n| door.judge(&noise(20, n), PIECE)).collect();
        let over = after.iter().position(|talk| *talk == Talk::Over);
        assert_eq!(over, Some(hangover - 1));
        let ends = after.iter().filter(|talk| **talk == Talk::Over).count();
        assert_eq!(ends, 1);
    }

    #[test]
    fn a_loud_room_is_learnt() {
        let mut door = Door::default();
        // 45 dB below full scale: a car.
        said(&mut door, 300, 2000);
        assert_eq!(said(&mut door, 300, 500), 0, "it has become the noise");
        assert_eq!(said(&mut door, 3000, 5), 5, "a voice above it");
    }

    #[test]
    fn digital_silence_is_silence() {
        let mut door = Door::default();
        let talk = (0..100).map(|_| door.judge(&[0; 160], PIECE));
        assert!(talk.into_iter().all(|talk| talk == Talk::Silent));
        assert_eq!(door.judge(&[], PIECE), Talk::Silent);
    }
}
