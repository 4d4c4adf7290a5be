//! The engines by their settings: which dialect, where, with what options.

use std::sync::Arc;

use llm::{Chat, ChatError, Options};
use speech::stt::{self, Stt, SttError};
use speech::tts::{self, Tts, TtsError};

use crate::config::{Ollama, Piper, Whisper};

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
}

/// The recogniser. No connection is made yet.
///
/// # Errors
/// When the dialect is unknown or the address is none.
pub fn stt(config: &Whisper) -> Result<Arc<dyn Stt>, EngineError> {
    let (url, dialect) = first(config.places());
    let server = stt::Server {
        url: url.to_owned(),
        api_key: None,
        model: config.model.clone(),
    };
    stt::open(dialect, server).map_err(EngineError::Stt)
}

/// The model. No connection is made yet.
///
/// # Errors
/// When the dialect is unknown or the address is none.
pub fn chat(config: &Ollama) -> Result<Arc<dyn Chat>, EngineError> {
    let (url, dialect) = first(config.places());
    let server = llm::Server {
        url: url.to_owned(),
        api_key: config.api_key.clone(),
        model: config.model.clone(),
    };
    llm::open(dialect, server).map_err(EngineError::Chat)
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
    }
}

/// The synthesiser. No connection is made yet.
///
/// # Errors
/// When the dialect is unknown or the address is none.
pub fn tts(config: &Piper) -> Result<Arc<dyn Tts>, EngineError> {
    let (url, dialect) = first(config.places());
    let server = tts::Server {
        url: url.to_owned(),
        api_key: None,
        model: config.model.clone(),
        voice: config.voice.clone(),
        length_scale: config.length_scale,
        noise_scale: config.noise_scale,
    };
    tts::open(dialect, server).map_err(EngineError::Tts)
}

/// The address that is used first, with its dialect.
fn first<'a>(mut places: impl Iterator<Item = (&'a str, &'a str)>) -> (&'a str, &'a str) {
    places.next().expect("settings hold at least one address")
}
