//! The figures as tables for people.

use std::fmt::Write as _;
use std::time::Duration;

use world::figures::machine;

use crate::{cost, forged};

/// How many times faster than the other, at least, at every size and both ways.
const ASKED: f64 = 15.0;

/// The whole file.
pub(crate) fn render(costs: &[cost::Row], forgeries: &[forged::Row]) -> String {
    let mut text = String::from(
        "# Sealing and opening datagrams\n\n\
         OCB2-AES128, ours beside `mumble-protocol-2x` 0.6.0 (AES by OpenSSL), in turn in one run; \
         one thread, the middle of 15 rounds of 1500 packets. Theirs also writes and reads the \
         packet's fields; what that takes was measured apart and is taken off. Sizes are those of \
         the packet before it is sealed.\n\n",
    );
    let _ = writeln!(
        text,
        "Made by `cargo bench --package mumble-ai-tests --bench crypt` on {}.\n",
        machine()
    );
    text.push_str(
        "| bytes | seal, ours | seal, theirs | ratio | open, ours | open, theirs | ratio | asked |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let mut least = f64::INFINITY;
    for row in costs {
        let seal = ratio(row.ours.seal, row.theirs.seal);
        let open = ratio(row.ours.open, row.theirs.open);
        least = least.min(seal).min(open);
        let _ = writeln!(
            text,
            "| {} | {} ns | {} ns | **{seal:.1}** | {} ns | {} ns | **{open:.1}** | {ASKED} |",
            row.bytes,
            row.ours.seal.as_nanos(),
            row.theirs.seal.as_nanos(),
            row.ours.open.as_nanos(),
            row.theirs.open.as_nanos(),
        );
    }
    let _ = writeln!(
        text,
        "\nThe least of these ratios is {least:.1}, asked at least {ASKED}: {}.",
        verdict(least >= ASKED)
    );
    let _ = writeln!(
        text,
        "\n## After forged datagrams\n\nOf {} genuine datagrams that follow, so many open. Each \
         forged one claims a nonce 100 behind the one before.\n\n\
         | forged | ours | theirs | asked |\n|---|---|---|---|",
        forged::GENUINE
    );
    for row in forgeries {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            row.forged,
            row.ours,
            row.theirs,
            forged::GENUINE
        );
    }
    let all = forgeries.iter().all(|row| row.ours == forged::GENUINE);
    let _ = writeln!(text, "\nOurs loses none: {}.", verdict(all));
    text
}

fn ratio(ours: Duration, theirs: Duration) -> f64 {
    theirs.div_duration_f64(ours.max(Duration::from_nanos(1)))
}

fn verdict(good: bool) -> &'static str {
    if good { "met" } else { "missed" }
}
