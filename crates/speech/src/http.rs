//! What the dialects share of HTTP: the client, bounded bodies, and errors in words.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{BoxStream, Stream, StreamExt as _};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::ServerError;

/// How long a connection may take to be made. Servers in the same house take a millisecond.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an unused connection is kept. Below the five seconds after which common servers
/// close it themselves, so that no request runs into a closing door.
const KEEP_IDLE: Duration = Duration::from_secs(4);

/// Bytes of JSON that are read; a transcript of 30 s has some kB.
const MAX_JSON: usize = 1 << 20;

/// Bytes of an error that are read to find its reason.
const MAX_ERROR_BODY: usize = 16 << 10;

/// Characters of a server's own words that are passed on.
const MAX_REASON: usize = 160;

/// A server at its base address.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
    base: String,
    api_key: Option<SecretString>,
}

impl Http {
    /// A client with a pool of connections; `base` is the address without the dialect's paths.
    ///
    /// The process must have installed a rustls provider before.
    pub(crate) fn new(base: &str, api_key: Option<SecretString>) -> Result<Self, ServerError> {
        let bad = || ServerError::BadAddress {
            url: without_userinfo(base),
        };
        let url = Url::parse(base).map_err(|_| bad())?;
        let host = url
            .host_str()
            .filter(|_| matches!(url.scheme(), "http" | "https"));
        let host = host.ok_or_else(bad)?;
        let mut builder = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(KEEP_IDLE)
            .tcp_nodelay(true)
            // A redirected POST loses its body; the address itself must be corrected.
            .redirect(Policy::none());
        // A proxy named by the environment is for the world outside, not for this machine.
        if is_this_machine(host) {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|_| bad())?;
        Ok(Self {
            client,
            base: base.trim_end_matches('/').to_owned(),
            api_key,
        })
    }

    /// A request to a path such as `/transcribe`.
    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.with_key(self.client.post(self.url(path)))
    }

    /// Sends a request and gives the response if its status is a success.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, ServerError> {
        let response = self.transmit(request).await?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(refusal(response).await)
        }
    }

    /// Sends a request and reads the whole answer as JSON.
    pub(crate) async fn json(&self, request: RequestBuilder) -> Result<Value, ServerError> {
        let response = self.send(request).await?;
        let url = shown(response.url());
        let body = whole(response, MAX_JSON).await?;
        serde_json::from_slice(&body).map_err(|error| {
            // The parser's own words would quote the answer.
            if error.is_eof() && !body.is_empty() {
                ServerError::HalfAnswer {
                    url,
                    reason: "the json is not complete".to_owned(),
                }
            } else {
                ServerError::Garbage {
                    url,
                    reason: "the answer is not json".to_owned(),
                }
            }
        })
    }

    /// Asks whether there is something at `path` that takes a POST, without giving it any work.
    pub(crate) async fn probe(&self, path: &str) -> Result<(), ServerError> {
        // Most servers answer 405 to a GET of such a path, and log nothing.
        let get = self.with_key(self.client.get(self.url(path)));
        if self.transmit(get).await?.status() == StatusCode::METHOD_NOT_ALLOWED {
            return Ok(());
        }
        // The others complain about an empty request, each in its own way, if the path exists.
        let empty = self.post(path).header(reqwest::header::CONTENT_LENGTH, 0);
        let response = self.transmit(empty).await?;
        match response.status().as_u16() {
            401 | 403 | 404 | 405 | 501 | 502 | 503 | 504 => Err(refusal(response).await),
            _ => Ok(()),
        }
    }

    /// The full address of a path, for messages.
    pub(crate) fn shown(&self, path: &str) -> String {
        let url = self.url(path);
        Url::parse(&url).map_or(url, |url| shown(&url))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn with_key(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.api_key {
            Some(key) => request.bearer_auth(key.expose_secret()),
            None => request,
        }
    }

    async fn transmit(&self, request: RequestBuilder) -> Result<Response, ServerError> {
        request
            .send()
            .await
            .map_err(|error| ServerError::Unreachable {
                url: error.url().map_or_else(|| self.base.clone(), shown),
                reason: if error.is_timeout() {
                    "no connection".to_owned()
                } else {
                    cause(&error)
                },
            })
    }
}

/// The body as it arrives, at most `limit` bytes; a connection that breaks is an error.
pub(crate) fn body(
    response: Response,
    limit: usize,
) -> BoxStream<'static, Result<Bytes, ServerError>> {
    let url = shown(response.url());
    let mut left = limit;
    let chunks = response.bytes_stream().map(move |chunk| {
        let chunk = chunk.map_err(|error| ServerError::HalfAnswer {
            url: url.clone(),
            reason: cause(&error),
        })?;
        left = left
            .checked_sub(chunk.len())
            .ok_or_else(|| ServerError::TooLong {
                url: url.clone(),
                limit,
            })?;
        Ok(chunk)
    });
    chunks.boxed()
}

