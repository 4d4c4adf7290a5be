//! The prepared sounds: short sentences for moments when an engine cannot speak or think.
//!
//! They lie as Opus files in `config/sounds/`, made once by `make sounds` with the packaged voice
//! and built into the program, so that they exist when no synthesiser ever answered.

use audio::Pcm;

/// File stem and sentence of every prepared sound; `mumble-ai sounds` speaks them.
pub const SENTENCES: &[(&str, &str)] = &[
    (Sound::NotHeard.stem(), Sound::NotHeard.sentence()),
    (Sound::NoThought.stem(), Sound::NoThought.sentence()),
    (Sound::NoVoice.stem(), Sound::NoVoice.sentence()),
];

/// A prepared sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// The recogniser failed.
    NotHeard,
    /// The model failed.
    NoThought,
    /// The synthesiser failed; the answer follows as text.
    NoVoice,
}

impl Sound {
    /// The file's name without its ending.
    pub const fn stem(self) -> &'static str {
        match self {
            Self::NotHeard => "not-heard",
            Self::NoThought => "no-thought",
            Self::NoVoice => "no-voice",
        }
    }

    /// What it says; also what is typed when it cannot be played.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NotHeard => {
                "Sorry, I could not hear what you said. Please try again in a moment."
            }
            Self::NoThought => "Sorry, I cannot think right now. Please try again in a moment.",
            Self::NoVoice => "Sorry, my voice is not working. I will write the answer instead.",
        }
    }

    fn file(self) -> &'static [u8] {
        match self {
            Self::NotHeard => include_bytes!("../../config/sounds/not-heard.opus"),
            Self::NoThought => include_bytes!("../../config/sounds/no-thought.opus"),
            Self::NoVoice => include_bytes!("../../config/sounds/no-voice.opus"),
        }
    }

    /// The sound at 48 kHz, or `None` when its file cannot be decoded.
    pub fn pcm(self) -> Option<Pcm> {
        audio::ogg::read(self.file())
            .ok()
            .filter(|pcm| !pcm.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_sentence_has_its_sound_in_the_program() {
        for sound in [Sound::NotHeard, Sound::NoThought, Sound::NoVoice] {
            let pcm = sound
                .pcm()
                .unwrap_or_else(|| panic!("{} is not playable: run `make sounds`", sound.stem()));
            assert!(
                pcm.duration() > Duration::from_secs(1) && pcm.duration() < Duration::from_secs(8)
            );
            let loudest = pcm.samples().iter().map(|s| s.unsigned_abs()).max();
            assert!(loudest > Some(2000), "{} is silent", sound.stem());
        }
    }
}
