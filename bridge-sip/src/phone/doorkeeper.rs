//! What becomes of each message before the SIP stack sees it: one look at the source, one at the
//! bytes.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::ingress::{
    Admission, Fault, Gate, Limits, Network, Reason, Rules, Verdict, check, refuse, reply,
};

/// Who may telephone at all.
#[derive(Clone, Debug)]
pub struct Door {
    /// Networks that are believed; without a password, and unless there are none, the only ones
    /// that messages are taken from.
    pub allowed: Vec<Network>,
    /// Whether others are asked for a password; so they are looked at.
    pub password: bool,
    /// What strangers may send.
    pub limits: Limits,
    /// Calls of one stranger at a time that nobody has acknowledged yet; [`UNACKNOWLEDGED`] by
    /// default.
    pub unacknowledged: usize,
}

/// Ten calls that begin at once, as of a telephone system that is not on the list. One of the
/// eleven ports that there are by default is left for somebody else.
pub const UNACKNOWLEDGED: usize = 10;

impl Default for Door {
    fn default() -> Self {
        Self {
            allowed: Vec::new(),
            password: false,
            limits: Limits::default(),
            unacknowledged: UNACKNOWLEDGED,
        }
    }
}

/// What to do with a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Hand it on.
    Pass,
    /// Send this back, and nothing else.
    Answer(Vec<u8>),
    /// Do nothing.
    Drop,
}

/// Messages that did not get in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TurnedAway {
    /// From addresses that are not allowed, or silenced.
    pub strangers: u64,
    /// More than a source may send.
    pub floods: u64,
    /// Broken: answered by what is wrong, or dropped.
    pub broken: u64,
    /// Of tools that look for open telephone systems.
    pub scanners: u64,
}

/// Looks at messages of all transports.
#[derive(Debug)]
pub(super) struct Doorkeeper {
    allowed: Vec<Network>,
    password: bool,
    /// The PBX that the bridge is registered at.
    pbx: Mutex<Option<IpAddr>>,
    rules: Rules,
    gate: Mutex<Gate>,
    strangers: AtomicU64,
    floods: AtomicU64,
    broken: AtomicU64,
    scanners: AtomicU64,
}

