//! The dialect `auto`: finds out, by requests that cost the server nothing, which dialect of the
//! table it speaks.

use std::sync::Arc;

use audio::Pcm;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{BoxStream, Stream, StreamExt as _, TryStreamExt as _, once};
use tokio::sync::Mutex;

use super::{DIALECTS, Server, Tts, TtsError};

/// Opens a server whose dialect is not known yet.
pub(super) fn open(server: Server) -> Result<Arc<dyn Tts>, TtsError> {
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
    dialects: Vec<Arc<dyn Tts>>,
    /// Filled once a dialect has answered. Whoever waits for it waits for one search.
    found: Mutex<Option<Arc<dyn Tts>>>,
}

impl Tts for Auto {
    fn speak(&self, text: &str) -> BoxStream<'static, Result<Pcm, TtsError>> {
        let (inner, text) = (Arc::clone(&self.0), text.to_owned());
        let answer = async move {
            let sound = inner.found().await?.speak(&text);
            Ok::<_, TtsError>(inner.remembering(sound))
        };
        once(answer).try_flatten().boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), TtsError>> {
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
    async fn found(&self) -> Result<Arc<dyn Tts>, TtsError> {
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
    async fn is_another_now(&self, error: &TtsError) -> bool {
        let is_another = matches!(error, TtsError::Server(error) if error.is_wrong_path());
        if is_another {
            *self.found.lock().await = None;
        }
        is_another
    }

    /// The same sound; a dialect that was no good is forgotten.
    fn remembering(
        self: Arc<Self>,
        sound: BoxStream<'static, Result<Pcm, TtsError>>,
    ) -> impl Stream<Item = Result<Pcm, TtsError>> {
        sound.then(move |item| {
            let inner = Arc::clone(&self);
            async move {
                if let Err(error) = &item {
                    inner.is_another_now(error).await;
                }
                item
            }
        })
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
