//! Registration at a PBX (RFC 3261 section 10): so that calls to a number of it come here.
//!
//! What follows what is decided in `Core`, without a socket and without a clock; `run` does it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use resilience::Backoff;
use secrecy::SecretString;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::domain::Domain;
use super::stack::{Phone, Registering};

/// How the PBX is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A datagram for each message.
    Udp,
    /// A connection, by which the PBX calls too.
    Tcp,
}

/// Where and as whom to register.
#[derive(Clone, Debug)]
pub struct Account {
    /// The PBX.
    pub domain: Domain,
    /// The name there.
    pub user: String,
    /// Its password.
    pub password: SecretString,
    /// How it is reached.
    pub transport: Transport,
    /// For how long; the PBX may grant less.
    pub expires: Duration,
}

/// How the registration is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// No answer so far, or not for long enough that the last one no longer holds.
    Trying,
    /// Calls come from the PBX until then, and it is refreshed before.
    Registered {
        /// When it ends unless it is refreshed.
        until: Instant,
    },
    /// The PBX does not want this account.
    Refused {
        /// In a few words, and what to do.
        why: String,
    },
}

/// What came of a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It holds for so long.
    Granted(Duration),
    /// The account is not wanted: 401 and 407 for credentials, 403, 404.
    Denied(u16),
    /// It has to be asked for longer (423).
    TooBrief(Duration),
    /// Anything else, in a few words: nobody is there, mostly.
    Failed(String),
}

/// A password that is wrong stays wrong until somebody acts, and PBXs lock out who insists.
const DENIED: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(15 * 60));

/// A PBX that is restarted is back within seconds, and asked for by many.
const AWAY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// PBXs close connections by which nothing comes; kamailio after two minutes.
const TCP_REFRESH: Duration = Duration::from_secs(60);

/// The soonest refresh, whatever a PBX grants.
const SOONEST: Duration = Duration::from_secs(1);

/// The longest time that a PBX may ask for, and be believed.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Longer than the stack itself waits for an answer (64 T1, RFC 3261 section 17.1.2.2).
const LONGEST_ANSWER: Duration = Duration::from_secs(40);

/// How long leaving may take.
const LEAVING: Duration = Duration::from_secs(2);

/// Decides when to register again, and what is worth a line in the log.
#[derive(Debug)]
struct Core {
    transport: Transport,
    /// What is asked for next.
    expires: Duration,
    until: Option<Instant>,
    refused: Option<String>,
    away: Backoff,
    denied: Backoff,
}

/// What follows an outcome.
#[derive(Debug, PartialEq, Eq)]
struct Next {
    wait: Duration,
    tell: Option<Tell>,
}

#[derive(Debug, PartialEq, Eq)]
enum Tell {
    Registered,
    Denied(String),
    Away(String),
}

impl Core {
    fn new(account: &Account) -> Self {
        Self {
            transport: account.transport,
            expires: account.expires,
            until: None,
            refused: None,
            away: Backoff::new(AWAY.0, AWAY.1),
            denied: Backoff::new(DENIED.0, DENIED.1),
        }
    }

    fn state(&self, now: Instant) -> State {
        match (&self.refused, self.until) {
            (Some(why), _) => State::Refused { why: why.clone() },
            (None, Some(until)) if now < until => State::Registered { until },
            (None, _) => State::Trying,
        }
    }

    fn after(&mut self, now: Instant, outcome: Outcome, random: u64) -> Next {
        match outcome {
            Outcome::Granted(expires) => {
                let fresh = self.until.is_none() || self.away.failures() > 0;
                self.refused = None;
                self.until = now.checked_add(expires);
                self.away.reset();
                self.denied.reset();
                let mut wait = expires.mul_f64(0.75).max(SOONEST);
                if self.transport == Transport::Tcp {
                    wait = wait.min(TCP_REFRESH);
                }
                let tell = fresh.then_some(Tell::Registered);
                Next { wait, tell }
            }
            Outcome::Denied(status) => {
                let why = format!("{status}: check SIP_USERNAME and SIP_PASSWORD");
                let known = self.refused.replace(why.clone()).is_some();
                self.until = None;
                self.away.reset();
                let wait = self.denied.after_failure(random);
                let tell = (!known).then_some(Tell::Denied(why));
                Next { wait, tell }
            }
            Outcome::TooBrief(least) if least > self.expires && least <= LONGEST => {
                self.expires = least;
                let (wait, tell) = (Duration::ZERO, None);
                Next { wait, tell }
            }
            Outcome::TooBrief(_) => self.failed(
                random,
                "423: it grants no time that can be asked for".to_owned(),
            ),
            Outcome::Failed(why) => self.failed(random, why),
        }
    }

    fn failed(&mut self, random: u64, why: String) -> Next {
        let first = self.away.failures() == 0;
        let wait = self.away.after_failure(random);
        let tell = first.then_some(Tell::Away(why));
        Next { wait, tell }
    }
}

