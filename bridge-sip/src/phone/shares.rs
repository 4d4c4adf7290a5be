//! How much each source has of what there is little of, such as connections.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ingress::source_key;

/// The most that there is at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Most {
    /// For one source that is a stranger; an IPv6 network of 64 bits is one source.
    pub(super) of_one: usize,
    /// For all strangers together: the rest is kept for whoever is believed.
    pub(super) of_strangers: usize,
    /// For all.
    pub(super) of_all: usize,
}

/// What is given out. Who is believed is counted among all, and not alone.
#[derive(Debug)]
pub(super) struct Shares {
    most: Most,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    strangers: usize,
    each: HashMap<u128, usize>,
}

/// One piece of it, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    /// The source, where it is counted alone.
    stranger: Option<u128>,
    of: Arc<Shares>,
}

impl Shares {
    pub(super) fn new(most: Most) -> Arc<Self> {
        Arc::new(Self {
            most,
            held: Mutex::default(),
        })
    }

    /// A piece for `source`, unless it has had its share, or nothing is left.
    pub(super) fn take(self: &Arc<Self>, source: IpAddr, believed: bool) -> Option<Share> {
        let stranger = (!believed).then(|| source_key(source));
        let mut held = self.held();
        if held.all >= self.most.of_all {
            return None;
        }
        if let Some(key) = stranger {
            let own = held.each.get(&key).copied().unwrap_or_default();
            if own >= self.most.of_one || held.strangers >= self.most.of_strangers {
                return None;
            }
            held.each.insert(key, own + 1);
            held.strangers += 1;
        }
        held.all += 1;
        Some(Share {
            stranger,
            of: Arc::clone(self),
        })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.of.held();
        held.all = held.all.saturating_sub(1);
        let Some(key) = self.stranger else {
            return;
        };
        held.strangers = held.strangers.saturating_sub(1);
        if let Some(own) = held.each.get_mut(&key) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                held.each.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const MOST: Most = Most {
        of_one: 2,
        of_strangers: 4,
        of_all: 5,
    };

    fn host(n: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, n).into()
    }

    #[test]
    fn one_source_cannot_have_what_is_for_others() {
        let shares = Shares::new(MOST);
        let own = [1, 1].map(|n| shares.take(host(n), false).unwrap());
        assert!(shares.take(host(1), false).is_none());
        assert!(shares.take(host(2), false).is_some());
        drop(own);
        assert!(shares.take(host(1), false).is_some());
        assert!(shares.held().each.is_empty(), "a source is remembered");
    }

    #[test]
    fn strangers_leave_something_for_those_who_are_believed() {
        let shares = Shares::new(MOST);
        let held: Vec<_> = (0..9).filter_map(|n| shares.take(host(n), false)).collect();
        assert_eq!(held.len(), 4);
        let believed = shares.take(host(1), true);
        assert!(believed.is_some());
        assert!(shares.take(host(1), true).is_none(), "there are only five");
    }

    #[test]
    fn a_host_with_many_addresses_is_one_source() {
        let shares = Shares::new(MOST);
        let mut addresses = (0..9).map(|n| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n).into());
        let held: Vec<_> = addresses
            .by_ref()
            .filter_map(|address| shares.take(address, false))
            .collect();
        assert_eq!(held.len(), 2);
    }
}
