//! Reading ahead: while nobody waits for the model it reads how the next prompt will begin, so
//! that an answer has to wait for the question alone.

use std::fmt;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use llm::{Chat, Message, Options, Request};
use tokio_util::task::AbortOnDropHandle;

use crate::discreet::Discreet as _;

/// Makes the beginning of the next prompt, as far as it can be known when it is called.
type Beginning = Arc<dyn Fn() -> BoxFuture<'static, Vec<Message>> + Send + Sync>;

/// Reads ahead with the model that answers. Clones are the same.
///
/// It keeps no word of what it read: what is forgotten meanwhile is not read again.
#[derive(Clone, Debug)]
pub(crate) struct Ahead {
    chat: Arc<dyn Chat>,
    options: Options,
    reading: Arc<Mutex<Reading>>,
}

#[derive(Default)]
struct Reading {
    /// Of whoever was answered last; none before the first answer.
    beginning: Option<Beginning>,
    task: Option<AbortOnDropHandle<()>>,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = &self.task;
        f.debug_struct("Reading")
            .field("task", task)
            .finish_non_exhaustive()
    }
}

impl Ahead {
    /// Reads with `chat`, under the options of its answers: others would load the model anew.
    pub(crate) fn new(chat: Arc<dyn Chat>, options: Options) -> Self {
        Self {
            chat,
            options,
            reading: Arc::default(),
        }
    }

    /// Reads this beginning, in place of what is being read. A failure only costs time later, so
    /// nobody is told.
    pub(crate) fn read<F>(&self, beginning: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Vec<Message>> + Send + 'static,
    {
        let beginning: Beginning = Arc::new(move || Box::pin(beginning()));
        self.reading().beginning = Some(Arc::clone(&beginning));
        self.prefill(beginning());
    }

    /// Reads the last beginning as it is now, or this one if there was none: the model has read
    /// something else meanwhile.
    pub(crate) fn read_again(&self, first: Message) {
        let last = self.reading().beginning.clone();
        let first = || -> BoxFuture<'static, Vec<Message>> { Box::pin(ready(vec![first])) };
        self.prefill(last.map_or_else(first, |beginning| beginning()));
    }

    /// Gives way to somebody who waits for an answer. What was read so far is read.
    pub(crate) fn stop(&self) {
        self.reading().task = None;
    }

    fn prefill(&self, beginning: BoxFuture<'static, Vec<Message>>) {
        let (chat, options) = (Arc::clone(&self.chat), self.options.clone());
        let task = tokio::spawn(async move {
            let messages = beginning.await;
            if let Err(error) = chat.read_ahead(Request { messages, options }).await {
                tracing::debug!(error = error.for_the_log(), "model could not read ahead");
            }
        });
        self.reading().task = Some(AbortOnDropHandle::new(task));
    }

    /// Nothing panics while it holds this; if it did, it is still whole.
    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::future::FutureExt as _;
    use futures::stream::{self, BoxStream, StreamExt as _};
    use llm::{ChatError, Role};
    use tokio::sync::watch;

    use super::*;

    /// A model that takes for ever to read, and says what it is reading.
    #[derive(Debug)]
    struct Slow(watch::Sender<Vec<Vec<Message>>>);

    /// While it lives, the model reads this.
    struct Open(watch::Sender<Vec<Vec<Message>>>, Vec<Message>);

    impl Drop for Open {
        fn drop(&mut self) {
            let Self(all, own) = self;
            all.send_modify(|all| all.retain(|read| read != own));
        }
    }

    impl Chat for Slow {
        fn chat(&self, _: Request) -> BoxStream<'static, Result<String, ChatError>> {
            stream::pending().boxed()
        }

        fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
            ready(Ok(())).boxed()
        }

        fn read_ahead(&self, request: Request) -> BoxFuture<'static, Result<(), ChatError>> {
            let Self(all) = self;
            all.send_modify(|all| all.push(request.messages.clone()));
            let open = Open(all.clone(), request.messages);
            async move {
                let _open = open;
                std::future::pending().await
            }
            .boxed()
        }
    }

    #[tokio::test]
    async fn who_waits_for_an_answer_does_not_wait_for_what_is_read_ahead() {
        let (reads, mut reading) = watch::channel(Vec::new());
        let ahead = Ahead::new(Arc::new(Slow(reads)), Options::default());
        let first = Message::new(Role::System, "be kind");
        let beginning = vec![first.clone(), Message::new(Role::User, "hello")];
        let mut reads = async |expected: &[Vec<Message>]| {
            reading.wait_for(|all| all == expected).await.unwrap();
        };
        ahead.read_again(first.clone());
        reads(&[vec![first.clone()]]).await;
        ahead.read({
            let beginning = beginning.clone();
            move || ready(beginning.clone())
        });
        reads(std::slice::from_ref(&beginning)).await;
        ahead.stop();
        reads(&[]).await;
        ahead.read_again(first);
        reads(&[beginning]).await;
    }

    #[tokio::test]
    async fn what_was_forgotten_meanwhile_is_not_read_again() {
        let (reads, mut reading) = watch::channel(Vec::new());
        let ahead = Ahead::new(Arc::new(Slow(reads)), Options::default());
        let first = Message::new(Role::System, "be kind");
        let talk = Arc::new(Mutex::new(vec![
            first.clone(),
            Message::new(Role::User, "hello"),
        ]));
        ahead.read({
            let talk = Arc::clone(&talk);
            move || ready(talk.lock().unwrap().clone())
        });
        let mut reads = async |expected: usize| {
            let lengths = |all: &Vec<Vec<Message>>| all.iter().map(Vec::len).collect::<Vec<_>>();
            reading
                .wait_for(|all| lengths(all) == [expected])
                .await
                .unwrap();
        };
        reads(2).await;
        talk.lock().unwrap().truncate(1);
        ahead.read_again(first);
        reads(1).await;
    }
}
