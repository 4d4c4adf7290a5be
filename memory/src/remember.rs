//! A turn on its way to the store: first into the session, then to the journal, then to the store.
//!
//! [`Memory::remember`] waits for nobody. Two workers do the rest: the first carries turns from
//! memory to the journal, the second from the journal to the store, in their order. A turn that
//! the journal does not take, because its disk is full, goes to the store without it.

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::memory::Memory;
use crate::session::Kept;
use crate::turn::Turn;

mod drain;
mod intake;
mod keeping;

pub use keeping::Backlog;
pub(crate) use keeping::Keeping;

/// Turns between [`Memory::remember`] and the journal. Only a disk and a database that fail at
/// the same time make it fill: this is hours of talk. Then the newest turn is lost, which is
/// counted and logged as an error.
const LINE: usize = 10_000;

/// What waits for the journal.
#[derive(Debug)]
pub(crate) enum Item {
    Turn(Box<Turn>),
    /// Told when everything before it is on the disk or in the store.
    Mark(oneshot::Sender<()>),
}

impl Memory {
    /// Remembers a finished turn. It is in its session when this returns; to the journal and the
    /// store it is brought by [`Memory::run`]. This never waits and never fails. Visitors, and
    /// who is off the record, have their session here, and nothing of it goes to any disk.
    pub fn remember(&self, turn: Turn) {
        let person = turn.who.person();
        let kept = match person {
            Some(person) if !self.desk().is_off_record(person) => Kept::Everywhere,
            _ => Kept::Here,
        };
        self.take_into_session(&turn, kept);
        if kept == Kept::Here {
            return;
        }
        let id = turn.id;
        match self.keeping().line().try_send(Item::Turn(Box::new(turn))) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_) | mpsc::error::TrySendError::Closed(_)) => {
                let lost = self.keeping().lose();
                tracing::error!(%id, lost, "a turn is not remembered: neither the journal nor the database takes any");
            }
        }
    }

    /// Waits until everything that was remembered before this call is on the disk, which takes
    /// [`Memory::run`] to be running.
    pub async fn flush(&self) {
        let (mark, reached) = oneshot::channel();
        if self.keeping().line().send(Item::Mark(mark)).await.is_ok() {
            // A worker that ended has written what it had.
            let _ = reached.await;
        }
    }

    /// How many turns are on their way, and what holds them up.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        self.keeping().backlog()
    }

    /// Brings turns to the journal and from there to the store until `shutdown`; what is on its
    /// way then is in the journal when this returns.
    pub(crate) async fn write(&self, shutdown: &CancellationToken) {
        tokio::join!(self.take_in(shutdown), self.drain(shutdown));
    }
}

/// A line for turns to wait in.
fn line() -> (mpsc::Sender<Item>, mpsc::Receiver<Item>) {
    mpsc::channel(LINE)
}

#[cfg(test)]
mod tests;
