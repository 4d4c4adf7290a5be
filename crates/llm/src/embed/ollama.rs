//! Vectors from Ollama: `POST /api/embed`.
//!
//! Source: the API description in Ollama's repository, `docs/api.md`, and observation of server
//! 0.5.4. A text that is longer than the model's window is cut there.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::texts::{self, Texts};
use super::vectors::Vectors;
use super::{Embed, Purpose, Source};
use crate::ChatError;
use crate::http::Http;
use crate::ollama::{KeepAlive, about_the_model, knows};

pub(super) fn open(source: Source) -> Result<Arc<dyn Embed>, ChatError> {
    Ok(Arc::new(Ollama {
        http: Http::new(source.server)?,
        keep_alive: source.keep_alive,
    }))
}

#[derive(Clone, Debug)]
struct Ollama {
    http: Http,
    keep_alive: Option<String>,
}

impl Embed for Ollama {
    fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
    ) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ChatError>> {
        let Self { http, keep_alive } = self.clone();
        Box::pin(async move {
            let model = &http.server().model;
            let mut vectors = Vectors::new(format!("{}/api/embed", http.base()));
            for input in Texts::new(model, purpose, texts).chunks(texts::BATCH) {
                let body = Body {
                    model,
                    input,
                    keep_alive: keep_alive.as_deref().map(KeepAlive::from),
                };
                let answer = http.json(http.post("/api/embed").json(&body)).await;
                let Answer { embeddings } =
                    answer.map_err(|error| about_the_model(&http, model, error))?;
                vectors.take(input.len(), embeddings)?;
            }
            Ok(vectors.all())
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        Box::pin(knows(&self.http))
    }

    fn model(&self) -> &str {
        &self.http.server().model
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_alive: Option<KeepAlive<'a>>,
}

#[derive(Deserialize)]
struct Answer {
    embeddings: Vec<Vec<f32>>,
}
