//! Who is asked when, with engines that do what the test says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{Checkup, Limits, Settings, tend};

const PLAN: Plan = Plan {
    deadline: Duration::from_secs(4),
    budget: Duration::from_secs(8),
    attempts: 3,
};

/// How an engine behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    Answers,
    AnswersAfter(Duration),
    Breaks,
    BreaksAfter(Duration),
    Hangs,
    Refuses,
    IsSetUpWrongly,
}

#[derive(Debug, PartialEq)]
enum Trouble {
    Broken,
    Empty,
    Newer,
}

impl Blame for Trouble {
    fn fault(&self) -> Fault {
        match self {
            Self::Broken => Fault::Engine,
            Self::Empty => Fault::Request,
            Self::Newer => Fault::Setup,
        }
    }

    fn reason(&self) -> String {
        "it is broken".to_owned()
    }
}

/// An engine that does as it is told, and counts who asked.
#[derive(Clone)]
struct Engine(Arc<Told>);

struct Told {
    name: &'static str,
    manner: Mutex<Manner>,
    asked: AtomicUsize,
}

impl Engine {
    fn becomes(&self, manner: Manner) {
        *self.0.manner.lock().unwrap() = manner;
    }

    fn asked(&self) -> usize {
        self.0.asked.swap(0, Ordering::Relaxed)
    }

    /// Borrows from the engine and from the question, as engines behind traits do.
    fn ask<'a>(&'a self, question: &'a str) -> BoxFuture<'a, Result<String, Trouble>> {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        async move {
            let manner = *self.0.manner.lock().unwrap();
            match manner {
                Manner::Answers => {}
                Manner::AnswersAfter(time) => sleep(time).await,
                Manner::Breaks => return Err(Trouble::Broken),
                Manner::BreaksAfter(time) => {
                    sleep(time).await;
                    return Err(Trouble::Broken);
                }
                Manner::Hangs => std::future::pending().await,
                Manner::Refuses => return Err(Trouble::Empty),
                Manner::IsSetUpWrongly => return Err(Trouble::Newer),
            }
            Ok(format!("{} heard {question}", self.0.name))
        }
        .boxed()
    }
}

impl Checkup for Engine {
    async fn alive(&self) -> Result<(), String> {
        let manner = *self.0.manner.lock().unwrap();
        match manner {
            Manner::Answers => Ok(()),
            _ => Err("nobody is there".to_owned()),
        }
    }
}

