//! The guarded engines with engines that play what they are told, and the clock stopped.

mod embedding;
mod fake;
mod hearing;
mod speaking;
mod storing;
mod tending;
mod thinking;
