//! An assistant with scripted engines, as most files here use it.

pub(crate) use world::stage::{Stage, tone};
