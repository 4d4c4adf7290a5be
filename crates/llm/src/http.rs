//! What the dialects share of HTTP: the client, and errors in words.

use std::net::IpAddr;
use std::time::Duration;

use futures::StreamExt as _;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;

use crate::{ChatError, Server};

/// Bytes that are read of an answer that is not streamed. A list of a thousand models has about
/// 400 kB.
const MAX_BODY: usize = 4 << 20;

/// Characters of a server's own words that are passed on.
const MAX_REASON: usize = 200;

/// How long a connection may take to be made. A server in the same house takes a millisecond.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an unused connection is kept. Below the five seconds after which common servers
/// close it themselves, so that no request runs into a closing door.
const KEEP_IDLE: Duration = Duration::from_secs(4);

/// A server at its base address.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
    /// The address as it may be shown: without the name and the password it can hold.
    base: String,
    server: Server,
}

impl Http {
    /// A client with a pool of connections; `server.url` is the address without the dialect's
    /// paths.
    pub(crate) fn new(mut server: Server) -> Result<Self, ChatError> {
        server.url.truncate(server.url.trim_end_matches('/').len());
        let bad = || ChatError::BadAddress {
            url: without_userinfo(&server.url),
        };
        let url = Url::parse(&server.url).map_err(|_| bad())?;
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
            base: without_credentials(url),
            server,
        })
    }

    /// The full address of a path such as `/api/chat`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.with_key(self.client.get(self.url(path)))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.with_key(self.client.post(self.url(path)))
    }

    fn with_key(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.server.api_key {
            Some(key) => request.bearer_auth(key.expose_secret()),
            None => request,
        }
    }

    /// Sends a request and gives the response if its status is a success.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, ChatError> {
        let response = request
            .send()
            .await
            .map_err(|error| ChatError::Unreachable {
                url: self.base.clone(),
                reason: cause(&error),
            })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(ChatError::KeyRefused {
                url: self.base.clone(),
                status: status.as_u16(),
            });
        }
        let url = response.url().to_string();
        let body = body(response).await.unwrap_or_default();
        Err(ChatError::Status {
            url,
            status: status.as_u16(),
            reason: said(&body),
        })
    }

    /// Sends a request and reads the whole answer as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, ChatError> {
        let response = self.send(request).await?;
        let url = response.url().to_string();
        let garbage = |reason: String| ChatError::Garbage {
            url: url.clone(),
            reason,
        };
        let body = body(response).await.map_err(garbage)?;
        serde_json::from_slice(&body)
            .map_err(|error| garbage(format!("line {} is not as expected", error.line())))
    }

    /// What the server was opened with.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// The base address, for messages.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }
}

/// The innermost cause of an error: the outer layers only say that a request failed.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    one_line(&cause.to_string())
}

/// A server's own words, cut to one short line: the text of its JSON error, or what came instead.
pub(crate) fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let json: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let inner = json.as_ref().and_then(error_text);
    let line = one_line(inner.unwrap_or(&text));
    if line.is_empty() {
        "it gave no reason".into()
    } else {
        line
    }
}

/// The text of `{"error": "…"}`, `{"error": {"message": "…"}}` or `{"detail": "…"}`.
pub(crate) fn error_text(json: &serde_json::Value) -> Option<&str> {
    let error = json.get("error").or_else(|| json.get("detail"))?;
    error.as_str().or_else(|| error.get("message")?.as_str())
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn without_credentials(mut url: Url) -> String {
    // Both fail only for addresses without a host, which were refused before.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.as_str().trim_end_matches('/').to_owned()
}

/// What is no address, without what could be a name and a password before its host.
fn without_userinfo(text: &str) -> String {
    text.rsplit('@').next().unwrap_or(text).to_owned()
}

pub(crate) fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut line: String = words
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_REASON)
        .collect();
    if words.chars().count() > MAX_REASON {
        line.push('…');
    }
    line
}

/// The whole body, as far as it is of a sane length.
async fn body(response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk.map_err(|error| cause(&error))?);
        if body.len() > MAX_BODY {
            return Err("the answer is too long".into());
        }
    }
    Ok(body)
}
