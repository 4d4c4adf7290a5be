//! When an engine is left alone and when it is taken back: rules without a clock or a task.
//!
//! Closed, the engine is asked. After so many failures in a row it opens: nobody asks. Then a
//! [`Errand::Check`], which costs the engine nothing, goes out every [`CHECK_EVERY`]; the first
//! that finds it alive sends the one [`Errand::Probe`], a request of no person's. While that is
//! away the breaker is half-open; it comes back closed or open. No person's request is ever the
//! one that tries.
//!
//! A closed engine is checked as well: when nobody has asked it for a while, and then a check that
//! fails counts like a call; and after a call that failed, to know whether anybody is there, and
//! then it counts nothing, so that the engine is given up for its work alone.
//!
//! Whoever holds a breaker gives it the time and runs its errands; [`crate::tend`] does.

use std::fmt;
use std::time::{Duration, Instant};

use failsafe::FailurePolicy as _;
use failsafe::backoff::{self, Constant, EqualJittered};
use failsafe::failure_policy::{ConsecutiveFailures, consecutive_failures};

/// Time from the beginning of one check to the beginning of the next while the engine is away,
/// or was missing at the last one. A check is a connection or a GET that costs nothing, and
/// whoever waits for the engine waits at most this long more.
pub const CHECK_EVERY: Duration = Duration::from_secs(2);

/// Least time of any setting: less would make the errands a flood.
const LEAST: Duration = Duration::from_millis(10);

/// Longest time of any setting; a longer one is a mistake, and reckoning with it could overflow.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The numbers of one breaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Failures in a row that open it, late answers among them. 0 is taken for 1.
    pub threshold: u32,
    /// Longest time until a probe while the checks find nobody.
    pub longest_wait: Duration,
    /// First wait after a probe that failed although the engine is alive; then it doubles.
    pub retry_base: Duration,
    /// Longest of those waits; `longest_wait` bounds them as well.
    pub retry_cap: Duration,
    /// A closed engine that nobody asked for this long is checked.
    pub idle: Duration,
}

impl Default for Settings {
    /// 5 failures, at most 60 s, probes after 1 s to 60 s, checked every 30 s.
    fn default() -> Self {
        Self {
            threshold: 5,
            longest_wait: Duration::from_secs(60),
            retry_base: Duration::from_secs(1),
            retry_cap: Duration::from_secs(60),
            idle: Duration::from_secs(30),
        }
    }
}

impl Settings {
    /// The same with every number brought to where it can be reckoned with.
    fn sane(mut self) -> Self {
        self.threshold = self.threshold.max(1);
        for time in [
            &mut self.longest_wait,
            &mut self.retry_base,
            &mut self.retry_cap,
            &mut self.idle,
        ] {
            *time = (*time).clamp(LEAST, LONGEST);
        }
        self.retry_cap = self.retry_cap.max(self.retry_base);
        self
    }

    fn policy(&self) -> ConsecutiveFailures<Constant> {
        consecutive_failures(self.threshold, backoff::constant(self.longest_wait))
    }

    /// Failsafe counts whole seconds and would draw a wait of 0 from 1 s, so it is lent
    /// milliseconds as its seconds. (That also spares its refusal of less than a second.)
    fn retries(&self) -> EqualJittered {
        let lent = |time: Duration| Duration::from_secs(time.as_millis() as u64);
        backoff::equal_jittered(lent(self.retry_base), lent(self.retry_cap))
    }
}

/// What a breaker lets happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The engine is asked.
    Closed,
    /// The one probe is away; nobody asks.
    HalfOpen,
    /// Nobody asks.
    Open,
}

impl State {
    /// `closed`, `half-open` or `open`, as /health says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// What is to be done for an engine when no person asks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Errand {
    /// Ask whether it is there, at no cost to it.
    Check,
    /// Give it a small piece of real work.
    Probe,
}

/// How a call or an errand ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// An answer came in time.
    Succeeded,
    /// An error, or no answer in time.
    Failed,
    /// It was given up for reasons of its own: that says nothing about the engine.
    Cancelled,
}

/// Admission of one call or errand, to be given back with its outcome.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    epoch: u64,
}

