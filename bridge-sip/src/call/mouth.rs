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

impl Mouth {
    /// Says the caller's next sound in the channel, unless it is silence.
    pub(super) fn say(&mut self, line: &mut Line, rate: u32, heard: Vec<i16>) {
        let length = Duration::from_micros(heard.len() as u64 * 1_000_000 / u64::from(rate.max(1)));
        let talk = self.door.judge(&heard, length);
        match (talk, &mut self.speech) {
            (Talk::Silent, None) => {}
            (Talk::Silent | Talk::Over, speech) => {
                if let Some(speech) = speech.take() {
                    // Its end is marked by that; what is cut off is silence.
                    speech.stop();
                }
            }
            (Talk::Said, speech) => {
                let fresh = speech.is_none();
                line.used = true;
                let speech = speech.get_or_insert_with(|| line.client.speak_live(rate));
                let mut pcm = if fresh {
                    std::mem::take(&mut self.before)
                } else {
                    Vec::new()
                };
                pcm.extend(&heard);
                // What does not fit is dropped: the caller is not held up.
                if let Some(Err(_)) = speech.push(Pcm::new(rate, pcm)).now_or_never() {
                    self.speech = None;
                }
            }
        }
        self.before = heard;
    }
}
