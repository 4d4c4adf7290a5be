//! The tables, and what they mean.

use std::fmt::Write as _;
use std::time::Duration;

use world::SMALL_MODEL;
use world::figures::{at, machine, median};
use world::remembered::{Part, Score};

use crate::filled::Size;
use crate::quality::Quality;
use crate::speed::{Engines, Speed};

/// What must be in the prompt in so many of a hundred questions.
const NEEDED_PERCENT: usize = 95;

/// How long recall may take at p95 in the row that counts.
const ALLOWED: Duration = Duration::from_millis(30);

/// The row that counts.
const COUNTS: Size = Size {
    own: 10_000,
    all: 100_000,
};

pub(crate) fn table(qualities: &[Quality], speeds: &[Speed]) -> String {
    let mut table = format!(
        "# What was said earlier, recalled\n\n\
         `cargo bench -p mumble-ai-tests --bench recall` on {}.\n",
        machine()
    );
    well(&mut table, qualities).expect("a string takes it");
    fast(&mut table, speeds).expect("a string takes it");
    table
}

fn well(table: &mut String, qualities: &[Quality]) -> std::fmt::Result {
    if qualities.is_empty() {
        return Ok(());
    }
    write!(
        table,
        "\n## How well\n\n\
         The fixed set of conversations (tests/benches/recall/conversations.toml), each person's \
         among those of all others in one store, with all-minilm at Ollama; what a \
         turn states plainly was learnt by rule, and no model has read. Needed: questions for \
         which all that is needed was in the prompt. Foreign: entries in a prompt that somebody \
         else had said. Unasked: questions for what was never said, or was said in private and is \
         asked before others, that brought an entry. Outdated: questions about what has changed \
         that showed the old as still so. The conversations held aside were not looked at for \
         tuning; those by somebody else were written after it, without a look at how recall \
         works.\n\n\
         | stores | conversations | needed | foreign | unasked | outdated |\n\
         |---|---|---:|---:|---:|---:|\n"
    )?;
    for quality in qualities {
        for (part, score) in &quality.scores {
            let (good, all) = score.needed();
            let part = match part {
                Part::Tuned => "tuned on",
                Part::Held => "held aside",
                Part::Strange => "by somebody else",
            };
            writeln!(
                table,
                "| {} | {part} | {good} of {all} ({:.1} %) | {} | {} | {} of {} |",
                quality.stores.shown(),
                100.0 * good as f64 / all.max(1) as f64,
                score.foreign,
                score.unasked,
                score.outdated,
                score.changed,
            )?;
        }
    }
    let scores = || qualities.iter().flat_map(|quality| quality.scores.values());
    let is_held = |score: &Score| {
        let (good, all) = score.needed();
        100 * good >= NEEDED_PERCENT * all
    };
    let verdict = |held| if held { "held" } else { "missed" };
    writeln!(
        table,
        "\n- Needed in at least {NEEDED_PERCENT} %: {}. Nothing foreign: {}. Nothing unasked: {}.",
        verdict(scores().all(is_held)),
        verdict(scores().all(|score| score.foreign == 0)),
        verdict(scores().all(|score| score.unasked == 0)),
    )
}

fn fast(table: &mut String, speeds: &[Speed]) -> std::fmt::Result {
    if speeds.is_empty() {
        return Ok(());
    }
    write!(
        table,
        "\n## How fast\n\n\
         Recall: its time without the call that makes the question a vector. Embedding: that call. \
         Remember: what the spoken turn waits for. Recall and embedding in ms, remember in µs. \
         Texts and vectors are 2,000 real ones of all-minilm, the vectors perturbed; most of the \
         questions are those of the fixed set, each asked once. Generating: {SMALL_MODEL} writes a \
         story at the same time, on the same processor cores.\n\n\
         | stores | turns of the person | of everybody | engines | recall p50 | p95 | embedding p50 | p95 | remember p50 | p95 |\n\
         |---|---:|---:|---|---:|---:|---:|---:|---:|---:|\n"
    )?;
    for speed in speeds {
        writeln!(table, "{}", row(speed))?;
    }
    writeln!(table)?;
    let counts = |speed: &&Speed| speed.size == COUNTS && speed.engines == Engines::Idle;
    for speed in speeds.iter().filter(counts) {
        let p95 = at(&speed.recall, 95);
        let verdict = if p95 <= ALLOWED { "held" } else { "missed" };
        writeln!(
            table,
            "- {}: p95 {} ms, allowed {} ms: {verdict}.",
            speed.stores.shown(),
            ms(p95),
            ms(ALLOWED),
        )?;
    }
    Ok(())
}

/// One measurement as a row of the table.
pub(crate) fn row(speed: &Speed) -> String {
    let engines = match speed.engines {
        Engines::Idle => "idle",
        Engines::Generating => "generating",
    };
    format!(
        "| {} | {} | {} | {engines} | {} | {} | {} | {} | {} | {} |",
        speed.stores.shown(),
        speed.size.own,
        speed.size.all,
        ms(median(&speed.recall)),
        ms(at(&speed.recall, 95)),
        ms(median(&speed.embedding)),
        ms(at(&speed.embedding, 95)),
        median(&speed.remember).as_micros(),
        at(&speed.remember, 95).as_micros(),
    )
}

fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}
