//! Whether voice goes by UDP or through the tunnel, found out by pings.
//!
//! A server sends voice by UDP to whoever sent it voice by UDP last, and through the tunnel
//! after anything that came to it through the tunnel; pings by UDP are answered by UDP and
//! change nothing (`Server::run` and `Server::message` of Mumble's server, 1.3 to 1.5). So a
//! dead way is told by a packet through the tunnel, and a living one by a packet of voice,
//! which, while nobody speaks here, is one that reaches nobody.

mod trial;

use std::time::{Duration, Instant};

use super::pings::Pings;
use trial::Trial;

/// Between pings while nobody speaks: who begins to speak after UDP has died unnoticed is not
/// heard for at most this long.
const IDLE_EVERY: Duration = Duration::from_secs(1);

/// Between pings while voice flows either way.
const TALKING_EVERY: Duration = Duration::from_millis(50);

/// So many missed pings in a row mean that UDP is dead.
const DEAD_AFTER: usize = 2;

/// Where pings get lost all the time, twice as many are sent and missed before that is said:
/// it takes the same time and comes from mere loss a hundred times less often.
const LOSSY_EVERY: Duration = Duration::from_millis(25);
const LOSSY_DEAD_AFTER: usize = 4;

/// Who notices a missed ping later than this was asleep, and its answer may lie in the socket:
/// that is looked at first, for as long as [`SECOND_LOOK`].
const ASLEEP: Duration = Duration::from_millis(10);
const SECOND_LOOK: Duration = Duration::from_millis(5);

/// Voice flows until this long after its last packet.
const TALK_ENDS: Duration = Duration::from_secs(1);

/// At least this much of the own voice goes through the tunnel again when UDP is dead ...
const LEAST_RESENT: Duration = Duration::from_millis(200);

/// ... and at most this much, where round trips are long: everything since the last ping that
/// came back may be lost. 20 packets at once are within the limit that a server sets for the
/// last 360 (`BandwidthRecord`), for the bit rate leaves that much free.
pub(super) const MOST_RESENT: Duration = Duration::from_millis(400);

/// The longer UDP has been dead, the rarer it is probed: after a quarter of that time ...
const PATIENCE: u32 = 4;

/// ... and at the latest after this.
const RAREST_PROBE: Duration = Duration::from_secs(15);

/// A probe is followed by a packet through the tunnel, not more often than this: to some
/// servers any datagram is a sign that UDP works.
const TUNNEL_AGAIN: Duration = Duration::from_millis(250);

/// So many missed pings in a row end a trial.
const TRIAL_DEAD_AFTER: usize = 6;

/// Voice that still comes through the tunnel makes us ask for UDP again, not more often than
/// this.
const CLAIM_AGAIN: Duration = Duration::from_millis(500);

/// Where voice goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// UDP answers.
    Udp,
    /// It does not, or not yet.
    Tunnel,
}

/// What the link wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkAction {
    /// Send a ping by UDP.
    Ping,
    /// Send a ping through the tunnel, after which the server uses the tunnel too.
    TunnelPing,
    /// Send again, through the tunnel, the own voice that has left by UDP since then.
    Resend(Instant),
    /// Send a ping on the TCP stream; its answer is for [`Link::handle_tcp_pong`].
    TcpPing,
    /// Send voice to nobody by UDP, after which the server uses UDP too.
    Claim,
}

/// The UDP side of a connection.
#[derive(Debug)]
pub(super) struct Link {
    state: State,
    pings: Pings,
    /// Voice flows until then.
    talk_ends: Option<Instant>,
    /// How long UDP has to answer before it is used.
    trial: Duration,
    /// Before then UDP is not called dead.
    second_look: Option<Instant>,
    todo: Todo,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Before the key is there, and when UDP is switched off.
    Off,
    /// Nothing comes back.
    Dead { since: Instant, told: Instant },
    /// Something came back; whether that goes on is being watched.
    Trial(Trial),
    /// Voice goes by UDP.
    Alive { since: Instant, claimed: Instant },
}