/// The breaker of one engine.
#[derive(Debug)]
pub struct Breaker {
    settings: Settings,
    policy: ConsecutiveFailures<Constant>,
    retries: EqualJittered,
    phase: Phase,
    since: Instant,
    /// New at each opening: what began before it changes nothing any more.
    epoch: u64,
    in_flight: u32,
    away: Option<Mission>,
    run: Run,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed {
        check_at: Instant,
        /// From then on nobody has asked it for a while, and checks count.
        idle_at: Instant,
    },
    Open {
        check_at: Instant,
        probe_at: Instant,
        checks: Checks,
    },
    HalfOpen {
        /// Probes that follow each other closely must not put off the checks.
        check_at: Instant,
        checks: Checks,
    },
}

/// An errand that is away, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mission {
    Check,
    /// A check after a call that failed, which tells and does not count.
    Glance,
    Probe,
}

/// What the checks have said since the breaker opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Checks {
    Nothing,
    Missing,
    Alive,
}

/// What the present run of failures consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    None,
    ChecksOnly,
    Calls,
}

impl Breaker {
    /// A closed breaker, whose first check is due at once.
    pub fn new(settings: Settings, now: Instant) -> Self {
        let settings = settings.sane();
        Self {
            policy: settings.policy(),
            retries: settings.retries(),
            settings,
            phase: Phase::Closed {
                check_at: now,
                idle_at: now,
            },
            since: now,
            epoch: 0,
            in_flight: 0,
            away: None,
            run: Run::None,
        }
    }

    /// The state it is in.
    pub fn state(&self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// When it closed, or when it opened: a probe in between does not count as a change.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Whether the last that was heard of the engine was bad.
    pub fn failing(&self) -> bool {
        self.run != Run::None || self.state() != State::Closed
    }

    /// Calls admitted that have not ended.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Changes the numbers. A run of failures is counted anew; an open breaker stays open and
    /// waits no longer than the new numbers say.
    pub fn tune(&mut self, settings: Settings, now: Instant) {
        self.settings = settings.sane();
        self.policy = self.settings.policy();
        self.retries = self.settings.retries();
        self.run = Run::None;
        let (idle, longest) = (self.settings.idle, self.settings.longest_wait);
        match &mut self.phase {
            Phase::Closed { check_at, idle_at } => {
                *idle_at = (*idle_at).min(after(now, idle));
                *check_at = (*check_at).min(*idle_at);
            }
            Phase::Open { probe_at, .. } => *probe_at = (*probe_at).min(after(now, longest)),
            Phase::HalfOpen { .. } => {}
        }
    }

    /// Admits a person's call, or refuses it: whenever the breaker is not closed.
    pub fn admit(&mut self) -> Option<Ticket> {
        let Phase::Closed { .. } = self.phase else {
            return None;
        };
        self.in_flight += 1;
        Some(Ticket { epoch: self.epoch })
    }

    /// A person's call ended. One that began before the breaker opened changes nothing.
    pub fn ended(&mut self, ticket: Ticket, outcome: Outcome, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let Phase::Closed { check_at, idle_at } = &mut self.phase else {
            return;
        };
        if ticket.epoch != self.epoch || outcome == Outcome::Cancelled {
            return;
        }
        *idle_at = after(now, self.settings.idle);
        if outcome == Outcome::Succeeded {
            *check_at = *idle_at;
            self.recovered();
        } else {
            *check_at = now;
            self.run = Run::Calls;
            self.failed(now);
        }
    }

    /// When the next errand is due; `None` while one is away.
    pub fn deadline(&self) -> Option<Instant> {
        match self.phase {
            _ if self.away.is_some() => None,
            Phase::Closed { check_at, .. } => Some(check_at),
            Phase::Open {
                check_at, probe_at, ..
            } => Some(check_at.min(probe_at)),
            Phase::HalfOpen { .. } => None,
        }
    }

    /// The errand that is due, which thereby begins; there is never more than one away.
    pub fn set_out(&mut self, now: Instant) -> Option<(Errand, Ticket)> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        let mission = match &mut self.phase {
            // Calls in flight will tell, and a server that works through one request after
            // another would let the check wait behind them.
            Phase::Closed { check_at, .. } if self.in_flight > 0 => {
                *check_at = after(now, CHECK_EVERY);
                return None;
            }
            Phase::Closed { check_at, idle_at } if now < *idle_at => {
                *check_at = after(now, CHECK_EVERY);
                Mission::Glance
            }
            Phase::Open {
                check_at,
                probe_at,
                checks,
            } if *probe_at <= now => {
                self.phase = Phase::HalfOpen {
                    check_at: *check_at,
                    checks: *checks,
                };
                Mission::Probe
            }
            Phase::Closed { check_at, .. } | Phase::Open { check_at, .. } => {
                *check_at = after(now, CHECK_EVERY);
                Mission::Check
            }
            Phase::HalfOpen { .. } => return None,
        };
        self.away = Some(mission);
        let errand = match mission {
            Mission::Check | Mission::Glance => Errand::Check,
            Mission::Probe => Errand::Probe,
        };
        let epoch = self.epoch;
        Some((errand, Ticket { epoch }))
    }

