//! When a call whose other end has vanished is over: session timers (RFC 4028) without a clock.
//!
//! Both ends agree how long a session lasts without a sign of life and which of them gives it. A
//! [`Timer`] is one call's: it is told what requests and responses say, and says when to refresh
//! and when to hang up.

use std::time::{Duration, Instant};

mod terms;

pub use terms::{LEAST, Malformed, Refresher, SessionExpires, read_min_se};

/// The longest that a BYE is sent before the session expires, by the end that does not refresh
/// (RFC 4028 section 10).
const LONGEST_MARGIN: Duration = Duration::from_secs(32);
/// After a refresh that was refused for another reason than that the call is gone.
const RETRY: Duration = Duration::from_secs(10);

/// What this end wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a session lasts without a refresh, in s; 1800 by default, as RFC 4028 section 4
    /// recommends.
    pub expires: u32,
    /// The least that is accepted from others, in s; [`LEAST`] by default and at least.
    pub min_se: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            expires: 1800,
            min_se: LEAST,
        }
    }
}

/// What a request (INVITE or UPDATE) says about the timer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Its `Session-Expires`.
    pub expires: Option<SessionExpires>,
    /// Its `Min-SE`, in s.
    pub min_se: Option<u32>,
    /// Whether `timer` is in its `Supported` (or `Require`).
    pub supported: bool,
}

impl Asked {
    /// Whether the 2xx tells what was granted. Who knows of timers is told without having asked
    /// (RFC 4028 section 9): it would not know that it has to refresh.
    pub fn is_told(&self) -> bool {
        self.expires.is_some() || self.supported
    }
}

/// What a 2xx response says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Its `Session-Expires`, with the refresher.
    pub expires: SessionExpires,
    /// Whether it has `Require: timer`: the other end has to refresh.
    pub require: bool,
}

/// The session would have to be refreshed too often: 422 with this `Min-SE`, in s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session interval is below {min_se} s")]
pub struct TooSmall {
    /// What the response demands.
    pub min_se: u32,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Due {
    /// Refresh the session by an UPDATE or a re-INVITE, and tell how that went.
    Refresh,
    /// Hang up: nobody has given a sign of life in time.
    Bye,
}

/// How a refresh of this end has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failed {
    /// 408, 481, or no answer at all: the other end is gone.
    Gone,
    /// 422 with its `Min-SE`, in s.
    TooSmall(u32),
    /// Any other refusal: 491, for one.
    Refused,
}

/// The session timer of one call.
#[derive(Clone, Debug)]
pub struct Timer {
    settings: Settings,
    /// What the next request of this end asks for, and its `Min-SE`, in s.
    wished: u32,
    min_se: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is agreed: the call lasts until somebody hangs up.
    Off,
    /// This end refreshes; `away` while it does.
    Ours {
        refresh_at: Instant,
        expires_at: Instant,
        away: bool,
    },
    /// The other end refreshes.
    Theirs { bye_at: Instant },
    /// The BYE was called for; nothing follows.
    Over,
}

impl Timer {
    /// A call about whose time nothing has been said.
    pub fn new(settings: Settings) -> Self {
        let min_se = settings.min_se.max(LEAST);
        let expires = settings.expires.max(min_se);
        Self {
            settings: Settings { expires, min_se },
            wished: expires,
            min_se,
            state: State::Off,
        }
    }

    /// What a request of this end says, first or refreshing. Before a session is agreed nobody
    /// is named; later whoever refreshes keeps doing so (RFC 4028 section 7.4).
    pub fn ask(&self) -> Asked {
        let refresher = match self.state {
            State::Off | State::Over => None,
            State::Ours { .. } => Some(Refresher::Uac),
            State::Theirs { .. } => Some(Refresher::Uas),
        };
        let expires = SessionExpires {
            seconds: self.wished,
            refresher,
        };
        Asked {
            expires: Some(expires),
            min_se: Some(self.min_se),
            supported: true,
        }
    }

