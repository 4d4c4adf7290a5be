//! What chain and breaker add to a call, beside the same call without them, in the same run. It
//! takes some seconds; the result goes to `benchmarks/breaker.md`.

#![expect(
    clippy::print_stderr,
    reason = "progress is for the person at the terminal"
)]

use std::path::Path;

mod cost;
mod engine;
mod table;

fn main() {
    // `cargo test --benches` asks only whether this compiles.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let text = table::render(&cost::measure());
    eprintln!("{text}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benchmarks");
    std::fs::create_dir_all(&folder).expect("benchmarks/ can be made");
    std::fs::write(folder.join("breaker.md"), text).expect("benchmarks/breaker.md can be written");
}