/// Keeps `account` registered until `end`, and says goodbye then. `states` always holds how it is.
pub(crate) async fn run(
    phone: Arc<Phone>,
    account: Account,
    states: watch::Sender<State>,
    end: CancellationToken,
) {
    let mut core = Core::new(&account);
    let mut registering = Registering::new(&phone, &account);
    loop {
        let asked = timeout(LONGEST_ANSWER, registering.ask(core.expires));
        let outcome = tokio::select! {
            biased;
            () = end.cancelled() => break,
            outcome = asked => outcome,
        };
        let outcome = outcome.unwrap_or_else(|_| Outcome::Failed("it does not answer".to_owned()));
        let next = core.after(Instant::now(), outcome, random());
        tell(&account, next.tell);
        states.send_replace(core.state(Instant::now()));
        let held = core
            .until
            .map(|until| sleep(until.saturating_duration_since(Instant::now())));
        let (wait, mut lapsed) = (sleep(next.wait), false);
        tokio::pin!(wait);
        let held = futures::future::OptionFuture::from(held);
        tokio::pin!(held);
        loop {
            tokio::select! {
                biased;
                () = end.cancelled() => break,
                () = &mut wait => break,
                Some(()) = &mut held, if !lapsed => {
                    lapsed = true;
                    states.send_replace(core.state(Instant::now()));
                }
            }
        }
        if end.is_cancelled() {
            break;
        }
    }
    if matches!(core.state(Instant::now()), State::Registered { .. }) {
        // Without it the PBX would send calls here until the registration ends by itself.
        let _ = timeout(LEAVING, registering.ask(Duration::ZERO)).await;
    }
    states.send_replace(State::Trying);
}

fn tell(account: &Account, tell: Option<Tell>) {
    let pbx = &account.domain;
    match tell {
        None => {}
        Some(Tell::Registered) => tracing::info!(%pbx, "registered: calls come from the PBX"),
        Some(Tell::Denied(why)) => tracing::error!(
            %pbx,
            "the PBX refuses the registration ({why}); it is tried again after 1 to 15 minutes"
        ),
        Some(Tell::Away(why)) => tracing::warn!(
            %pbx,
            "cannot register at the PBX ({why}): check SIP_DOMAIN and SIP_REGISTER_TRANSPORT; \
             it is tried again until it works"
        ),
    }
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    // Without chance the longest wait is drawn, which harms nobody.
    getrandom::fill(&mut bytes).map_or(u64::MAX, |()| u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANTED: Duration = Duration::from_secs(200);

    fn core(transport: Transport) -> Core {
        Core::new(&Account {
            domain: "pbx.example".parse().unwrap(),
            user: "ai".to_owned(),
            password: "geheim".into(),
            transport,
            expires: Duration::from_secs(300),
        })
    }

    fn away() -> Outcome {
        Outcome::Failed("it does not answer".to_owned())
    }

    #[test]
    fn it_is_refreshed_after_three_quarters_of_what_was_granted() {
        let (now, mut core) = (Instant::now(), core(Transport::Udp));
        assert_eq!(core.state(now), State::Trying);
        let next = core.after(now, Outcome::Granted(GRANTED), 0);
        assert_eq!(next.wait, Duration::from_secs(150));
        assert_eq!(next.tell, Some(Tell::Registered));
        let until = now + GRANTED;
        assert_eq!(core.state(now), State::Registered { until });
        let next = core.after(now + next.wait, Outcome::Granted(GRANTED), 0);
        assert_eq!(next.tell, None);
    }

    #[test]
    fn a_connection_is_not_left_without_a_word_for_as_long_as_pbxs_bear() {
        let next = core(Transport::Tcp).after(Instant::now(), Outcome::Granted(GRANTED), 0);
        assert_eq!(next.wait, TCP_REFRESH);
    }

    #[test]
    fn a_pbx_that_is_away_is_told_once_and_asked_ever_more_rarely() {
        let (now, mut core) = (Instant::now(), core(Transport::Udp));
        core.after(now, Outcome::Granted(GRANTED), 0);
        let first = core.after(now, away(), u64::MAX);
        assert_eq!(first.wait, AWAY.0);
        assert!(matches!(first.tell, Some(Tell::Away(_))));
        // What was granted holds for as long as it was granted.
        assert!(matches!(core.state(now), State::Registered { .. }));
        assert_eq!(core.state(now + GRANTED), State::Trying);
        let more = [(); 10].map(|()| core.after(now, away(), u64::MAX));
        assert!(more.iter().all(|next| next.tell.is_none()));
        assert_eq!(more[9].wait, AWAY.1);
        let back = core.after(now, Outcome::Granted(GRANTED), 0);
        assert_eq!(back.tell, Some(Tell::Registered));
        assert_eq!(core.after(now, away(), u64::MAX).wait, AWAY.0);
    }

    #[test]
    fn a_wrong_password_is_told_once_and_tried_slowly() {
        let (now, mut core) = (Instant::now(), core(Transport::Udp));
        let first = core.after(now, Outcome::Denied(401), u64::MAX);
        assert_eq!(first.wait, DENIED.0);
        assert!(matches!(first.tell, Some(Tell::Denied(why)) if why.contains("SIP_PASSWORD")));
        assert!(matches!(core.state(now), State::Refused { .. }));
        let second = core.after(now, Outcome::Denied(401), u64::MAX);
        assert_eq!((second.wait, second.tell), (2 * DENIED.0, None));
        core.after(now, Outcome::Granted(GRANTED), 0);
        assert!(matches!(core.state(now), State::Registered { .. }));
    }

    #[test]
    fn more_time_is_asked_for_where_less_is_not_granted() {
        let (now, mut core) = (Instant::now(), core(Transport::Udp));
        let least = Duration::from_secs(600);
        let next = core.after(now, Outcome::TooBrief(least), 0);
        assert_eq!((next.wait, core.expires), (Duration::ZERO, least));
        // The same again would be a circle.
        assert!(core.after(now, Outcome::TooBrief(least), 0).wait >= AWAY.0 / 2);
    }

    #[test]
    fn the_password_is_not_shown() {
        let account = Account {
            domain: "pbx.example".parse().unwrap(),
            user: "ai".to_owned(),
            password: "geheim".into(),
            transport: Transport::Tcp,
            expires: GRANTED,
        };
        assert!(!format!("{account:?}").contains("geheim"));
    }
}
