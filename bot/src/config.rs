//! The assistant's settings: one struct for each room of `config/assistant.toml`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use service::settings::{Settings, SettingsError};

use crate::address::Answer;

mod engines;
mod live;
mod memory;
mod stores;

pub use self::memory::{Curve, Embedding, Memory};
pub use engines::{Ollama, Piper, Whisper};
pub use live::can_change_while_running;
pub use stores::{Chromadb, Database, Redis};

use service::settings::limits::{
    THRESHOLD, filled, fraction, millis, millis_or_none, number, parsed, seconds_or_none,
    some_millis, text_or_none,
};

/// Everything the assistant is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The Mumble server and who to be there.
    pub mumble: Mumble,
    /// The recogniser.
    pub whisper: Whisper,
    /// The model.
    pub ollama: Ollama,
    /// The synthesiser.
    pub piper: Piper,
    /// Turns, and who is answered.
    pub turn: Turn,
    /// What the assistant is.
    pub assistant: Assistant,
    /// What of the past an answer is given.
    pub memory: Memory,
    /// What makes texts into vectors.
    pub embedding: Embedding,
    /// The database, if there is one.
    pub database: Database,
    /// The cache, if there is one.
    pub redis: Redis,
    /// The index, if there is one.
    pub chromadb: Chromadb,
    /// How often a request is tried, and when a sick server is.
    pub retry: Retry,
    /// Looks at servers, and the pages about them.
    pub health: Health,
    /// Folder of its certificate and of the servers it knows.
    pub state_dir: PathBuf,
}

impl Config {
    /// Reads the rooms of `settings` that the assistant uses.
    ///
    /// # Errors
    /// When a value does not make sense; the message is one line that names it.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let config = Self {
            mumble: settings.room("mumble")?,
            whisper: settings.room("whisper")?,
            ollama: settings.room("ollama")?,
            piper: settings.room("piper")?,
            turn: settings.room("turn")?,
            assistant: settings.room("assistant")?,
            memory: settings.room("memory")?,
            embedding: settings.room("embedding")?,
            database: settings.room("database")?,
            redis: settings.room("redis")?,
            chromadb: settings.room("chromadb")?,
            retry: settings.room("retry")?,
            health: settings.room("health")?,
            state_dir: settings
                .room::<service::config::Config>("service")?
                .state_dir,
        };
        config.agrees(settings)?;
        Ok(config)
    }

    /// A breaker that opens by `circuit`, and tries again as all do.
    #[must_use]
    pub fn breaker(&self, circuit: Circuit) -> resilience::Settings {
        resilience::Settings {
            threshold: circuit.threshold,
            longest_wait: circuit.timeout,
            retry_base: self.retry.base_delay,
            retry_cap: self.retry.max_delay,
            idle: self.health.check_interval,
        }
    }

    /// Folder of what is remembered here: the embedded database, the journal, the list of the
    /// forgotten.
    #[must_use]
    pub fn memory_folder(&self) -> PathBuf {
        self.state_dir.join("memory")
    }

    /// Where the texts are made into vectors, for the dialects that are servers.
    #[must_use]
    pub fn embedding_server(&self) -> llm::Server {
        let Embedding {
            url,
            api_key,
            model,
            ..
        } = &self.embedding;
        let (url, api_key) = match url {
            Some(url) => (url.clone(), api_key.clone()),
            // The model's own server, and its key.
            None => {
                let Ollama {
                    url,
                    api_key: known,
                    ..
                } = &self.ollama;
                let first = url.first().cloned().unwrap_or_default();
                (first, api_key.clone().or_else(|| known.clone()))
            }
        };
        llm::Server {
            url,
            api_key,
            model: model.clone(),
        }
    }

    /// Folder of the files of the model that makes vectors in this process.
    #[must_use]
    pub fn embedding_folder(&self) -> PathBuf {
        let folder = self.embedding.folder.clone();
        folder.unwrap_or_else(|| self.state_dir.join("models").join(&self.embedding.model))
    }

    /// All that [`llm::embed::open`] wants to know.
    #[must_use]
    pub fn embedding_source(&self) -> llm::embed::Source {
        llm::embed::Source {
            server: self.embedding_server(),
            folder: self.embedding_folder(),
            keep_alive: Some(self.ollama.keep_alive.clone()),
        }
    }

    /// What one key alone cannot show to be wrong.
    fn agrees(&self, settings: &Settings) -> Result<(), SettingsError> {
        for (room, urls, dialects) in [
            ("whisper", &self.whisper.url, &self.whisper.dialect),
            ("ollama", &self.ollama.url, &self.ollama.dialect),
            ("piper", &self.piper.url, &self.piper.dialect),
        ] {
            if dialects.len() != 1 && dialects.len() != urls.len() {
                let expected = format!(
                    "one dialect, or one for each of the {} addresses",
                    urls.len()
                );
                return Err(settings.invalid(room, "dialect", &expected));
            }
        }
        let mut dialects = llm::embed::DIALECTS.iter().map(|(name, _)| *name);
        if !dialects.any(|name| name == self.embedding.dialect) {
            let expected = "ollama, openai or minilm";
            return Err(settings.invalid("embedding", "dialect", expected));
        }
        if self.retry.max_delay < self.retry.base_delay {
            let expected = "no less than RETRY_BASE_DELAY";
            return Err(settings.invalid("retry", "max_delay_s", expected));
        }
        Ok(())
    }
}

