//! Vectors without a server: a small BERT of sentences (all-MiniLM-L6-v2), computed by candle on
//! the processor.
//!
//! The model is loaded by the first request, in a thread of its own that also makes the vectors;
//! a request of which nobody awaits the answer any more is left in the middle. What is longer than
//! the model's window of [`WINDOW`] tokens is cut there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config, DTYPE};
use futures::future::BoxFuture;
use tokenizers::{Tokenizer, TruncationParams};
use tokio::sync::{mpsc, oneshot};

use super::texts::Texts;
use super::vectors::Vectors;
use super::{Embed, Purpose, Source};
use crate::ChatError;

/// Tokens that the model was trained to look at.
const WINDOW: usize = 256;

/// Requests that wait while one is computed; a further one waits for room, within its caller's
/// deadline.
const WAITING: usize = 16;

/// The files that a folder must hold, as the makers of the model publish them.
const FILES: [&str; 3] = ["model.safetensors", "tokenizer.json", "config.json"];

pub(super) fn open(source: Source) -> Result<Arc<dyn Embed>, ChatError> {
    let folder = source.folder;
    for file in FILES {
        let path = folder.join(file);
        std::fs::metadata(&path).map_err(|error| no_file(&path, error))?;
    }
    let (jobs, waiting) = mpsc::channel(WAITING);
    let worker = move || work(&folder, waiting);
    thread::Builder::new()
        .name("minilm".into())
        .spawn(worker)
        .map_err(failed)?;
    Ok(Arc::new(MiniLm {
        model: source.server.model,
        jobs,
    }))
}

#[derive(Debug)]
struct MiniLm {
    model: String,
    jobs: mpsc::Sender<Job>,
}

/// Texts, and who awaits their vectors.
struct Job {
    texts: Texts,
    answer: oneshot::Sender<Result<Vec<Vec<f32>>, ChatError>>,
}

impl Embed for MiniLm {
    fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
    ) -> BoxFuture<'static, Result<Vec<Vec<f32>>, ChatError>> {
        let texts = Texts::new(&self.model, purpose, texts);
        let jobs = self.jobs.clone();
        Box::pin(async move {
            let (answer, vectors) = oneshot::channel();
            let gone = || failed("the thread of the embedding model has ended");
            let sent = jobs.send(Job { texts, answer }).await;
            sent.map_err(|_| gone())?;
            vectors.await.map_err(|_| gone())?
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        let there = !self.jobs.is_closed();
        Box::pin(async move {
            there
                .then_some(())
                .ok_or_else(|| failed("the thread of the embedding model has ended"))
        })
    }

    fn model(&self) -> &str {
        &self.model
    }
}

/// Answers jobs until nobody can send one any more.
fn work(folder: &Path, mut jobs: mpsc::Receiver<Job>) {
    let mut loaded = None;
    while let Some(Job { texts, answer }) = jobs.blocking_recv() {
        let loaded = match &loaded {
            Some(loaded) => loaded,
            // What could not be loaded is tried anew: somebody may have put the files there.
            None => match Loaded::read(folder) {
                Ok(read) => loaded.insert(read),
                Err(error) => {
                    answer.send(Err(error)).ok();
                    continue;
                }
            },
        };
        let vectors = loaded.vectors(&texts, || answer.is_closed());
        // Whoever asked may have left.
        answer.send(vectors).ok();
    }
}

struct Loaded {
    bert: BertModel,
    tokenizer: Tokenizer,
}

impl Loaded {
    fn read(folder: &Path) -> Result<Self, ChatError> {
        let [weights, words, config] = FILES.map(|file| folder.join(file));
        let config: Config =
            serde_json::from_slice(&bytes(&config)?).map_err(|error| no_file(&config, error))?;
        let mut tokenizer =
            Tokenizer::from_bytes(bytes(&words)?).map_err(|error| no_file(&words, error))?;
        let window = TruncationParams {
            max_length: WINDOW.min(config.max_position_embeddings),
            ..TruncationParams::default()
        };
        tokenizer
            .with_padding(None)
            .with_truncation(Some(window))
            .map_err(|error| no_file(&words, error))?;
        let tensors = VarBuilder::from_buffered_safetensors(bytes(&weights)?, DTYPE, &Device::Cpu)
            .map_err(|error| no_file(&weights, error))?;
        let bert = BertModel::load(tensors, &config).map_err(|error| no_file(&weights, error))?;
        Ok(Self { bert, tokenizer })
    }

    /// The vector of each text, unless `given_up` meanwhile.
    fn vectors(
        &self,
        texts: &[String],
        given_up: impl Fn() -> bool,
    ) -> Result<Vec<Vec<f32>>, ChatError> {
        let mut vectors = Vectors::new("minilm".into());
        for text in texts {
            if given_up() {
                break;
            }
            let vector = self.vector(text).map_err(failed)?;
            vectors.take(1, vec![vector])?;
        }
        Ok(vectors.all())
    }

    /// The mean over the tokens of a text.
    fn vector(&self, text: &str) -> Result<Vec<f32>, Box<dyn std::error::Error + Send + Sync>> {
        let tokens = self.tokenizer.encode(text, true)?;
        let ids = Tensor::new(tokens.get_ids(), &Device::Cpu)?.unsqueeze(0)?;
        let kinds = ids.zeros_like()?;
        let states = self.bert.forward(&ids, &kinds, None)?;
        Ok(states.mean(1)?.squeeze(0)?.to_vec1()?)
    }
}

fn bytes(path: &PathBuf) -> Result<Vec<u8>, ChatError> {
    std::fs::read(path).map_err(|error| no_file(path, error))
}

fn no_file(path: &Path, reason: impl std::fmt::Display) -> ChatError {
    ChatError::NoFile {
        path: path.to_owned(),
        reason: crate::http::one_line(&reason.to_string()),
    }
}

fn failed(reason: impl std::fmt::Display) -> ChatError {
    ChatError::Failed {
        reason: crate::http::one_line(&reason.to_string()),
    }
}
