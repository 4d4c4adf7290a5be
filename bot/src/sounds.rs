//! The prepared sounds: short sentences for moments when an engine cannot speak or think.
//!
//! They lie as Opus files in `config/sounds/`, made once by `make sounds` with the packaged voice
//! and built into the program, so that they exist when no synthesiser ever answered. Once one
//! answers, they are made anew in its voice and kept beside the assistant's certificate.

use audio::Pcm;

mod kept;
mod remake;
mod tone;

pub(crate) use kept::Sounds;
pub(crate) use remake::Remaker;

/// A prepared sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sound {
    /// The question was heard; its answer takes a moment.
    Moment,
    /// The answer takes longer still.
    StillBusy,
    /// The recogniser failed.
    NotHeard,
    /// The model failed.
    NoThought,
    /// The synthesiser failed; the answer follows as text.
    NoVoice,
    /// What failed before, and was explained then, fails still.
    StillOut,
}

/// How a prepared sound is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// A synthesiser speaks the sentence.
    Spoken(&'static str),
    /// It is no speech.
    Tone(Pcm),
}

impl Sound {
    /// Every prepared sound.
    pub const ALL: [Self; 6] = [
        Self::Moment,
        Self::StillBusy,
        Self::NotHeard,
        Self::NoThought,
        Self::NoVoice,
        Self::StillOut,
    ];

    /// The file's name without its ending.
    pub const fn stem(self) -> &'static str {
        match self {
            Self::Moment => "moment",
            Self::StillBusy => "still-busy",
            Self::NotHeard => "not-heard",
            Self::NoThought => "no-thought",
            Self::NoVoice => "no-voice",
            Self::StillOut => "still-out",
        }
    }

    /// What it says; also what is typed when it cannot be played.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Moment => "One moment.",
            Self::StillBusy => "I am still working on it.",
            Self::NotHeard => {
                "Sorry, I could not hear what you said. Please try again in a moment."
            }
            Self::NoThought => "Sorry, I cannot think right now. Please try again in a moment.",
            Self::NoVoice => "Sorry, my voice is not working. I will write the answer instead.",
            Self::StillOut => "Sorry, that still does not work.",
        }
    }

    /// How it is made anew.
    pub fn made(self) -> Made {
        match self {
            Self::StillOut => Made::Tone(tone::falling()),
            spoken => Made::Spoken(spoken.sentence()),
        }
    }

    /// The sound that is built in, at 48 kHz, or `None` when its file cannot be decoded.
    pub fn built_in(self) -> Option<Pcm> {
        audio::ogg::read(self.file())
            .ok()
            .filter(|pcm| !pcm.is_empty())
    }

    fn file(self) -> &'static [u8] {
        match self {
            Self::Moment => include_bytes!("../../config/sounds/moment.opus"),
            Self::StillBusy => include_bytes!("../../config/sounds/still-busy.opus"),
            Self::NotHeard => include_bytes!("../../config/sounds/not-heard.opus"),
            Self::NoThought => include_bytes!("../../config/sounds/no-thought.opus"),
            Self::NoVoice => include_bytes!("../../config/sounds/no-voice.opus"),
            Self::StillOut => include_bytes!("../../config/sounds/still-out.opus"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_sentence_has_its_sound_in_the_program() {
        for sound in Sound::ALL {
            let pcm = sound
                .built_in()
                .unwrap_or_else(|| panic!("{} is not playable: run `make sounds`", sound.stem()));
            let length = pcm.duration();
            let shortest = Duration::from_millis(300);
            assert!(
                length > shortest && length < Duration::from_secs(8),
                "{} lasts {length:?}",
                sound.stem()
            );
            let loudest = pcm.samples().iter().map(|s| s.unsigned_abs()).max();
            assert!(loudest > Some(2000), "{} is silent", sound.stem());
        }
    }

    #[test]
    fn what_is_said_before_an_answer_is_short() {
        let moment = Sound::Moment.built_in().expect("it is built in");
        assert!(moment.duration() < Duration::from_millis(1_500));
    }
}
