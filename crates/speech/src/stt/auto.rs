//! A recogniser whose dialect is found at the first request.

use std::sync::Arc;

use audio::Pcm;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;

use super::{DIALECTS, Hints, Server, Stt, SttError, Transcript};
use crate::auto::{Auto, Dialect};

/// Opens a server whose dialect is not known yet.
pub(super) fn open(server: Server) -> Result<Arc<dyn Stt>, SttError> {
    let dialects = DIALECTS.iter().map(|(_, open)| open(server.clone()));
    let dialects = dialects.collect::<Result<_, _>>()?;
    Ok(Arc::new(Auto::new(server.url, dialects)))
}

impl Dialect for dyn Stt {
    type Error = SttError;

    fn check(&self) -> BoxFuture<'_, Result<(), SttError>> {
        Stt::check(self)
    }

    fn is_wrong_path(error: &SttError) -> bool {
        matches!(error, SttError::Server(error) if error.is_wrong_path())
    }

    fn none(url: &str) -> SttError {
        let url = url.to_owned();
        SttError::NoDialect { url }
    }
}

impl Stt for Auto<dyn Stt> {
    fn transcribe(
        &self,
        speech: Pcm,
        hints: &Hints,
    ) -> BoxStream<'static, Result<Transcript, SttError>> {
        let hints = hints.clone();
        self.answer(move |stt| stt.transcribe(speech, &hints))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), SttError>> {
        Self::check(self).boxed()
    }
}
