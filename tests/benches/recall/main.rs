//! How well and how fast what was said earlier is recalled.
//!
//! `cargo bench -p mumble-ai-tests --bench recall` judges the fixed set of conversations with real
//! vectors, takes the time of recall among 1,000, 10,000 and 100,000 remembered turns, in one
//! folder and with the real servers, and writes benchmarks/recall.md. With `quality` or `speed` as
//! an argument it does one of the two and writes nothing.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "progress and the table are for the person at the terminal"
)]

mod quality;
mod speed;
mod table;

use world::Engines;

#[tokio::main]
async fn main() {
    let wanted = |what: &str| {
        let mut known = std::env::args().filter(|word| ["quality", "speed"].contains(&&**word));
        known.next().is_none_or(|word| word == what)
    };
    let ollama = Engines::shared().ollama();
    let qualities = if wanted("quality") {
        quality::measure(ollama).await
    } else {
        Vec::new()
    };
    let speeds = if wanted("speed") {
        speed::measure(ollama).await
    } else {
        Vec::new()
    };
    let table = table::table(&qualities, &speeds);
    println!("{table}");
    if wanted("quality") && wanted("speed") {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../benchmarks/recall.md");
        std::fs::write(path, table).expect("benchmarks/ is there");
    }
}
