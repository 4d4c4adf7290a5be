//! Whether a user is on its server, and if not, why, since when, and what comes next.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::error::{JoinError, Outlook};

/// How a user stands with its server; see [`Client::standing`](crate::Client::standing).
#[derive(Clone, Debug)]
pub enum Standing {
    /// An attempt to connect is being made.
    Connecting {
        /// What went wrong before; none when nothing has yet.
        trouble: Option<Trouble>,
    },
    /// It is on the server and in its channel.
    Joined {
        /// Since when.
        since: Instant,
    },
    /// It waits for the next attempt, which comes by itself.
    Waiting {
        /// What went wrong.
        trouble: Trouble,
        /// When the next attempt comes.
        retry_at: Instant,
    },
    /// It has been shut down.
    Left,
}

/// Why a user is not on its server.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// What happened last.
    pub error: JoinError,
    /// What it takes until it is over.
    pub outlook: Outlook,
    /// Since when the user has not been on the server; at the start, since the first failure.
    pub since: Instant,
    /// How many times in a row there was no connection, the broken one counted.
    pub failures: u32,
}

impl Standing {
    /// Why the user is not on the server; none when it is, and none before the first attempt
    /// has ended.
    pub fn trouble(&self) -> Option<&Trouble> {
        match self {
            Self::Connecting { trouble } => trouble.as_ref(),
            Self::Waiting { trouble, .. } => Some(trouble),
            Self::Joined { .. } | Self::Left => None,
        }
    }

    /// Whether the user is on the server.
    pub fn is_joined(&self) -> bool {
        matches!(self, Self::Joined { .. })
    }

    /// The standing at this moment as a line to read.
    pub fn line(&self, now: Instant) -> String {
        let seconds = |time: Duration| format!("{} s", time.as_secs());
        match self {
            Self::Connecting { trouble: None } => "connecting for the first time".to_owned(),
            Self::Connecting {
                trouble: Some(trouble),
            } => format!("connecting again after {}", trouble.line(now)),
            Self::Joined { since } => {
                let held = now.saturating_duration_since(*since);
                format!("on the server for {}", seconds(held))
            }
            Self::Waiting { trouble, retry_at } => {
                let left = retry_at.saturating_duration_since(now);
                format!(
                    "trying again in {} after {}",
                    seconds(left),
                    trouble.line(now)
                )
            }
            Self::Left => "shut down".to_owned(),
        }
    }
}

impl Trouble {
    fn line(&self, now: Instant) -> String {
        let away = now.saturating_duration_since(self.since).as_secs();
        let Self {
            error, failures, ..
        } = self;
        let times = if *failures == 1 {
            "failure"
        } else {
            "failures"
        };
        format!("{failures} {times} in {away} s: {error}")
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_why_since_when_and_what_comes_next() {
        let start = Instant::now();
        let trouble = Trouble {
            error: JoinError::ServerFull,
            outlook: Outlook::HealsByItself,
            since: start,
            failures: 3,
        };
        let retry_at = start + Duration::from_secs(40);
        let standing = Standing::Waiting { trouble, retry_at };
        assert_eq!(
            standing.line(start + Duration::from_secs(30)),
            "trying again in 10 s after 3 failures in 30 s: the server is full; it is tried again \
             later"
        );
        assert!(!standing.is_joined() && standing.trouble().is_some());
        let joined = Standing::Joined { since: start };
        assert_eq!(joined.line(retry_at), "on the server for 40 s");
    }
}
