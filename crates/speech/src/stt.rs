//! Speech to text: the trait that every recogniser implements, and the table of dialects.

use std::fmt;

use audio::Pcm;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

/// A recogniser.
///
/// The answer is a stream so that engines that understand while they listen can give partial
/// transcripts; a plain HTTP engine yields exactly one final item. Dropping the stream drops the
/// request.
pub trait Stt: Send + Sync + fmt::Debug {
    /// Transcribes one utterance: `speech` is mono at [`audio::SPEECH_HZ`].
    ///
    /// Yields any number of partial transcripts and at last one with `partial == false`, or one
    /// error.
    fn transcribe(
        &self,
        speech: Pcm,
        hints: &Hints,
    ) -> BoxStream<'static, Result<Transcript, SttError>>;

    /// Asks the server whether it is there, without transcribing anything.
    fn check(&self) -> BoxFuture<'_, Result<(), SttError>>;
}
