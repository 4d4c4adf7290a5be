//! Keys that this end presses, one after another, on a clock of 20 ms.

use std::collections::VecDeque;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::{EVERY, Key, Outgoing, press};

/// Most keys and pauses in one text: a PIN and an extension, many times over.
pub const MOST_KEYS: usize = 64;

/// How long a key is held: machines take it from 40 ms on (ITU-T Q.24), people hold it as long.
const HELD: Duration = Duration::from_millis(100);

/// How long no key is pressed between two: as long, so that none is taken for the one before.
const BETWEEN: Duration = Duration::from_millis(100);

/// How long a comma is.
const COMMA: Duration = Duration::from_secs(1);

/// Keys to press, and pauses: `1234#`, or `9,,42` with two seconds in between.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Keys(Vec<Option<Key>>);

/// A text is no [`Keys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected up to 64 of 0 to 9, *, #, A to D, and commas for a second's pause each")]
pub struct NoKeys;

impl FromStr for Keys {
    type Err = NoKeys;

    fn from_str(text: &str) -> Result<Self, NoKeys> {
        let key = |character| match character {
            ',' => Ok(None),
            key => Key::of(key).map(Some).ok_or(NoKeys),
        };
        let keys: Vec<_> = text.chars().map(key).collect::<Result<_, _>>()?;
        if (1..=MOST_KEYS).contains(&keys.len()) {
            Ok(Self(keys))
        } else {
            Err(NoKeys)
        }
    }
}

/// Does not show which keys: a PIN is made of them.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

impl Keys {
    /// Whether there is nothing to press.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The pressing of [`Keys`].
#[derive(Debug, Default)]
pub struct Dialling {
    keys: VecDeque<Option<Key>>,
    /// What is left of the key that is pressed.
    press: VecDeque<Outgoing>,
    /// Steps until the next key.
    pause: u128,
}

impl Dialling {
    /// Presses these after those that are not pressed yet, up to [`MOST_KEYS`] altogether.
    pub fn press(&mut self, keys: &Keys) {
        let room = MOST_KEYS.saturating_sub(self.keys.len());
        self.keys.extend(keys.0.iter().copied().take(room));
    }

    /// What is sent in the next 20 ms in place of sound, on a stream whose clock runs at
    /// `clock_hz`. `None` for sound.
    pub fn step(&mut self, clock_hz: u32) -> Option<Outgoing> {
        if let Some(packet) = self.press.pop_front() {
            if self.press.is_empty() {
                self.pause = BETWEEN.as_millis() / EVERY.as_millis();
            }
            return Some(packet);
        }
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        if let Some(key) = self.keys.pop_front()? {
            self.press = press(key, HELD, clock_hz).into();
            return self.press.pop_front();
        }
        self.pause = COMMA.as_millis() / EVERY.as_millis() - 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::Listener;

    const HZ: u32 = 8000;

    /// What is sent, a letter for each 20 ms: `B` begins a key, `E` ends it, `.` is sound.
    fn sent(keys: &str) -> String {
        let mut dialling = Dialling::default();
        dialling.press(&keys.parse().unwrap());
        let letter = |packet: Option<Outgoing>| match packet {
            Some(packet) if packet.marker => 'B',
            Some(packet) if packet.event.end => 'E',
            Some(_) => 'k',
            None => '.',
        };
        let steps = (0..200).map(|_| letter(dialling.step(HZ)));
        steps.collect::<String>().trim_end_matches('.').to_owned()
    }

    #[test]
    fn a_key_lasts_100_ms_ends_three_times_and_the_next_one_waits() {
        assert_eq!(sent("1"), "BkkkEEE");
        assert_eq!(sent("12"), "BkkkEEE.....BkkkEEE");
    }

    #[test]
    fn a_comma_is_a_second() {
        assert_eq!(sent("1,2"), format!("BkkkEEE{}BkkkEEE", ".".repeat(55)));
        assert_eq!(sent(",,1"), format!("{}BkkkEEE", ".".repeat(100)));
    }

    #[test]
    fn who_listens_hears_each_key_once() {
        let mut dialling = Dialling::default();
        dialling.press(&"00*9#a".parse().unwrap());
        let (mut listener, mut heard) = (Listener::new(), String::new());
        let (begun, mut timestamp, mut at) = (std::time::Instant::now(), 0, 0);
        for n in 0..100 {
            timestamp += HZ / 50;
            let Some(packet) = dialling.step(HZ) else {
                continue;
            };
            if packet.marker {
                at = timestamp;
            }
            let payload = packet.event.write();
            let key = listener.hear(begun + EVERY * n, at + packet.timestamp_offset, &payload);
            heard.extend(key.map(Key::character));
        }
        assert_eq!(heard, "00*9#A");
    }

    #[test]
    fn what_is_no_key_is_refused_and_none_is_shown() {
        for text in ["", "12x", "1 2", "+1", &"1".repeat(65)] {
            assert_eq!(text.parse::<Keys>(), Err(NoKeys), "{text:?}");
        }
        assert_eq!(format!("{:?}", "47,11".parse::<Keys>().unwrap()), "Keys(5)");
    }
}
