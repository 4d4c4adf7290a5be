//! The dialect `auto`: finds out, by requests that cost the server nothing, which dialect of a
//! table it speaks.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _, once};
use tokio::sync::Mutex;

/// An engine that speaks one dialect, as a search for the right one sees it.
pub(crate) trait Dialect: Send + Sync + fmt::Debug + 'static {
    /// What goes wrong with it.
    type Error: Send + Sync + 'static;

    /// Asks the server whether it is there and speaks this dialect.
    fn check(&self) -> BoxFuture<'_, Result<(), Self::Error>>;

    /// Whether the server is there and does not know what it was asked for.
    fn is_wrong_path(error: &Self::Error) -> bool;

    /// The server at `url` speaks none of the table's dialects.
    fn none(url: &str) -> Self::Error;
}

/// A server whose dialect is found at the first request; a clone is the same one.
#[derive(Debug)]
pub(crate) struct Auto<T: Dialect + ?Sized>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T: Dialect + ?Sized> {
    url: String,
    dialects: Vec<Arc<T>>,
    /// Filled once a dialect has answered. Whoever waits for it waits for one search.
    found: Mutex<Option<Arc<T>>>,
}

impl<T: Dialect + ?Sized> Clone for Auto<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Dialect + ?Sized> Auto<T> {
    /// The server at `url` by each of these dialects, of which the first that fits is taken.
    pub(crate) fn new(url: String, dialects: Vec<Arc<T>>) -> Self {
        Self(Arc::new(Inner {
            url,
            dialects,
            found: Mutex::new(None),
        }))
    }

    /// The dialect that the server speaks.
    ///
    /// # Errors
    /// When it speaks none, or cannot be asked.
    pub(crate) async fn found(&self) -> Result<Arc<T>, T::Error> {
        let mut found = self.0.found.lock().await;
        if let Some(dialect) = &*found {
            return Ok(Arc::clone(dialect));
        }
        let dialect = self.find().await?;
        *found = Some(Arc::clone(&dialect));
        Ok(dialect)
    }

    /// Whether it is there. A server of another dialect at the same address is found anew.
    ///
    /// # Errors
    /// As the dialect's own check.
    pub(crate) async fn check(&self) -> Result<(), T::Error> {
        match self.found().await?.check().await {
            Err(error) if self.is_another_now(&error).await => self.found().await?.check().await,
            result => result,
        }
    }

    /// What the server answers to `ask`; a dialect that was no good is forgotten.
    pub(crate) fn answer<R: Send + 'static>(
        &self,
        ask: impl FnOnce(&T) -> BoxStream<'static, Result<R, T::Error>> + Send + 'static,
    ) -> BoxStream<'static, Result<R, T::Error>> {
        let auto = self.clone();
        let answer = async move {
            let answer = ask(&*auto.found().await?);
            Ok::<_, T::Error>(answer.then(move |item| auto.clone().remembering(item)))
        };
        once(answer).try_flatten().boxed()
    }

    async fn remembering<R>(self, item: Result<R, T::Error>) -> Result<R, T::Error> {
        if let Err(error) = &item {
            self.is_another_now(error).await;
        }
        item
    }

    /// Whether the server no longer knows its dialect, which is forgotten then: another server
    /// has come to the address, or what answered at first was ill and not itself.
    async fn is_another_now(&self, error: &T::Error) -> bool {
        let is_another = T::is_wrong_path(error);
        if is_another {
            *self.0.found.lock().await = None;
        }
        is_another
    }

    async fn find(&self) -> Result<Arc<T>, T::Error> {
        for dialect in &self.0.dialects {
            match dialect.check().await {
                Ok(()) => return Ok(Arc::clone(dialect)),
                Err(error) if T::is_wrong_path(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Err(T::none(&self.0.url))
    }
}
