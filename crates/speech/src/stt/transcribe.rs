//! The dialect `transcribe`: `POST /transcribe` with a form of `audio` and `language`, answered
//! by `{"text", "language", "language_probability"}`.

use std::sync::Arc;

use audio::Pcm;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;
use reqwest::multipart::Form;

use super::upload::{Upload, expect_transcript, single};
use super::{Hints, Server, Stt, SttError, Transcript};
use crate::http::Http;

const PATH: &str = "/transcribe";

/// Opens a server of this dialect.
pub(super) fn open(server: Server) -> Result<Arc<dyn Stt>, SttError> {
    Ok(Arc::new(Transcribe {
        http: Http::new(&server.url, server.api_key)?,
    }))
}

#[derive(Clone, Debug)]
struct Transcribe {
    http: Http,
}

impl Stt for Transcribe {
    fn transcribe(
        &self,
        speech: Pcm,
        hints: &Hints,
    ) -> BoxStream<'static, Result<Transcript, SttError>> {
        let (http, language) = (self.http.clone(), hints.language.clone());
        single(async move {
            let mut form = Form::new().part("audio", Upload::new(&speech)?.part());
            if let Some(language) = language {
                form = form.text("language", language);
            }
            let answer = http.json(http.post(PATH).multipart(form)).await?;
            expect_transcript(&answer, &http, PATH)
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), SttError>> {
        async { Ok(self.http.probe(PATH).await?) }.boxed()
    }
}
