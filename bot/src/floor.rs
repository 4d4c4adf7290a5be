//! Who has the floor: one answer at a time, other turns wait their while. Pure; `now` is passed in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mumble::SessionId;

use crate::turns::Outcome;

/// Hands out the one right to be answered.
#[derive(Debug)]
pub(crate) struct Floor<T> {
    state: State,
    waiting: VecDeque<Waiting<T>>,
    max_waiting: usize,
    patience: Duration,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Free,
    /// An answer to this speaker is being made or heard.
    Answering(SessionId),
    /// This speaker broke in; their words go first, until this time.
    Yielded(SessionId, Instant),
}

#[derive(Debug)]
struct Waiting<T> {
    speaker: SessionId,
    since: Instant,
    turn: T,
}

/// Why a waiting turn is never answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// Too many turns wait already.
    Crowded,
    /// It waited longer than anyone wants an answer.
    Stale,
    /// Its speaker has left.
    Gone,
}

impl From<Dropped> for Outcome {
    fn from(dropped: Dropped) -> Self {
        match dropped {
            Dropped::Crowded => Self::Crowded,
            Dropped::Stale => Self::Stale,
            Dropped::Gone => Self::Left,
        }
    }
}

impl<T> Floor<T> {
    /// At most `max_waiting` turns wait, each for at most `patience`.
    pub(crate) fn new(max_waiting: usize, patience: Duration) -> Self {
        Self {
            state: State::Free,
            waiting: VecDeque::new(),
            max_waiting,
            patience,
        }
    }

    /// Other bounds; who waits already does so under the new ones.
    pub(crate) fn tune(&mut self, max_waiting: usize, patience: Duration) {
        self.max_waiting = max_waiting;
        self.patience = patience;
    }

    /// A turn wants an answer. A second turn of a speaker who waits already is joined to the
    /// first by `join`. Gives the turn back when there is no room.
    pub(crate) fn offer(
        &mut self,
        now: Instant,
        speaker: SessionId,
        turn: T,
        join: impl FnOnce(&mut T, T),
    ) -> Option<(T, Dropped)> {
        if let Some(earlier) = self.waiting.iter_mut().find(|w| w.speaker == speaker) {
            join(&mut earlier.turn, turn);
            return None;
        }
        // The one who broke in is expected and does not count against the bound.
        let expected = matches!(self.state, State::Yielded(s, _) | State::Answering(s) if s == speaker)
            || self.state == State::Free;
        if !expected && self.waiting.len() >= self.max_waiting {
            return Some((turn, Dropped::Crowded));
        }
        self.waiting.push_back(Waiting {
            speaker,
            since: now,
            turn,
        });
        None
    }

    /// The next turn to answer, if the floor is free; the floor is its speaker's from now on.
    pub(crate) fn next(&mut self, now: Instant) -> Option<T> {
        let at = match self.state {
            State::Free => 0,
            State::Answering(_) => return None,
            State::Yielded(speaker, until) => {
                match self.waiting.iter().position(|w| w.speaker == speaker) {
                    Some(at) => at,
                    None if now < until => return None,
                    None => 0,
                }
            }
        };
        let Some(next) = self.waiting.remove(at) else {
            self.state = State::Free;
            return None;
        };
        self.state = State::Answering(next.speaker);
        Some(next.turn)
    }

    /// Whether nobody is answered, and nobody waits to be.
    pub(crate) fn is_idle(&self) -> bool {
        self.state == State::Free && self.waiting.is_empty()
    }

    /// The answer has ended.
    pub(crate) fn release(&mut self) {
        self.state = State::Free;
    }

    /// The answer was broken off by its own listener, who is speaking: their turn goes next, and
    /// the others wait for it for as long as a turn's patience.
    pub(crate) fn yield_to(&mut self, speaker: SessionId, now: Instant) {
        self.state = State::Yielded(speaker, now + self.patience);
    }

    /// The speaker who broke in said nothing after all: the others need not wait for them.
    pub(crate) fn nothing_came(&mut self, speaker: SessionId) {
        if matches!(self.state, State::Yielded(s, _) if s == speaker) {
            self.state = State::Free;
        }
    }

