//! What is remembered, and what of it to recall.
//!
//! [`Memory`] is all that its users learn: `recall` before an answer, `remember` after it, `forget`
//! when somebody wishes it. What it stands on is given to it from outside as [`Parts`]: a
//! [`store::Store`] that holds the truth, an [`index::Index`] and a [`cache::Cache`] that are
//! derived from it and can be rebuilt, and the model. What people said is never logged here above
//! `trace`.

pub mod cache;
pub mod calibration;
pub mod dates;
pub mod entry;
pub mod index;
pub mod outbox;
pub mod person;
pub mod recall;
pub mod session;
pub mod statements;
pub mod store;
pub mod turn;
pub mod words;
mod at_hand;
mod away;
mod memory;
mod calm;
mod work;
mod extract;
mod summary;
mod reminders;
mod merge;
mod remember;
mod forget;
mod run;
mod journal;
mod forgotten;
mod disk;
#[cfg(test)]
mod scripted;

pub use at_hand::{Wish, WishError};
pub use calibration::Calibration;
pub use entry::{Entry, Kind};
pub use forget::MemoryError;
pub use journal::JournalError;
pub use memory::{Memory, Parts, Settings};
pub use person::{Asker, Company, Person, Place, Who};
pub use recall::{Missing, Part, Recalled, Recollection, Why};
pub use remember::Backlog;
pub use session::Said;
pub use turn::{Audience, Id, Turn};
