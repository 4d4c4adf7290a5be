//! A streamed answer: from the response's bytes to pieces of text, whatever the dialect.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use reqwest::{RequestBuilder, Response};

use crate::ChatError;
use crate::frames::{Broken, Frames};
use crate::http::{self, Http};

/// How long the end of the response is waited for after the end of the answer, so that the
/// connection can be used again. Servers send both at once.
const LINGER: Duration = Duration::from_millis(20);

/// What one frame says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// The next piece of the answer; may be empty.
    Piece(String),
    /// The last piece; may be empty. More frames may follow, but no text.
    Last(String),
    /// Nothing follows.
    End,
}

/// Sends `request` and reads its answer; `read` understands one frame.
///
/// An answer is whole when [`Frame::Last`] or [`Frame::End`] came. A connection that ends before
/// is [`ChatError::HalfAnswer`].
pub(crate) fn pieces<F: Frames + 'static>(
    http: Http,
    request: RequestBuilder,
    read: fn(&str) -> Result<Frame, ChatError>,
    refused: impl FnOnce(ChatError) -> ChatError + Send + 'static,
) -> BoxStream<'static, Result<String, ChatError>> {
    let opened = async move {
        match http.send(request).await {
            Ok(response) => Answer::<F>::new(response, read).pieces().boxed(),
            Err(error) => stream::once(async move { Err(refused(error)) }).boxed(),
        }
    };
    stream::once(opened).flatten().boxed()
}

struct Answer<F> {
    url: String,
    chunks: BoxStream<'static, reqwest::Result<Bytes>>,
    frames: F,
    read: fn(&str) -> Result<Frame, ChatError>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Pieces are still to come.
    Open,
    /// The last piece came.
    Whole,
    /// An error was given.
    Failed,
}

impl<F: Frames + 'static> Answer<F> {
    fn new(response: Response, read: fn(&str) -> Result<Frame, ChatError>) -> Self {
        Self {
            url: response.url().to_string(),
            chunks: response.bytes_stream().boxed(),
            frames: F::default(),
            read,
            state: State::Open,
        }
    }

    fn pieces(self) -> impl futures::Stream<Item = Result<String, ChatError>> {
        stream::unfold(
            (self, VecDeque::new()),
            |(mut answer, mut ready)| async move {
                while ready.is_empty() && answer.state == State::Open {
                    answer.read_chunk(&mut ready).await;
                }
                let next: Option<Result<String, ChatError>> = ready.pop_front();
                if next.is_none() && answer.state == State::Whole {
                    answer.linger().await;
                }
                next.map(|item| (item, (answer, ready)))
            },
        )
    }

    /// Reads what has come; pieces and at most one error are appended to `ready`.
    async fn read_chunk(&mut self, ready: &mut VecDeque<Result<String, ChatError>>) {
        let last = match self.chunks.next().await {
            Some(Ok(bytes)) => {
                self.frames.push(&bytes);
                None
            }
            Some(Err(error)) => Some(http::cause(&error)),
            None => Some("the connection ended".to_owned()),
        };
        while self.state == State::Open
            && let Some(frame) = self.frames.next()
        {
            self.read_frame(frame, ready);
        }
        let Some(reason) = last else { return };
        if self.state == State::Open
            && let Some(frame) = self.frames.finish()
        {
            // The last frame may be cut off in its middle; then it says nothing.
            let whole =
                frame.is_ok_and(|text| (self.read)(&text).is_ok_and(|f| self.take(f, ready)));
            if whole {
                return;
            }
        }
        if self.state == State::Open {
            self.state = State::Failed;
            ready.push_back(Err(ChatError::HalfAnswer { reason }));
        }
    }

    fn read_frame(
        &mut self,
        frame: Result<String, Broken>,
        ready: &mut VecDeque<Result<String, ChatError>>,
    ) {
        let garbage = |reason: &str| ChatError::Garbage {
            url: self.url.clone(),
            reason: reason.to_owned(),
        };
        let frame = frame
            .map_err(|broken| match broken {
                Broken::TooLong => garbage("a line of its answer has no end"),
                Broken::NotText => garbage("its answer is not text"),
            })
            .and_then(|text| {
                (self.read)(&text).map_err(|error| match error {
                    ChatError::Garbage { reason, .. } => garbage(&reason),
                    other => other,
                })
            });
        match frame {
            Ok(frame) => {
                self.take(frame, ready);
            }
            Err(error) => {
                self.state = State::Failed;
                ready.push_back(Err(error));
            }
        }
    }

    /// Takes one frame; whether the answer is whole now.
    fn take(&mut self, frame: Frame, ready: &mut VecDeque<Result<String, ChatError>>) -> bool {
        let text = match frame {
            Frame::Piece(text) => text,
            Frame::Last(text) => {
                self.state = State::Whole;
                text
            }
            Frame::End => {
                self.state = State::Whole;
                return true;
            }
        };
        if !text.is_empty() {
            ready.push_back(Ok(text));
        }
        self.state == State::Whole
    }

    /// Reads on to the end of the response, for [`LINGER`].
    async fn linger(&mut self) {
        let end = async { while let Some(Ok(_)) = self.chunks.next().await {} };
        // When it does not end, the connection is closed instead of used again.
        tokio::time::timeout(LINGER, end).await.ok();
    }
}
