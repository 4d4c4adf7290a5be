//! The assistant: hears a turn, thinks, answers aloud.
//!
//! [`app`] wires everything, `conversation` shows the flow. In the order in which a turn passes:
//! `ear` hears and writes down, `address` decides whether it is for us, `floor` whose turn it is,
//! `answer` leads one answer through `mind` (prompt, model, sentences) and `voice` (synthesiser,
//! sound). `typed` is the same for written messages.

pub mod app;
pub mod config;
pub mod engines;
pub mod guard;
mod conversation;
mod ear;
mod manner;
mod recogniser;
pub mod address;
mod floor;
mod turns;
mod ask;
mod cues;
mod answer;
mod filler;
mod excuses;
mod comment;
mod signs;
mod line;
mod mind;
mod ahead;
mod reader;
mod warmth;
mod person;
mod past;
mod prompt;
mod phrase;
mod wish;
mod wishes;
mod reminders;
mod second_person;
mod thoughts;
mod sentence;
mod voice;
mod script;
pub mod sounds;
mod quiet;
mod typed;
mod errand;
mod presence;
mod health;
pub mod stores;
mod report;
mod discreet;
#[cfg(test)]
mod scripted;

pub use app::{run, run_with};
pub use config::Config;
pub use engines::{EngineError, Engines};
pub use report::Report;
pub use service::health::Stages;
pub use stores::{Stores, memory_parts};