/// A chain of engines by these names, each closed and answering.
fn chain(names: &[&'static str]) -> (Chain<Engine>, Vec<Engine>) {
    let links: Vec<Link<Engine>> = names
        .iter()
        .map(|name| Link {
            engine: Engine(Arc::new(Told {
                name,
                manner: Mutex::new(Manner::Answers),
                asked: AtomicUsize::new(0),
            })),
            dependency: Dependency::new(*name, Settings::default(), Limits::default()),
        })
        .collect();
    let engines = links.iter().map(|link| link.engine.clone()).collect();
    (Chain::new(links), engines)
}

async fn ask(chain: &Chain<Engine>) -> Result<String, Failure<Trouble>> {
    chain.call(PLAN, |engine| engine.ask("hello")).await
}

async fn asked(chain: &Chain<Engine>) -> String {
    ask(chain).await.expect("somebody answers")
}

#[tokio::test(start_paused = true)]
async fn a_spare_answers_in_the_same_call_when_the_first_fails() {
    let (chain, engines) = chain(&["first", "spare"]);
    engines[0].becomes(Manner::Breaks);
    assert_eq!(asked(&chain).await, "spare heard hello");
    assert_eq!((engines[0].asked(), engines[1].asked()), (1, 1));
    assert_eq!(chain.outage(), None, "there is somebody who answers");
}

#[tokio::test(start_paused = true)]
async fn a_spare_answers_in_the_same_call_when_the_first_is_late() {
    let (chain, engines) = chain(&["first", "spare"]);
    engines[0].becomes(Manner::Hangs);
    let begun = Instant::now();
    assert_eq!(asked(&chain).await, "spare heard hello");
    assert_eq!(begun.elapsed(), PLAN.deadline);
}

#[tokio::test(start_paused = true)]
async fn so_many_late_answers_in_a_row_open_the_breaker_and_then_nobody_waits() {
    let (chain, engines) = chain(&["first", "spare"]);
    engines[0].becomes(Manner::AnswersAfter(PLAN.deadline * 2));
    for n in 1..=5 {
        assert_eq!(chain.links()[0].dependency.state(), State::Closed, "{n}");
        asked(&chain).await;
    }
    assert_eq!(chain.links()[0].dependency.state(), State::Open);
    let begun = Instant::now();
    assert_eq!(asked(&chain).await, "spare heard hello");
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(engines[0].asked(), 5);
    assert_eq!(chain.links()[1].dependency.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn two_late_engines_fit_into_a_budget_of_two_deadlines_and_both_are_counted() {
    let (chain, engines) = chain(&["first", "second", "third"]);
    for engine in &engines {
        engine.becomes(Manner::Hangs);
    }
    let begun = Instant::now();
    let failure = ask(&chain).await.unwrap_err();
    assert!(matches!(failure, Failure::Late(time) if time == PLAN.deadline));
    assert_eq!(begun.elapsed(), PLAN.budget);
    assert_eq!(engines[2].asked(), 0, "nothing is left for it");
    let failing = |at: usize| chain.links()[at].dependency.outage().is_some();
    assert_eq!((failing(0), failing(1), failing(2)), (true, true, false));
}

#[tokio::test(start_paused = true)]
async fn a_moment_lost_between_two_late_engines_excuses_neither() {
    let (chain, engines) = chain(&["first", "second"]);
    for engine in &engines {
        engine.becomes(Manner::Hangs);
    }
    let plan = Plan {
        budget: PLAN.budget - Duration::from_millis(100),
        ..PLAN
    };
    let call = chain.call(plan, |engine| engine.ask("hello"));
    assert!(matches!(call.await, Err(Failure::Late(_))));
    assert!(chain.outage().is_some(), "both were late");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_the_budget_cut_short_is_not_to_blame() {
    let (chain, engines) = chain(&["first", "second", "third"]);
    engines[0].becomes(Manner::BreaksAfter(Duration::from_secs(3)));
    engines[1].becomes(Manner::BreaksAfter(Duration::from_secs(2)));
    engines[2].becomes(Manner::Hangs);
    let begun = Instant::now();
    let failure = ask(&chain).await.unwrap_err();
    assert!(matches!(failure, Failure::Late(time) if time == Duration::from_secs(3)));
    assert_eq!(begun.elapsed(), PLAN.budget);
    assert_eq!(engines[2].asked(), 1);
    let third = chain.links()[2]
        .dependency
        .snapshot(Instant::now().into_std());
    assert_eq!((third.failures, third.in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn no_more_engines_are_tried_than_the_plan_says() {
    let (chain, engines) = chain(&["first", "second", "third"]);
    for engine in &engines {
        engine.becomes(Manner::Breaks);
    }
    let plan = Plan {
        attempts: 2,
        ..PLAN
    };
    let failure = chain.call(plan, |engine| engine.ask("hello")).await;
    assert!(matches!(failure, Err(Failure::Failed(Trouble::Broken))));
    assert_eq!(engines[2].asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_the_request_counts_against_nobody_and_is_not_tried_elsewhere() {
    let (chain, engines) = chain(&["first", "spare"]);
    engines[0].becomes(Manner::Refuses);
    for _ in 0..20 {
        let failure = ask(&chain).await.unwrap_err();
        assert!(matches!(failure, Failure::Failed(Trouble::Empty)));
    }
    assert_eq!((engines[0].asked(), engines[1].asked()), (20, 0));
    assert!(chain.links()[0].dependency.outage().is_none());
    assert!(chain.has_room());
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_set_up_wrongly_is_not_left_alone_and_not_called_well() {
    let (chain, engines) = chain(&["first", "spare"]);
    let snapshot = || {
        let first = &chain.links()[0].dependency;
        first.snapshot(Instant::now().into_std())
    };
    assert!(snapshot().well());
    engines[0].becomes(Manner::IsSetUpWrongly);
    for _ in 0..20 {
        let failure = ask(&chain).await.unwrap_err();
        assert!(matches!(failure, Failure::Failed(Trouble::Newer)));
    }
    assert_eq!((engines[0].asked(), engines[1].asked()), (20, 0));
    let shown = snapshot();
    assert_eq!((shown.failures, shown.state), (0, State::Closed));
    assert!(!shown.well() && shown.last_error.is_some());
    engines[0].becomes(Manner::Answers);
    asked(&chain).await;
    assert!(snapshot().well());
}

#[tokio::test(start_paused = true)]
async fn when_all_are_away_it_says_so_at_once_and_why() {
    let (chain, engines) = chain(&["first", "spare"]);
    for engine in &engines {
        engine.becomes(Manner::Breaks);
    }
    for _ in 0..5 {
        ask(&chain).await.unwrap_err();
    }
    let outage = chain.outage();
    assert!(outage.is_some());
    let failure = ask(&chain).await.unwrap_err();
    assert!(matches!(failure, Failure::Unavailable { .. }));
    assert_eq!(failure.reason(), "first: it is broken; spare: it is broken");
    assert_eq!((engines[0].asked(), engines[1].asked()), (5, 5));
    assert_eq!(chain.outage(), outage, "it is still the same outage");
}

#[tokio::test(start_paused = true)]
async fn the_first_is_asked_again_as_soon_as_it_is_well_and_not_before() {
    let (chain, engines) = chain(&["first", "spare"]);
    let shutdown = CancellationToken::new();
    let _end = shutdown.clone().drop_guard();
    for Link { engine, dependency } in chain.links() {
        let (engine, dependency) = (engine.clone(), dependency.clone());
        tokio::spawn(tend(dependency, engine, shutdown.clone()));
    }
    // Three times, for an engine that comes back once and is then forgotten is no better.
    for _ in 0..3 {
        engines[0].becomes(Manner::Breaks);
        for _ in 0..5 {
            asked(&chain).await;
        }
        engines[0].asked();
        for _ in 0..60 {
            sleep(Duration::from_secs(1)).await;
            assert_eq!(asked(&chain).await, "spare heard hello");
        }
        assert_eq!(engines[0].asked(), 0, "no person's request is tried on it");
        engines[0].becomes(Manner::Answers);
        let mut states = chain.links()[0].dependency.watch();
        let begun = Instant::now();
        states
            .wait_for(|state| *state == State::Closed)
            .await
            .unwrap();
        assert!(begun.elapsed() <= crate::breaker::CHECK_EVERY);
        assert_eq!(asked(&chain).await, "first heard hello");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_at_the_same_time_are_shared_out() {
    let (chain, engines) = chain(&["first", "spare"]);
    for engine in &engines {
        engine.becomes(Manner::AnswersAfter(Duration::from_secs(1)));
    }
    let calls = futures::future::join_all((0..4).map(|_| ask(&chain))).await;
    assert!(calls.iter().all(Result::is_ok));
    assert_eq!((engines[0].asked(), engines[1].asked()), (2, 2));
    asked(&chain).await;
    assert_eq!((engines[0].asked(), engines[1].asked()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_place_waits_no_longer_than_the_budget() {
    let (chain, engines) = chain(&["only"]);
    let _held = [
        chain.links()[0].dependency.admit().await.unwrap(),
        chain.links()[0].dependency.admit().await.unwrap(),
    ];
    let begun = Instant::now();
    let failure = ask(&chain).await.unwrap_err();
    assert_eq!(begun.elapsed(), PLAN.budget);
    assert_eq!(
        failure.reason(),
        "only: too many requests are waiting for it already"
    );
    assert_eq!(engines[0].asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_broke_later_counts_against_its_engine() {
    let (chain, _) = chain(&["only"]);
    let begin = || chain.begin(PLAN, |engine| engine.ask("hello"));
    for _ in 0..4 {
        let (_, call) = begin().await.unwrap();
        call.failed("no more of it within 3 s");
    }
    let (_, call) = begin().await.unwrap();
    drop(call);
    assert_eq!(chain.outage(), None, "what was interrupted had begun well");
    for _ in 0..5 {
        let (_, call) = begin().await.unwrap();
        call.failed("no more of it within 3 s");
    }
    let failure = begin().await.map(drop).unwrap_err();
    assert_eq!(failure.reason(), "only: no more of it within 3 s");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_counts_against_nobody_and_frees_its_place() {
    let (chain, engines) = chain(&["only"]);
    engines[0].becomes(Manner::Hangs);
    for _ in 0..20 {
        let call = tokio::time::timeout(Duration::from_secs(1), ask(&chain));
        assert!(call.await.is_err());
    }
    let only = chain.links()[0]
        .dependency
        .snapshot(Instant::now().into_std());
    assert_eq!((only.failures, only.in_flight), (0, 0));
    assert!(chain.has_room());
}

#[tokio::test(start_paused = true)]
async fn a_call_may_be_made_from_any_task() {
    let (chain, _) = chain(&["only"]);
    let task = tokio::spawn(async move {
        let question = "a question of its own".to_owned();
        let call: BoxFuture<'_, _> = chain.call(PLAN, |engine| engine.ask(&question)).boxed();
        call.await.unwrap()
    });
    assert_eq!(task.await.unwrap(), "only heard a question of its own");
}

#[tokio::test]
async fn a_chain_without_engines_is_unavailable() {
    let failure = ask(&chain(&[]).0).await.unwrap_err();
    assert_eq!(failure.reason(), "there is no such engine");
    assert_eq!(chain(&[]).0.outage(), None);
}

impl Failure<Trouble> {
    fn reason(&self) -> String {
        match self {
            Self::Unavailable { reason } => reason.clone(),
            other => format!("{other:?}"),
        }
    }
}
