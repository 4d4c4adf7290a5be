//! The dialect `api-stt`: `POST /api/stt/transcribe` with a form of `audio`, answered by
//! `{"text"}`.

use std::sync::Arc;

use audio::Pcm;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;
use reqwest::multipart::Form;

use super::upload::{Upload, expect_transcript, single};
use super::{Hints, Server, Stt, SttError, Transcript};
use crate::http::Http;

const PATH: &str = "/api/stt/transcribe";

/// Opens a server of this dialect.
pub(super) fn open(server: Server) -> Result<Arc<dyn Stt>, SttError> {
    Ok(Arc::new(ApiStt {
        http: Http::new(&server.url, server.api_key)?,
    }))
}

#[derive(Clone, Debug)]
struct ApiStt {
    http: Http,
}

impl Stt for ApiStt {
    fn transcribe(
        &self,
        speech: Pcm,
        _hints: &Hints,
    ) -> BoxStream<'static, Result<Transcript, SttError>> {
        let http = self.http.clone();
        single(async move {
            let form = Form::new().part("audio", Upload::new(&speech)?.part());
            let answer = http.json(http.post(PATH).multipart(form)).await?;
            expect_transcript(&answer, &http, PATH)
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), SttError>> {
        async { Ok(self.http.probe(PATH).await?) }.boxed()
    }
}
