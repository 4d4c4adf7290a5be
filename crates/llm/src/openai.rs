//! The dialect of OpenAI: `POST /v1/chat/completions`, one server-sent event per token.
//!
//! llama.cpp, vLLM, LocalAI and hosted services speak it. Source: OpenAI's API reference, "Chat
//! Completions" and "Streaming".

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::{self, Frame};
use crate::frames::Events;
use crate::http::{self, Http};
use crate::{Chat, ChatError, Format, Message, Request, Server};

/// Models named in an error; a hosted service has hundreds.
const MODELS_SHOWN: usize = 8;

/// Takes the base address with or without `/v1`, as both are written in other programs.
pub(crate) fn open(server: Server) -> Result<Arc<dyn Chat>, ChatError> {
    Ok(Arc::new(OpenAi {
        http: Http::new(without_version(server))?,
    }))
}

/// The server at its address without `/v1`.
pub(crate) fn without_version(mut server: Server) -> Server {
    let url = server.url.trim_end_matches('/');
    server
        .url
        .truncate(url.strip_suffix("/v1").unwrap_or(url).len());
    server
}

#[derive(Debug)]
struct OpenAi {
    http: Http,
}

impl Chat for OpenAi {
    fn chat(&self, request: Request) -> BoxStream<'static, Result<String, ChatError>> {
        let post = self
            .http
            .post("/v1/chat/completions")
            .json(&Body::from(&request));
        let (http, model) = (self.http.clone(), request.options.model);
        answer::pieces::<Events>(self.http.clone(), post, read, move |error| {
            about_the_model(&http, &model, error)
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        Box::pin(knows(&self.http))
    }
}

/// Whether the server is there and has its model.
pub(crate) async fn knows(http: &Http) -> Result<(), ChatError> {
    let model = &http.server().model;
    let Models { data } = http.json(http.get("/v1/models")).await?;
    if data.iter().any(|known| known.id == *model) {
        return Ok(());
    }
    let names: Vec<&str> = data
        .iter()
        .take(MODELS_SHOWN)
        .map(|m| m.id.as_str())
        .collect();
    let help = match names[..] {
        [] => "it has none at all".to_owned(),
        _ => format!("it has {}", names.join(", ")),
    };
    let (url, model) = (http.base().to_owned(), model.clone());
    Err(ChatError::UnknownModel { url, model, help })
}

/// The error of a request, which says what to do when it is about the model.
pub(crate) fn about_the_model(http: &Http, model: &str, error: ChatError) -> ChatError {
    match error {
        // Any other 404 comes from a server that does not have this path.
        ChatError::Status {
            status: 404,
            reason,
            ..
        } if names_the_model(&reason, model) => ChatError::UnknownModel {
            url: http.base().to_owned(),
            model: model.to_owned(),
            help: "its /v1/models lists those that it has".to_owned(),
        },
        other => other,
    }
}

/// The body of `POST /v1/chat/completions`.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: &'a [Message],
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    /// Newer hosted services call it `max_completion_tokens` and still take this one; local
    /// servers know only this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Value>,
}

impl<'a> From<&'a Request> for Body<'a> {
    fn from(request: &'a Request) -> Self {
        let options = &request.options;
        Self {
            model: &options.model,
            messages: &request.messages,
            stream: true,
            temperature: options.temperature,
            top_p: options.top_p,
            seed: options.seed,
            max_tokens: options.num_predict,
            stop: &options.stop,
            response_format: options.format.as_ref().map(response_format),
        }
    }
}

/// The form of an answer in the words of this dialect; a schema must have a name there.
fn response_format(format: &Format) -> Value {
    match format {
        Format::Json => json!({"type": "json_object"}),
        Format::Schema(schema) => json!({
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema},
        }),
    }
}

/// One event of the answer.
#[derive(Deserialize)]
struct Chunk {
    /// Empty in the event that only counts tokens.
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
}

/// The answer of `GET /v1/models`.
#[derive(Deserialize)]
struct Models {
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
}

fn read(data: &str) -> Result<Frame, ChatError> {
    if data.trim() == "[DONE]" {
        return Ok(Frame::End);
    }
    let garbage = |reason: &str| ChatError::Garbage {
        url: String::new(),
        reason: reason.into(),
    };
    let json: Value =
        serde_json::from_str(data).map_err(|_| garbage("an event of its answer is not JSON"))?;
    if json.get("error").is_some_and(|error| !error.is_null()) {
        return Err(ChatError::Failed {
            reason: http::said(data.as_bytes()),
        });
    }
    let chunk: Chunk = serde_json::from_value(json)
        .map_err(|_| garbage("an event of its answer holds no choices"))?;
    Ok(match chunk.choices.into_iter().next() {
        None => Frame::Piece(String::new()),
        Some(Choice {
            delta,
            finish_reason,
        }) => {
            let text = delta.content.unwrap_or_default();
            if finish_reason.is_some() {
                Frame::Last(text)
            } else {
                Frame::Piece(text)
            }
        }
    })
}

/// Whether a server's words of refusal are about the model and not about the path.
fn names_the_model(reason: &str, model: &str) -> bool {
    reason.contains(model) || reason.to_ascii_lowercase().contains("model")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_piece_comes_with_the_finish_reason() {
        let last = r#"{"choices":[{"delta":{"content":"."},"finish_reason":"stop"}]}"#;
        assert_eq!(read(last), Ok(Frame::Last(".".into())));
        assert_eq!(read("[DONE]"), Ok(Frame::End));
    }

    #[test]
    fn an_event_without_text_is_an_empty_piece() {
        for event in [
            r#"{"choices":[],"usage":{"total_tokens":3}}"#,
            r#"{"choices":[{"delta":{"role":"assistant"},"finish_reason":null}]}"#,
            r#"{"choices":[{"delta":{"content":null}}],"error":null}"#,
        ] {
            assert_eq!(read(event), Ok(Frame::Piece(String::new())), "{event}");
        }
    }

    #[test]
    fn an_error_inside_the_stream_is_passed_on() {
        let event = r#"{"error":{"message":"out of memory"}}"#;
        assert_eq!(
            read(event),
            Err(ChatError::Failed {
                reason: "out of memory".into()
            })
        );
    }

    #[test]
    fn a_wanted_form_is_sent_as_this_dialect_takes_it() {
        assert_eq!(
            response_format(&Format::Json),
            json!({"type": "json_object"})
        );
        let schema = json!({"type": "object"});
        let sent = response_format(&Format::Schema(schema.clone()));
        assert_eq!(sent["json_schema"]["schema"], schema);
        assert_eq!(sent["type"], "json_schema");
    }

    proptest::proptest! {
        #[test]
        fn any_event_is_read_or_refused(data in ".{0,120}") {
            let _ = read(&data);
        }
    }
}
