//! Thinking: the prompt goes to the model, sentences come back while it still thinks.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures::{FutureExt as _, StreamExt as _};
use llm::{Chat, ChatError, Message, Options, Request, Role};
use tokio::sync::mpsc;

use crate::ahead::Ahead;
use crate::sentence::Sentences;
use crate::thoughts::Thoughts;

/// Sentences that may wait for the voice. A full channel makes the model wait; nothing is lost.
const SENTENCES_AHEAD: usize = 32;

/// The model with its options.
#[derive(Clone, Debug)]
pub(crate) struct Mind {
    chat: Arc<dyn Chat>,
    options: Options,
    ahead: Ahead,
}

/// A complete sentence of an answer, as the model wrote it.
#[derive(Clone, Debug)]
pub(crate) struct Sentence {
    /// The text, markup and all.
    pub(crate) text: String,
    /// When the first token of the whole answer came.
    pub(crate) first_token: Instant,
    /// When this sentence was complete.
    pub(crate) complete: Instant,
}

/// Why thinking failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MindError {
    /// The model failed, was late, or was not asked.
    #[error(transparent)]
    Chat(#[from] ChatError),
    /// The answer ended without a word.
    #[error("the model answered with nothing")]
    Empty,
    /// It panicked.
    #[error("thinking broke down; this is a fault of the program")]
    Broken,
}

impl Mind {
    /// Thinks with `chat` under `options`.
    pub(crate) fn new(chat: Arc<dyn Chat>, options: Options) -> Self {
        let ahead = Ahead::new(Arc::clone(&chat), options.clone());
        Self {
            chat,
            options,
            ahead,
        }
    }

    /// Begins to think. Sentences arrive as they are complete, at most one error as the last
    /// item. Dropping the receiver closes the connection to the model.
    pub(crate) fn think(
        &self,
        messages: Vec<Message>,
    ) -> mpsc::Receiver<Result<Sentence, MindError>> {
        self.ahead.stop();
        let (sentences, receiver) = mpsc::channel(SENTENCES_AHEAD);
        let mind = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = sentences.closed() => {}
                result = AssertUnwindSafe(mind.stream(messages, &sentences)).catch_unwind() => {
                    // An answer that just ended would pass for a whole one.
                    if let Err(error) = result.unwrap_or(Err(MindError::Broken)) {
                        // Nobody listens any more: nobody needs the error.
                        sentences.send(Err(error)).await.ok();
                    }
                }
            }
        });
        receiver
    }

    /// Makes the server load the model before the first person asks; a failure only costs time
    /// later, so it is the caller's to report.
    pub(crate) async fn warm(&self, system: &str) -> Result<(), MindError> {
        Ok(self.chat.warm(greeting(system, &self.options)).await?)
    }

    /// What the model reads while nobody waits for its answer.
    pub(crate) fn ahead(&self) -> &Ahead {
        &self.ahead
    }

    async fn stream(
        &self,
        messages: Vec<Message>,
        out: &mpsc::Sender<Result<Sentence, MindError>>,
    ) -> Result<(), MindError> {
        let request = Request {
            messages,
            options: self.options.clone(),
        };
        let mut tokens = self.chat.chat(request);
        let mut thoughts = Thoughts::default();
        let mut sentences = Sentences::default();
        let mut first_token = None;
        let mut said = false;
        loop {
            let (complete, ended) = match tokens.next().await {
                Some(token) => (sentences.push(&thoughts.push(&token?)), false),
                None => {
                    let mut last = sentences.push(&std::mem::take(&mut thoughts).finish());
                    last.extend(std::mem::take(&mut sentences).finish());
                    (last, true)
                }
            };
            let now = Instant::now();
            let first_token = *first_token.get_or_insert(now);
            for text in complete {
                said = true;
                let sentence = Sentence {
                    text,
                    first_token,
                    complete: now,
                };
                if out.send(Ok(sentence)).await.is_err() {
                    return Ok(());
                }
            }
            if ended {
                break;
            }
        }
        if said { Ok(()) } else { Err(MindError::Empty) }
    }
}

/// A text of our own as sentences, as if it had been thought.
pub(crate) fn recited(text: &str) -> mpsc::Receiver<Result<Sentence, MindError>> {
    let mut cut = Sentences::default();
    let mut texts = cut.push(text);
    texts.extend(cut.finish());
    let (sentences, receiver) = mpsc::channel(texts.len().max(1));
    let now = Instant::now();
    for text in texts {
        let sentence = Sentence {
            text,
            first_token: now,
            complete: now,
        };
        // There is room for all of them.
        sentences.try_send(Ok(sentence)).ok();
    }
    receiver
}

/// The beginning that every conversation has, and the smallest question: what it leaves behind in
/// the model's prompt cache serves the next real one.
pub(crate) fn greeting(system: &str, options: &Options) -> Request {
    Request {
        messages: vec![
            Message::new(Role::System, system),
            Message::new(Role::User, "Hello"),
        ],
        options: options.clone(),
    }
}

#[cfg(test)]
mod tests {
    use futures::future::{BoxFuture, FutureExt as _, ready};
    use futures::stream::{self, BoxStream, StreamExt as _};

    use super::*;

    /// A model whose program has a fault: it panics after these tokens.
    #[derive(Debug)]
    struct Faulty(&'static [&'static str]);

    impl Chat for Faulty {
        fn chat(&self, _: Request) -> BoxStream<'static, Result<String, ChatError>> {
            let tokens = stream::iter(self.0).map(|token| Ok((*token).to_owned()));
            let fault = stream::once(async { panic!("a fault of the program") });
            tokens.chain(fault).boxed()
        }

        fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
            ready(Ok(())).boxed()
        }
    }

    async fn thought(tokens: &'static [&'static str]) -> Vec<Result<String, MindError>> {
        let mind = Mind::new(Arc::new(Faulty(tokens)), Options::default());
        let mut sentences = mind.think(Vec::new());
        let mut thought = Vec::new();
        while let Some(sentence) = sentences.recv().await {
            thought.push(sentence.map(|sentence| sentence.text));
        }
        thought
    }

    #[tokio::test]
    async fn a_panic_while_thinking_is_an_error_and_not_the_end_of_an_answer() {
        let at_once = thought(&[]).await;
        assert!(
            matches!(at_once[..], [Err(MindError::Broken)]),
            "{at_once:?}"
        );
        let later = thought(&["It is noon. ", "And"]).await;
        assert!(
            matches!(&later[..], [Ok(text), Err(MindError::Broken)] if text == "It is noon."),
            "{later:?}"
        );
    }
}
