//! What all recognisers over HTTP do alike: one WAV up, one JSON object back.

use audio::{Pcm, SPEECH_HZ, wav};
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt as _, once};
use reqwest::Body;
use reqwest::multipart::Part;
use serde_json::Value;

use super::{SttError, Transcript};
use crate::ServerError;
use crate::http::Http;

/// An utterance as a WAV file that can be sent more than once without a copy.
#[derive(Clone)]
pub(super) struct Upload(Bytes);

impl Upload {
    /// The file of `speech`, at the rate of recognisers.
    pub(super) fn new(speech: &Pcm) -> Result<Self, SttError> {
        if speech.is_empty() {
            return Err(SttError::EmptyAudio);
        }
        let file = if speech.rate() == SPEECH_HZ {
            wav::write(speech)
        } else {
            wav::write(&speech.resampled(SPEECH_HZ))
        };
        Ok(Self(file.into()))
    }

    /// The file as a part of a form. Its length is stated: small servers cannot read a form
    /// without one.
    pub(super) fn part(&self) -> Part {
        let length = self.0.len() as u64;
        Part::stream_with_length(Body::from(self.0.clone()), length)
            .file_name("speech.wav")
            .mime_str("audio/wav")
            .expect("audio/wav is a media type")
    }
}

/// A request as the stream of its only answer.
pub(super) fn single(
    request: impl Future<Output = Result<Transcript, SttError>> + Send + 'static,
) -> BoxStream<'static, Result<Transcript, SttError>> {
    once(request).boxed()
}

/// The fields that the dialects have in common; `None` when there is no `text`.
pub(super) fn transcript(answer: &Value) -> Option<Transcript> {
    Some(Transcript {
        text: answer.get("text")?.as_str()?.trim().to_owned(),
        language: answer
            .get("language")
            .and_then(Value::as_str)
            .map(str::to_owned),
        language_probability: number(answer, "language_probability"),
        no_speech: number(answer, "no_speech_prob"),
        ..Transcript::default()
    })
}

/// The transcript in the answer of the dialects whose answer is nothing but that.
pub(super) fn expect_transcript(
    answer: &Value,
    http: &Http,
    path: &str,
) -> Result<Transcript, SttError> {
    transcript(answer).ok_or_else(|| {
        let reason = "the answer has no `text`".to_owned();
        ServerError::Garbage {
            url: http.shown(path),
            reason,
        }
        .into()
    })
}

/// The number in a field, if it is one.
pub(super) fn number(object: &Value, field: &str) -> Option<f32> {
    object.get(field)?.as_f64().map(|number| number as f32)
}