/// What is to be done once; nothing of it twice.
#[derive(Clone, Copy, Debug, Default)]
struct Todo {
    resend: Option<Instant>,
    tunnel_ping: bool,
    tcp_ping: bool,
    claim: bool,
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            state: State::Off,
            pings: Pings::default(),
            talk_ends: None,
            trial: Duration::ZERO,
            second_look: None,
            todo: Todo::default(),
        }
    }

    /// The key is there: pings can begin.
    pub(super) fn start(&mut self, now: Instant) {
        if let State::Off = self.state {
            // Until an answer has come, the server is not to send by UDP either.
            self.todo.tunnel_ping = true;
            self.state = State::Dead {
                since: now,
                told: now,
            };
        }
    }

    pub(super) fn route(&self) -> Route {
        match self.state {
            State::Alive { .. } => Route::Udp,
            State::Off | State::Dead { .. } | State::Trial(_) => Route::Tunnel,
        }
    }

    pub(super) fn pings(&self) -> &Pings {
        &self.pings
    }

    /// A packet of the own voice leaves.
    pub(super) fn handle_own_voice(&mut self, now: Instant) {
        self.talk_ends = Some(now + TALK_ENDS);
    }

    /// A packet of somebody's voice came.
    pub(super) fn handle_voice(&mut self, now: Instant, came_by: Route) {
        self.talk_ends = Some(now + TALK_ENDS);
        if let State::Alive { claimed, .. } = &mut self.state
            && came_by == Route::Tunnel
            && now >= *claimed + CLAIM_AGAIN
        {
            *claimed = now;
            self.todo.claim = true;
        }
    }

    /// A ping came back by UDP after this long.
    pub(super) fn handle_pong(&mut self, now: Instant, took: Duration) {
        match &mut self.state {
            State::Off => return,
            State::Dead { since, .. } => {
                let since = *since;
                self.pings.forget();
                self.begin_trial(now, since);
            }
            State::Trial(trial) => trial.handle_pong(),
            State::Alive { .. } => {}
        }
        self.pings.answer(now, took);
    }

    /// A ping came back on the TCP stream after this long.
    pub(super) fn handle_tcp_pong(&mut self, took: Duration) {
        if let State::Trial(trial) = &mut self.state {
            trial.handle_tcp_pong(took, self.pings.usual());
        }
    }

    /// What is due now, to be asked for until there is nothing.
    pub(super) fn poll(&mut self, now: Instant) -> Option<LinkAction> {
        self.judge(now);
        if let Some(since) = self.todo.resend.take() {
            return Some(LinkAction::Resend(since));
        }
        if std::mem::take(&mut self.todo.tcp_ping) {
            return Some(LinkAction::TcpPing);
        }
        if std::mem::take(&mut self.todo.claim) {
            return Some(LinkAction::Claim);
        }
        if self.next_ping().is_some_and(|due| now >= due) {
            self.pings.send(now);
            match &mut self.state {
                State::Trial(trial) => trial.handle_ping(),
                State::Dead { told, .. } if now >= *told + TUNNEL_AGAIN => {
                    *told = now;
                    self.todo.tunnel_ping = true;
                }
                State::Off | State::Dead { .. } | State::Alive { .. } => {}
            }
            return Some(LinkAction::Ping);
        }
        std::mem::take(&mut self.todo.tunnel_ping).then_some(LinkAction::TunnelPing)
    }

    /// When [`Link::poll`] wants to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let judgement = match self.state {
            State::Off | State::Dead { .. } => None,
            State::Trial(trial) => Some(trial.ends()),
            State::Alive { .. } => {
                let missed = self.pings.missed_at(self.dead_after());
                missed.map(|missed| self.second_look.map_or(missed, |look| missed.max(look)))
            }
        };
        [self.next_ping(), judgement].into_iter().flatten().min()
    }

    /// Changes the way when it is time for that.
    fn judge(&mut self, now: Instant) {
        match self.state {
            State::Off | State::Dead { .. } => {}
            State::Alive { since, .. } => {
                if self.misses(now, self.dead_after()) {
                    self.die(now, since);
                }
            }
            State::Trial(trial) => {
                if self.misses(now, TRIAL_DEAD_AFTER) {
                    self.state = State::Dead {
                        since: trial.dead_since,
                        told: now,
                    };
                } else if now >= trial.ends() {
                    self.decide(now, trial);
                }
            }
        }
    }

    /// Whether so many pings in a row are missed, and not just unread.
    fn misses(&mut self, now: Instant, count: usize) -> bool {
        let Some(at) = self.pings.missed_at(count).filter(|&at| now >= at) else {
            return false;
        };
        if now > at + ASLEEP && self.second_look.is_none_or(|look| look < at) {
            self.second_look = Some(now + SECOND_LOOK);
        }
        self.second_look.is_none_or(|look| now >= look)
    }

    fn die(&mut self, now: Instant, alive_since: Instant) {
        tracing::debug!("UDP answers no more; voice takes the tunnel");
        let back = |much| now.checked_sub(much).unwrap_or(now);
        let unproved = self.pings.answered().unwrap_or(now);
        let since = unproved.clamp(back(MOST_RESENT), back(LEAST_RESENT));
        self.todo = Todo {
            resend: Some(since),
            ..Todo::default()
        };
        self.trial = trial::length_after(self.trial, now.saturating_duration_since(alive_since));
        self.pings.give_up();
        self.state = State::Dead {
            since: now,
            told: now,
        };
    }

    fn begin_trial(&mut self, now: Instant, dead_since: Instant) {
        self.todo.tcp_ping = !self.trial.is_zero();
        self.state = State::Trial(Trial::new(now, self.trial, dead_since));
    }

    /// A trial is over: back to UDP, or once more.
    fn decide(&mut self, now: Instant, trial: Trial) {
        let talking = self.talk_ends.is_some_and(|ends| now < ends);
        if trial.is_passed(self.pings.under_way(now), talking) {
            tracing::debug!("UDP answers; voice goes by it");
            self.todo.claim = true;
            self.state = State::Alive {
                since: now,
                claimed: now,
            };
        } else {
            self.begin_trial(now, trial.dead_since);
        }
    }

    fn next_ping(&self) -> Option<Instant> {
        let Some(last) = self.pings.last() else {
            return match self.state {
                State::Off => None,
                State::Dead { since, .. }
                | State::Alive { since, .. }
                | State::Trial(Trial {
                    dead_since: since, ..
                }) => Some(since),
            };
        };
        let every = self.talking_every();
        match self.state {
            State::Off => None,
            State::Dead { since, .. } => {
                let dead = last.saturating_duration_since(since);
                Some(last + (dead / PATIENCE).clamp(TALKING_EVERY, RAREST_PROBE))
            }
            State::Trial(_) => Some(last + TALKING_EVERY),
            State::Alive { .. } => {
                let talking = Some(last + every).filter(|due| self.talk_ends > Some(*due));
                let missed = self.pings.missed_at(1).map(|at| at.max(last + every));
                let idle = last + IDLE_EVERY;
                Some(
                    idle.min(talking.unwrap_or(idle))
                        .min(missed.unwrap_or(idle)),
                )
            }
        }
    }

    fn talking_every(&self) -> Duration {
        if self.pings.is_lossy() {
            LOSSY_EVERY
        } else {
            TALKING_EVERY
        }
    }

    fn dead_after(&self) -> usize {
        if self.pings.is_lossy() {
            LOSSY_DEAD_AFTER
        } else {
            DEAD_AFTER
        }
    }
}

#[cfg(test)]
mod tests;
