//! A scripted recogniser: it understands whatever it was told to.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Multipart};
use axum::routing::{get, post};
use serde_json::json;

use super::{Scripted, Seen, State, Wire};

/// A dialect that a recogniser may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SttDialect {
    /// `POST /v1/audio/transcriptions`.
    OpenAi,
    /// `POST /transcribe`.
    Transcribe,
    /// `POST /api/stt/transcribe`.
    ApiStt,
}

impl SttDialect {
    fn path(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1/audio/transcriptions",
            Self::Transcribe => "/transcribe",
            Self::ApiStt => "/api/stt/transcribe",
        }
    }
}

/// A recogniser of one dialect that at first understands nothing but `text`.
pub fn stt(dialect: SttDialect, text: &str) -> Scripted<String> {
    Scripted::start(text.to_owned(), |state| {
        let checked = Arc::clone(&state);
        let heard = move |form: Multipart| hear(state, dialect, form);
        let alive = move || async move { checked.alive(json!({ "status": "ok" })).await };
        Router::new()
            .route(dialect.path(), post(heard))
            .route("/health", get(alive))
            // Thirty seconds at 48 kHz are 2.9 MB.
            .layer(DefaultBodyLimit::max(16 << 20))
    })
}

async fn hear(
    state: Arc<State<String>>,
    dialect: SttDialect,
    form: Multipart,
) -> axum::response::Response {
    let seen = Seen::form(dialect.path(), form).await;
    let wire = |text: String| {
        let answer = match dialect {
            SttDialect::OpenAi => json!({ "text": text }),
            SttDialect::Transcribe | SttDialect::ApiStt => {
                json!({ "text": text, "language": "en", "language_probability": 0.98 })
            }
        };
        Wire::whole("application/json", answer.to_string())
    };
    state.play(seen, wire).await
}