    /// Answers a request of the other end (RFC 4028 section 9), which refreshes the session: with
    /// what its 2xx is to say. `now` is when that is sent: the session counts from there.
    ///
    /// # Errors
    ///
    /// [`TooSmall`], to be answered by 422; the timer goes on as before.
    pub fn asked(&mut self, now: Instant, asked: Asked) -> Result<Granted, TooSmall> {
        let min_se = self.settings.min_se;
        let least = asked.min_se.unwrap_or(LEAST).max(min_se);
        let seconds = match asked.expires {
            // Who does not know of timers did not ask: a proxy did, and a 422 is for that one.
            Some(expires) if expires.seconds < min_se => return Err(TooSmall { min_se }),
            // It may be made shorter, never longer (section 9).
            Some(expires) => expires.seconds.min(self.settings.expires.max(least)),
            None => self.settings.expires.max(least),
        };
        let named = asked.expires.and_then(|expires| expires.refresher);
        // Whoever does not know of timers cannot refresh (table 2).
        let refresher = match named {
            Some(refresher) if asked.supported => refresher,
            None if asked.supported && !matches!(self.state, State::Ours { .. }) => Refresher::Uac,
            _ => Refresher::Uas,
        };
        self.begin(now, seconds, refresher == Refresher::Uas);
        let expires = SessionExpires {
            seconds,
            refresher: Some(refresher),
        };
        Ok(Granted {
            expires,
            require: refresher == Refresher::Uac,
        })
    }

    /// The other end answered a request of this end by 2xx (RFC 4028 section 7.2). Without
    /// `Session-Expires` it knows nothing of timers, and there is none.
    pub fn granted(&mut self, now: Instant, expires: Option<SessionExpires>) {
        let Some(expires) = expires else {
            self.state = State::Off;
            return;
        };
        // Less than the least is nothing that an honest end grants: it would be refreshed in a
        // storm.
        let seconds = expires.seconds.max(self.min_se);
        self.begin(now, seconds, expires.refresher != Some(Refresher::Uas));
    }

    /// A refresh of this end, or its first request, has failed; with [`Failed::TooSmall`] the
    /// next [`ask`](Self::ask) asks for more (RFC 4028 section 7.3).
    pub fn failed(&mut self, now: Instant, failed: Failed) {
        if let Failed::TooSmall(min_se) = failed {
            self.min_se = self.min_se.max(min_se);
            self.wished = self.wished.max(self.min_se);
        }
        let State::Ours {
            refresh_at,
            expires_at,
            away,
        } = &mut self.state
        else {
            return;
        };
        *away = false;
        match failed {
            Failed::Gone => *expires_at = now,
            Failed::TooSmall(_) => *refresh_at = now,
            Failed::Refused => *refresh_at = later(now, RETRY),
        }
    }

    /// When [`poll`](Self::poll) has something to say.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Off | State::Over => None,
            State::Ours {
                expires_at,
                away: true,
                ..
            } => Some(expires_at),
            State::Ours {
                refresh_at,
                expires_at,
                away: false,
            } => Some(refresh_at.min(expires_at)),
            State::Theirs { bye_at } => Some(bye_at),
        }
    }

    /// What is due, each once.
    pub fn poll(&mut self, now: Instant) -> Option<Due> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        match &mut self.state {
            State::Ours {
                expires_at, away, ..
            } if now < *expires_at => {
                *away = true;
                Some(Due::Refresh)
            }
            _ => {
                self.state = State::Over;
                Some(Due::Bye)
            }
        }
    }

    fn begin(&mut self, now: Instant, seconds: u32, ours: bool) {
        if self.state == State::Over {
            return;
        }
        self.wished = seconds.max(self.min_se);
        let interval = Duration::from_secs(u64::from(seconds));
        self.state = if ours {
            State::Ours {
                refresh_at: later(now, interval / 2),
                expires_at: later(now, interval),
                away: false,
            }
        } else {
            let margin = LONGEST_MARGIN.min(interval / 3);
            State::Theirs {
                bye_at: later(now, interval.saturating_sub(margin)),
            }
        };
    }
}

/// `now` and `wait` added; a sum that no clock can tell is put off by a day at a time.
fn later(now: Instant, wait: Duration) -> Instant {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    now.checked_add(wait).unwrap_or_else(|| now + DAY)
}

#[cfg(test)]
mod tests;
