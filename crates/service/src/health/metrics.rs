//! The same in numbers, for Prometheus.
//!
//! Every board has a registry of its own, so that several assistants can live in one process.
//! What happens is counted here as it happens; what is, is read off the board at each answer.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::board::View;
use super::clock::Clock;
use super::turn::{Outcome, Stages, Turn};

mod now;

use now::Now;

/// What every name begins with.
const PREFIX: &str = "mumble_ai";

/// Upper bounds of the stages' times, in seconds: from what our own code takes to what a slow
/// machine takes for a whole answer. Half a second to two, where an answer begins to feel late,
/// is looked at most closely.
const BUCKETS: [f64; 16] = [
    0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0,
];

/// One label and its value.
type Label = [(&'static str, &'static str); 1];

/// The numbers of one board.
pub(super) struct Metrics {
    registry: Registry,
    turns: Family<Label, Counter>,
    reasons: Family<Label, Counter>,
    stages: Family<Label, Histogram, fn() -> Histogram>,
    now: Now,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let turns = Family::default();
        let reasons = Family::default();
        let stages = Family::new_with_constructor(histogram as fn() -> Histogram);
        // What has not happened yet is 0 and not unknown, or the first time would not be seen.
        for outcome in Outcome::ALL {
            drop(turns.get_or_create(&[("outcome", outcome.word())]));
        }
        for (stage, _) in NO_TIME.named() {
            drop(stages.get_or_create(&[("stage", stage)]));
        }
        let now = Now::default();
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The program that runs", version);
        registry.register("turns", "Turns that have ended, by how", turns.clone());
        registry.register(
            "turns_with_reason",
            "Turns whose end had a reason of its own, by reason",
            reasons.clone(),
        );
        registry.register_with_unit(
            "turn_stage",
            "From the end of a question to the first sound of its answer: each stage, and total",
            Unit::Seconds,
            stages.clone(),
        );
        registry.register_collector(Box::new(now.clone()));
        Self {
            registry,
            turns,
            reasons,
            stages,
            now,
        }
    }
}

const NO_TIME: Stages = Stages {
    pause: Duration::ZERO,
    recognise: Duration::ZERO,
    first_token: Duration::ZERO,
    first_sentence: Duration::ZERO,
    synthesise: Duration::ZERO,
    own: Duration::ZERO,
    total: Duration::ZERO,
};

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

impl Metrics {
    /// Counts a turn that has ended.
    pub(super) fn count(&self, turn: &Turn) {
        self.turns
            .get_or_create(&[("outcome", turn.outcome.word())])
            .inc();
        if let Some(reason) = turn.reason {
            self.reasons.get_or_create(&[("reason", reason)]).inc();
        }
        for (stage, time) in turn.stages.iter().flat_map(Stages::named) {
            self.stages
                .get_or_create(&[("stage", stage)])
                .observe(time.as_secs_f64());
        }
    }

    /// The answer of `/metrics`, in the text format of OpenMetrics.
    pub(super) fn page(&self, view: View, clock: Clock) -> String {
        self.now.is(view, clock);
        let mut page = String::new();
        // Writing to a string does not fail.
        encode(&mut page, &self.registry).ok();
        page
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
