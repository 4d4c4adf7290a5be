//! The dialect `auto`: finds out, by requests that cost the server nothing, which dialect of the
//! table it speaks.

use std::sync::Arc;

use audio::Pcm;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _, once};
use tokio::sync::OnceCell;

use super::{DIALECTS, Server, Tts, TtsError};

/// Opens a server whose dialect is not known yet.
pub(super) fn open(server: Server) -> Result<Arc<dyn Tts>, TtsError> {
    let dialects = DIALECTS.iter().map(|(_, open)| open(server.clone()));
    Ok(Arc::new(Auto(Arc::new(Inner {
        dialects: dialects.collect::<Result<_, _>>()?,
        url: server.url,
        found: OnceCell::new(),
    }))))
}

#[derive(Clone, Debug)]
struct Auto(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    url: String,
    dialects: Vec<Arc<dyn Tts>>,
    /// Filled once a dialect has answered; a server that is away is asked again.
    found: OnceCell<Arc<dyn Tts>>,
}

impl Tts for Auto {
    fn speak(&self, text: &str) -> BoxStream<'static, Result<Pcm, TtsError>> {
        let (inner, text) = (Arc::clone(&self.0), text.to_owned());
        let answer = async move { Ok::<_, TtsError>(inner.found().await?.speak(&text)) };
        once(answer).try_flatten().boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), TtsError>> {
        async { self.0.found().await?.check().await }.boxed()
    }
}

impl Inner {
    async fn found(&self) -> Result<&Arc<dyn Tts>, TtsError> {
        self.found.get_or_try_init(|| self.find()).await
    }

    async fn find(&self) -> Result<Arc<dyn Tts>, TtsError> {
        for dialect in &self.dialects {
            match dialect.check().await {
                Ok(()) => return Ok(Arc::clone(dialect)),
                Err(TtsError::Server(error)) if error.is_wrong_path() => {}
                Err(error) => return Err(error),
            }
        }
        Err(TtsError::NoDialect {
            url: self.url.clone(),
        })
    }
}
