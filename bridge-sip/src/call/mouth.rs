//! What the caller says, on its way into the channel.

use std::time::Duration;

use audio::Pcm;
use futures::FutureExt as _;
use mumble::Speech;

use crate::line::Line;
use crate::talk::{Door, Talk};

/// What the caller says, on its way into the channel.
#[derive(Default)]
pub(super) struct Mouth {
    door: Door,
    pub(super) speech: Option<Speech>,
    before: Vec<i16>,
}

/// What becomes of a piece of the caller's sound.
#[derive(Debug, PartialEq, Eq)]
enum Act {
    /// Nothing is said.
    Wait,
    /// Nothing is said any more.
    End,
    /// This is said.
    Say(Vec<i16>),
}

impl Mouth {
    /// Says the caller's next sound in the channel, unless it is silence.
    pub(super) fn say(&mut self, line: &mut Line, rate: u32, heard: Vec<i16>) {
        match self.act(self.speech.is_none(), rate, heard) {
            Act::Wait => {}
            Act::End => {
                if let Some(speech) = self.speech.take() {
                    // Its end is marked by that; what is cut off is silence.
                    speech.stop();
                }
            }
            Act::Say(pcm) => {
                line.used = true;
                let speech = &mut self.speech;
                let speech = speech.get_or_insert_with(|| line.client.speak_live(rate));
                // What does not fit is dropped: the caller is not held up.
                if let Some(Err(_)) = speech.push(Pcm::new(rate, pcm)).now_or_never() {
                    self.speech = None;
                }
            }
        }
    }

    /// What to do with the next sound; `fresh` while nothing is being said. No sound changes
    /// nothing: packets longer than a tick leave ticks without any, and those are no silence that
    /// the noise of the line could be told by.
    fn act(&mut self, fresh: bool, rate: u32, heard: Vec<i16>) -> Act {
        if heard.is_empty() {
            return Act::Wait;
        }
        let length = Duration::from_micros(heard.len() as u64 * 1_000_000 / u64::from(rate.max(1)));
        let talk = self.door.judge(&heard, length);
        let before = std::mem::replace(&mut self.before, heard);
        match talk {
            Talk::Silent | Talk::Over => Act::End,
            // The beginning of a word is softer than the rest of it.
            Talk::Said if fresh => Act::Say([before.as_slice(), &self.before].concat()),
            Talk::Said => Act::Say(self.before.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 8000;

    /// 40 ms of a room that is as loud as `amplitude`.
    fn room(amplitude: i16, seed: u32) -> Vec<i16> {
        let mut state = seed | 1;
        let next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (i32::from(amplitude) * ((state >> 16) as i32 - 32_768) / 32_768) as i16
        };
        std::iter::repeat_with(next).take(320).collect()
    }

    #[test]
    fn a_loud_room_is_learnt_though_every_third_tick_has_no_sound() {
        let mut mouth = Mouth::default();
        let mut hear = |n: u32, amplitude| {
            let heard = match n % 3 {
                2 => Vec::new(),
                _ => room(amplitude, n),
            };
            mouth.act(true, RATE, heard)
        };
        // 45 dB below full scale: a car.
        (0..3000).for_each(|n| drop(hear(n, 300)));
        let said = (3000..3600).filter(|&n| matches!(hear(n, 300), Act::Say(_)));
        assert_eq!(said.count(), 0, "the room is no speech");
        assert!(matches!(hear(3600, 6000), Act::Say(_)), "a voice above it");
    }

    #[test]
    fn a_word_begins_with_what_was_heard_before_a_tick_without_sound() {
        let mut mouth = Mouth::default();
        let (soft, loud) = (room(20, 1), room(6000, 2));
        assert_eq!(mouth.act(true, RATE, soft.clone()), Act::End);
        assert_eq!(mouth.act(true, RATE, Vec::new()), Act::Wait);
        let begun = mouth.act(true, RATE, loud.clone());
        assert_eq!(begun, Act::Say([soft, loud.clone()].concat()));
        assert_eq!(mouth.act(false, RATE, Vec::new()), Act::Wait);
        assert_eq!(mouth.act(false, RATE, loud.clone()), Act::Say(loud));
    }
}
