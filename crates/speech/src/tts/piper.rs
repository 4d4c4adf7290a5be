//! The dialect `piper`: Piper's own HTTP server, answered by a WAV file.
//!
//! From 1.8 on it takes `POST /synthesize`, from 1.3 to 1.4 `POST /`, and answers 404 or 405 to
//! the other. The body is `{"text", "voice", "length_scale", "noise_scale"}`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use audio::Pcm;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;
use reqwest::Response;
use serde::Serialize;

use super::sound::{Encoding, sound_of};
use super::{Server, Tts, TtsError};
use crate::ServerError;
use crate::http::Http;

const NEW_PATH: &str = "/synthesize";
const OLD_PATH: &str = "/";

/// Opens a server of this dialect.
pub(super) fn open(server: Server) -> Result<Arc<dyn Tts>, TtsError> {
    Ok(Arc::new(Piper(Arc::new(Inner {
        http: Http::new(&server.url, server.api_key)?,
        voice: server.voice,
        length_scale: server.length_scale,
        noise_scale: server.noise_scale,
        is_old: AtomicBool::new(false),
    }))))
}

#[derive(Clone, Debug)]
struct Piper(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Http,
    voice: Option<String>,
    length_scale: Option<f32>,
    noise_scale: Option<f32>,
    /// The server took the old path the last time, so that one is tried first.
    is_old: AtomicBool,
}

#[derive(Serialize)]
struct Request<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length_scale: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    noise_scale: Option<f32>,
}

impl Tts for Piper {
    fn speak(&self, text: &str) -> BoxStream<'static, Result<Pcm, TtsError>> {
        let inner = Arc::clone(&self.0);
        sound_of(text, |text| async move {
            Ok((inner.ask(&text).await?, Encoding::Wav))
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), TtsError>> {
        async { Ok(self.0.check().await?) }.boxed()
    }
}

impl Inner {
    async fn ask(&self, text: &str) -> Result<Response, ServerError> {
        let is_old = self.is_old.load(Ordering::Relaxed);
        let [first, second] = if is_old {
            [OLD_PATH, NEW_PATH]
        } else {
            [NEW_PATH, OLD_PATH]
        };
        match self.ask_at(first, text).await {
            Err(wrong) if wrong.is_wrong_path() => {
                // Servers are upgraded while we run, so no path is given up for good.
                let answer = self.ask_at(second, text).await;
                if answer.is_ok() {
                    self.is_old.store(!is_old, Ordering::Relaxed);
                }
                // A 404 that both give is about something else, such as the voice.
                answer.map_err(|error| if error.is_wrong_path() { wrong } else { error })
            }
            answer => answer,
        }
    }

    async fn ask_at(&self, path: &str, text: &str) -> Result<Response, ServerError> {
        let voice = self.voice.as_deref();
        let Self {
            length_scale,
            noise_scale,
            ..
        } = *self;
        let request = Request {
            text,
            voice,
            length_scale,
            noise_scale,
        };
        self.http.send(self.http.post(path).json(&request)).await
    }

    async fn check(&self) -> Result<(), ServerError> {
        match self.http.probe(NEW_PATH).await {
            Err(wrong) if wrong.is_wrong_path() => {
                let old = self.http.probe(OLD_PATH).await;
                old.map_err(|error| if error.is_wrong_path() { wrong } else { error })
            }
            result => result,
        }
    }
}
