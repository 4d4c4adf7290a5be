//! The guarded engines with engines that play what they are told, and the clock stopped.

mod fake;
mod hearing;
mod speaking;
mod tending;
mod thinking;
