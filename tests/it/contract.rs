//! What every store promises, tried on each of them: one list of promises for all.

mod cache;
mod index;
mod migrations;
mod outage;
mod store;
