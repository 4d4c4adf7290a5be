//! Every store fails in every way that a network knows, beneath a memory that goes on working.
//!
//! The stores are real, each behind a proxy; the model that makes vectors is scripted. In each
//! cell recall keeps its deadline, the breakers of the stores that fail open after their failures
//! and the others stay closed, and /health says so. After the fault they close soon, all that was
//! said meanwhile is in the database, each turn once, and recall brings everything again.

use std::time::Instant;

mod cell;
mod part;

use cell::Row;
use part::Part;
use world::Fault;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_store_may_fail_in_every_way_and_nothing_said_is_lost() {
    let mut row = Row::set().await;
    let mut cells: Vec<(&[Part], Fault)> = Vec::new();
    for part in &Part::ALL {
        let faults = part.faults().iter();
        cells.extend(faults.map(|fault| (std::slice::from_ref(part), *fault)));
    }
    cells.push((&Part::ALL, Fault::Refused));
    let mut wrong = Vec::new();
    for (parts, fault) in cells {
        let begun = Instant::now();
        let result = row.cell(parts, fault).await;
        show(parts, fault, begun, &result);
        if let Err(what) = result {
            wrong.push(format!("{parts:?} × {fault:?}: {what}"));
            row.settles().await;
        }
    }
    row.ends().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Shows how a cell went.
#[expect(
    clippy::print_stdout,
    reason = "shown when a test fails: how every cell went"
)]
fn show(parts: &[Part], fault: Fault, begun: Instant, result: &Result<String, String>) {
    let took = begun.elapsed();
    let (Ok(what) | Err(what)) = result;
    let mark = if result.is_ok() { "well" } else { "FAILED" };
    println!("{parts:?} × {fault:?} {took:.1?} {mark}: {what}");
}