async fn whole(response: Response, limit: usize) -> Result<Vec<u8>, ServerError> {
    let mut chunks = body(response, limit);
    let mut whole = Vec::new();
    while let Some(chunk) = chunks.next().await {
        whole.extend_from_slice(&chunk?);
    }
    Ok(whole)
}

async fn refusal(response: Response) -> ServerError {
    let (url, status) = (shown(response.url()), response.status().as_u16());
    if matches!(status, 401 | 403) {
        return ServerError::KeyRefused { url, status };
    }
    let target = response.headers().get(reqwest::header::LOCATION);
    if let Some(target) = target.filter(|_| response.status().is_redirection()) {
        let target = String::from_utf8_lossy(target.as_bytes());
        return ServerError::Status {
            url,
            status,
            reason: format!("use {}", one_line(&target)),
        };
    }
    let beginning = beginning(body(response, usize::MAX)).await;
    ServerError::Status {
        url,
        status,
        reason: reason(&beginning),
    }
}

async fn beginning(mut chunks: impl Stream<Item = Result<Bytes, ServerError>> + Unpin) -> Vec<u8> {
    let mut beginning = Vec::new();
    while let Some(Ok(chunk)) = chunks.next().await {
        beginning.extend_from_slice(&chunk);
        if beginning.len() > MAX_ERROR_BODY {
            beginning.truncate(MAX_ERROR_BODY);
            break;
        }
    }
    beginning
}

/// A server's own words, cut to one short line: the text of its JSON error, or the text that came
/// instead, without its markup.
fn reason(body: &[u8]) -> String {
    let line = match serde_json::from_slice::<Value>(body) {
        Ok(json) => one_line(error_text(&json).unwrap_or_default()),
        Err(_) => one_line(&without_markup(&String::from_utf8_lossy(body))),
    };
    if line.is_empty() {
        "it gave no reason".to_owned()
    } else {
        line
    }
}

/// The text of `{"error": "…"}`, `{"error": {"message": "…"}}`, `{"detail": "…"}` or
/// `{"detail": [{"msg": "…"}]}`. Other fields may repeat the request and are left out.
fn error_text(json: &Value) -> Option<&str> {
    let error = json
        .get("error")
        .or_else(|| json.get("detail"))
        .or_else(|| json.get("message"))?;
    error
        .as_str()
        .or_else(|| error.get("message")?.as_str())
        .or_else(|| error.get(0)?.get("msg")?.as_str())
}

fn without_markup(text: &str) -> String {
    let mut inside = false;
    let visible = text.chars().map(|c| {
        let was_inside = inside;
        inside = (inside || c == '<') && c != '>';
        if inside || was_inside { ' ' } else { c }
    });
    visible.collect()
}

fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut line: String = words
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_REASON)
        .collect();
    if line.len() < words.len() {
        line.push('…');
    }
    line
}

/// The innermost cause of an error: the outer layers only say that a request failed.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    one_line(&cause.to_string())
}

/// An address for messages: without a password or a query that may hold a key.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    // Both fail only for addresses that can hold neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// What is no address, without what could be a name and a password before its host.
fn without_userinfo(text: &str) -> String {
    text.rsplit('@').next().unwrap_or(text).to_owned()
}

fn is_this_machine(host: &str) -> bool {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse();
    host == "localhost" || ip.is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_text_of_the_error() {
        for (body, expected) in [
            (r#"{"error": "no voice"}"#, "no voice"),
            (
                r#"{"error": {"message": "no  voice\n here"}}"#,
                "no voice here",
            ),
            (r#"{"detail": "Not Found"}"#, "Not Found"),
            (
                r#"{"detail": [{"msg": "field required", "input": "secret"}]}"#,
                "field required",
            ),
            (
                "<html><h1>502</h1>\n<p>Bad Gateway</p></html>",
                "502 Bad Gateway",
            ),
            ("", "it gave no reason"),
            (r#"{"input": "secret"}"#, "it gave no reason"),
        ] {
            assert_eq!(reason(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn a_long_reason_is_cut() {
        let reason = reason("ä".repeat(1_000).as_bytes());
        assert_eq!(reason.chars().count(), MAX_REASON + 1);
    }

    #[test]
    fn passwords_in_addresses_are_not_shown() {
        let url = Url::parse("http://me:secret@127.0.0.1:5000/tts?key=secret").unwrap();
        assert_eq!(shown(&url), "http://127.0.0.1:5000/tts");
        let error = Http::new("http://me:secret@127.0.0.1:99999", None).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn this_machine_is_recognised() {
        assert!(
            ["localhost", "127.0.0.1", "[::1]"]
                .into_iter()
                .all(is_this_machine)
        );
        assert!(!["example.org", "10.0.0.1"].into_iter().any(is_this_machine));
    }
}
