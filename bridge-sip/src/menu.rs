//! What a caller can do by keys: pure, of the keys and the time.
//!
//! `*` opens a menu for one more key: `1` is silent towards the channel or not, `2` goes to the
//! next channel, `3` back to the first, `0` hangs up. Digits that end by `#` are a PIN, where there
//! is one. What is pressed is never shown: it may be that PIN.

use std::fmt;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use crate::dtmf::Key;
pub use guesses::Guesses;

mod guesses;

/// After so long without a key the next one begins anew: the menu is closed, digits are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(8);

/// So many wrong PINs, and no more are looked at in this call. Who calls again and again is held up
/// by [`Guesses`], which all calls share.
const MOST_WRONG: u32 = 3;

/// The longest PIN; what is longer is wrong.
const LONGEST_PIN: usize = 16;

/// What a key leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nothing yet: it was heard.
    Heard,
    /// Nothing: it means nothing here.
    Nothing,
    /// The menu is open.
    Opened,
    /// Not to be heard in the channel, or again.
    Mute,
    /// To the next channel.
    NextChannel,
    /// To the first channel.
    FirstChannel,
    /// The call is over.
    HangUp,
    /// It was the PIN.
    Verified,
    /// It was not the PIN.
    Wrong,
}

/// The keys of one call.
pub struct Menu {
    pin: Option<SecretString>,
    open: bool,
    digits: String,
    wrong: u32,
    last: Option<Instant>,
}

/// What was pressed is a secret.
impl fmt::Debug for Menu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Menu").finish_non_exhaustive()
    }
}

impl Menu {
    /// A call whose callers may know `pin`.
    pub fn new(pin: Option<SecretString>) -> Self {
        Self {
            pin,
            open: false,
            digits: String::new(),
            wrong: 0,
            last: None,
        }
    }

    /// A key was pressed; `guesses` are those of all calls.
    pub fn press(&mut self, now: Instant, key: Key, guesses: &mut Guesses) -> Choice {
        let late = |last| now.saturating_duration_since(last) > FORGET_AFTER;
        if self.last.is_some_and(late) {
            self.open = false;
            self.digits.clear();
        }
        self.last = Some(now);
        let was_open = std::mem::take(&mut self.open);
        match (was_open, key.character()) {
            (_, '*') => {
                self.open = true;
                self.digits.clear();
                Choice::Opened
            }
            (true, '1') => Choice::Mute,
            (true, '2') => Choice::NextChannel,
            (true, '3') => Choice::FirstChannel,
            (true, '0') => Choice::HangUp,
            (true, _) => Choice::Nothing,
            (false, '#') => self.judge(now, guesses),
            (false, digit) if digit.is_ascii_digit() && self.listens() => {
                // One more than the longest is kept, so that it is known to be too long.
                if self.digits.len() <= LONGEST_PIN {
                    self.digits.push(digit);
                }
                Choice::Heard
            }
            (false, _) => Choice::Nothing,
        }
    }

    fn listens(&self) -> bool {
        self.pin.is_some() && self.wrong < MOST_WRONG
    }

