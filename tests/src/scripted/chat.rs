//! A scripted model: it answers with the pieces it was given, at the pace it was given.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Json;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::{Scripted, Seen, State, Wire};
use crate::EMBEDDING_MODEL;

/// Numbers of each vector.
const DIMENSIONS: usize = 64;

/// An answer of the model.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The tokens, in order; together they are the answer.
    pub pieces: Vec<String>,
    /// Time between two tokens.
    pub pause: Duration,
}

impl Reply {
    /// The answer `text`, a word at a time, with `pause` between two words.
    pub fn paced(text: &str, pause: Duration) -> Self {
        let pieces = text.split_inclusive(' ').map(str::to_owned).collect();
        Self { pieces, pause }
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::paced(text, Duration::ZERO)
    }
}

/// A model server that speaks Ollama's dialect and OpenAI's, has the model `model`, and at first
/// answers `reply`.
pub fn chat(model: &str, reply: impl Into<Reply>) -> Scripted<Reply> {
    let model: Arc<str> = model.into();
    Scripted::start(reply.into(), |state| {
        let embedding = EMBEDDING_MODEL;
        let tags = json!({ "models": [
            { "name": &*model, "model": &*model },
            { "name": embedding, "model": embedding },
        ] });
        let models = json!({ "object": "list", "data": [{ "id": &*model, "object": "model" }] });
        let [a, b, c, d, e] = [(); 5].map(|()| Arc::clone(&state));
        let ollama = move |Json(body): Json<Value>| say(a, "/api/chat", ollama, body);
        let openai = move |Json(body): Json<Value>| say(b, "/v1/chat/completions", openai, body);
        Router::new()
            .route("/api/chat", post(ollama))
            .route("/v1/chat/completions", post(openai))
            .route("/api/embed", post(embed))
            .route("/api/tags", get(move || async move { c.alive(tags).await }))
            .route(
                "/v1/models",
                get(move || async move { d.alive(models).await }),
            )
            .route(
                "/api/version",
                get(move || async move { e.alive(json!({ "version": "0.5.4" })).await }),
            )
    })
}

async fn say(
    state: Arc<State<Reply>>,
    path: &str,
    wire: fn(Reply) -> Wire,
    body: Value,
) -> Response {
    state.play(Seen::json(path, body), wire).await
}

/// Vectors in which texts are near each other that have words in common. They are no questions to
/// the model, and are not counted among them.
async fn embed(Json(body): Json<Value>) -> Json<Value> {
    let texts = body["input"].as_array().cloned().unwrap_or_default();
    let vectors = texts
        .iter()
        .map(|text| vector(text.as_str().unwrap_or_default()));
    Json(json!({ "model": body["model"], "embeddings": vectors.collect::<Vec<_>>() }))
}

fn vector(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0; DIMENSIONS];
    for word in text.split_whitespace() {
        let place = word.bytes().map(usize::from).sum::<usize>() % DIMENSIONS;
        vector[place] += 1.0;
    }
    // A text without words has a meaning, too.
    vector[0] += f32::MIN_POSITIVE.sqrt();
    vector
}

/// One line of JSON for each token, and a last one that says `done`.
fn ollama(reply: Reply) -> Wire {
    let line = |content: &str, done: bool| {
        let message = json!({ "role": "assistant", "content": content });
        let line = json!({ "model": "scripted", "message": message, "done": done });
        Bytes::from(format!("{line}\n"))
    };
    let mut pieces: Vec<Bytes> = reply.pieces.iter().map(|text| line(text, false)).collect();
    pieces.push(line("", true));
    Wire {
        content_type: "application/x-ndjson",
        pieces,
        pause: reply.pause,
    }
}

/// One event for each token, and `[DONE]`.
fn openai(reply: Reply) -> Wire {
    let event = |text: &String| {
        let data = json!({ "choices": [{ "index": 0, "delta": { "content": text } }] });
        Bytes::from(format!("data: {data}\n\n"))
    };
    let mut pieces: Vec<Bytes> = reply.pieces.iter().map(event).collect();
    pieces.push(Bytes::from_static(b"data: [DONE]\n\n"));
    Wire {
        content_type: "text/event-stream",
        pieces,
        pause: reply.pause,
    }
}
