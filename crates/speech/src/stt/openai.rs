//! The dialect `openai`: `POST /v1/audio/transcriptions` with a form of `file`, `model`,
//! `language`, `prompt` and `response_format`.
//!
//! <https://platform.openai.com/docs/api-reference/audio/createTranscription>

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use audio::Pcm;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::BoxStream;
use reqwest::multipart::Form;
use serde_json::Value;

use super::upload::{Upload, number, single, transcript};
use super::{Hints, Server, Stt, SttError, Transcript};
use crate::ServerError;
use crate::http::Http;

const PATH: &str = "/v1/audio/transcriptions";

/// Opens a server of this dialect; its address may end in `/v1`.
pub(super) fn open(server: Server) -> Result<Arc<dyn Stt>, SttError> {
    let base = server.url.trim_end_matches('/');
    let base = base.strip_suffix("/v1").unwrap_or(base);
    Ok(Arc::new(OpenAi(Arc::new(Inner {
        http: Http::new(base, server.api_key)?,
        model: server.model,
        refuses_verbose: AtomicBool::new(false),
    }))))
}

#[derive(Clone, Debug)]
struct OpenAi(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Http,
    model: String,
    /// The server knows only the plain answer, as was found out.
    refuses_verbose: AtomicBool,
}

/// How much the answer says besides the text.
#[derive(Clone, Copy, PartialEq)]
enum Detail {
    /// With the probabilities of each segment.
    Verbose,
    /// The text alone, which every server knows.
    Plain,
}

impl Stt for OpenAi {
    fn transcribe(
        &self,
        speech: Pcm,
        hints: &Hints,
    ) -> BoxStream<'static, Result<Transcript, SttError>> {
        let (inner, hints) = (Arc::clone(&self.0), hints.clone());
        single(async move {
            let upload = Upload::new(&speech)?;
            if inner.refuses_verbose.load(Ordering::Relaxed) {
                return Ok(inner.ask(&upload, &hints, Detail::Plain).await?);
            }
            match inner.ask(&upload, &hints, Detail::Verbose).await {
                Err(error) if error.is_bad_request() => {
                    let answer = inner.ask(&upload, &hints, Detail::Plain).await?;
                    inner.refuses_verbose.store(true, Ordering::Relaxed);
                    Ok(answer)
                }
                answer => Ok(answer?),
            }
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), SttError>> {
        async { Ok(self.0.http.probe(PATH).await?) }.boxed()
    }
}

impl Inner {
    async fn ask(
        &self,
        upload: &Upload,
        hints: &Hints,
        detail: Detail,
    ) -> Result<Transcript, ServerError> {
        let format = if detail == Detail::Verbose {
            "verbose_json"
        } else {
            "json"
        };
        let mut form = Form::new()
            .part("file", upload.part())
            .text("response_format", format);
        if !self.model.is_empty() {
            // Some servers of this dialect read the second name.
            form = form
                .text("model", self.model.clone())
                .text("model_name", self.model.clone());
        }
        if let Some(language) = &hints.language {
            form = form.text("language", language.clone());
        }
        if let Some(prompt) = &hints.prompt {
            form = form.text("prompt", prompt.clone());
        }
        let answer = self.http.json(self.http.post(PATH).multipart(form)).await?;
        understood(&answer).ok_or_else(|| ServerError::Garbage {
            url: self.http.shown(PATH),
            reason: "the answer has no `text`".to_owned(),
        })
    }
}

fn understood(answer: &Value) -> Option<Transcript> {
    let mut transcript = transcript(answer)?;
    let segments = answer.get("segments").and_then(Value::as_array);
    let segments = segments.map(Vec::as_slice).unwrap_or_default();
    // One segment that holds speech is enough for speech.
    let no_speech = segments
        .iter()
        .filter_map(|segment| number(segment, "no_speech_prob"));
    transcript.no_speech = no_speech.reduce(f32::min).or(transcript.no_speech);
    transcript.confidence = confidence(segments);
    Some(transcript)
}

/// The mean probability of the words, each segment counted by its length.
fn confidence(segments: &[Value]) -> Option<f32> {
    let (mut sum, mut seconds) = (0.0, 0.0);
    for segment in segments {
        let logprob = number(segment, "avg_logprob")?;
        let length = number(segment, "end")? - number(segment, "start")?;
        sum += logprob * length;
        seconds += length;
    }
    (seconds > 0.0).then(|| (sum / seconds).exp().clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_segment_with_speech_is_speech() {
        let transcript = understood(&json!({
            "text": " Hello. ", "language": "en",
            "segments": [
                {"start": 0.0, "end": 1.0, "avg_logprob": -0.2, "no_speech_prob": 0.9},
                {"start": 1.0, "end": 4.0, "avg_logprob": -0.6, "no_speech_prob": 0.1},
            ]
        }))
        .unwrap();
        assert_eq!(transcript.text, "Hello.");
        assert_eq!(transcript.no_speech, Some(0.1));
        assert!((transcript.confidence.unwrap() - (-0.5_f32).exp()).abs() < 1e-6);
    }

    #[test]
    fn segments_of_another_shape_are_passed_over() {
        for segments in [
            json!(null),
            json!("none"),
            json!([]),
            json!([1, {"avg_logprob": "x"}]),
        ] {
            let transcript = understood(&json!({"text": "Hi", "segments": segments})).unwrap();
            assert_eq!((transcript.no_speech, transcript.confidence), (None, None));
        }
    }

    #[test]
    fn an_answer_without_text_is_not_one() {
        assert_eq!(understood(&json!({"error": "no"})), None);
        assert_eq!(understood(&json!({"text": null})), None);
        assert_eq!(understood(&json!([])), None);
    }
}
