//! The numbers under which a server knows the targets of whispers and shouts.
//!
//! A number means nothing until the server has read its registration, which goes by TCP while
//! the voice goes by UDP and may overtake it. So the voice waits until a ping sent behind the
//! registration has come back, but not for long: a clipped beginning is better than silence.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::Session;
use crate::control::Control;
use crate::datagram::NOBODY;
use crate::proto::control::VoiceTarget;
use crate::target::Target;

/// Numbers that get a meaning. A client may give one to 1 to 30; the last of them is kept free.
const NUMBERS: std::ops::Range<u8> = 1..NOBODY;

/// Normal speech.
const NORMAL: u8 = 0;

/// Back to the speaker.
const LOOPBACK: u8 = 31;

/// How long a voice waits for the answer to its target's registration.
const MOST_WAIT: Duration = Duration::from_millis(500);

/// The targets of one connection, the one used last behind the others.
#[derive(Debug, Default)]
pub(super) struct Targets {
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    target: Arc<Target>,
    number: u8,
    told: Told,
}

/// Whether the server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// It was told at this time of the connection's clock.
    At(Duration),
    /// It has answered.
    Heard,
}

impl Targets {
    /// The target's number, and what the server must be told first, if anything. Where all
    /// numbers are taken, the one that was not used for longest gets the new meaning.
    fn number(&mut self, now: Duration, target: &Arc<Target>) -> (u8, Option<VoiceTarget>) {
        match **target {
            Target::Normal => return (NORMAL, None),
            Target::Loopback => return (LOOPBACK, None),
            Target::Users(_) | Target::Channel { .. } => {}
        }
        if let Some(at) = self.known.iter().position(|known| known.target == *target) {
            let known = self.known.remove(at);
            let number = known.number;
            self.known.push(known);
            return (number, None);
        }
        let fresh = NUMBERS.start + self.known.len() as u8;
        let number = if NUMBERS.contains(&fresh) {
            fresh
        } else {
            self.known.remove(0).number
        };
        self.known.push(Known {
            target: Arc::clone(target),
            number,
            told: Told::At(now),
        });
        (number, target.registration(number))
    }

    /// A ping came back that was sent at this time: what the server was told before it, it
    /// knows.
    pub(super) fn answered(&mut self, sent: Duration) {
        for known in &mut self.known {
            if matches!(known.told, Told::At(told) if told <= sent) {
                known.told = Told::Heard;
            }
        }
    }

    /// Until when a voice to this target has to wait; none when it need not.
    fn wait(&self, target: &Arc<Target>) -> Option<Duration> {
        let known = self.known.iter().find(|known| known.target == *target)?;
        match known.told {
            Told::At(told) => Some(told + MOST_WAIT),
            Told::Heard => None,
        }
    }
}

impl Session {
    /// Tells the server the targets of all utterances that wait, so that it knows them by the
    /// time the first sound is there.
    pub(super) fn register_targets(&mut self, now: Instant) {
        let mut told = false;
        let clock = self.clock(now);
        for target in self.queue.targets() {
            if let (_, Some(registration)) = self.targets.number(clock, &target) {
                self.send(Control::VoiceTarget(registration));
                told = true;
            }
        }
        if told {
            self.send_ping(now);
        }
    }

    /// Until when the voice has to wait for the server to know whom the utterance in front is
    /// for, if it has to.
    pub(super) fn voice_waits(&self) -> Option<Instant> {
        let waits = self.targets.wait(&self.queue.front_target()?)?;
        Some(self.begun + waits)
    }

    /// The number that a packet for this target carries.
    pub(super) fn target_number(&mut self, now: Instant, target: &Arc<Target>) -> u8 {
        let (number, registration) = self.targets.number(self.clock(now), target);
        debug_assert!(registration.is_none(), "all that wait have been registered");
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SessionId;

    fn user(number: u32) -> Arc<Target> {
        Arc::new(Target::Users(vec![SessionId(number)]))
    }

    #[test]
    fn normal_speech_and_the_loopback_need_no_registration() {
        let mut targets = Targets::default();
        let number = |target| targets.number(Duration::ZERO, &Arc::new(target));
        let numbers: Vec<_> = [Target::Normal, Target::Loopback]
            .into_iter()
            .map(number)
            .collect();
        assert_eq!(numbers, [(0, None), (31, None)]);
    }

    #[test]
    fn a_target_is_told_once_and_keeps_its_number() {
        let mut targets = Targets::default();
        let (number, told) = targets.number(Duration::ZERO, &user(7));
        let told = told.expect("the server does not know it");
        assert_eq!((number, told.id), (1, Some(1)));
        assert_eq!(told.targets[0].session, [7]);
        assert_eq!(targets.number(Duration::ZERO, &user(7)), (1, None));
        assert_eq!(targets.number(Duration::ZERO, &user(8)).0, 2);
    }

    #[test]
    fn the_number_used_longest_ago_gets_a_new_meaning() {
        let mut targets = Targets::default();
        for person in 1..30 {
            let (number, _) = targets.number(Duration::ZERO, &user(person));
            assert_eq!(u32::from(number), person);
        }
        targets.number(Duration::ZERO, &user(1));
        let (number, told) = targets.number(Duration::ZERO, &user(99));
        assert_eq!((number, told.is_some()), (2, true));
        assert_eq!(targets.number(Duration::ZERO, &user(1)), (1, None));
        assert!(targets.number(Duration::ZERO, &user(2)).1.is_some());
    }

    #[test]
    fn only_a_ping_behind_the_registration_shows_that_it_was_read() {
        let mut targets = Targets::default();
        let told = Duration::from_millis(40);
        targets.number(told, &user(7));
        assert_eq!(targets.wait(&user(7)), Some(told + MOST_WAIT));
        targets.answered(Duration::from_millis(39));
        assert_eq!(targets.wait(&user(7)), Some(told + MOST_WAIT));
        targets.answered(told);
        assert_eq!(targets.wait(&user(7)), None);
        assert_eq!(targets.wait(&user(8)), None);
    }
}
