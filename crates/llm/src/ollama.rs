//! Ollama's own dialect: `POST /api/chat`, one line of JSON per token.
//!
//! Source: the API description in Ollama's repository, `docs/api.md`, and observation of server
//! 0.5.4. An error can come inside the stream, under a status of 200.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answer::{self, Frame};
use crate::frames::Lines;
use crate::http::{self, Http};
use crate::{Chat, ChatError, Format, Message, Request, Server};

mod doubt;
mod ward;

use ward::Ward;

pub(crate) fn open(server: Server) -> Result<Arc<dyn Chat>, ChatError> {
    let http = Http::new(server)?;
    let ward = Ward::new(http.clone());
    Ok(Arc::new(Ollama { http, ward }))
}

#[derive(Debug)]
struct Ollama {
    http: Http,
    ward: Ward,
}

impl Chat for Ollama {
    fn chat(&self, request: Request) -> BoxStream<'static, Result<String, ChatError>> {
        let body = Body::from(&request);
        let post = self.http.post("/api/chat").json(&body);
        let (http, model) = (self.http.clone(), request.options.model.clone());
        let answer = answer::pieces::<Lines>(self.http.clone(), post, read, move |error| {
            about_the_model(&http, &model, error)
        });
        Box::pin(self.ward.watch(answer, &request.options))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ChatError>> {
        Box::pin(knows(&self.http))
    }
}

/// Whether the server is there and has its model.
pub(crate) async fn knows(http: &Http) -> Result<(), ChatError> {
    let model = &http.server().model;
    let tags: Tags = http.json(http.get("/api/tags")).await?;
    let wanted = tagged(model);
    let is_it = |known: &Known| tagged(&known.name).eq_ignore_ascii_case(&wanted);
    if tags.models.iter().any(is_it) {
        Ok(())
    } else {
        Err(unknown_model(http.base().to_owned(), model.clone()))
    }
}

/// The error of a request, which says what to do when it is about the model.
pub(crate) fn about_the_model(http: &Http, model: &str, error: ChatError) -> ChatError {
    match error {
        // Any other 404 comes from something that is not Ollama.
        ChatError::Status {
            status: 404,
            reason,
            ..
        } if is_about_a_model(&reason) => unknown_model(http.base().to_owned(), model.to_owned()),
        other => other,
    }
}

/// The body of `POST /api/chat`.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: &'a [Message],
    stream: bool,
    /// A model that thinks aloud first would keep the listener waiting; servers too old to know
    /// the field leave it alone.
    think: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_alive: Option<KeepAlive<'a>>,
    /// `"json"`, or a schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Value>,
    options: Draw<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum KeepAlive<'a> {
    /// Ollama takes plain seconds as a number only.
    Seconds(i64),
    Duration(&'a str),
}

#[derive(Serialize)]
struct Draw<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_predict: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_ctx: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
}

impl<'a> From<&'a str> for KeepAlive<'a> {
    fn from(text: &'a str) -> Self {
        let text = text.trim();
        text.parse().map_or(Self::Duration(text), Self::Seconds)
    }
}

impl<'a> From<&'a Request> for Body<'a> {
    fn from(request: &'a Request) -> Self {
        let options = &request.options;
        Self {
            model: &options.model,
            messages: &request.messages,
            stream: true,
            think: false,
            keep_alive: options.keep_alive.as_deref().map(KeepAlive::from),
            format: options.format.as_ref().map(|format| match format {
                Format::Json => Value::from("json"),
                Format::Schema(schema) => schema.clone(),
            }),
            options: Draw {
                temperature: options.temperature,
                top_p: options.top_p,
                seed: options.seed,
                num_predict: options.num_predict,
                num_ctx: options.num_ctx,
                stop: &options.stop,
            },
        }
    }
}

/// One line of the answer.
#[derive(Deserialize)]
struct Line {
    message: Option<Content>,
    #[serde(default)]
    done: bool,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    content: String,
}

/// The answer of `GET /api/tags`.
#[derive(Deserialize)]
struct Tags {
    models: Vec<Known>,
}

#[derive(Deserialize)]
struct Known {
    name: String,
}

fn read(line: &str) -> Result<Frame, ChatError> {
    let garbage = |reason: &str| ChatError::Garbage {
        url: String::new(),
        reason: reason.into(),
    };
    let parsed: Line =
        serde_json::from_str(line).map_err(|_| garbage("a line of its answer is not JSON"))?;
    match parsed {
        Line { error: Some(_), .. } => Err(ChatError::Failed {
            reason: http::said(line.as_bytes()),
        }),
        Line {
            message,
            done: true,
            ..
        } => Ok(Frame::Last(message.map(|m| m.content).unwrap_or_default())),
        Line {
            message: Some(message),
            ..
        } => Ok(Frame::Piece(message.content)),
        Line { message: None, .. } => Err(garbage("a line of its answer holds no message")),
    }
}

/// A model's name with the tag that Ollama adds to one without.
fn tagged(model: &str) -> String {
    let last = model.rsplit('/').next().unwrap_or(model);
    if last.contains(':') {
        model.to_owned()
    } else {
        format!("{model}:latest")
    }
}

/// Whether a server's words of refusal are about a model: "model 'x' not found", in older servers
/// followed by ", try pulling it first".
fn is_about_a_model(reason: &str) -> bool {
    reason.starts_with("model ") && reason.contains("not found")
}

fn unknown_model(url: String, model: String) -> ChatError {
    let help = format!("`ollama pull {model}` fetches it");
    ChatError::UnknownModel { url, model, help }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    #[test]
    fn a_model_without_a_tag_is_the_latest() {
        assert_eq!(tagged("llama3.2"), "llama3.2:latest");
        assert_eq!(tagged("llama3.2:1b"), "llama3.2:1b");
        assert_eq!(
            tagged("host:5000/some/model"),
            "host:5000/some/model:latest"
        );
    }

    #[test]
    fn a_keep_alive_in_plain_seconds_is_sent_as_a_number() {
        let body = |keep_alive: &str| {
            let options = Options {
                keep_alive: Some(keep_alive.into()),
                ..Options::default()
            };
            let request = Request {
                messages: vec![],
                options,
            };
            serde_json::to_value(Body::from(&request)).unwrap()["keep_alive"].clone()
        };
        assert_eq!(body("-1"), -1);
        assert_eq!(body("0"), 0);
        assert_eq!(body("30m"), "30m");
    }

    #[test]
    fn an_option_that_is_not_set_is_not_sent() {
        let request = Request {
            messages: vec![],
            options: Options::default(),
        };
        let body = serde_json::to_value(Body::from(&request)).unwrap();
        assert_eq!(body["options"], serde_json::json!({}));
        assert!(body.get("keep_alive").is_none());
    }

    #[test]
    fn a_wanted_form_is_sent_as_ollama_takes_it() {
        let format = |format| {
            let options = Options {
                format,
                ..Options::default()
            };
            let request = Request {
                messages: vec![],
                options,
            };
            serde_json::to_value(Body::from(&request)).unwrap()["format"].clone()
        };
        let schema = serde_json::json!({"type": "object"});
        assert_eq!(format(Some(Format::Json)), "json");
        assert_eq!(format(Some(Format::Schema(schema.clone()))), schema);
        assert!(format(None).is_null());
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in ".{0,120}") {
            let _ = read(&line);
        }
    }
}