    fn judge(&mut self, now: Instant, guesses: &mut Guesses) -> Choice {
        let digits = std::mem::take(&mut self.digits);
        let Some(pin) = self.pin.as_ref().filter(|_| self.wrong < MOST_WRONG) else {
            return Choice::Nothing;
        };
        // What is not looked at tells nobody whether it was right.
        if digits.is_empty() || !guesses.are_taken(now) {
            return Choice::Nothing;
        }
        let right = digits.as_bytes().ct_eq(pin.expose_secret().as_bytes());
        if bool::from(right) {
            self.wrong = 0;
            Choice::Verified
        } else {
            self.wrong += 1;
            guesses.wrong(now);
            Choice::Wrong
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn menu() -> Menu {
        Menu::new(Some("4711".to_owned().into()))
    }

    fn press(menu: &mut Menu, now: Instant, keys: &str) -> Choice {
        press_beside(&mut Guesses::default(), menu, now, keys)
    }

    fn press_beside(guesses: &mut Guesses, menu: &mut Menu, now: Instant, keys: &str) -> Choice {
        let choices = keys.chars().map(|key| Key::of(key).unwrap());
        choices
            .map(|key| menu.press(now, key, guesses))
            .last()
            .unwrap()
    }

    #[test]
    fn a_star_opens_the_menu_for_one_key() {
        let (mut menu, now) = (menu(), Instant::now());
        for (keys, choice) in [
            ("*", Choice::Opened),
            ("1", Choice::Mute),
            ("*2", Choice::NextChannel),
            ("*3", Choice::FirstChannel),
            ("*9", Choice::Nothing),
            ("1", Choice::Heard),
            ("**0", Choice::HangUp),
            ("A", Choice::Nothing),
        ] {
            assert_eq!(press(&mut menu, now, keys), choice, "{keys}");
        }
    }

    #[test]
    fn the_pin_is_its_digits_and_a_hash() {
        let (mut menu, now) = (menu(), Instant::now());
        assert_eq!(press(&mut menu, now, "4711#"), Choice::Verified);
        assert_eq!(press(&mut menu, now, "#"), Choice::Nothing);
        assert_eq!(press(&mut menu, now, "47110#"), Choice::Wrong);
        assert_eq!(press(&mut menu, now, "47*14711#"), Choice::Verified);
    }

    #[test]
    fn after_three_wrong_ones_the_right_one_is_not_heard_either() {
        let (mut menu, now) = (menu(), Instant::now());
        for _ in 0..3 {
            assert_eq!(press(&mut menu, now, "1234#"), Choice::Wrong);
        }
        assert_eq!(press(&mut menu, now, "4711#"), Choice::Nothing);
        assert_eq!(press(&mut menu, now, "*0"), Choice::HangUp);
    }

    #[test]
    fn who_calls_again_and_again_is_held_up_and_the_pin_is_taken_soon_after() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        let mut wrong = 0;
        for _ in 0..100 {
            let mut call = menu();
            let tries = ["1111#", "2222#", "3333#"]
                .map(|keys| press_beside(&mut guesses, &mut call, now, keys));
            wrong += tries.iter().filter(|it| **it == Choice::Wrong).count();
        }
        assert!(wrong < 12, "{wrong} were looked at");
        let right = press_beside(&mut guesses, &mut menu(), now, "4711#");
        assert_eq!(right, Choice::Nothing);
        // What was not looked at is not counted in the call either.
        let (mut call, later) = (menu(), now + Duration::from_secs(5));
        for _ in 0..5 {
            let early = press_beside(&mut guesses, &mut call, now, "4711#");
            assert_eq!(early, Choice::Nothing);
        }
        let right = press_beside(&mut guesses, &mut call, later, "4711#");
        assert_eq!(right, Choice::Verified);
    }

    #[test]
    fn where_there_is_no_pin_digits_mean_nothing() {
        let now = Instant::now();
        assert_eq!(press(&mut Menu::new(None), now, "1"), Choice::Nothing);
        assert_eq!(press(&mut Menu::new(None), now, "1#"), Choice::Nothing);
    }

    #[test]
    fn what_was_begun_is_forgotten_in_time() {
        let (mut menu, now) = (menu(), Instant::now());
        press(&mut menu, now, "*");
        let later = now + FORGET_AFTER + Duration::from_millis(1);
        assert_eq!(press(&mut menu, later, "0"), Choice::Heard);
        let later = later + FORGET_AFTER + Duration::from_millis(1);
        assert_eq!(press(&mut menu, later, "4711#"), Choice::Verified);
    }

    proptest! {
        #[test]
        fn no_other_digits_are_the_pin(keys in "[0-9]{1,30}") {
            let choice = press(&mut menu(), Instant::now(), &format!("{keys}#"));
            prop_assert_eq!(choice == Choice::Verified, keys == "4711");
        }

        #[test]
        fn nothing_that_is_pressed_is_shown(keys in "[0-9]{4,12}") {
            let mut menu = menu();
            press(&mut menu, Instant::now(), &keys);
            let shown = format!("{menu:?}");
            prop_assert!(!shown.contains(&keys));
        }
    }
}
