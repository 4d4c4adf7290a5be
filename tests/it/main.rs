//! The house, tried from outside: each file is named for what is tried.

mod arrows;
mod house;
mod servers;
mod scripted_engines;
