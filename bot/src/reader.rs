//! The model as memory reads with it: afterwards its prompt cache holds what was read, and no
//! longer how every conversation begins.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, pending};
use futures::stream::{BoxStream, StreamExt as _};
use llm::{Chat, ChatError, Request};
use tokio::sync::watch;
use tokio::time::timeout;

/// Turns are read one after the other; a reading after which none begins within this was the last.
/// It is much shorter than what somebody says, whose first word breaks off any reading.
const LAST: Duration = Duration::from_millis(200);

/// The model that reads in the background. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    chat: Arc<dyn Chat>,
    readings: Arc<watch::Sender<Readings>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Readings {
    going_on: usize,
    ended: u64,
}

/// Knows when readings have ended, whether they were finished or broken off.
#[derive(Debug)]
pub(crate) struct Ends {
    readings: watch::Receiver<Readings>,
    /// How many had ended when it was told last.
    known: u64,
}

impl Reader {
    /// Reads with `chat`.
    pub(crate) fn new(chat: Arc<dyn Chat>) -> Self {
        Self {
            chat,
            readings: Arc::default(),
        }
    }

    /// What knows of the ends of readings from now on.
    pub(crate) fn ends(&self) -> Ends {
        Ends {
            readings: self.readings.subscribe(),
            known: self.readings.borrow().ended,
        }
    }
}

impl Ends {
    /// Waits until the last of some readings has ended. May be dropped and called again.
    pub(crate) async fn last(&mut self) {
        loop {
            let Readings { going_on, ended } = *self.readings.borrow_and_update();
            let changed = if going_on == 0 && ended > self.known {
                let next = timeout(LAST, self.readings.changed()).await;
                let Ok(next) = next else {
                    self.known = ended;
                    return;
                };
                next
            } else {
                self.readings.changed().await
            };
            // Nobody is left who could read.
            if changed.is_err() {
                return pending().await;
            }
        }
    }
}

impl Chat for Reader {
    fn chat(&self, request: Request) -> BoxStream<'static, Result<String, ChatError>> {
        let reading = Reading::begin(&self.readings);
        let pieces = self.chat.chat(request);
        let held = move |_: &Result<_, _>| {
            let _ = &reading;
        };
        pieces.inspect(held).boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        self.chat.check()
    }

    fn warm(&self, request: Request) -> BoxFuture<'static, Result<(), ChatError>> {
        self.chat.warm(request)
    }
}

/// One reading, for as long as its answer is held.
struct Reading(Arc<watch::Sender<Readings>>);

impl Reading {
    fn begin(readings: &Arc<watch::Sender<Readings>>) -> Self {
        readings.send_modify(|readings| readings.going_on += 1);
        Self(Arc::clone(readings))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.send_modify(|readings| {
            readings.going_on = readings.going_on.saturating_sub(1);
            readings.ended += 1;
        });
    }
}

#[cfg(test)]
mod tests {
    use futures::future::{FutureExt as _, ready};
    use futures::stream;
    use tokio::time::Instant;

    use super::*;

    #[derive(Debug)]
    struct Silent;

    impl Chat for Silent {
        fn chat(&self, _: Request) -> BoxStream<'static, Result<String, ChatError>> {
            stream::pending().boxed()
        }

        fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
            ready(Ok(())).boxed()
        }
    }

    fn turn() -> Request {
        Request {
            messages: Vec::new(),
            options: llm::Options::default(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_of_some_readings_is_told_once_and_however_it_ended() {
        let reader = Reader::new(Arc::new(Silent));
        let mut ends = reader.ends();
        assert!(timeout(LAST * 2, ends.last()).await.is_err(), "none began");
        let first = reader.chat(turn());
        assert!(timeout(LAST * 2, ends.last()).await.is_err(), "it goes on");
        drop(first);
        let second = reader.chat(turn());
        assert!(
            timeout(LAST * 2, ends.last()).await.is_err(),
            "another goes on"
        );
        let ended = Instant::now();
        drop(second);
        ends.last().await;
        assert_eq!(ended.elapsed(), LAST);
        assert!(timeout(LAST * 2, ends.last()).await.is_err(), "it was told");
    }
}
