//! The figures as tables for people.

use std::fmt::Write as _;
use std::time::Duration;

use world::figures::machine;

use crate::cost::Costs;

/// What chain and breaker may add to a call at most.
const ASKED: Duration = Duration::from_micros(1);

/// The whole file.
pub(crate) fn render(costs: &Costs) -> String {
    let mut text = String::from(
        "# Chain and breaker\n\n\
         A call of an engine that does nothing: bare; with a deadline, which a call needs with or \
         without a breaker; and through a chain of two engines, which is choice, admission, place, \
         deadline, budget, outcome and latency. In turn in one run; the middle of 25 rounds of \
         20 000 calls. With two threads, two tasks call the same chain all the time, so each time \
         is that of a call that meets another one. Added is what the chain takes beyond the \
         deadline.\n\n",
    );
    let _ = writeln!(
        text,
        "Made by `cargo bench --package mumble-ai-tests --bench breaker` on {}.\n",
        machine()
    );
    text.push_str("| call | bare | with a deadline | chain | added | asked at most |\n|---|---|---|---|---|---|\n");
    let mut most = Duration::ZERO;
    for row in &costs.calls {
        let added = row.guarded.saturating_sub(row.bounded);
        most = most.max(added);
        let _ = writeln!(
            text,
            "| {} | {} ns | {} ns | {} ns | **{} ns** | {} ns |",
            row.kind,
            row.bare.as_nanos(),
            row.bounded.as_nanos(),
            row.guarded.as_nanos(),
            added.as_nanos(),
            ASKED.as_nanos()
        );
    }
    let verdict = if most <= ASKED { "met" } else { "missed" };
    let _ = writeln!(
        text,
        "\nThe most of these is {} ns, asked at most {} ns: {verdict}.\n",
        most.as_nanos(),
        ASKED.as_nanos()
    );
    text.push_str("| besides | time |\n|---|---|\n");
    for (what, time) in [
        (
            "a call refused by every engine, with the reasons",
            costs.refusal,
        ),
        ("a snapshot of one engine", costs.snapshot),
        (
            "the same while two threads call it all the time",
            costs.snapshot_while_called,
        ),
    ] {
        let _ = writeln!(text, "| {what} | {} ns |", time.as_nanos());
    }
    text
}
