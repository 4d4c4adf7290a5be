//! The dialect `auto`: finds out, by requests that cost the server nothing, which dialect of the
//! table it speaks.

use std::sync::Arc;

use audio::Pcm;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{BoxStream, Stream, StreamExt as _, TryStreamExt as _, once};
use tokio::sync::Mutex;

use super::{DIALECTS, Hints, Server, Stt, SttError, Transcript};

/// Opens a server whose dialect is not known yet.
pub(super) fn open(server: Server) -> Result<Arc<dyn Stt>, SttError> {
    let dialects = DIALECTS.iter().map(|(_, open)| open(server.clone()));
    Ok(Arc::new(Auto(Arc::new(Inner {
        dialects: dialects.collect::<Result<_, _>>()?,
        url: server.url,
        found: Mutex::new(None),
    }))))
}

#[derive(Clone, Debug)]
struct Auto(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    url: String,
    dialects: Vec<Arc<dyn Stt>>,
    /// Filled once a dialect has answered. Whoever waits for it waits for one search.
    found: Mutex<Option<Arc<dyn Stt>>>,
}

impl Stt for Auto {
    fn transcribe(
        &self,
        speech: Pcm,
        hints: &Hints,
    ) -> BoxStream<'static, Result<Transcript, SttError>> {
        let (inner, hints) = (Arc::clone(&self.0), hints.clone());
        let answer = async move {
            let transcripts = inner.found().await?.transcribe(speech, &hints);
            Ok::<_, SttError>(inner.remembering(transcripts))
        };
        once(answer).try_flatten().boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), SttError>> {
        async {
            let found = self.0.found().await?;
            match found.check().await {
                Err(error) if self.0.is_another_now(&error).await => {
                    self.0.found().await?.check().await
                }
                result => result,
            }
        }
        .boxed()
    }
}

impl Inner {
    async fn found(&self) -> Result<Arc<dyn Stt>, SttError> {
        let mut found = self.found.lock().await;
        if let Some(dialect) = &*found {
            return Ok(Arc::clone(dialect));
        }
        let dialect = self.find().await?;
        *found = Some(Arc::clone(&dialect));
        Ok(dialect)
    }

    /// Whether the server no longer knows its dialect, which is forgotten then: another server
    /// has come to the address, or what answered at first was ill and not itself.
    async fn is_another_now(&self, error: &SttError) -> bool {
        let is_another = matches!(error, SttError::Server(error) if error.is_wrong_path());
        if is_another {
            *self.found.lock().await = None;
        }
        is_another
    }

    /// The same answer; a dialect that was no good is forgotten.
    fn remembering(
        self: Arc<Self>,
        transcripts: BoxStream<'static, Result<Transcript, SttError>>,
    ) -> impl Stream<Item = Result<Transcript, SttError>> {
        transcripts.then(move |item| {
            let inner = Arc::clone(&self);
            async move {
                if let Err(error) = &item {
                    inner.is_another_now(error).await;
                }
                item
            }
        })
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
