//! What the book of turns holds to: each one ends once, and none stays anywhere for ever.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const ANN: SessionId = SessionId(3);

/// From one event to the next.
const LONGEST_STEP: Duration = Duration::from_secs(40);

const STATES: [State; 8] = [
    State::Recognising,
    State::Waiting,
    State::Thinking,
    State::Speaking,
    State::Standing,
    State::Queued,
    State::Writing,
    State::Excusing,
];

fn bounds() -> Bounds {
    let reference = include_str!("../../../config/assistant.toml");
    let settings = service::Settings::load(reference, None, &|_| None).unwrap();
    Bounds::new(&crate::Config::from_settings(&settings).unwrap())
}

fn about(now: Instant) -> About {
    About {
        speaker: ANN,
        way: Way::Spoken,
        manner: Manner::Aloud,
        began: now,
        over: now,
    }
}

/// A book with one turn in this state.
fn book(state: State) -> (Instant, Turns, TurnId) {
    let (now, mut turns) = (Instant::now(), Turns::new(bounds()));
    let turn = Numbers::default().next();
    turns.begin(now, turn, about(now), state);
    (now, turns, turn)
}

#[test]
fn a_turn_that_ended_does_not_end_again() {
    let (_, mut turns, turn) = book(State::Waiting);
    let (whose, outcome) = turns.end(turn, Outcome::Left).unwrap();
    assert_eq!((whose.speaker, outcome), (ANN, Outcome::Left));
    assert_eq!(turns.end(turn, Outcome::Answered), None);
    assert_eq!(turns.deadline(), None);
}

#[test]
fn a_turn_that_hangs_is_excused_once_and_then_ended_as_what_it_was() {
    for state in [State::Recognising, State::Thinking, State::Writing] {
        let (now, mut turns, turn) = book(state);
        let late = now + bounds().of(state);
        assert!(turns.strike(late - Duration::from_millis(1)).is_empty());
        let struck = turns.strike(late);
        assert_eq!((struck[0].state, struck[0].left), (state, Left::Excuse));
        assert!(turns.strike(late).is_empty(), "the person is being told");
        turns.enter(late, turn, State::Excusing);
        let told = turns.end(turn, Outcome::Apologised);
        assert_eq!(told.unwrap().1, Outcome::Stuck(state));
    }
}

#[test]
fn an_excuse_that_hangs_as_well_is_the_end() {
    let (now, mut turns, turn) = book(State::Thinking);
    let late = now + bounds().of(State::Thinking);
    turns.strike(late);
    turns.enter(late, turn, State::Waiting);
    turns.enter(late, turn, State::Excusing);
    let latest = late + bounds().of(State::Excusing);
    assert_eq!(turns.deadline(), Some(latest), "whatever state it is in");
    let struck = turns.strike(latest);
    let ended = Left::Ended(Outcome::Stuck(State::Thinking));
    assert_eq!((struck[0].turn, struck[0].left), (turn, ended));
    assert_eq!(turns.state(turn), None);
}

#[test]
fn who_is_being_answered_is_not_interrupted_by_an_apology() {
    for state in [State::Speaking, State::Waiting, State::Standing] {
        let (now, mut turns, _) = book(state);
        let struck = turns.strike(now + bounds().of(state));
        assert_eq!(struck[0].left, Left::Ended(Outcome::Stuck(state)));
    }
}

#[test]
fn what_broke_stays_broken_whatever_is_said_about_it() {
    let (now, mut turns, turn) = book(State::Thinking);
    turns.fail(now, turn, Fault::Broken);
    turns.fail(now, turn, Fault::Stuck(State::Thinking));
    let ended = turns.end(turn, Outcome::Apologised);
    assert_eq!(ended.unwrap().1, Outcome::Broken);
}

#[test]
fn every_end_without_an_answer_has_its_own_reason() {
    use Outcome::*;
    let mut outcomes = vec![
        Apologised,
        Interrupted,
        Joined,
        NotAddressed,
        NoWords,
        NotHeard,
        Overrun,
        Crowded,
        Stale,
        Left,
        LostConnection,
        Broken,
        Ended,
    ];
    outcomes.extend(STATES.map(Stuck));
    let mut reasons: Vec<_> = outcomes.iter().map(|o| o.reason().unwrap()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), outcomes.len());
}

proptest! {
    /// Whatever happens in whatever order: every turn that began ends once or is open, and no
    /// turn is in a state for longer than its bound.
    #[test]
    fn every_turn_ends_exactly_once_and_leaves_every_state_in_time(
        steps in prop::collection::vec((0u8..6, 0u64..12, 0usize..8, 0u64..LONGEST_STEP.as_secs()), 1..200))
    {
        let (bounds, numbers) = (bounds(), Numbers::default());
        let (mut now, mut turns) = (Instant::now(), Turns::new(bounds));
        let (mut begun, mut ended) = (Vec::new(), HashMap::new());
        let mut entered: HashMap<TurnId, (State, Instant)> = HashMap::new();
        for (step, which, state, seconds) in steps {
            now += Duration::from_secs(seconds);
            for struck in turns.strike(now) {
                if let Left::Ended(outcome) = struck.left {
                    prop_assert_eq!(ended.insert(struck.turn, outcome), None, "it ended twice");
                }
            }
            let (turn, state) = (TurnId(which), STATES[state]);
            match step {
                0 | 1 => {
                    let turn = numbers.next();
                    turns.begin(now, turn, about(now), state);
                    begun.push(turn);
                    entered.insert(turn, (state, now));
                }
                2 | 3 => {
                    turns.enter(now, turn, state);
                    let (was, since) = entered.get(&turn).copied().unwrap_or((state, now));
                    entered.insert(turn, (state, if was == state { since } else { now }));
                }
                4 => turns.fail(now, turn, Fault::Broken),
                _ => if let Some((_, outcome)) = turns.end(turn, Outcome::Answered) {
                    prop_assert_eq!(ended.insert(turn, outcome), None, "it ended twice");
                }
            }
            for turn in turns.all() {
                let (state, since) = entered[&turn];
                // Struck by the first step after its bound, then for as long as an excuse may take.
                let longest = bounds.of(state) + LONGEST_STEP + bounds.of(State::Excusing);
                prop_assert!(now < since + longest);
            }
            prop_assert_eq!(begun.len(), ended.len() + turns.all().len());
        }
        while let Some(at) = turns.deadline() {
            for struck in turns.strike(at) {
                if let Left::Ended(outcome) = struck.left {
                    prop_assert_eq!(ended.insert(struck.turn, outcome), None, "it ended twice");
                }
            }
        }
        prop_assert_eq!(begun.len(), ended.len());
    }
}
