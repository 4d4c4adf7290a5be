//! One sick engine, not a sick house: who is asked, who is left alone, and when to try again.
//!
//! An engine can be slow, dead, half-dead, lying or back again at any time. In the order in which
//! they build on each other:
//!
//! - [`Backoff`]: waiting longer after each failure.
//! - [`breaker`]: the rules by which an engine is left alone and taken back; no clock, no task.
//! - [`Dependency`]: one engine behind its breaker, with a bound on the calls in flight.
//! - [`Chain`]: engines that can stand in for each other.
//! - [`tend`]: the task that looks after an engine nobody asks.
//! - [`health`]: what is shown of all this.
//!
//! There is no HTTP in here, and nothing about speech: an engine is whatever its caller says.

mod backoff;
pub mod breaker;
mod dependency;
mod chain;
mod tend;
pub mod health;

pub use backoff::Backoff;
pub use breaker::{Settings, State};
pub use chain::{Blame, Chain, Failure, Fault, Link, Plan};
pub use dependency::{Call, Dependency, Limits, Refused};
pub use health::Snapshot;
pub use tend::{Checkup, tend};
