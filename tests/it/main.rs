//! The house, tried from outside: each file is named for what is tried.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod arrows;
mod house;
mod servers;
mod embedding;
mod proxy;
mod spoken;
mod strangers;
mod echo;
mod interruption;
mod company;
mod degradation;
mod typed;
mod trouble;
mod broken_turn;
mod life_cycle;
mod spares;
mod joining;
mod staying;
mod put_out;
mod loss;
mod releases;
mod surface;
mod errands;
mod whisper;
mod remembering;
mod next_session;
mod reminders;
mod wishes;
mod fallback;
mod scripted_engines;
mod command_line;
mod remembered;
mod forgetting;
mod privacy;
mod health;
mod stack;
mod keeping;
mod contract;
mod health_check;
mod soak;
mod faults_soak;
mod stores_matrix;
mod recollection;
