//! A Chroma server: which version of its API it speaks, and one request to it.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, Url};
use serde_json::Value;

use super::wire::{self, Refusal};
use crate::store::StoreError;

/// How long a connection may take to be made. A server in the same house takes a millisecond.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an unused connection is kept: below the five seconds after which server 0.5.0 closes
/// it, so that no request runs into a closing door.
const KEEP_IDLE: Duration = Duration::from_secs(4);

/// Bytes that are read of an answer. A thousand collections have about 700 kB.
const MAX_BODY: usize = 4 << 20;

/// The version of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// Servers up to 0.5.
    V1,
    /// Servers since 1.0.
    V2,
}

/// Each version: where it answers when it is there, and where its collections are.
const DIALECTS: [(Dialect, &str, &str); 2] = [
    (
        Dialect::V2,
        "/api/v2/heartbeat",
        "/api/v2/tenants/default_tenant/databases/default_database/collections",
    ),
    (Dialect::V1, "/api/v1/heartbeat", "/api/v1/collections"),
];

impl Dialect {
    fn heartbeat(self) -> &'static str {
        DIALECTS.iter().find(|d| d.0 == self).map_or("", |d| d.1)
    }

    fn collections(self) -> &'static str {
        DIALECTS.iter().find(|d| d.0 == self).map_or("", |d| d.2)
    }
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no such collection.
    Gone,
    /// Anything else.
    Other(StoreError),
}

/// The server at one address.
#[derive(Debug)]
pub(super) struct Server {
    client: Client,
    url: String,
    /// The address as it may be shown.
    shown: String,
    deadline: Duration,
    /// Told apart by the first request, and again when the server speaks another one.
    dialect: Mutex<Option<Dialect>>,
}

impl Server {
    /// Nothing is asked yet.
    pub(super) fn new(url: &str, deadline: Duration) -> Result<Self, StoreError> {
        let bad = || StoreError::Refused {
            reason: "CHROMADB_URL is not the address of a Chroma; expected http://HOST:PORT"
                .to_owned(),
        };
        let parsed = Url::parse(url.trim()).map_err(|_| bad())?;
        let host = parsed
            .host_str()
            .filter(|_| matches!(parsed.scheme(), "http" | "https"))
            .ok_or_else(bad)?;
        let mut builder = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(KEEP_IDLE)
            .tcp_nodelay(true)
            .redirect(Policy::none());
        // A proxy named by the environment is for the world outside, not for this machine.
        if is_this_machine(host) {
            builder = builder.no_proxy();
        }
        let mut shown = parsed.clone();
        // Both fail only for addresses without a host, which were refused before.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        Ok(Self {
            client: builder.build().map_err(|_| bad())?,
            url: parsed.as_str().trim_end_matches('/').to_owned(),
            shown: shown.as_str().trim_end_matches('/').to_owned(),
            deadline,
            dialect: Mutex::new(None),
        })
    }

    /// The address as it may be shown.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether it is there, and which version it speaks.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        if let Some(dialect) = self.dialect() {
            let answer = self.send(Method::GET, dialect.heartbeat(), None).await;
            match answer? {
                Ok(_) => return Ok(()),
                Err(Refusal::NoSuchAddress) => self.set_dialect(None),
                Err(refusal) => return Err(self.told(refusal)),
            }
        }
        self.tell_apart().await.map(drop)
    }

    /// Asks for something below the collections.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Vec<u8>, Failure> {
        // The server may have been replaced by one of the other version since it was told apart.
        for _ in 0..2 {
            let dialect = match self.dialect() {
                Some(dialect) => dialect,
                None => self.tell_apart().await.map_err(Failure::Other)?,
            };
            let path = format!("{}{path}", dialect.collections());
            let answer = self.send(method.clone(), &path, body.as_ref()).await;
            match answer.map_err(Failure::Other)? {
                Ok(body) => return Ok(body),
                Err(Refusal::Gone) => return Err(Failure::Gone),
                Err(Refusal::NoSuchAddress) => self.set_dialect(None),
                Err(refusal) => return Err(Failure::Other(self.told(refusal))),
            }
        }
        Err(Failure::Other(self.no_chroma()))
    }

    /// What came is not what a Chroma says.
    pub(super) fn garbage(&self) -> StoreError {
        StoreError::Unavailable {
            reason: format!("the answer of the Chroma at {} is not readable", self.shown),
        }
    }

    fn dialect(&self) -> Option<Dialect> {
        *self.dialect.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_dialect(&self, dialect: Option<Dialect>) {
        *self.dialect.lock().unwrap_or_else(PoisonError::into_inner) = dialect;
    }

    async fn tell_apart(&self) -> Result<Dialect, StoreError> {
        for (dialect, heartbeat, _) in DIALECTS {
            match self.send(Method::GET, heartbeat, None).await? {
                Ok(body) if String::from_utf8_lossy(&body).contains("heartbeat") => {
                    self.set_dialect(Some(dialect));
                    return Ok(dialect);
                }
                Ok(_) | Err(Refusal::NoSuchAddress) => {}
                Err(refusal) => return Err(self.told(refusal)),
            }
        }
        Err(self.no_chroma())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Result<Vec<u8>, Refusal>, StoreError> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(body);
        }
        let sent = tokio::time::timeout(self.deadline, async {
            let response = request.send().await.map_err(|error| self.away(&error))?;
            let status = response.status();
            Ok((status, self.body(response).await?))
        });
        let (status, body) = sent.await.map_err(|_| StoreError::Late(self.deadline))??;
        if status.is_success() {
            return Ok(Ok(body));
        }
        Ok(Err(wire::refusal(status, &body)))
    }

    async fn body(&self, response: Response) -> Result<Vec<u8>, StoreError> {
        let mut body = Vec::new();
        let mut pieces = response.bytes_stream();
        while let Some(piece) = pieces.next().await {
            body.extend_from_slice(&piece.map_err(|error| self.away(&error))?);
            if body.len() > MAX_BODY {
                return Err(self.garbage());
            }
        }
        Ok(body)
    }

    fn away(&self, error: &reqwest::Error) -> StoreError {
        // The outer layers only say that a request failed.
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        StoreError::Unavailable {
            reason: format!("no answer from the Chroma at {}: {cause}", self.shown),
        }
    }

    fn told(&self, refusal: Refusal) -> StoreError {
        let place = &self.shown;
        match refusal {
            Refusal::Sick(reason) => StoreError::Unavailable {
                reason: format!("the Chroma at {place} is not well: {reason}"),
            },
            Refusal::Refused(reason) => StoreError::Refused {
                reason: format!("the Chroma at {place} refuses: {reason}"),
            },
            Refusal::KeyRefused => StoreError::Refused {
                reason: format!("the Chroma at {place} asks for a name and a password"),
            },
            Refusal::Dimensions(reason) => StoreError::Mismatch {
                reason: format!(
                    "the Chroma at {place} holds vectors of another length ({reason}): \
                     if the embedding model was changed, `mumble-ai memory reindex` builds it anew"
                ),
            },
            Refusal::Full => StoreError::Full {
                place: format!("the Chroma at {place}"),
            },
            Refusal::NoSuchAddress | Refusal::Gone => self.no_chroma(),
        }
    }

    fn no_chroma(&self) -> StoreError {
        StoreError::Refused {
            reason: format!("what answers at {} is not a Chroma", self.shown),
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_address_is_refused_with_the_variable_and_without_the_password() {
        for url in ["", "nonsense", "redis://ann:secret@host", "http://"] {
            let error = Server::new(url, Duration::from_secs(1)).unwrap_err();
            assert!(error.to_string().contains("CHROMADB_URL"), "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
