//! The dialect `api-tts`: `POST /api/tts/synthesize` with `{"text", "voice"}`, answered by a WAV
//! file.

use std::sync::Arc;

use audio::Pcm;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;
use serde::Serialize;

use super::sound::{Encoding, sound_of};
use super::{Server, Tts, TtsError};
use crate::http::Http;

const PATH: &str = "/api/tts/synthesize";

/// Opens a server of this dialect.
pub(super) fn open(server: Server) -> Result<Arc<dyn Tts>, TtsError> {
    let http = Http::new(&server.url, server.api_key)?;
    Ok(Arc::new(ApiTts {
        http,
        voice: server.voice,
    }))
}

#[derive(Clone, Debug)]
struct ApiTts {
    http: Http,
    voice: Option<String>,
}

#[derive(Serialize)]
struct Request {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice: Option<String>,
}

impl Tts for ApiTts {
    fn speak(&self, text: &str) -> BoxStream<'static, Result<Pcm, TtsError>> {
        let Self { http, voice } = self.clone();
        sound_of(text, |text| async move {
            let response = http
                .send(http.post(PATH).json(&Request { text, voice }))
                .await?;
            Ok((response, Encoding::Wav))
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), TtsError>> {
        async { Ok(self.http.probe(PATH).await?) }.boxed()
    }
}
