//! What a caller's keys do, and the short tones by which each is answered.

use std::sync::PoisonError;
use std::time::Instant;

use super::{Call, End};
use crate::dtmf::Key;
use crate::line::Apart;
use crate::menu::{Choice, Menu};
use crate::tone::Tone;

/// The keys of a call and what they have changed.
#[derive(Debug)]
pub(super) struct Keys {
    menu: Menu,
    /// Whether the channel hears the caller.
    pub(super) muted: bool,
    pub(super) verified: bool,
    /// The channel the caller chose, counted from the first.
    pub(super) channel: usize,
    /// The first one, where it is the call's own.
    pub(super) apart: Apart,
    /// What answers the last key, and how much of it has sounded, in samples.
    answer: Option<(Tone, u64)>,
    hung_up: bool,
}

impl Keys {
    pub(super) fn new(menu: Menu) -> Self {
        Self {
            menu,
            muted: false,
            verified: false,
            channel: 0,
            apart: Apart::default(),
            answer: None,
            hung_up: false,
        }
    }

    /// Whether the caller has hung up by a key, and heard that.
    pub(super) fn end(&self) -> Option<End> {
        (self.hung_up && self.answer.is_none()).then_some(End::Key)
    }

    /// What sounds of the answer to a key, over what the caller hears anyway.
    pub(super) fn sound_over(&mut self, pcm: &mut [i16], rate: u32) {
        let Some((tone, said)) = &mut self.answer else {
            return;
        };
        let tones = tone.play(*said, pcm.len(), rate);
        for (sample, tone) in pcm.iter_mut().zip(tones) {
            *sample = sample.saturating_add(tone);
        }
        *said += pcm.len() as u64;
        if *said * 1000 >= tone.length_ms() * u64::from(rate) {
            self.answer = None;
        }
    }
}

impl Call {
    /// A key was pressed.
    pub(super) fn pressed(&mut self, key: Key) {
        let now = Instant::now();
        let (choice, guesses) = {
            let guesses = self.house.guesses.lock();
            let mut guesses = guesses.unwrap_or_else(PoisonError::into_inner);
            let choice = self.keys.menu.press(now, key, &mut guesses);
            (choice, *guesses)
        };
        let tone = match choice {
            Choice::Heard => Tone::Heard,
            Choice::Nothing => Tone::No,
            Choice::Opened => Tone::Opened,
            Choice::Mute => self.mute(),
            Choice::NextChannel => self.go_on(),
            Choice::FirstChannel => self.go_to(0),
            Choice::HangUp => {
                self.keys.hung_up = true;
                Tone::Off
            }
            Choice::Verified => {
                self.keys.verified = true;
                self.told = false;
                Tone::On
            }
            Choice::Wrong => {
                tracing::info!("a caller has entered a wrong PIN");
                if !guesses.are_taken(now) {
                    tracing::warn!("many wrong PINs were entered: for a while none is looked at");
                }
                Tone::No
            }
        };
        self.keys.answer = Some((tone, 0));
    }

    fn mute(&mut self) -> Tone {
        self.keys.muted = !self.keys.muted;
        if self.keys.muted {
            if let Some(speech) = self.mouth.speech.take() {
                speech.stop();
            }
            Tone::Off
        } else {
            Tone::On
        }
    }

    fn go_on(&mut self) -> Tone {
        let next = self.keys.channel + 1;
        // Behind the last one comes the first.
        let next = if next > self.house.menu_channels.len() {
            0
        } else {
            next
        };
        self.go_to(next)
    }

    /// Goes to the channel of this number; the first is the call's own, or where it came to.
    fn go_to(&mut self, number: usize) -> Tone {
        let path = match number.checked_sub(1) {
            None => self.channel(),
            Some(at) => self.house.menu_channels.get(at).cloned(),
        };
        let Some(line) = &mut self.line else {
            return Tone::No;
        };
        let is_back = number == 0 && line.go_back_apart(&self.keys.apart);
        if !is_back && !line.go(path.as_deref()) {
            return Tone::No;
        }
        // Whoever asks for the line next is not where this one was.
        line.used = true;
        self.keys.channel = number;
        self.voices.clear();
        Tone::On
    }
}
