//! The one prepared sound that is no speech: two soft notes, falling.

use std::f64::consts::TAU;
use std::time::Duration;

use audio::{MUMBLE_HZ, Pcm};

/// The notes: C5 and then G4, in Hz. Falling, as what does not work is everywhere.
const NOTES: [f64; 2] = [523.25, 392.0];

/// How long each of them sounds: together well under a second, as they come at every turn.
const NOTE: Duration = Duration::from_millis(220);

/// How loud they are at most: softer than a voice.
const PEAK: f64 = 6_000.0;

/// How long a note takes to come and to go; without it there is a click.
const FADE: Duration = Duration::from_millis(40);

/// The sound at 48 kHz.
pub(super) fn falling() -> Pcm {
    let rate = f64::from(MUMBLE_HZ);
    let samples = (NOTE.as_secs_f64() * rate) as usize;
    let fade = FADE.as_secs_f64() * rate;
    let note = |pitch: f64| {
        (0..samples).map(move |at| {
            let edge = at.min(samples - at) as f64;
            let wave = (at as f64 / rate * pitch * TAU).sin();
            (wave * PEAK * (edge / fade).min(1.0)) as i16
        })
    };
    Pcm::new(MUMBLE_HZ, NOTES.into_iter().flat_map(note).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notes_come_and_go_softly() {
        let tone = falling();
        assert_eq!(tone.duration(), NOTE * 2);
        let steps = tone.samples().windows(2);
        let steepest = steps.map(|pair| pair[0].abs_diff(pair[1])).max();
        assert!(steepest < Some(600), "{steepest:?}");
    }
}
