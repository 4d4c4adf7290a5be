//! Looks after a server that is there and answers nobody: its model is loaded anew.
//!
//! An Ollama whose asker leaves between two tokens may go on holding its model for that answer
//! for ever; everybody after it waits in vain, while its lists and its version come at once
//! (issue 17131 of Ollama's repository; seen in 0.5.4). Loading the model anew frees it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use futures::stream::BoxStream;
use serde::Deserialize;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use super::doubt::{Doubt, Ended};
use super::{Body, tagged};
use crate::http::Http;
use crate::{ChatError, Options, Request};

/// How long the model may take to go. It waits for those who wait for it.
const UNLOADING: Duration = Duration::from_secs(60);

/// It is told so often.
const AGAIN: Duration = Duration::from_millis(500);

/// How long a server may take to load a model from a slow disk.
const LOADING: Duration = Duration::from_secs(300);

type Pieces = BoxStream<'static, Result<String, ChatError>>;

/// What is known of one server. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Ward {
    http: Http,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    doubt: Doubt,
    is_helped: bool,
}

impl Ward {
    pub(super) fn new(http: Http) -> Self {
        let state = Arc::default();
        Self { http, state }
    }

    /// The same answer, and notes how it ends. `options` are its request's.
    pub(super) fn watch(&self, answer: Pieces, options: &Options) -> Watched {
        Watched {
            answer,
            ward: self.clone(),
            options: options.clone(),
            came: Came::Unasked,
        }
    }

    fn ended(&self, how: Ended, options: &Options) {
        let mut state = self.state();
        if !state.doubt.ended(how) || state.is_helped {
            return;
        }
        // Outside of a runtime the program is ending.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        state.is_helped = true;
        drop(state);
        runtime.spawn(self.clone().help(options.clone()));
    }

    async fn help(self, options: Options) {
        let model = &options.model;
        tracing::warn!(
            model,
            "the model answers nobody, though its server is there; having it loaded anew"
        );
        match self.load_anew(&options).await {
            Ok(()) => tracing::info!(model, "the model was loaded anew"),
            Err(error) => {
                tracing::warn!(model, %error, "the model could not be loaded anew; restart Ollama");
            }
        }
        self.state().is_helped = false;
    }

    async fn load_anew(&self, options: &Options) -> Result<(), ChatError> {
        let late = |reason: &str| ChatError::Failed {
            reason: reason.to_owned(),
        };
        let gone = timeout(UNLOADING, self.unload(options)).await;
        gone.map_err(|_| late("somebody keeps the model loaded"))??;
        let loaded = timeout(LOADING, self.keep(options, options.keep_alive.clone())).await;
        loaded.map_err(|_| late("loading it takes too long"))?
    }

    /// Whoever asks meanwhile takes the model up again; so it is told more than once.
    async fn unload(&self, options: &Options) -> Result<(), ChatError> {
        loop {
            self.keep(options, Some("0".to_owned())).await?;
            if !self.is_loaded(&options.model).await? {
                return Ok(());
            }
            sleep(AGAIN).await;
        }
    }

    /// Has the model loaded, for as long as that; 0 has it unloaded. Nothing is asked of it.
    async fn keep(&self, options: &Options, keep_alive: Option<String>) -> Result<(), ChatError> {
        let options = options.clone();
        let request = Request {
            messages: Vec::new(),
            options: Options {
                keep_alive,
                ..options
            },
        };
        let post = self.http.post("/api/chat").json(&Body::from(&request));
        let _: Value = self.http.json(post).await?;
        Ok(())
    }

    async fn is_loaded(&self, model: &str) -> Result<bool, ChatError> {
        let running: Running = self.http.json(self.http.get("/api/ps")).await?;
        let model = tagged(model);
        let mut names = running.models.iter().map(|loaded| &loaded.name);
        Ok(names.any(|name| tagged(name).eq_ignore_ascii_case(&model)))
    }

    /// Nothing panics while it holds this; if it did, it is still whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer whose end is noted, also when nobody waits for it any more.
pub(super) struct Watched {
    answer: Pieces,
    ward: Ward,
    options: Options,
    came: Came,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    /// Nobody has waited for it yet.
    Unasked,
    /// Nothing, since then.
    Nothing(Instant),
    /// A token at least.
    Some,
    /// All; its end was noted.
    All,
}

impl Watched {
    /// Its end was this; any further one is not.
    fn ended(&mut self, how: Ended) {
        if self.came != Came::All {
            self.came = Came::All;
            self.ward.ended(how, &self.options);
        }
    }
}

impl Stream for Watched {
    type Item = Result<String, ChatError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.came == Came::Unasked {
            self.came = Came::Nothing(Instant::now());
        }
        let next = self.answer.as_mut().poll_next(cx);
        match &next {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(_))) => {
                self.came = Came::Some;
                self.ward.state().doubt.heard();
            }
            Poll::Ready(Some(Err(_))) if self.came == Came::Some => self.ended(Ended::Cut),
            // Before the first token an error is the server's own word.
            Poll::Ready(Some(Err(_)) | None) => self.ended(Ended::Well),
        }
        next
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        match self.came {
            Came::Unasked | Came::All => {}
            Came::Nothing(since) => self.ended(Ended::Unheard(since.elapsed())),
            Came::Some => self.ended(Ended::Cut),
        }
    }
}

/// The answer of `GET /api/ps`.
#[derive(Deserialize)]
struct Running {
    models: Vec<Loaded>,
}

#[derive(Deserialize)]
struct Loaded {
    name: String,
}
