//! The book of turns: each one that began, the state it is in, and the one way in which it ended.
//! Pure; `now` is passed in.
//!
//! ```text
//!           ┌────────────────── Standing ◀─────────────┐
//!           ▼                                          │
//! Recognising ─▶ Waiting ─▶ Thinking ─▶ Speaking       │ broken off before a sound
//!           │                  ├──────────┴────────────┘
//!           └──── late ─────▶ Excusing
//! ```
//!
//! A typed turn goes from `Queued` to `Writing`. Every state has a bound. A turn that overstays
//! it is struck: if something can still be said about it the person is told, within a last bound;
//! else it ends there. So no turn stays open, whatever the rest of the house forgets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use mumble::SessionId;

use crate::manner::Manner;

mod bounds;
mod outcome;

pub(crate) use bounds::Bounds;
pub(crate) use outcome::Outcome;

/// One turn, from its beginning to its end. Never given out twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TurnId(u64);

/// Gives each turn its number. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers(Arc<AtomicU64>);

impl Numbers {
    /// The next turn's.
    pub(crate) fn next(&self) -> TurnId {
        TurnId(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// Where a turn is on its way. Each state has its bound in [`Bounds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// It is being written down.
    Recognising,
    /// It waits for the floor.
    Waiting,
    /// Its answer is being made; nothing of it sounds yet.
    Thinking,
    /// Its answer sounds.
    Speaking,
    /// Its answer was broken off before a sound: it stands until its speaker has said what they
    /// had to say.
    Standing,
    /// It is typed, and waits behind other typed questions.
    Queued,
    /// Its typed answer is being made.
    Writing,
    /// It came to nothing, and the person is being told.
    Excusing,
}

/// Whose turn it is, and how they took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct About {
    /// Who spoke or wrote.
    pub(crate) speaker: SessionId,
    /// How it came.
    pub(crate) way: Way,
    /// Whether others were to hear or read it.
    pub(crate) manner: Manner,
    /// When they began.
    pub(crate) began: Instant,
    /// When they were done: the talk key's release arrived, or else the last voice.
    pub(crate) over: Instant,
}

impl About {
    /// What takes no time of its own: a text, or what the assistant says of its own accord.
    pub(crate) fn at_once(now: Instant, speaker: SessionId, way: Way, manner: Manner) -> Self {
        Self {
            speaker,
            way,
            manner,
            began: now,
            over: now,
        }
    }
}

/// How a turn came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By voice.
    Spoken,
    /// As a text.
    Typed,
}

/// Every turn that has not ended yet.
#[derive(Debug)]
pub(crate) struct Turns {
    open: BTreeMap<TurnId, Open>,
    bounds: Bounds,
}

#[derive(Debug)]
struct Open {
    about: About,
    state: State,
    /// When the watchdog strikes.
    until: Instant,
    fault: Option<Fault>,
}

/// Something of ours went wrong in this turn: that is how it ends, whatever is still said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A part of the program panicked.
    Broken,
    /// It overstayed this state.
    Stuck(State),
}

/// A turn that has overstayed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Struck {
    /// Which.
    pub(crate) turn: TurnId,
    /// Where it hangs.
    pub(crate) state: State,
    /// Whose it is.
    pub(crate) about: About,
    /// What is left to do.
    pub(crate) left: Left,
}

/// What is left to do about a turn that hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// To tell the person. The turn is still open, with the bound of [`State::Excusing`].
    Excuse,
    /// Nothing: it has ended so.
    Ended(Outcome),
}

impl Turns {
    /// An empty book.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            open: BTreeMap::new(),
            bounds,
        }
    }

    /// Other bounds, for states that are entered from now on.
    pub(crate) fn tune(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// A turn begins, in this state.
    pub(crate) fn begin(&mut self, now: Instant, turn: TurnId, about: About, state: State) {
        let open = Open {
            about,
            state,
            until: now + self.bounds.of(state),
            fault: None,
        };
        self.open.insert(turn, open);
    }

    /// A turn goes on to another state. One that has gone wrong keeps the bound it was given
    /// then, so that it cannot go from state to state for ever.
    pub(crate) fn enter(&mut self, now: Instant, turn: TurnId, state: State) {
        let until = now + self.bounds.of(state);
        if let Some(open) = self.open.get_mut(&turn) {
            if open.fault.is_none() && open.state != state {
                open.until = until;
            }
            open.state = state;
        }
    }

    /// Something of ours went wrong in it; the person may still be told, within the bound of
    /// [`State::Excusing`]. The first fault counts.
    pub(crate) fn fail(&mut self, now: Instant, turn: TurnId, fault: Fault) {
        let until = now + self.bounds.of(State::Excusing);
        if let Some(open) = self.open.get_mut(&turn)
            && open.fault.is_none()
        {
            open.fault = Some(fault);
            open.until = until;
        }
    }

    /// A turn ends. Gives whose it was and the outcome that counts: its fault's, when it had one.
    /// `None` when it had ended before.
    pub(crate) fn end(&mut self, turn: TurnId, outcome: Outcome) -> Option<(About, Outcome)> {
        let open = self.open.remove(&turn)?;
        Some((open.about, open.fault.map_or(outcome, Outcome::from)))
    }

    /// Where it is; `None` when it has ended.
    pub(crate) fn state(&self, turn: TurnId) -> Option<State> {
        self.open.get(&turn).map(|open| open.state)
    }

    /// What went wrong in it.
    pub(crate) fn fault(&self, turn: TurnId) -> Option<Fault> {
        self.open.get(&turn)?.fault
    }

    /// The turns of this speaker that are in this state, oldest first.
    pub(crate) fn of(&self, speaker: SessionId, state: State) -> Vec<TurnId> {
        self.find(|open| open.about.speaker == speaker && open.state == state)
    }

    /// All open turns, oldest first.
    pub(crate) fn all(&self) -> Vec<TurnId> {
        self.find(|_| true)
    }

    /// When the next turn overstays its state.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.open.values().map(|open| open.until).min()
    }

    /// Strikes every turn that has overstayed its state.
    pub(crate) fn strike(&mut self, now: Instant) -> Vec<Struck> {
        let mut struck = Vec::new();
        for turn in self.find(|open| open.until <= now) {
            let Some(&Open {
                about,
                state,
                fault,
                ..
            }) = self.open.get(&turn)
            else {
                continue;
            };
            let left = if fault.is_none() && state.can_be_excused() {
                self.fail(now, turn, Fault::Stuck(state));
                Left::Excuse
            } else {
                let outcome = self.end(turn, Outcome::Stuck(state));
                Left::Ended(outcome.map_or(Outcome::Stuck(state), |(_, outcome)| outcome))
            };
            struck.push(Struck {
                turn,
                state,
                about,
                left,
            });
        }
        struck
    }

    fn find(&self, which: impl Fn(&Open) -> bool) -> Vec<TurnId> {
        let found = self.open.iter().filter(|(_, open)| which(open));
        found.map(|(&turn, _)| turn).collect()
    }
}

impl State {
    /// Whether the person who waits can still be told that it came to nothing. Who waits in a
    /// queue, or hears an answer already, is told nothing more.
    fn can_be_excused(self) -> bool {
        matches!(
            self,
            Self::Recognising | Self::Thinking | Self::Queued | Self::Writing
        )
    }
}

#[cfg(test)]
mod tests;
