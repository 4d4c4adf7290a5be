//! The way to Mumble fails in every way that a network knows, in the middle of an answer.

use std::panic::AssertUnwindSafe;
use std::thread;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::join_all;

mod mumble;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_to_mumble_may_fail_in_every_way() {
    let cells = mumble::Fault::ALL.map(|fault| async move {
        let begun = Instant::now();
        let cell = AssertUnwindSafe(mumble::cell(fault)).catch_unwind().await;
        Verdict::new(format!("mumble × {fault:?}"), begun, cell)
    });
    judge(join_all(cells).await);
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
