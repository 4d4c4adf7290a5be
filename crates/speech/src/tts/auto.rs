//! A synthesiser whose dialect is found at the first request.

use std::sync::Arc;

use audio::Pcm;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;

use super::{DIALECTS, Server, Tts, TtsError};
use crate::auto::{Auto, Dialect};

/// Opens a server whose dialect is not known yet.
pub(super) fn open(server: Server) -> Result<Arc<dyn Tts>, TtsError> {
    let dialects = DIALECTS.iter().map(|(_, open)| open(server.clone()));
    let dialects = dialects.collect::<Result<_, _>>()?;
    Ok(Arc::new(Auto::new(server.url, dialects)))
}

impl Dialect for dyn Tts {
    type Error = TtsError;

    fn check(&self) -> BoxFuture<'_, Result<(), TtsError>> {
        Tts::check(self)
    }

    fn is_wrong_path(error: &TtsError) -> bool {
        matches!(error, TtsError::Server(error) if error.is_wrong_path())
    }

    fn none(url: &str) -> TtsError {
        let url = url.to_owned();
        TtsError::NoDialect { url }
    }
}

impl Tts for Auto<dyn Tts> {
    fn speak(&self, text: &str) -> BoxStream<'static, Result<Pcm, TtsError>> {
        let text = text.to_owned();
        self.answer(move |tts| tts.speak(&text))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), TtsError>> {
        Self::check(self).boxed()
    }
}
