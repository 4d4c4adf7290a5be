//! What a telephone call costs, how late it is, and how well it is understood on a bad line.
//!
//! `cargo bench -p mumble-ai-tests --bench phone` runs a phone line in a process of its own beside
//! a real Mumble server, calls it from telephones that are nothing but packets, and writes
//! benchmarks/phone.md. `cost`, `delay` or `loss` as an argument chooses a part, and then nothing
//! is written.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "progress and the table are for the person at the terminal"
)]

mod cost;
mod delay;
mod loss;
mod subject;

use std::fmt::Write as _;
use std::path::Path;

use world::figures;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| args.iter().any(|one| one == word);
    if has("line") {
        subject::run(&args);
        return;
    }
    // `cargo test --benches` asks only whether this compiles.
    if !has("--bench") {
        return;
    }
    let all = !["cost", "delay", "loss"].into_iter().any(has);
    let runtime = tokio::runtime::Runtime::new().expect("there are threads");
    let mut table = format!(
        "# Calls by telephone\n\n`cargo bench -p mumble-ai-tests --bench phone` on {}.\n",
        figures::machine()
    );
    if all || has("cost") {
        write!(table, "\n{}", runtime.block_on(cost::measure())).expect("text takes text");
    }
    if all || has("delay") {
        write!(table, "\n{}", runtime.block_on(delay::measure())).expect("text takes text");
    }
    if all || has("loss") {
        write!(table, "\n{}", runtime.block_on(loss::measure())).expect("text takes text");
    }
    println!("{table}");
    if all {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benchmarks/phone.md");
        std::fs::write(path, table).expect("benchmarks/ is there");
    }
}
