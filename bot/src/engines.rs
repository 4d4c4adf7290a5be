//! The engines by their settings: which dialect, where, with what options.

use std::sync::Arc;

use llm::{Chat, ChatError, Options};
use memory::store::StoreError;
use service::settings::without_password;
use speech::stt::{self, Stt, SttError};
use speech::tts::{self, Tts, TtsError};

use crate::config::{Config, Ollama, Piper, Whisper};

/// Why an engine cannot even be set up; always a matter of settings.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The recogniser.
    #[error("WHISPER_DIALECT or WHISPER_URL: {0}")]
    Stt(#[source] SttError),
    /// The model.
    #[error("OLLAMA_DIALECT or OLLAMA_URL: {0}")]
    Chat(#[source] ChatError),
    /// The synthesiser.
    #[error("PIPER_DIALECT or PIPER_URL: {0}")]
    Tts(#[source] TtsError),
    /// The database.
    #[error("DATABASE_URL or DB_HOST: {0}")]
    Database(#[source] StoreError),
    /// The cache, whose words name its variable.
    #[error("{0}")]
    Redis(#[source] StoreError),
    /// The index of vectors, whose words name its variable.
    #[error("{0}")]
    Chromadb(#[source] StoreError),
    /// What makes vectors.
    #[error("EMBEDDING_DIALECT, EMBEDDING_URL or EMBEDDING_FOLDER: {0}")]
    Embedding(#[source] ChatError),
}

/// An engine at one of its addresses.
#[derive(Debug)]
pub struct At<T: ?Sized> {
    /// The address, without the password that it can hold.
    pub address: String,
    /// The engine.
    pub engine: Arc<T>,
}

/// Every engine of the assistant, each at all of its addresses, in order of preference.
#[derive(Debug)]
pub struct Engines {
    /// The recogniser.
    pub whisper: Vec<At<dyn Stt>>,
    /// The model.
    pub ollama: Vec<At<dyn Chat>>,
    /// The synthesiser.
    pub piper: Vec<At<dyn Tts>>,
}

impl Engines {
    /// The engines that the settings name. No connection is made yet.
    ///
    /// # Errors
    /// When a dialect is unknown or an address is none.
    pub fn open(config: &Config) -> Result<Self, EngineError> {
        Ok(Self {
            whisper: stt(&config.whisper)?,
            ollama: chat(&config.ollama)?,
            piper: tts(&config.piper)?,
        })
    }
}

/// The recogniser at each of its addresses. No connection is made yet.
///
/// # Errors
/// When a dialect is unknown or an address is none.
pub fn stt(config: &Whisper) -> Result<Vec<At<dyn Stt>>, EngineError> {
    let open = |url: String, dialect: &str| {
        let server = stt::Server {
            url,
            api_key: None,
            model: config.model.clone(),
        };
        stt::open(dialect, server)
    };
    each(config.places(), open).map_err(EngineError::Stt)
}

/// The model at each of its addresses. No connection is made yet.
///
/// # Errors
/// When a dialect is unknown or an address is none.
pub fn chat(config: &Ollama) -> Result<Vec<At<dyn Chat>>, EngineError> {
    let open = |url: String, dialect: &str| {
        let server = llm::Server {
            url,
            api_key: config.api_key.clone(),
            model: config.model.clone(),
        };
        llm::open(dialect, server)
    };
    each(config.places(), open).map_err(EngineError::Chat)
}

/// How answers are drawn.
pub fn options(config: &Ollama) -> Options {
    Options {
        model: config.model.clone(),
        temperature: Some(config.temperature),
        top_p: Some(config.top_p),
        seed: config.seed,
        num_predict: Some(config.num_predict),
        num_ctx: Some(config.num_ctx),
        keep_alive: Some(config.keep_alive.clone()),
        stop: Vec::new(),
        format: None,
    }
}

/// The synthesiser at each of its addresses. No connection is made yet.
///
/// # Errors
/// When a dialect is unknown or an address is none.
pub fn tts(config: &Piper) -> Result<Vec<At<dyn Tts>>, EngineError> {
    let open = |url: String, dialect: &str| {
        let server = tts::Server {
            url,
            api_key: None,
            model: config.model.clone(),
            voice: config.voice.clone(),
            length_scale: config.length_scale,
            noise_scale: config.noise_scale,
        };
        tts::open(dialect, server)
    };
    each(config.places(), open).map_err(EngineError::Tts)
}

/// Opens an engine at each of `places`, which are addresses with their dialects.
fn each<'a, T: ?Sized, E>(
    places: impl Iterator<Item = (&'a str, &'a str)>,
    open: impl Fn(String, &str) -> Result<Arc<T>, E>,
) -> Result<Vec<At<T>>, E> {
    let at = |(url, dialect): (&str, &str)| {
        Ok(At {
            address: without_password(url.to_owned()),
            engine: open(url.to_owned(), dialect)?,
        })
    };
    places.map(at).collect()
}