/// When a breaker opens, and how long it waits at most before a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circuit {
    /// Failures in a row.
    pub threshold: u32,
    /// The longest wait.
    pub timeout: Duration,
}

/// Room `[mumble]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mumble {
    /// Host name or address.
    #[serde(deserialize_with = "filled")]
    pub host: String,
    /// TCP and UDP port.
    #[serde(deserialize_with = "number::<_, 1, 65_535, _>")]
    pub port: u16,
    /// The assistant's name on the server.
    #[serde(deserialize_with = "filled")]
    pub username: String,
    /// The server's password.
    pub password: Option<SecretString>,
    /// Channel path; `None` is the server's default channel.
    pub channel: Option<String>,
    /// How the server's certificate is recognised.
    #[serde(deserialize_with = "parsed")]
    pub pin: mumble::Pin,
    /// Whether voice may travel over UDP.
    pub udp: bool,
    /// Bits per second of the assistant's own voice.
    #[serde(deserialize_with = "number::<_, 8_000, 510_000, _>")]
    pub bitrate: u32,
    /// What it tells about itself on the server; empty for nothing.
    pub comment: String,
    /// Access tokens for channels.
    pub tokens: Vec<SecretString>,
}

/// Room `[turn]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Silence that ends a turn.
    #[serde(rename = "silence_ms", deserialize_with = "millis")]
    pub silence: Duration,
    /// Wait after the talk key was released, during which the speaker may go on.
    #[serde(rename = "release_ms", deserialize_with = "millis_or_none")]
    pub release: Duration,
    /// The longest turn.
    #[serde(rename = "max_ms", deserialize_with = "millis")]
    pub max: Duration,
    /// Who is answered.
    pub answer: Answer,
    /// How long a follow-up needs no name.
    #[serde(rename = "follow_up_s", deserialize_with = "seconds_or_none")]
    pub follow_up: Duration,
    /// Further names of the assistant.
    pub names: Vec<String>,
    /// Turns that may wait.
    #[serde(deserialize_with = "number::<_, 0, 100, _>")]
    pub queue_max: usize,
    /// How long each may wait.
    #[serde(rename = "queue_wait_s", deserialize_with = "seconds_or_none")]
    pub queue_wait: Duration,
    /// How telephone callers are welcomed; empty for not at all.
    #[serde(deserialize_with = "text_or_none")]
    pub greeting: String,
    /// When a short sound tells that an answer is on its way; `None` for never.
    #[serde(rename = "filler_after_ms", deserialize_with = "some_millis")]
    pub filler_after: Option<Duration>,
}

/// Room `[assistant]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assistant {
    /// The system message.
    pub persona: String,
}

/// Room `[retry]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Engines of one kind that a single request may try.
    #[serde(deserialize_with = "number::<_, 1, THRESHOLD, _>")]
    pub max_attempts: usize,
    /// Wait after the first failed trial of a sick server.
    #[serde(rename = "base_delay_s", deserialize_with = "fraction")]
    pub base_delay: Duration,
    /// The longest such wait.
    #[serde(rename = "max_delay_s", deserialize_with = "fraction")]
    pub max_delay: Duration,
}

/// Room `[health]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// How long a server may be left without a request before it is looked at.
    #[serde(rename = "check_interval_s", deserialize_with = "fraction")]
    pub check_interval: Duration,
    /// Port of the pages about health.
    #[serde(deserialize_with = "number::<_, 1, 65_535, _>")]
    pub port: u16,
    /// Address they listen at.
    #[serde(deserialize_with = "parsed")]
    pub bind: IpAddr,
}

impl Health {
    /// Where the pages about health are served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.bind, self.port)
    }
}

#[cfg(test)]
mod tests;
