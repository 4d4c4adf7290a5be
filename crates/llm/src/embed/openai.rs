//! Vectors in the dialect of OpenAI: `POST /v1/embeddings`.
//!
//! llama.cpp, vLLM, text-embeddings-inference and hosted services speak it. Source: OpenAI's API
//! reference, "Embeddings".

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::texts::{self, Texts};
use super::vectors::Vectors;
use super::{Embed, Purpose, Source};
use crate::ChatError;
use crate::http::Http;
use crate::openai::{about_the_model, knows, without_version};

pub(super) fn open(source: Source) -> Result<Arc<dyn Embed>, ChatError> {
    Ok(Arc::new(OpenAi {
        http: Http::new(without_version(source.server))?,
    }))
}

#[derive(Debug)]
struct OpenAi {
    http: Http,
}

impl Embed for OpenAi {
    fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
    ) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ChatError>> {
        let http = self.http.clone();
        Box::pin(async move {
            let model = &http.server().model;
            let mut vectors = Vectors::new(format!("{}/v1/embeddings", http.base()));
            for input in Texts::new(model, purpose, texts).chunks(texts::BATCH) {
                let request = http.post("/v1/embeddings").json(&Body { model, input });
                let Answer { mut data } = http
                    .json(request)
                    .await
                    .map_err(|error| about_the_model(&http, model, error))?;
                // The dialect lets a server answer in any order.
                data.sort_by_key(|item| item.index);
                let found = data.into_iter().map(|item| item.embedding).collect();
                vectors.take(input.len(), found)?;
            }
            Ok(vectors.all())
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        Box::pin(async move {
            match knows(&self.http).await {
                // Some servers hold one model and no list of it: it is there, and that must do.
                Err(ChatError::Status { status: 404, .. }) => Ok(()),
                known => known,
            }
        })
    }

    fn model(&self) -> &str {
        &self.http.server().model
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a [String],
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    index: usize,
    embedding: Vec<f32>,
}
