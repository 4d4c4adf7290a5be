//! How a role stands: what its parts write down is shown by a [`Server`]. The assistant's parts
//! write on a [`Board`]; another role has a board of its own, which needs to be [`Pages`].
//!
//! The parts write what they know as it happens. Whoever asks is answered from what is written
//! there, on a thread of its own, and waits for nobody. Only these paths are served:
//!
//! - `GET /health`: every dependency and what it all comes to; 503 when nobody can be answered.
//! - `GET /live`: 503 when the pipeline's loop has not gone round for [`STUCK_AFTER`].
//! - `GET /ready`: 503 until the user is in Mumble and somebody can be answered.
//! - `GET /metrics`: the same in numbers, for Prometheus.
//! - `GET /turns`: the last [`TURNS_KEPT`] turns, without a word of what was said. Only where
//!   there are turns.
//!
//! Times are seconds since 1970 with a fraction, as in `timestamp`; what never was is null.

mod board;
mod presence;
mod memory;
mod turn;
mod clock;
mod answer;
mod verdict;
mod condition;
mod log;
mod metrics;
pub mod numbers;
mod pages;
mod serve;

pub use answer::Answer;
pub use board::Board;
pub use clock::Clock;
pub use condition::{Condition, Instance, LastError, LatencyMs};
pub use log::TURNS_KEPT;
pub use memory::Memory;
pub use pages::{Pages, Told};
pub use presence::{Line, Presence};
pub use serve::{PATHS, ServeError, Server};
pub use turn::{Outcome, Stages, Turn};
pub use verdict::{STUCK_AFTER, Status};

#[cfg(test)]
mod tests;
