//! The channel to be in: the configured one at first, the last one after a reconnect.

use std::{collections::VecDeque, time::Instant};

use super::{Output, Phase, Session};
use crate::control::Control;
use crate::denied::Denied;
use crate::error::{JoinError, KNOWN_CHANNELS};
use crate::event::{ChannelId, Event};
use crate::proto::control as proto;

/// Where to go after the login.
#[derive(Debug)]
pub(super) struct Goals {
    /// Paths of channels, the best one first; each is taken out when it is tried.
    left: VecDeque<String>,
    best: Option<String>,
    coming: Coming,
    missed: Option<Missed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coming {
    /// For the first time: a channel that is not there is a mistake that somebody has to see.
    First,
    /// Back after a break: the channel may have gone meanwhile, and being there matters more.
    Back,
}

/// The best goal, when none could be reached.
#[derive(Clone, Debug)]
struct Missed {
    path: String,
    /// Where the server put the user instead.
    instead: ChannelId,
}

impl Goals {
    /// Those of a first connection.
    pub(super) fn first(configured: Option<&str>) -> Self {
        Self {
            left: configured.map(str::to_owned).into_iter().collect(),
            best: configured.map(str::to_owned),
            coming: Coming::First,
            missed: None,
        }
    }
}

impl Session {
    /// Returns to the channel of an earlier connection after the login; to the configured one
    /// if that is gone.
    pub(crate) fn return_to(&mut self, path: &str) {
        self.goals.coming = Coming::Back;
        self.goals.left.retain(|configured| configured != path);
        self.goals.left.push_front(path.to_owned());
        self.goals.best = Some(path.to_owned());
    }

    /// The path of the channel that a later connection should return to; none before the login
    /// is complete.
    pub(crate) fn place(&self) -> Option<String> {
        let channel = self.roster.me().filter(|_| self.is_joined())?.channel;
        match &self.goals.missed {
            Some(missed) => Some(missed.path.clone()),
            None => self.roster.path(channel),
        }
    }

    /// The server does not let the user into the channel that it is on the way to.
    pub(super) fn kept_out(&mut self, now: Instant, denied: Denied) -> Result<(), JoinError> {
        let path = self.goals.left.pop_front().unwrap_or_default();
        if self.goals.coming == Coming::First {
            return Err(JoinError::ChannelRefused { path, denied });
        }
        self.enter(now)
    }

    /// Goes to the best channel that is there and has not been tried.
    pub(super) fn enter(&mut self, now: Instant) -> Result<(), JoinError> {
        while let Some(path) = self.goals.left.front() {
            match self.roster.find_channel(path).map(|channel| channel.id) {
                Some(target) => {
                    self.phase = Phase::Entering(target);
                    self.settle_in();
                    if self.phase != Phase::Joined {
                        self.move_to(now, target);
                    }
                    return Ok(());
                }
                None if self.goals.coming == Coming::First => {
                    return Err(JoinError::UnknownChannel {
                        path: path.clone(),
                        known: self.known_channels(),
                    });
                }
                None => {
                    self.goals.left.pop_front();
                }
            }
        }
        self.joined();
        if let (Some(path), Some(me)) = (self.goals.best.clone(), self.roster.me()) {
            let (wanted, instead) = (path.clone(), me.channel);
            self.goals.missed = Some(Missed { path, instead });
            self.output
                .push_back(Output::Event(Event::Astray { wanted }));
        }
        Ok(())
    }

    /// Notices where the user is: on the way it may have arrived, and whoever goes or is taken
    /// elsewhere does not wait for another channel any more.
    pub(super) fn settle_in(&mut self) {
        let Some(channel) = self.roster.me().map(|me| me.channel) else {
            return;
        };
        if self.phase == Phase::Entering(channel) {
            self.joined();
        }
        if self
            .goals
            .missed
            .as_ref()
            .is_some_and(|missed| missed.instead != channel)
        {
            self.goals.missed = None;
        }
    }

    /// Goes to the channel that it could not return to, when a change of the channels may have
    /// brought it back. It is tried once; a refusal is told like any other.
    pub(super) fn go_home(&mut self, now: Instant) {
        let missed = self.goals.missed.as_ref().map(|missed| &*missed.path);
        let home = missed.and_then(|path| self.roster.find_channel(path));
        if let Some(home) = home.map(|channel| channel.id) {
            self.goals.missed = None;
            self.move_to(now, home);
        }
    }

    fn move_to(&mut self, now: Instant, channel: ChannelId) {
        let session = self.roster.me().map(|me| me.session.0);
        self.pace.take(now);
        self.send(Control::UserState(proto::UserState {
            session,
            channel_id: Some(channel.0),
            ..proto::UserState::default()
        }));
    }

    fn known_channels(&self) -> Vec<String> {
        self.roster
            .channels()
            .filter_map(|channel| self.roster.path(channel.id))
            .take(KNOWN_CHANNELS)
            .collect()
    }
}

#[cfg(test)]
mod tests;
