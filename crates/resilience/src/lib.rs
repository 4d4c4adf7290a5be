//! One sick engine, not a sick house: how long to wait before trying something again.

mod backoff;

pub use backoff::Backoff;
