//! A scripted synthesiser: it says the same sound to every text.

use std::sync::Arc;

use audio::Pcm;
use axum::Router;
use axum::extract::Json;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::{Scripted, Seen, State, Wire};

/// A dialect that a synthesiser may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TtsDialect {
    /// Piper's own server since 1.8: `POST /synthesize`.
    Piper,
    /// Piper's own server from 1.3 to 1.4: `POST /`.
    OldPiper,
    /// `POST /v1/audio/speech`.
    OpenAi,
    /// `POST /api/tts/synthesize`.
    ApiTts,
}

impl TtsDialect {
    fn path(self) -> &'static str {
        match self {
            Self::Piper => "/synthesize",
            Self::OldPiper => "/",
            Self::OpenAi => "/v1/audio/speech",
            Self::ApiTts => "/api/tts/synthesize",
        }
    }

    /// Piper calls its sound a web page.
    fn content_type(self) -> &'static str {
        match self {
            Self::Piper | Self::OldPiper => "text/html; charset=utf-8",
            Self::OpenAi | Self::ApiTts => "audio/wav",
        }
    }
}

/// A synthesiser of one dialect that at first says `sound`.
pub fn tts(dialect: TtsDialect, sound: Pcm) -> Scripted<Pcm> {
    Scripted::start(sound, |state| {
        let checked = Arc::clone(&state);
        let said = move |Json(text): Json<Value>| say(state, dialect, text);
        let alive = move || async move { checked.alive(json!({ "en_US-scripted": {} })).await };
        let router = Router::new().route(dialect.path(), post(said));
        router
            .route("/voices", get(alive.clone()))
            .route("/health", get(alive))
    })
}

async fn say(state: Arc<State<Pcm>>, dialect: TtsDialect, text: Value) -> Response {
    let seen = Seen::json(dialect.path(), text);
    let wire = |sound: Pcm| Wire::whole(dialect.content_type(), audio::wav::write(&sound));
    state.play(seen, wire).await
}