    /// The errand came back. One that set out before the breaker opened changes nothing.
    pub fn came_back(&mut self, ticket: Ticket, outcome: Outcome, now: Instant) {
        let mission = self.away.take();
        if ticket.epoch != self.epoch {
            return;
        }
        match mission {
            Some(Mission::Check) => self.checked(outcome, now),
            Some(Mission::Glance) => self.glanced(outcome),
            Some(Mission::Probe) => self.probed(outcome, now),
            None => {}
        }
    }

    fn glanced(&mut self, outcome: Outcome) {
        if let (Phase::Closed { check_at, idle_at }, Outcome::Succeeded) =
            (&mut self.phase, outcome)
        {
            *check_at = *idle_at;
        }
    }

    fn checked(&mut self, outcome: Outcome, now: Instant) {
        match (&mut self.phase, outcome) {
            (Phase::HalfOpen { .. }, _) | (_, Outcome::Cancelled) => {}
            (Phase::Closed { check_at, idle_at }, Outcome::Succeeded) => {
                *check_at = after(now, self.settings.idle).max(*idle_at);
                // A check says that somebody is there, not that the work gets done: it takes
                // back what checks have said, never what calls have shown.
                if self.run == Run::ChecksOnly {
                    self.recovered();
                }
            }
            (Phase::Closed { .. }, Outcome::Failed) => {
                if self.run == Run::None {
                    self.run = Run::ChecksOnly;
                }
                self.failed(now);
            }
            (
                Phase::Open {
                    probe_at, checks, ..
                },
                Outcome::Succeeded,
            ) => {
                if *checks != Checks::Alive {
                    *probe_at = now;
                }
                *checks = Checks::Alive;
            }
            (Phase::Open { checks, .. }, Outcome::Failed) => *checks = Checks::Missing,
        }
    }

    fn probed(&mut self, outcome: Outcome, now: Instant) {
        let Phase::HalfOpen { check_at, checks } = self.phase else {
            return;
        };
        if outcome == Outcome::Succeeded {
            self.recovered();
            self.retries = self.settings.retries();
            self.since = now;
            let idle_at = after(now, self.settings.idle);
            self.phase = Phase::Closed {
                check_at: idle_at,
                idle_at,
            };
            return;
        }
        let wait = match checks {
            Checks::Alive => self.retry_wait(),
            Checks::Nothing | Checks::Missing => self.settings.longest_wait,
        };
        self.phase = Phase::Open {
            check_at: check_at.max(now),
            probe_at: after(now, wait),
            checks,
        };
    }

    /// The policy decides whether this failure is one too many.
    fn failed(&mut self, now: Instant) {
        let Some(longest_wait) = self.policy.mark_dead_on_failure() else {
            return;
        };
        self.epoch += 1;
        self.since = now;
        self.phase = Phase::Open {
            check_at: after(now, CHECK_EVERY),
            probe_at: after(now, longest_wait),
            checks: Checks::Nothing,
        };
    }

    fn recovered(&mut self) {
        self.run = Run::None;
        self.policy.revived();
    }

    fn retry_wait(&mut self) -> Duration {
        let lent = self.retries.next().map_or(0, |wait| wait.as_secs());
        Duration::from_millis(lent).clamp(LEAST, self.settings.longest_wait)
    }
}

/// `now` and `wait` added; where that cannot be reckoned, what is waited for is due.
fn after(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).unwrap_or(now)
}

#[cfg(test)]
mod tests;