    /// Takes out every turn that has waited too long.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<(T, Dropped)> {
        let patience = self.patience;
        self.take_if(Dropped::Stale, |w| {
            now.saturating_duration_since(w.since) >= patience
        })
    }

    /// A speaker left: their waiting turn goes with them.
    pub(crate) fn leave(&mut self, speaker: SessionId) -> Vec<(T, Dropped)> {
        self.nothing_came(speaker);
        self.take_if(Dropped::Gone, |w| w.speaker == speaker)
    }

    /// Everybody's turn is over: the connection was lost, or the assistant ends.
    pub(crate) fn clear(&mut self) -> Vec<T> {
        if let State::Yielded(..) = self.state {
            self.state = State::Free;
        }
        self.waiting.drain(..).map(|waiting| waiting.turn).collect()
    }

    /// Takes out the turn of this speaker, if one waits.
    pub(crate) fn take(&mut self, speaker: SessionId) -> Option<T> {
        let at = self.waiting.iter().position(|w| w.speaker == speaker)?;
        self.waiting.remove(at).map(|waiting| waiting.turn)
    }

    /// Takes out the turns for which `which` holds, whatever they wait for.
    pub(crate) fn withdraw(&mut self, which: impl Fn(&T) -> bool) {
        self.waiting.retain(|waiting| !which(&waiting.turn));
    }

    /// When something changes by time alone: a turn expires, or a yielded floor is free again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let yielded = match self.state {
            State::Yielded(_, until) => Some(until),
            State::Free | State::Answering(_) => None,
        };
        let stale = self.waiting.iter().map(|w| w.since + self.patience).min();
        yielded.into_iter().chain(stale).min()
    }

    fn take_if(&mut self, why: Dropped, gone: impl Fn(&Waiting<T>) -> bool) -> Vec<(T, Dropped)> {
        let (out, stay): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|w| gone(w));
        self.waiting = stay;
        out.into_iter().map(|w| (w.turn, why)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(15);

    fn id(n: u32) -> SessionId {
        SessionId(n)
    }

    fn join(earlier: &mut String, later: String) {
        earlier.push(' ');
        earlier.push_str(&later);
    }

    fn floor() -> Floor<String> {
        Floor::new(3, PATIENCE)
    }

    #[test]
    fn one_answer_at_a_time_in_the_order_of_asking() {
        let (now, mut f) = (Instant::now(), floor());
        for n in 1..=3 {
            assert!(f.offer(now, id(n), format!("q{n}"), join).is_none());
        }
        assert_eq!(f.next(now).as_deref(), Some("q1"));
        assert_eq!(f.next(now), None, "the floor is taken");
        f.release();
        assert_eq!(f.next(now).as_deref(), Some("q2"));
    }

    #[test]
    fn the_fourth_waiting_turn_is_dropped_and_a_stale_one_too() {
        let (now, mut f) = (Instant::now(), floor());
        f.offer(now, id(1), "q1".into(), join);
        f.next(now);
        for n in 2..=4 {
            assert!(f.offer(now, id(n), format!("q{n}"), join).is_none());
        }
        assert_eq!(
            f.offer(now, id(5), "q5".into(), join),
            Some(("q5".into(), Dropped::Crowded))
        );
        assert!(
            f.expire(now + PATIENCE - Duration::from_millis(1))
                .is_empty()
        );
        assert_eq!(f.deadline(), Some(now + PATIENCE));
        assert_eq!(f.expire(now + PATIENCE).len(), 3);
    }

    #[test]
    fn a_second_turn_of_a_waiting_speaker_is_joined() {
        let (now, mut f) = (Instant::now(), floor());
        f.offer(now, id(1), "what is".into(), join);
        f.offer(now, id(1), "the time".into(), join);
        assert_eq!(f.next(now).as_deref(), Some("what is the time"));
        assert_eq!(f.next(now), None);
    }

    #[test]
    fn who_breaks_in_goes_first_but_not_for_ever() {
        let (now, mut f) = (Instant::now(), floor());
        f.offer(now, id(1), "q1".into(), join);
        f.next(now);
        f.offer(now, id(2), "q2".into(), join);
        f.yield_to(id(1), now);
        assert_eq!(f.next(now), None, "the one who broke in is still speaking");
        f.offer(now, id(1), "q1b".into(), join);
        assert_eq!(f.next(now).as_deref(), Some("q1b"));
        f.yield_to(id(1), now);
        assert_eq!(f.next(now + PATIENCE).as_deref(), Some("q2"));
    }

    #[test]
    fn a_cough_gives_the_floor_back() {
        let (now, mut f) = (Instant::now(), floor());
        f.offer(now, id(2), "q2".into(), join);
        f.yield_to(id(1), now);
        f.nothing_came(id(1));
        assert_eq!(f.next(now).as_deref(), Some("q2"));
    }

    proptest! {
        /// Whatever happens in whatever order: every turn is answered or dropped, exactly once.
        #[test]
        fn every_turn_ends_exactly_once(steps in prop::collection::vec((0u8..6, 0u32..4, 0u64..20), 1..200)) {
            let mut now = Instant::now();
            let mut f: Floor<Vec<u32>> = Floor::new(3, PATIENCE);
            let (mut offered, mut ended) = (0u32, Vec::new());
            let join = |a: &mut Vec<u32>, b: Vec<u32>| a.extend(b);
            for (step, who, seconds) in steps {
                now += Duration::from_secs(seconds);
                match step {
                    0 | 1 => {
                        let turn = vec![offered];
                        offered += 1;
                        ended.extend(f.offer(now, id(who), turn, join).map(|(t, _)| t).into_iter().flatten());
                    }
                    2 => ended.extend(f.next(now).into_iter().flatten()),
                    3 => f.release(),
                    4 => f.yield_to(id(who), now),
                    _ => ended.extend(f.leave(id(who)).into_iter().flat_map(|(t, _)| t)),
                }
                ended.extend(f.expire(now).into_iter().flat_map(|(t, _)| t));
                prop_assert!(f.waiting.len() <= 4);
            }
            f.release();
            ended.extend(f.expire(now + PATIENCE).into_iter().flat_map(|(t, _)| t));
            ended.sort_unstable();
            prop_assert_eq!(ended, (0..offered).collect::<Vec<_>>());
        }
    }
}
