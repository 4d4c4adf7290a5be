//! What it all comes to: healthy, degraded, unhealthy, and why.

use std::time::Duration;

use resilience::{Snapshot, State};
use serde::{Deserialize, Serialize};

use super::board::{Service, View};
use super::clock::Clock;
use super::memory::Memory;
use super::presence::Presence;

/// After this long without a round of its loop the pipeline counts as stuck. It goes round every
/// few seconds when nothing happens; a minute is far more than a loaded machine holds it up, and
/// still short for people who wait for an answer.
pub const STUCK_AFTER: Duration = Duration::from_secs(60);

/// The service without which nobody can be answered at all.
const MIND: &str = "ollama";

/// What it all comes to, the better first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything that is configured is well.
    Healthy,
    /// Something is away; people are answered nevertheless, if less well.
    Degraded,
    /// Nobody can be answered.
    Unhealthy,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Healthy, Self::Degraded, Self::Unhealthy];

    /// The status in one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// The status, and a line for each thing that keeps it from being a better one.
pub(super) fn verdict(view: &View, clock: Clock) -> (Status, Vec<String>) {
    let mut worst = Status::Healthy;
    let mut reasons = Vec::new();
    let mut note = |status: Status, reason: String| {
        worst = worst.max(status);
        reasons.push(reason);
    };
    if is_stuck(view, clock) {
        let seconds = clock.age(view.beat).as_secs();
        note(
            Status::Unhealthy,
            format!("the assistant has been stuck for {seconds} s; it needs a restart"),
        );
    }
    if let Presence::Away { why, .. } = &view.presence {
        note(Status::Unhealthy, format!("not in Mumble: {why}"));
    }
    for service in &view.services {
        if service.is_up() {
            continue;
        }
        let status = if service.name == MIND {
            Status::Unhealthy
        } else {
            Status::Degraded
        };
        note(status, trouble(service));
    }
    for trouble in view.memory.iter().flat_map(Memory::troubles) {
        note(Status::Degraded, trouble);
    }
    (worst, reasons)
}

/// What is wrong with a service of which no server can be asked, in the words of its last error:
/// they say what to do.
fn trouble(service: &Service) -> String {
    let all = &service.instances;
    let is_there =
        |one: &Snapshot| one.unfit && one.state == State::Closed && one.reachable != Some(false);
    let how = if all.iter().any(is_there) {
        "cannot be used"
    } else {
        "is away"
    };
    let last = all.iter().filter_map(|one| one.last_error.as_ref());
    match last.max_by_key(|(at, _)| *at) {
        Some((_, why)) => format!("{} {how}: {why}", service.name),
        None => format!("{} {how}", service.name),
    }
}

/// Whether the pipeline's loop has stopped going round.
pub(super) fn is_stuck(view: &View, clock: Clock) -> bool {
    clock.age(view.beat) > STUCK_AFTER
}
