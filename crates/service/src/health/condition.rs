//! How one dependency is: all its servers together, and each one.

use resilience::{Snapshot, State};
use serde::{Deserialize, Serialize};

use super::board::Service;
use super::clock::{Clock, ms};
use super::presence::Presence;
use crate::settings::without_password;

/// How one dependency is, as `/health` tells it. With several servers it is the best of them,
/// for that one is asked; counts are of all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// `closed`: it is asked. `open`: nobody asks it, it failed too often. `half-open`: it is
    /// being tried.
    pub state: String,
    /// Since when it has been in this state.
    pub since: f64,
    /// What went wrong last, also when all is well again.
    pub last_error: Option<LastError>,
    /// When it last did what it was asked.
    pub last_success: Option<f64>,
    /// How long its answers took lately.
    pub latency_ms: Option<LatencyMs>,
    /// How often its breaker opened.
    pub trips: u64,
    /// How often it was asked.
    pub calls: u64,
    /// How often it failed or was late.
    pub failures: u64,
    /// How often nobody was let through to it.
    pub refused: u64,
    /// Its servers, in the order in which they are asked; none for Mumble.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<Instance>,
}

/// One of the servers of a dependency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Its address, without its password.
    pub address: String,
    /// Whether it can be asked now, as far as is known.
    pub up: bool,
    /// How it is.
    #[serde(flatten)]
    pub condition: Condition,
}

/// What went wrong last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastError {
    /// When.
    pub at: f64,
    /// What, in one line.
    pub text: String,
}

/// How long answers took lately, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyMs {
    /// Half of them took less.
    pub p50: f64,
    /// One in twenty took more.
    pub p95: f64,
}

impl Condition {
    pub(super) fn of_service(service: &Service, clock: Clock) -> Option<Self> {
        let all = &service.instances;
        let best = all.iter().min_by_key(|instance| rank(instance))?;
        let sum = |count: fn(&Snapshot) -> u64| all.iter().map(count).sum();
        let last_error = all.iter().filter_map(|instance| {
            let (at, text) = instance.last_error.as_ref()?;
            Some((*at, text))
        });
        let last_error = last_error.max_by_key(|(at, _)| *at);
        let last_success = all.iter().filter_map(|instance| instance.last_success);
        let instances = all.iter().map(|one| Instance {
            address: without_password(one.name.clone()),
            up: one.well(),
            condition: Self::of_instance(one, clock),
        });
        Some(Self {
            last_error: last_error.map(|(at, text)| LastError {
                at: clock.unix(at),
                text: text.clone(),
            }),
            last_success: last_success.max().map(|at| clock.unix(at)),
            trips: sum(|one| one.trips),
            calls: sum(|one| one.calls),
            failures: sum(|one| one.failures),
            refused: sum(|one| one.refused),
            instances: instances.collect(),
            ..Self::of_instance(best, clock)
        })
    }

    fn of_instance(one: &Snapshot, clock: Clock) -> Self {
        Self {
            state: one.state.as_str().to_owned(),
            since: clock.unix(one.since),
            last_error: one.last_error.as_ref().map(|(at, text)| LastError {
                at: clock.unix(*at),
                text: text.clone(),
            }),
            last_success: one.last_success.map(|at| clock.unix(at)),
            latency_ms: one.latency.map(|latency| LatencyMs {
                p50: ms(latency.p50),
                p95: ms(latency.p95),
            }),
            trips: one.trips,
            calls: one.calls,
            failures: one.failures,
            refused: one.refused,
            instances: Vec::new(),
        }
    }

    /// Mumble has no breaker; being away is its open state.
    pub(super) fn of_mumble(presence: &Presence, clock: Clock) -> Self {
        let (state, since, error, failures) = match presence {
            Presence::Joined { since } => (State::Closed, since, None, 0),
            Presence::Away {
                since,
                why,
                failures,
            } => (State::Open, since, Some(why.clone()), *failures),
        };
        let since = clock.unix(*since);
        Self {
            state: state.as_str().to_owned(),
            since,
            last_success: error.is_none().then(|| clock.unix(clock.now)),
            last_error: error.map(|text| LastError { at: since, text }),
            latency_ms: None,
            trips: 0,
            calls: 0,
            failures: failures.into(),
            refused: 0,
            instances: Vec::new(),
        }
    }
}

/// The best first.
fn rank(one: &Snapshot) -> u8 {
    match one.state {
        State::Closed if one.well() => 0,
        State::Closed => 1,
        State::HalfOpen => 2,
        State::Open => 3,
    }
}
