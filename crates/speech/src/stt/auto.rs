//! The dialect `auto`: finds out, by requests that cost the server nothing, which dialect of the
//! table it speaks.

use std::sync::Arc;

use audio::Pcm;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _, once};
use tokio::sync::OnceCell;

use super::{DIALECTS, Hints, Server, Stt, SttError, Transcript};

/// Opens a server whose dialect is not known yet.
pub(super) fn open(server: Server) -> Result<Arc<dyn Stt>, SttError> {
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
    dialects: Vec<Arc<dyn Stt>>,
    /// Filled once a dialect has answered; a server that is away is asked again.
    found: OnceCell<Arc<dyn Stt>>,
}

impl Stt for Auto {
    fn transcribe(
        &self,
        speech: Pcm,
        hints: &Hints,
    ) -> BoxStream<'static, Result<Transcript, SttError>> {
        let (inner, hints) = (Arc::clone(&self.0), hints.clone());
        let answer =
            async move { Ok::<_, SttError>(inner.found().await?.transcribe(speech, &hints)) };
        once(answer).try_flatten().boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), SttError>> {
        async { self.0.found().await?.check().await }.boxed()
    }
}

impl Inner {
    async fn found(&self) -> Result<&Arc<dyn Stt>, SttError> {
        self.found.get_or_try_init(|| self.find()).await
    }

    async fn find(&self) -> Result<Arc<dyn Stt>, SttError> {
        for dialect in &self.dialects {
            match dialect.check().await {
                Ok(()) => return Ok(Arc::clone(dialect)),
                Err(SttError::Server(error)) if error.is_wrong_path() => {}
                Err(error) => return Err(error),
            }
        }
        Err(SttError::NoDialect {
            url: self.url.clone(),
        })
    }
}
