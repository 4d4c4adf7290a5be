//! The dialect `openai`: `POST /v1/audio/speech` with `{"model", "voice", "input",
//! "response_format", "speed"}`, answered by a WAV file or, where the server knows no WAV, by raw
//! samples.
//!
//! <https://platform.openai.com/docs/api-reference/audio/createSpeech>

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

const PATH: &str = "/v1/audio/speech";

/// The voice that is asked for when none is configured: the dialect requires one, and this is the
/// first in its documentation.
const DEFAULT_VOICE: &str = "alloy";

/// The rate of the dialect's raw samples, in Hz.
const RAW_RATE: u32 = 24_000;

/// The dialect's limits for `speed`.
const SPEEDS: std::ops::RangeInclusive<f32> = 0.25..=4.0;

/// Opens a server of this dialect; its address may end in `/v1`.
pub(super) fn open(server: Server) -> Result<Arc<dyn Tts>, TtsError> {
    let base = server.url.trim_end_matches('/');
    let base = base.strip_suffix("/v1").unwrap_or(base);
    Ok(Arc::new(OpenAi(Arc::new(Inner {
        http: Http::new(base, server.api_key)?,
        model: server.model,
        voice: server.voice.unwrap_or_else(|| DEFAULT_VOICE.to_owned()),
        speed: server
            .length_scale
            .map(|scale| scale.recip().clamp(*SPEEDS.start(), *SPEEDS.end())),
        refuses_wav: AtomicBool::new(false),
    }))))
}

#[derive(Clone, Debug)]
struct OpenAi(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Http,
    model: String,
    voice: String,
    speed: Option<f32>,
    /// The server gives only raw samples, as was found out.
    refuses_wav: AtomicBool,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    voice: &'a str,
    input: &'a str,
    response_format: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f32>,
}

impl Tts for OpenAi {
    fn speak(&self, text: &str) -> BoxStream<'static, Result<Pcm, TtsError>> {
        let inner = Arc::clone(&self.0);
        sound_of(text, |text| async move {
            if inner.refuses_wav.load(Ordering::Relaxed) {
                return inner.ask(&text, Encoding::Raw(RAW_RATE)).await;
            }
            match inner.ask(&text, Encoding::Wav).await {
                Err(error) if error.is_bad_request() => {
                    let answer = inner.ask(&text, Encoding::Raw(RAW_RATE)).await?;
                    inner.refuses_wav.store(true, Ordering::Relaxed);
                    Ok(answer)
                }
                answer => answer,
            }
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), TtsError>> {
        async { Ok(self.0.http.probe(PATH).await?) }.boxed()
    }
}

impl Inner {
    async fn ask(
        &self,
        input: &str,
        encoding: Encoding,
    ) -> Result<(Response, Encoding), ServerError> {
        let response_format = if encoding == Encoding::Wav {
            "wav"
        } else {
            "pcm"
        };
        let Self {
            model,
            voice,
            speed,
            ..
        } = self;
        let request = Request {
            model,
            voice,
            input,
            response_format,
            speed: *speed,
        };
        let response = self.http.send(self.http.post(PATH).json(&request)).await?;
        Ok((response, encoding))
    }
}
