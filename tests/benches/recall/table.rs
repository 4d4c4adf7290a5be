//! The tables, and what they mean.

use std::fmt::Write as _;
use std::time::Duration;

use world::figures::{at, machine, median};
use world::remembered::{Part, Score};

use crate::quality::Quality;
use crate::speed::Speed;

/// What must be in the prompt in so many of a hundred questions.
const NEEDED_PERCENT: usize = 95;

/// How long recall may take at p95 in the row that counts.
const ALLOWED: Duration = Duration::from_millis(30);

/// The row that counts: turns of the person, and of everybody.
const COUNTS: (usize, usize) = (10_000, 100_000);

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
         tuning.\n\n\
         | stores | conversations | needed | foreign | unasked | outdated |\n\
         |---|---|---:|---:|---:|---:|\n"
    )?;
    for quality in qualities {
        for (part, score) in &quality.scores {
            let (good, all) = score.needed();
            let part = match part {
                Part::Tuned => "tuned on",
                Part::Held => "held aside",
            };
            writeln!(
                table,
                "| {} | {part} | {good} of {all} ({:.1} %) | {} | {} | {} of {} |",
                quality.stores,
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
         Time of recall without the call that makes the question a vector, and of that call, in \
         ms. Vectors are 2,000 real ones, perturbed.\n\n\
         | stores | turns of the person | of everybody | engines | recall p50 | p95 | embedding p50 | p95 |\n\
         |---|---:|---:|---|---:|---:|---:|---:|\n"
    )?;
    let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1000.0);
    for speed in speeds {
        writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            speed.stores,
            speed.own,
            speed.all,
            speed.engines,
            ms(median(&speed.recall)),
            ms(at(&speed.recall, 95)),
            ms(median(&speed.embedding)),
            ms(at(&speed.embedding, 95)),
        )?;
    }
    writeln!(table)?;
    for speed in speeds {
        if (speed.own, speed.all) == COUNTS && speed.engines == "idle" {
            let p95 = at(&speed.recall, 95);
            let verdict = if p95 <= ALLOWED { "held" } else { "missed" };
            writeln!(
                table,
                "- {}: p95 {} ms, allowed {} ms: {verdict}.",
                speed.stores,
                ms(p95),
                ms(ALLOWED),
            )?;
        }
    }
    Ok(())
}
