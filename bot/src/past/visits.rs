//! Visits: each has a number of its own, for a server gives the number of a connection again, and
//! a telephone line is somebody else at each call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memory::Who;
use mumble::SessionId;

/// The visits that go on, at most one for each connection. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Visits {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    of: HashMap<u32, u32>,
    begun: u32,
}

impl Visits {
    /// Somebody whom the server knows by a number, as memory is to know them.
    pub(super) fn who(&self, who: Who) -> Who {
        match who {
            Who::Visitor(session) => Who::Visitor(self.visit(session)),
            Who::Known(person) => Who::Known(person),
        }
    }

    /// A visit has ended.
    pub(super) fn end(&self, session: SessionId) {
        self.lock().of.remove(&session.0);
    }

    /// All have.
    pub(super) fn end_all(&self) {
        self.lock().of.clear();
    }

    fn visit(&self, session: u32) -> u32 {
        let mut kept = self.lock();
        let Kept { of, begun } = &mut *kept;
        *of.entry(session).or_insert_with(|| {
            *begun = begun.wrapping_add(1);
            *begun
        })
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_under_the_number_of_somebody_who_left_is_another_visitor() {
        let visits = Visits::default();
        let first = visits.who(Who::Visitor(7));
        assert_eq!(visits.who(Who::Visitor(7)), first);
        assert_ne!(visits.who(Who::Visitor(8)), first);
        visits.end(SessionId(7));
        let second = visits.who(Who::Visitor(7));
        assert_ne!(second, first);
        visits.end_all();
        assert_ne!(visits.who(Who::Visitor(7)), second);
    }
}
