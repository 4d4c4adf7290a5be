//! Sessions: what is being talked about now, in each place. Rules without a clock and without I/O.
//!
//! A session is idle after some time without a turn. For a while longer it is taken up again as
//! if nothing had been; then it is over, and the next turn begins a new one. All turns of a place
//! are one session, but everybody is shown only what they said or witnessed, and before others
//! nothing that was said in private.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use crate::person::{Asker, Place, Who};
use crate::store::Forget;
use crate::turn::{Audience, Id, Turn};

/// Places with a session at once. More than a server has channels in use; beyond it the place
/// that was silent longest is dropped here and comes back from the store.
pub const MOST_PLACES: usize = 1_000;

/// Turns of one session that are held. Prompts take far fewer; the oldest go first and stay in
/// the store.
pub const MOST_TURNS: usize = 50;

/// One turn of the present session, as somebody may see it.
#[derive(Clone, PartialEq, Eq)]
pub struct Said {
    /// Which turn.
    pub turn: Id,
    /// Who spoke.
    pub who: Who,
    /// What they were called then.
    pub name: String,
    /// What they said.
    pub said: String,
    /// What they heard of the answer; empty when there was none.
    pub heard: String,
    /// When.
    pub at: Timestamp,
}

/// Whether a place has a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has looked yet: after a start there may be one in the cache or the store.
    Unknown,
    /// There is talk.
    Active,
    /// There was talk, and it can be taken up again.
    Idle,
    /// The last talk is over, or there never was any.
    Over,
}

/// Where a turn is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In this process, in the cache and in the store.
    Everywhere,
    /// In this process alone: a visitor's, or one off the record.
    Here,
}

/// The sessions of this process.
#[derive(Debug)]
pub struct Sessions {
    idle_after: Duration,
    again_within: Duration,
    places: HashMap<Place, Session>,
}

/// Turns in the order in which they were finished. One without turns was looked for in vain.
#[derive(Debug, Default)]
struct Session {
    turns: VecDeque<Turn>,
    /// Which of them are kept nowhere else.
    here_alone: HashSet<Id>,
    /// Whether the cache and the store were asked what there was before this process.
    looked: Looked,
    /// For which place goes first when there are too many.
    touched: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Looked {
    #[default]
    Never,
    Done,
}

impl Sessions {
    /// No session yet. They are idle after `idle_after` and over `again_within` later.
    #[must_use]
    pub fn new(idle_after: Duration, again_within: Duration) -> Self {
        Self {
            idle_after,
            again_within,
            places: HashMap::new(),
        }
    }

    /// How long a session lives without a turn.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.idle_after.saturating_add(self.again_within)
    }

    /// How it is with the talk of a place.
    #[must_use]
    pub fn state(&self, place: &Place, now: Timestamp) -> State {
        let Some(session) = self.places.get(place) else {
            return State::Unknown;
        };
        match session.silence(now) {
            Some(silence) if silence <= self.idle_after => State::Active,
            Some(silence) if silence <= self.lifetime() => State::Idle,
            // What began here without a look at what was before may yet continue that.
            _ if session.looked == Looked::Never => State::Unknown,
            _ => State::Over,
        }
    }

    /// Whether what was before this process is still to be looked for.
    #[must_use]
    pub fn wants_look(&self, place: &Place) -> bool {
        self.places
            .get(place)
            .is_none_or(|session| session.looked == Looked::Never)
    }

    /// Takes a turn into the session of its place, or begins a new one. A turn that is there
    /// already is replaced: more of it was heard.
    pub fn add(&mut self, turn: Turn) {
        let lifetime = self.lifetime();
        let at = turn.at;
        let session = self.places.entry(turn.place.clone()).or_default();
        if session
            .silence(at)
            .is_some_and(|silence| silence > lifetime)
        {
            session.turns.clear();
        }
        session.put(turn);
        session.touched = session.touched.max(Some(at));
        self.bound();
    }

    /// The same for a turn that may be kept here alone.
    pub fn take(&mut self, turn: Turn, kept: Kept) {
        let (place, id) = (turn.place.clone(), turn.id);
        self.add(turn);
        if let Some(session) = self.places.get_mut(&place).filter(|_| kept == Kept::Here) {
            session.here_alone.insert(id);
            let turns = &session.turns;
            session
                .here_alone
                .retain(|id| turns.iter().any(|turn| turn.id == *id));
        }
    }

    /// What was before this process: turns of the place from the cache or the store. Those that
    /// are too old to be one session with what follows are left out.
    pub fn restore(&mut self, place: &Place, turns: Vec<Turn>, now: Timestamp) {
        let lifetime = self.lifetime();
        let session = self.places.entry(place.clone()).or_default();
        session.looked = Looked::Done;
        session.touched = session.touched.max(Some(now));
        for turn in turns {
            // A turn of this process is newer than its copy in a store.
            if turn.place == *place && session.turns.iter().all(|known| known.id != turn.id) {
                session.put(turn);
            }
        }
        session.cut(lifetime, now);
        self.bound();
    }