impl Doorkeeper {
    pub(super) fn new(door: Door, now: Instant) -> Self {
        // Who is on the list is known, and not counted.
        let gate = Gate::new(door.limits, door.allowed.clone(), now);
        Self {
            allowed: door.allowed,
            password: door.password,
            pbx: Mutex::new(None),
            rules: Rules::default(),
            gate: Mutex::new(gate),
            strangers: AtomicU64::new(0),
            floods: AtomicU64::new(0),
            broken: AtomicU64::new(0),
            scanners: AtomicU64::new(0),
        }
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether anything of this source is looked at.
    pub(super) fn admits(&self, now: Instant, source: IpAddr) -> bool {
        if self.believes(source) {
            return true;
        }
        if !self.allowed.is_empty() && !self.password {
            self.strangers.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        let count = match self.gate(|gate| gate.admit(now, source)) {
            Admission::Pass => return true,
            Admission::TooFast => &self.floods,
            Admission::Silenced => &self.strangers,
        };
        count.fetch_add(1, Ordering::Relaxed);
        false
    }

    /// Whether what comes from there needs no proof.
    pub(super) fn believes(&self, source: IpAddr) -> bool {
        let pbx = *self.pbx.lock().unwrap_or_else(PoisonError::into_inner);
        pbx == Some(source.to_canonical())
            || self.allowed.iter().any(|network| network.contains(source))
    }

    /// Believes this PBX from now on, and no other one that is not on the list.
    pub(super) fn trust(&self, pbx: IpAddr) {
        *self.pbx.lock().unwrap_or_else(PoisonError::into_inner) = Some(pbx.to_canonical());
    }

    /// Judges a message of a source that was admitted.
    pub(super) fn look(&self, now: Instant, source: IpAddr, bytes: &[u8]) -> Look {
        self.judged(now, source, bytes, check(bytes, &self.rules))
    }

    /// What to answer to bytes of such a source of which framing says what is wrong.
    pub(super) fn refuse(&self, now: Instant, source: IpAddr, bytes: &[u8], fault: &Fault) -> Look {
        self.judged(now, source, bytes, refuse(bytes, fault))
    }

    fn judged(&self, now: Instant, source: IpAddr, bytes: &[u8], verdict: Verdict) -> Look {
        let fault = match verdict {
            Verdict::Pass => return Look::Pass,
            Verdict::Answer(fault) => fault,
            Verdict::Drop(Reason::Scanner) => {
                self.scanners.fetch_add(1, Ordering::Relaxed);
                self.gate(|gate| gate.silence(now, source));
                return Look::Drop;
            }
            Verdict::Drop(Reason::KeepAlive) => return Look::Drop,
            Verdict::Drop(Reason::NotSip | Reason::Unanswerable) => {
                self.broken(now, source);
                return Look::Drop;
            }
        };
        match fault {
            // Well-formed, and what a decent telephone may ask for: it only is not here.
            Fault::Method | Fault::BodyType | Fault::Scheme | Fault::Extension(_) => {
                self.broken.fetch_add(1, Ordering::Relaxed);
            }
            Fault::Malformed(_) | Fault::Version | Fault::TooLong => self.broken(now, source),
        }
        let answer = tag().and_then(|tag| reply(bytes, &fault, &self.rules, &tag));
        answer.map_or(Look::Drop, Look::Answer)
    }

    /// Somebody has sent a wrong password.
    pub(super) fn strike(&self, now: Instant, source: IpAddr) {
        self.gate(|gate| gate.strike(now, source));
    }

    /// Somebody has sent the right one.
    pub(super) fn forgive(&self, now: Instant, source: IpAddr) {
        self.gate(|gate| gate.forgive(now, source));
    }

    pub(super) fn turned_away(&self) -> TurnedAway {
        TurnedAway {
            strangers: self.strangers.load(Ordering::Relaxed),
            floods: self.floods.load(Ordering::Relaxed),
            broken: self.broken.load(Ordering::Relaxed),
            scanners: self.scanners.load(Ordering::Relaxed),
        }
    }

    fn broken(&self, now: Instant, source: IpAddr) {
        self.broken.fetch_add(1, Ordering::Relaxed);
        self.strike(now, source);
    }

    fn gate<T>(&self, with: impl FnOnce(&mut Gate) -> T) -> T {
        with(&mut self.gate.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A random tag, for answers without the stack.
fn tag() -> Option<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).ok()?;
    Some(hex::encode(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    fn keeper(allowed: &[&str]) -> Doorkeeper {
        let allowed = allowed.iter().map(|network| network.parse().unwrap());
        let door = Door {
            allowed: allowed.collect(),
            ..Door::default()
        };
        Doorkeeper::new(door, Instant::now())
    }

    fn options(agent: &str) -> String {
        format!(
            "OPTIONS sip:ai@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\n\
             From: <sip:a@192.0.2.7>;tag=1\r\nTo: <sip:ai@192.0.2.1>\r\nCall-ID: 1\r\n\
             CSeq: 1 OPTIONS\r\nUser-Agent: {agent}\r\nContent-Length: 0\r\n\r\n"
        )
    }

    #[test]
    fn who_is_not_on_the_list_is_not_looked_at() {
        let now = Instant::now();
        assert!(!keeper(&["198.51.100.0/24"]).admits(now, PHONE));
        assert!(keeper(&["198.51.100.0/24", "192.0.2.0/24"]).admits(now, PHONE));
        assert!(keeper(&[]).admits(now, PHONE));
    }

    #[test]
    fn with_a_password_the_list_is_of_those_who_need_none() {
        let now = Instant::now();
        let allowed = vec!["198.51.100.0/24".parse().unwrap()];
        let door = Door {
            allowed,
            password: true,
            ..Door::default()
        };
        let keeper = Doorkeeper::new(door, now);
        assert!(keeper.admits(now, PHONE));
        assert!(!keeper.believes(PHONE));
        assert!(keeper.believes("198.51.100.3".parse().unwrap()));
    }

    #[test]
    fn the_pbx_is_believed_though_it_is_not_on_the_list() {
        let (now, keeper) = (Instant::now(), keeper(&["198.51.100.0/24"]));
        keeper.trust(PHONE);
        assert!(keeper.believes(PHONE) && keeper.admits(now, PHONE));
    }

    #[test]
    fn a_scanner_is_silenced_by_its_first_message() {
        let (now, keeper) = (Instant::now(), keeper(&[]));
        let message = options("friendly-scanner");
        assert_eq!(keeper.look(now, PHONE, message.as_bytes()), Look::Drop);
        assert!(!keeper.admits(now, PHONE));
        let turned = keeper.turned_away();
        assert_eq!((turned.scanners, turned.strangers), (1, 1));
    }

    #[test]
    fn what_is_well_formed_passes_and_what_is_not_is_told_so() {
        let (now, keeper) = (Instant::now(), keeper(&[]));
        let message = options("phone");
        assert_eq!(keeper.look(now, PHONE, message.as_bytes()), Look::Pass);
        let message = message.replace("CSeq: 1 OPTIONS", "CSeq: 1 INVITE");
        let Look::Answer(answer) = keeper.look(now, PHONE, message.as_bytes()) else {
            panic!("it can be answered");
        };
        assert!(answer.starts_with(b"SIP/2.0 400 "));
        assert_eq!(keeper.turned_away().broken, 1);
    }

    #[test]
    fn who_asks_for_what_is_not_here_is_answered_as_often_as_they_ask() {
        let (now, keeper) = (Instant::now(), keeper(&[]));
        let asked = options("phone").replace("OPTIONS", "SUBSCRIBE");
        for _ in 0..20 {
            let Look::Answer(answer) = keeper.look(now, PHONE, asked.as_bytes()) else {
                panic!("it can be answered");
            };
            assert!(answer.starts_with(b"SIP/2.0 405 "));
            assert!(keeper.admits(now, PHONE));
        }
    }
}
