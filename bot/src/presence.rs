//! Says in the log when the assistant is not on its server, and when it is there again.

use std::mem::{Discriminant, discriminant};
use std::time::{Duration, Instant};

use mumble::{JoinError, Outlook};

/// Whether the assistant is on its server, as far as the log knows.
///
/// Each reason for its absence is logged once, not at each of the attempts, of which there may
/// be thousands in a night.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    absence: Option<Absence>,
}

#[derive(Debug)]
struct Absence {
    since: Instant,
    failures: u32,
    told: Vec<Discriminant<JoinError>>,
}

impl Presence {
    /// There is no connection.
    pub(crate) fn handle_lost(&mut self, now: Instant, error: &JoinError, retry_in: Duration) {
        let retry_in_s = retry_in.as_secs();
        match (self.note(now, error), error.outlook()) {
            (News::Old, _) => tracing::debug!(%error, retry_in_s, "still not on the server"),
            (News::New, Outlook::HealsByItself) => {
                tracing::warn!(%error, retry_in_s, "not on the server; trying until it works");
            }
            (News::New, Outlook::NeedsSomebody) => {
                tracing::error!(%error, retry_in_s, "not on the server until somebody helps");
            }
        }
    }

    /// There is one.
    pub(crate) fn handle_joined(&mut self, now: Instant) {
        if let Some(absence) = self.absence.take() {
            let away_s = now.saturating_duration_since(absence.since).as_secs();
            tracing::info!(away_s, failures = absence.failures, "on the server again");
        }
    }

    fn note(&mut self, now: Instant, error: &JoinError) -> News {
        let absence = self.absence.get_or_insert_with(|| Absence {
            since: now,
            failures: 0,
            told: Vec::new(),
        });
        absence.failures = absence.failures.saturating_add(1);
        let kind = discriminant(error);
        if absence.told.contains(&kind) {
            return News::Old;
        }
        absence.told.push(kind);
        News::New
    }
}

/// Whether the log knows it already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    New,
    Old,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_told_once_until_the_user_is_back() {
        let now = Instant::now();
        let mut presence = Presence::default();
        let full = JoinError::ServerFull;
        let banned = JoinError::Banned("spam".into());
        assert_eq!(presence.note(now, &full), News::New);
        for _ in 0..100 {
            assert_eq!(presence.note(now, &full), News::Old);
        }
        assert_eq!(presence.note(now, &banned), News::New);
        assert_eq!(presence.note(now, &full), News::Old);
        presence.handle_joined(now);
        assert_eq!(presence.note(now, &full), News::New);
    }
}