    /// The last turns of the present session as the asker may see them, oldest first.
    #[must_use]
    pub fn talk(
        &self,
        asker: &Asker,
        private_too: bool,
        now: Timestamp,
        limit: usize,
    ) -> Vec<Said> {
        let mut talk: Vec<Said> = self
            .present(&asker.place, now)
            .rev()
            .filter(|turn| may_see(turn, asker, private_too))
            .take(limit)
            .map(Said::of)
            .collect();
        talk.reverse();
        talk
    }

    /// The turns of a place's session that may lie in a cache, oldest first: none of visitors, and
    /// none off the record.
    #[must_use]
    pub fn lasting(&self, place: &Place, now: Timestamp) -> Vec<Turn> {
        let here_alone = self.places.get(place).map(|session| &session.here_alone);
        let kept = |turn: &&Turn| here_alone.is_none_or(|here| !here.contains(&turn.id));
        self.present(place, now)
            .filter(|turn| turn.who.person().is_some())
            .filter(kept)
            .cloned()
            .map(|mut turn| {
                turn.witnesses.retain(|witness| witness.person().is_some());
                turn
            })
            .collect()
    }

    /// Drops what is to be forgotten. Gives the places whose session changed.
    pub fn forget(&mut self, what: &Forget) -> Vec<Place> {
        let mut changed = Vec::new();
        for (place, session) in &mut self.places {
            let before = session.turns.len();
            session.turns.retain(|turn| !is_meant(what, turn));
            if session.turns.len() != before {
                changed.push(place.clone());
            }
        }
        changed
    }

    /// Somebody has left: nothing of a visitor's stays.
    pub fn leave(&mut self, who: &Who) {
        if who.person().is_some() {
            return;
        }
        self.places.remove(&Place::Private(who.clone()));
        for session in self.places.values_mut() {
            session.turns.retain(|turn| turn.who != *who);
            for turn in &mut session.turns {
                turn.witnesses.retain(|witness| witness != who);
            }
        }
    }

    fn present(
        &self,
        place: &Place,
        now: Timestamp,
    ) -> impl DoubleEndedIterator<Item = &Turn> + use<'_> {
        let lifetime = self.lifetime();
        self.places
            .get(place)
            .filter(|session| session.silence(now).is_some_and(|time| time <= lifetime))
            .into_iter()
            .flat_map(|session| &session.turns)
    }

    fn bound(&mut self) {
        if self.places.len() <= MOST_PLACES {
            return;
        }
        let silent = self
            .places
            .iter()
            .min_by_key(|(_, session)| session.touched);
        if let Some(place) = silent.map(|(place, _)| place.clone()) {
            self.places.remove(&place);
        }
    }
}

impl Session {
    /// Since when nobody has said anything; none when nobody ever did. A clock that was set back
    /// is no silence.
    fn silence(&self, now: Timestamp) -> Option<Duration> {
        self.turns
            .back()
            .map(|turn| Duration::try_from(now.duration_since(turn.at)).unwrap_or_default())
    }

    fn put(&mut self, turn: Turn) {
        self.turns.retain(|known| known.id != turn.id);
        let place = self.turns.partition_point(|known| known.at <= turn.at);
        self.turns.insert(place, turn);
        if self.turns.len() > MOST_TURNS {
            self.turns.pop_front();
        }
    }

    /// Drops what lies before a silence in which a session ends.
    fn cut(&mut self, lifetime: Duration, now: Timestamp) {
        let mut next = now;
        let mut keep = 0;
        for turn in self.turns.iter().rev() {
            let silence = Duration::try_from(next.duration_since(turn.at)).unwrap_or_default();
            if silence > lifetime {
                break;
            }
            keep += 1;
            next = turn.at;
        }
        self.turns.drain(..self.turns.len() - keep);
    }
}

impl Said {
    fn of(turn: &Turn) -> Self {
        Self {
            turn: turn.id,
            who: turn.who.clone(),
            name: turn.name.clone(),
            said: turn.said.clone(),
            heard: turn.heard.clone(),
            at: turn.at,
        }
    }
}

/// Shows lengths alone: what people say must not reach a log by way of `{:?}`.
impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Said")
            .field("turn", &self.turn)
            .field("who", &self.who)
            .field("said", &format_args!("{} bytes", self.said.len()))
            .finish_non_exhaustive()
    }
}

/// One's own turns, but private ones only alone or where one allows it; of others what one
/// witnessed, and that was never private.
fn may_see(turn: &Turn, asker: &Asker, private_too: bool) -> bool {
    if turn.who == asker.who {
        return turn.audience.may_be_told(asker.company, private_too);
    }
    turn.witnesses.contains(&asker.who) && turn.audience == Audience::Shared
}

fn is_meant(what: &Forget, turn: &Turn) -> bool {
    let is_of = |person| turn.who.person() == Some(person);
    match what {
        Forget::Turns(person, ids) => is_of(person) && ids.contains(&turn.id),
        Forget::Entries(person, ids) => {
            let ids: HashSet<&Id> = ids.iter().collect();
            is_of(person) && turn.id.sides().iter().any(|side| ids.contains(side))
        }
        Forget::Since(person, from, until) => is_of(person) && (*from..=*until).contains(&turn.at),
        Forget::Person(person, until) => is_of(person) && turn.at <= *until,
        Forget::Before(before) => turn.at < *before,
        Forget::Everything(until) => turn.at <= *until,
    }
}

#[cfg(test)]
mod tests;
