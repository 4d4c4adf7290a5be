//! Which line a call gets: pure, of what is left and what waits.

use std::collections::VecDeque;

/// So many connections are kept for lines that are shared; while more are left, each call has one
/// of its own. A server bears eight that matter: half of them are callers with their own names.
const KEPT: usize = 4;

/// Lines that wait for a call, each known by a number.
#[derive(Debug)]
pub(super) struct Pool<T> {
    parked: VecDeque<Parked<T>>,
    next: u64,
}

/// Where a line waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// Where it talked: a call can have it at once.
    Here,
    /// Apart: it has to come back first.
    Aside,
}

/// What a call does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Way<T> {
    /// It connects, and has the connection for itself.
    Own,
    /// It connects, and others will use the connection after it.
    Shared,
    /// It uses this line.
    Parked(T),
    /// It waits.
    Wait,
}

#[derive(Debug)]
struct Parked<T> {
    number: u64,
    spot: Spot,
    line: T,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self {
            parked: VecDeque::new(),
            next: 0,
        }
    }
}

impl<T> Pool<T> {
    /// A line waits from now on; gives its number.
    pub(super) fn park(&mut self, spot: Spot, line: T) -> u64 {
        let number = self.next;
        self.next += 1;
        self.parked.push_back(Parked { number, spot, line });
        number
    }

    /// A line does not wait any more; whether it did.
    pub(super) fn withdraw(&mut self, number: u64) -> bool {
        let before = self.parked.len();
        self.parked.retain(|parked| parked.number != number);
        self.parked.len() < before
    }

    /// What a call does when so many connections may be made. Of the lines that wait the one that
    /// came last is used, for the others come to their end by waiting.
    pub(super) fn way(&mut self, left: usize) -> Way<T> {
        if left > KEPT {
            return Way::Own;
        }
        let here = self.parked.iter().rposition(|line| line.spot == Spot::Here);
        let at = here.or_else(|| self.parked.len().checked_sub(1));
        match at.and_then(|at| self.parked.remove(at)) {
            Some(parked) => Way::Parked(parked.line),
            None if left > 0 => Way::Shared,
            None => Way::Wait,
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.parked.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_have_connections_of_their_own_until_they_become_few() {
        let mut pool = Pool::<&str>::default();
        let ways: Vec<_> = (0..=8).rev().map(|left| pool.way(left)).collect();
        assert!(ways[..4].iter().all(|way| *way == Way::Own));
        assert!(ways[4..8].iter().all(|way| *way == Way::Shared));
        assert_eq!(ways[8], Way::Wait);
        assert_eq!(pool.way(usize::MAX), Way::Own, "where none are counted");
    }

    #[test]
    fn lines_that_wait_are_used_before_another_connection_is_made() {
        let mut pool = Pool::default();
        pool.park(Spot::Here, "a");
        pool.park(Spot::Aside, "b");
        assert_eq!(pool.way(8), Way::Own);
        assert_eq!(pool.way(4), Way::Parked("a"), "it need not come first");
        assert_eq!(pool.way(4), Way::Parked("b"));
        assert_eq!(pool.way(4), Way::Shared);
    }

    #[test]
    fn a_line_that_was_withdrawn_is_nobodys() {
        let mut pool = Pool::default();
        let a = pool.park(Spot::Aside, "a");
        assert!(pool.withdraw(a));
        assert!(!pool.withdraw(a));
        assert_eq!((pool.way(0), pool.len()), (Way::Wait, 0));
    }
}
