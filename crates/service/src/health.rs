//! How the house stands: one [`Board`] for a process, written by the parts and read by whoever asks.
//!
//! The parts write what they know as it happens; whoever asks is answered from what is written
//! there and waits for nobody.

mod board;
mod presence;
mod turn;

pub use board::Board;
pub use presence::{Line, Presence};
pub use turn::{Outcome, Stages, Turn};
