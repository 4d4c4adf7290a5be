//! Every engine fails in every way that a network knows, behind an assistant that is asked on.
//!
//! In each cell the turns end within their bound, and something is heard long before; the right
//! breaker opens after the right number of failures and the others stay closed; and after the
//! fault the next turn is as if nothing had been, without a person's turn spent on finding out.

use std::panic::AssertUnwindSafe;
use std::thread;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::join_all;
use tokio::sync::Mutex;

use world::Fault;
use world::question::{self, CAPITAL_OF_FRANCE};

mod cell;
mod engine;
mod mumble;

use cell::{Bounds, Row};
use engine::Engine;

/// Settings of all cells. Checks of idle engines must not mix with what is counted, and answers
/// are short. A probe that fails while the engine seems to be alive is repeated after at most
/// two seconds, so that a fault that only work can see ends as soon as one that a look can.
const SETTINGS: [(&str, &str); 4] = [
    ("FILLER_AFTER_MS", "1200"),
    ("HEALTH_CHECK_INTERVAL", "3600"),
    ("OLLAMA_NUM_PREDICT", "12"),
    ("RETRY_MAX_DELAY", "2"),
];

/// With deadlines of 3 s, and 6 s for the model: one of them, twice as much for the healthy
/// engines of a busy machine, and a spoken apology.
const HASTY: Bounds = Bounds {
    threshold: 2,
    turn: Duration::from_secs(18),
};

/// With deadlines of up to 8 s.
const DEFAULT: Bounds = Bounds {
    threshold: 5,
    turn: Duration::from_secs(20),
};

/// What became of one cell.
struct Verdict {
    cell: String,
    took: Duration,
    result: Result<String, String>,
}

impl Verdict {
    fn new(cell: String, begun: Instant, result: thread::Result<Result<String, String>>) -> Self {
        Self {
            cell,
            took: begun.elapsed(),
            result: result.unwrap_or_else(|_| Err("it panicked, as shown above".into())),
        }
    }
}

/// Whose turn it is at the real engines: assistants that wait for each other's answers would see
/// faults that are none.
static ENGINES: Mutex<()> = Mutex::const_new(());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_engine_may_fail_in_every_way() {
    let _ours = ENGINES.lock().await;
    let rows = Engine::ALL.map(|engine| {
        let settings = [&SETTINGS[..], &engine.hasty()].concat();
        row(engine, HASTY, settings, &Fault::ALL)
    });
    judge(join_all(rows).await.into_iter().flatten().collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_engine_may_hang_on_the_default_variables() {
    let _ours = ENGINES.lock().await;
    let rows = Engine::ALL.map(|engine| {
        let settings = [&SETTINGS[..3], &engine.by_default()].concat();
        row(engine, DEFAULT, settings, &[Fault::Hang])
    });
    judge(join_all(rows).await.into_iter().flatten().collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_to_mumble_may_fail_in_every_way() {
    let cells = mumble::Fault::ALL.map(|fault| async move {
        let begun = Instant::now();
        let cell = AssertUnwindSafe(mumble::cell(fault)).catch_unwind().await;
        Verdict::new(format!("mumble × {fault:?}"), begun, cell)
    });
    judge(join_all(cells).await);
}

/// The cells of one engine, one after the other on one assistant.
async fn row(
    engine: Engine,
    bounds: Bounds,
    settings: Vec<(&'static str, &'static str)>,
    faults: &[Fault],
) -> Vec<Verdict> {
    let mut row = Row::set(engine, bounds, &settings).await;
    let mut verdicts = Vec::new();
    // A recogniser that has just been started takes long over its first question.
    question::understood(&question::spoken(CAPITAL_OF_FRANCE).await).await;
    let begun = Instant::now();
    let first = row.normal_turn().await.map(|turn| turn.to_string());
    let name = format!("{} without a fault", engine.name());
    verdicts.push(Verdict::new(name, begun, Ok(first)));
    for fault in faults {
        let begun = Instant::now();
        let cell = AssertUnwindSafe(row.cell(*fault)).catch_unwind().await;
        let name = format!("{} × {fault:?}", engine.name());
        verdicts.push(Verdict::new(name, begun, cell));
    }
    verdicts
}

/// Shows every cell, and fails with those that failed.
#[expect(
    clippy::print_stdout,
    reason = "shown when a test fails: how every cell went"
)]
fn judge(verdicts: Vec<Verdict>) {
    let mut failed = Vec::new();
    for Verdict { cell, took, result } in verdicts {
        let (mark, what) = match &result {
            Ok(seen) => ("well", seen),
            Err(wrong) => ("FAILED", wrong),
        };
        println!("{cell:24} {took:5.1?} {mark}: {what}");
        if let Err(wrong) = result {
            failed.push(format!("{cell}: {wrong}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
