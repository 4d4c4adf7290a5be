//! The table, and what it means.

use std::fmt::Write as _;
use std::time::Duration;

use world::figures::{at, at_per_mille, machine, median};

/// What should lie between two packets.
pub(crate) const FRAME: Duration = Duration::from_millis(20);

/// How much more uneven than the bare thread the user may be, at p99.9.
const ALLOWED: Duration = Duration::from_millis(1);

/// More between two packets than this is a gap: a listener with the smallest buffer, of one
/// packet, hears it.
const GAP: Duration = Duration::from_millis(40);

/// Less between two packets than this is a burst.
const BURST: Duration = Duration::from_millis(5);

/// One measurement.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) when: &'static str,
    /// How many packets the user's speech makes.
    pub(crate) frames: usize,
    /// When the user's packets came.
    pub(crate) user: Vec<Duration>,
    /// When those of the bare thread came.
    pub(crate) bare: Vec<Duration>,
}

/// The figures of one sender.
struct Pace {
    deviations: Vec<Duration>,
    gaps: usize,
    bursts: usize,
}

impl Pace {
    fn of(arrivals: &[Duration]) -> Self {
        let between: Vec<Duration> = arrivals
            .windows(2)
            .map(|pair| pair[1].saturating_sub(pair[0]))
            .collect();
        Self {
            gaps: between.iter().filter(|&&length| length > GAP).count(),
            bursts: between.iter().filter(|&&length| length < BURST).count(),
            deviations: between
                .iter()
                .map(|length| length.abs_diff(FRAME))
                .collect(),
        }
    }

    fn worst_of_a_thousand(&self) -> Duration {
        at_per_mille(&self.deviations, 999)
    }

    fn line(&self, when: &str, who: &str, packets: usize) -> String {
        let max = self.deviations.iter().max().copied().unwrap_or_default();
        format!(
            "| {when} | {who} | {packets} | {} | {} | {} | {} | {} | {} |",
            ms(median(&self.deviations)),
            ms(at(&self.deviations, 99)),
            ms(self.worst_of_a_thousand()),
            ms(max),
            self.gaps,
            self.bursts,
        )
    }
}

/// The whole page.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut text = format!(
        "# How evenly the voice leaves\n\n\
         `cargo bench -p mumble-ai-tests --bench pace` on {}.\n\n\
         How far the time between two packets is from 20 ms, in ms, as the kernel notes their \
         arrival on the same machine. The user speaks on a real server by UDP, encoding as it \
         goes; the bare thread sleeps to its deadlines and sends a datagram, at the same time. \
         A gap is more than {} ms between two packets, a burst less than {} ms.\n\n\
         | while | sender | packets | p50 | p99 | p99.9 | max | gaps | bursts |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---:|\n",
        machine(),
        GAP.as_millis(),
        BURST.as_millis(),
    );
    let mut verdicts = String::new();
    for row in rows {
        let (user, bare) = (Pace::of(&row.user), Pace::of(&row.bare));
        let lines = [
            user.line(row.when, "the user", row.user.len()),
            bare.line(row.when, "a bare thread", row.bare.len()),
        ];
        text.extend(lines.map(|line| line + "\n"));
        let (ours, limit) = (
            user.worst_of_a_thousand(),
            bare.worst_of_a_thousand() + ALLOWED,
        );
        let verdict = if ours <= limit { "held" } else { "MISSED" };
        let missing = row.frames.abs_diff(row.user.len());
        // Writing to a string cannot fail.
        let _ = writeln!(
            verdicts,
            "- While {}: p99.9 {} ms, allowed {} ms (the bare thread's and 1 ms): {verdict}; \
             {missing} of {} packets missing or too many.",
            row.when,
            ms(ours),
            ms(limit),
            row.frames,
        );
    }
    format!("{text}\n{verdicts}")
}

fn ms(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64() * 1000.0)
}
