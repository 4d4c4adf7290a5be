//! Which settings can change while the assistant runs, and which only at its start.

use super::{Config, Memory, Mumble, Ollama, Piper, Whisper};

/// Rooms of which every setting can change while it runs.
const LIVE_ROOMS: [&str; 3] = ["turn", "assistant", "retry"];

/// Further settings that can.
const LIVE_KEYS: [&str; 20] = [
    "mumble.comment",
    "whisper.language",
    "whisper.deadline_ms",
    "whisper.circuit_threshold",
    "whisper.circuit_timeout_s",
    "ollama.keep_alive",
    "ollama.num_predict",
    "ollama.temperature",
    "ollama.top_p",
    "ollama.seed",
    "ollama.first_token_ms",
    "ollama.next_token_ms",
    "ollama.circuit_threshold",
    "ollama.circuit_timeout_s",
    "piper.deadline_ms",
    "piper.circuit_threshold",
    "piper.circuit_timeout_s",
    "memory.recall_deadline_ms",
    "health.check_interval_s",
    "service.log_level",
];

/// Whether this setting, such as `turn.answer`, takes effect while the assistant runs.
#[must_use]
pub fn can_change_while_running(key: &str) -> bool {
    let room = key.split_once('.').map(|(room, _)| room);
    room.is_some_and(|room| LIVE_ROOMS.contains(&room)) || LIVE_KEYS.contains(&key)
}

impl Config {
    /// The settings in force when `later` ones are read while it runs: what can change is as in
    /// `later`, the rest stays.
    #[must_use]
    pub fn changed_to(self, later: Self) -> Self {
        Self {
            mumble: Mumble {
                comment: later.mumble.comment,
                ..self.mumble
            },
            whisper: Whisper {
                url: self.whisper.url,
                dialect: self.whisper.dialect,
                model: self.whisper.model,
                ..later.whisper
            },
            // Another length of the context would make the server load the model anew at each
            // probe, which keeps the one of the start.
            ollama: Ollama {
                url: self.ollama.url,
                dialect: self.ollama.dialect,
                model: self.ollama.model,
                api_key: self.ollama.api_key,
                num_ctx: self.ollama.num_ctx,
                ..later.ollama
            },
            piper: Piper {
                deadline: later.piper.deadline,
                circuit_threshold: later.piper.circuit_threshold,
                circuit_timeout: later.piper.circuit_timeout,
                ..self.piper
            },
            turn: later.turn,
            assistant: later.assistant,
            memory: Memory {
                recall_deadline: later.memory.recall_deadline,
                ..self.memory
            },
            retry: later.retry,
            health: super::Health {
                check_interval: later.health.check_interval,
                ..self.health
            },
            ..self
        }
    }
}
