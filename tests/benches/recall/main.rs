//! How well and how fast what was said earlier is recalled.
//!
//! `cargo bench -p mumble-ai-tests --bench recall` judges the fixed set of conversations with real
//! vectors, takes the time of recall among ever more remembered turns, in one folder and with the
//! real servers, and writes benchmarks/recall.md. Arguments choose a part of it, and then nothing
//! is written: `quality` or `speed`, `embedded` or `servers`, and how many turns the person has
//! (`speed servers 10000` takes the time of one row).

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "progress and the table are for the person at the terminal"
)]

mod filled;
mod quality;
mod speed;
mod stores;
mod table;

use stores::Stores;
use world::Engines;

/// What is to be measured.
struct Wanted {
    quality: bool,
    speed: bool,
    stores: Vec<Stores>,
    /// Turns of the person who asks; none for every size.
    turns: Option<usize>,
}

#[tokio::main]
async fn main() {
    let wanted = Wanted::of(std::env::args().skip(1));
    let ollama = Engines::shared().ollama();
    let mut qualities = Vec::new();
    if wanted.quality {
        for stores in &wanted.stores {
            qualities.push(quality::measure(ollama, *stores).await);
        }
    }
    let speeds = if wanted.speed {
        speed::measure(ollama, &wanted.stores, wanted.turns).await
    } else {
        Vec::new()
    };
    let table = table::table(&qualities, &speeds);
    println!("{table}");
    if wanted.is_everything() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../benchmarks/recall.md");
        std::fs::write(path, table).expect("benchmarks/ is there");
    }
}

impl Wanted {
    fn of(words: impl Iterator<Item = String>) -> Self {
        let words: Vec<String> = words.collect();
        let has = |word: &str| words.iter().any(|one| one == word);
        let stores: Vec<_> = Stores::BOTH
            .into_iter()
            .filter(|stores| has(stores.word()))
            .collect();
        Self {
            quality: has("quality") || !has("speed"),
            speed: has("speed") || !has("quality"),
            stores: if stores.is_empty() {
                Stores::BOTH.to_vec()
            } else {
                stores
            },
            turns: words.iter().find_map(|word| word.parse().ok()),
        }
    }

    fn is_everything(&self) -> bool {
        self.quality && self.speed && self.stores == Stores::BOTH && self.turns.is_none()
    }
}
