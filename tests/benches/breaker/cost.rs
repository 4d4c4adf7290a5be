//! The cost of a call, bare, bounded and guarded; of a refusal, and of a look at it all.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use world::figures::median;

use crate::engine::{Answer, Engine, PLAN, chain};

/// Calls in a round.
const CALLS: u32 = 20_000;

/// Rounds of each kind. They go in turn, so that noise on the machine meets all; the middle one
/// counts.
const ROUNDS: usize = 25;

/// Tasks that call at the same time where it is contended.
const CALLERS: u32 = 2;

/// What was measured; each time is that of one call.
pub(crate) struct Costs {
    pub(crate) calls: Vec<Row>,
    pub(crate) refusal: Duration,
    pub(crate) snapshot: Duration,
    pub(crate) snapshot_while_called: Duration,
}

/// One kind of call.
pub(crate) struct Row {
    pub(crate) kind: &'static str,
    /// Just the call.
    pub(crate) bare: Duration,
    /// The call with a deadline, which it needs with or without a breaker.
    pub(crate) bounded: Duration,
    /// The call through the chain, which has the deadline in it.
    pub(crate) guarded: Duration,
}

pub(crate) fn measure() -> Costs {
    let one = Builder::new_current_thread().enable_all().build();
    let one = one.expect("a runtime starts");
    let two = Builder::new_multi_thread()
        .worker_threads(CALLERS as usize)
        .enable_all()
        .build();
    let two = two.expect("a runtime starts");
    let calls = vec![
        row("an answer at once, one thread", &one, Answer::AtOnce, 1),
        row(
            "an answer waited for, one thread",
            &one,
            Answer::OnceWaited,
            1,
        ),
        row(
            "an answer at once, two threads",
            &two,
            Answer::AtOnce,
            CALLERS,
        ),
        row(
            "an answer waited for, two threads",
            &two,
            Answer::OnceWaited,
            CALLERS,
        ),
    ];
    Costs {
        calls,
        refusal: refusal(&one),
        snapshot: snapshot(&one, 0),
        snapshot_while_called: snapshot(&two, CALLERS),
    }
}

fn row(kind: &'static str, runtime: &Runtime, answer: Answer, callers: u32) -> Row {
    let (mut bare, mut bounded, mut guarded) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(round(runtime, answer, callers, Call::Bare));
        bounded.push(round(runtime, answer, callers, Call::Bounded));
        guarded.push(round(runtime, answer, callers, Call::Guarded));
    }
    Row {
        kind,
        bare: median(&bare),
        bounded: median(&bounded),
        guarded: median(&guarded),
    }
}

#[derive(Clone, Copy)]
enum Call {
    Bare,
    Bounded,
    Guarded,
}

/// The time from the first call to the end of the last, shared out among the calls of one caller.
fn round(runtime: &Runtime, answer: Answer, callers: u32, call: Call) -> Duration {
    let chain = Arc::new(chain(answer));
    runtime.block_on(async {
        let begun = Instant::now();
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let chain = Arc::clone(&chain);
                tokio::spawn(async move {
                    for _ in 0..CALLS {
                        let engine = &chain.links()[0].engine;
                        let answer = match call {
                            Call::Bare => engine.ask().await.is_ok(),
                            Call::Bounded => timeout(PLAN.deadline, engine.ask()).await.is_ok(),
                            Call::Guarded => chain.call(PLAN, Engine::ask).await.is_ok(),
                        };
                        assert!(black_box(answer), "it answers");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("it ends");
        }
        begun.elapsed() / CALLS
    })
}

/// A call that no engine may take, with its complaint.
fn refusal(runtime: &Runtime) -> Duration {
    let chain = chain(Answer::AtOnce);
    let rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            runtime.block_on(async {
                for link in chain.links() {
                    while let Ok(call) = link.dependency.admit().await {
                        call.failed("nobody is there");
                    }
                }
                let begun = Instant::now();
                for _ in 0..CALLS {
                    let answer = chain.call(PLAN, Engine::ask).await;
                    assert!(black_box(answer).is_err(), "nobody answers");
                }
                begun.elapsed() / CALLS
            })
        })
        .collect();
    median(&rounds)
}

/// A look at one engine, while so many call it.
fn snapshot(runtime: &Runtime, callers: u32) -> Duration {
    let chain = Arc::new(chain(Answer::AtOnce));
    let dependency = chain.links()[0].dependency.clone();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let chain = Arc::clone(&chain);
            runtime.spawn(async move {
                loop {
                    let answer = chain.call(PLAN, Engine::ask).await;
                    assert!(answer.is_ok(), "it answers");
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for _ in 0..CALLS {
            assert!(chain.call(PLAN, Engine::ask).await.is_ok());
        }
    });
    let looks = CALLS / 10;
    let rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            for _ in 0..looks {
                black_box(dependency.snapshot(Instant::now()));
            }
            begun.elapsed() / looks
        })
        .collect();
    for task in tasks {
        task.abort();
    }
    median(&rounds)
}
