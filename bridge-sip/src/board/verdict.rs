//! What it all comes to: healthy, degraded, unhealthy, and why.

use std::time::Duration;

use service::health::{Clock, STUCK_AFTER, Status};

use super::{Facts, Mumble, Registration};

/// For so long after a call could not join Mumble the next one is expected to fare no better.
/// Nobody tries while nobody calls, so what was seen longer ago says less.
const FRESH: Duration = Duration::from_secs(60);

/// The status, and a line for each thing that keeps it from being a better one.
pub(super) fn verdict(facts: &Facts, clock: Clock) -> (Status, Vec<String>) {
    let mut worst = Status::Healthy;
    let mut reasons = Vec::new();
    let mut note = |status: Status, reason: String| {
        worst = worst.max(status);
        reasons.push(reason);
    };
    match facts.beat {
        None => note(Status::Unhealthy, "the line is not open yet".to_owned()),
        Some(beat) if is_stuck(facts, clock) => {
            let seconds = clock.age(beat).as_secs();
            let reason =
                format!("the phone line has been stuck for {seconds} s; it needs a restart");
            note(Status::Unhealthy, reason);
        }
        Some(_) => {}
    }
    if facts.beat.is_some() && free_ports(facts) == 0 {
        let reason =
            "every port from RTP_PORT_MIN to RTP_PORT_MAX has a call: no more can be taken";
        note(Status::Unhealthy, reason.to_owned());
    }
    if let Some(Mumble::Away { at, why, .. }) = facts.mumble {
        let status = if clock.age(at) < FRESH {
            Status::Unhealthy
        } else {
            Status::Degraded
        };
        note(
            status,
            format!("the last call could not be in Mumble: {why}"),
        );
    }
    if let Some((Registration::Away(why), _)) = &facts.registration {
        note(
            Status::Degraded,
            format!("not registered at SIP_DOMAIN: {why}"),
        );
    }
    (worst, reasons)
}

/// Whether the loop that takes calls has stopped going round.
pub(super) fn is_stuck(facts: &Facts, clock: Clock) -> bool {
    facts.beat.is_some_and(|beat| clock.age(beat) > STUCK_AFTER)
}

/// Ports that no call has.
pub(super) fn free_ports(facts: &Facts) -> u32 {
    let calls = u32::try_from(facts.calls.len()).unwrap_or(u32::MAX);
    facts.line.ports.saturating_sub(calls)
}
