//! The Mumble user that a call is: asked for, there, lost, and what others are told of it.

use std::time::{Duration, Instant};

use futures::FutureExt as _;
use mumble::{JoinError, RosterChange};

use super::{Call, Progress};
use crate::board;
use crate::caller;
use crate::line::{Line, Want};
use crate::phone::Invitation;
use crate::sound::Sound;
use crate::voices::Voices;

/// A call this long is told of in the comment of a shared line.
const TOLD_AFTER: Duration = Duration::from_secs(2);

impl Call {
    /// The Mumble user's name, as the telephone shows it.
    pub(super) fn name(&self) -> String {
        let Invitation {
            display, number, ..
        } = &self.invitation;
        caller::name(display.as_deref(), number.as_deref())
    }

    /// Where the call goes to, by what was dialled.
    pub(super) fn channel(&self) -> Option<String> {
        let dialled = self.invitation.dialled.as_deref();
        let channels = self.house.channels.iter();
        let mut of_it = channels.filter(|(number, _)| Some(number.as_str()) == dialled);
        let of_it = of_it.next().map(|(_, channel)| channel);
        of_it.or(self.house.channel.as_ref()).cloned()
    }

    pub(super) fn ask_for_a_line(&mut self) {
        let want = Want {
            name: self.name(),
            not: self.taken.clone(),
            rate: self.sound.as_ref().map_or(audio::SPEECH_HZ, Sound::say_hz),
            channel: self.channel(),
        };
        self.line = None;
        self.told = false;
        // Another line does not know where the caller went by keys.
        self.keys.channel = 0;
        self.seat = Some(self.house.lines.clone().get(want).boxed());
    }

    /// There is a line.
    pub(super) fn seated(&mut self, line: Line) {
        self.voices = Voices::new(line.rate);
        let is_there = line.is_there();
        self.line = Some(line);
        if is_there {
            self.joined();
        }
    }

    /// The caller is in the channel.
    pub(super) fn joined(&mut self) {
        self.seen.joined(Instant::now());
        if !self.answered && !self.ours {
            self.answer();
        }
        self.progress = Progress::Talking;
        if let Some(line) = &mut self.line {
            line.arrived();
            if self.house.channel_per_call {
                line.go_apart(&self.keys.apart);
            }
        }
    }

    /// Tells others in the channel who calls.
    pub(super) fn tell(&mut self) {
        let Some(line) = &mut self.line else {
            return;
        };
        // Many calls share a shared line in a short time; a server takes a message each second.
        let late = line.is_shared() && self.begun.elapsed() < TOLD_AFTER;
        if self.told || late || self.progress != Progress::Talking {
            return;
        }
        self.told = true;
        let shared = line.is_shared();
        let name = self.name();
        let of = if shared {
            format!(" of {name}")
        } else {
            String::new()
        };
        let verified = if self.keys.verified {
            "verified by PIN"
        } else {
            "not verified"
        };
        let comment = format!("A telephone call{of}; the caller is {verified}.");
        if let Some(line) = &mut self.line {
            line.tell(comment);
        }
    }

    /// Something happened in the channel.
    pub(super) fn happened(&mut self, event: mumble::Event) {
        match event {
            mumble::Event::Joined { .. } => self.joined(),
            mumble::Event::Lost { error, .. } => self.lost(&error),
            mumble::Event::Heard(heard) => {
                self.voices
                    .heard(heard.speaker, heard.pcm.samples(), heard.last);
            }
            mumble::Event::Roster(RosterChange::UserLeft { session }) => {
                self.voices.forget(session);
            }
            _ => {}
        }
    }

    pub(super) fn lost(&mut self, error: &JoinError) {
        self.voices.clear();
        self.mouth.speech = None;
        match self.progress {
            Progress::Joining => {}
            Progress::Talking => self.progress = Progress::Away(Instant::now()),
            Progress::Away(_) => {}
        }
        let another = match error {
            // Somebody from elsewhere has this name: the next one, and at once.
            JoinError::NameInUse { .. } => true,
            // The server has rules for names, or this one is registered with a password.
            JoinError::InvalidName { .. } | JoinError::WrongPassword { .. } => self.shows_less(),
            _ => false,
        };
        if another {
            let name = self.line.as_ref().map(|line| line.name().to_owned());
            self.taken.extend(name);
            self.ask_for_a_line();
        } else {
            self.seen.away(Instant::now(), board::trouble(error));
        }
    }

    /// Calls the caller by less of what the telephone shows, because the server does not take the
    /// name; whether there is such a name. A shared line's name is not the caller's.
    fn shows_less(&mut self) -> bool {
        if self.line.as_ref().is_none_or(Line::is_shared) {
            return false;
        }
        let Invitation {
            display, number, ..
        } = &mut self.invitation;
        caller::plainer(display, number)
    }
}
