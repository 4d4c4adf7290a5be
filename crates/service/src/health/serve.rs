//! The pages about health: a small HTTP server on a thread of its own, so that a pipeline that
//! hangs cannot mute it.
//!
//! Nothing a visitor sends can hold it up: no body is read, each connection gets one answer and
//! [`CONNECTION_TIME`] for it, and when [`MOST_CONNECTIONS`] are open, the oldest makes room.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener as Listener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use super::pages::{Pages, Told};
use super::verdict::Status;

/// What is served; the last is there only for a role that has turns.
pub const PATHS: [&str; 5] = ["/health", "/live", "/ready", "/metrics", "/turns"];

/// As many connections are open at a time; one more takes the place of the oldest. A probe, a
/// Prometheus and a few people with browsers need far fewer.
const MOST_CONNECTIONS: usize = 64;

/// How long a connection may last, from its first byte to its last. Whoever asks sends a few
/// hundred bytes and gets a few thousand.
const CONNECTION_TIME: Duration = Duration::from_secs(5);

/// Longest head of a request, in bytes. Browsers send one or two thousand.
const LONGEST_HEAD: usize = 16 * 1024;

/// Pause after a connection could not be taken, as when the process has no file left to open:
/// time for others to close theirs.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What sets the port, unless another setting is named.
const SETTING: &str = "HEALTH_PORT";

/// Content type of what is told in JSON.
const JSON: &str = "application/json";

/// Content type of `/metrics`.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The pages about health while they are served; they end when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    _ending: DropGuard,
}

/// Why the pages cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Somebody else listens there.
    #[error(
        "{setting} {} is taken at HEALTH_BIND {}, perhaps by another assistant; set \
         {setting} to a free port",
        .address.port(), .address.ip()
    )]
    Taken {
        /// Where.
        address: SocketAddr,
        /// The variable that sets the port.
        setting: &'static str,
    },
    /// Nobody can listen there, whoever it is.
    #[error(
        "HEALTH_BIND {} with {setting} {} cannot be listened at: {source}; set HEALTH_BIND to an \
         address of this computer, such as 127.0.0.1, and {setting} to 1024 or more",
        .address.ip(), .address.port()
    )]
    Impossible {
        /// Where.
        address: SocketAddr,
        /// The variable that sets the port.
        setting: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The system has no room for it.
    #[error("the pages about health cannot be served: {0}; their address is right")]
    NoRoom(#[source] io::Error),
}

impl ServeError {
    /// Whether a setting is wrong whatever else runs on this computer.
    #[must_use]
    pub fn is_wrong_setting(&self) -> bool {
        matches!(self, Self::Impossible { .. })
    }
}

impl Server {
    /// Shows `pages` at `address` until this is dropped. Port 0 is any that is free.
    ///
    /// # Errors
    /// When it cannot listen there, or no thread can be started.
    pub fn start(pages: impl Pages, address: SocketAddr) -> Result<Self, ServeError> {
        Self::start_by(SETTING, pages, address)
    }

    /// The same where another variable than `HEALTH_PORT` sets the port: errors name `setting`.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_by(
        setting: &'static str,
        pages: impl Pages,
        address: SocketAddr,
    ) -> Result<Self, ServeError> {
        let pages: Arc<dyn Pages> = Arc::new(pages);
        let listener = Listener::bind(address).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => ServeError::Taken { address, setting },
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::PermissionDenied => {
                ServeError::Impossible {
                    address,
                    setting,
                    source,
                }
            }
            _ => ServeError::NoRoom(source),
        })?;
        let address = listener.local_addr().map_err(ServeError::NoRoom)?;
        listener.set_nonblocking(true).map_err(ServeError::NoRoom)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ServeError::NoRoom)?;
        let ending = CancellationToken::new();
        let ended = ending.clone();
        let serving = async move {
            match TcpListener::from_std(listener) {
                Ok(listener) => drop(ended.run_until_cancelled(serve(listener, pages)).await),
                Err(error) => tracing::error!(%error, "the pages about health are not served"),
            }
        };
        std::thread::Builder::new()
            .name("health".to_owned())
            .spawn(move || runtime.block_on(serving))
            .map_err(ServeError::NoRoom)?;
        tracing::debug!(%address, "health is told at /health");
        Ok(Self {
            address,
            _ending: ending.drop_guard(),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(listener: TcpListener, pages: Arc<dyn Pages>) {
    let pages = router(pages);
    let mut connections = VecDeque::with_capacity(MOST_CONNECTIONS);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "a visitor of the pages about health was lost");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        connections.retain(|visit: &AbortOnDropHandle<()>| !visit.is_finished());
        if connections.len() == MOST_CONNECTIONS {
            connections.pop_front();
        }
        let visit = tokio::spawn(answer(stream, pages.clone()));
        connections.push_back(AbortOnDropHandle::new(visit));
    }
}

/// One connection, one answer.
async fn answer(stream: TcpStream, pages: Router) {
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(pages));
    // What a visitor does wrong is their own affair.
    timeout(CONNECTION_TIME, connection).await.ok();
}

fn router(pages: Arc<dyn Pages>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/turns", get(turns))
        .fallback(nothing_here)
        .with_state(pages)
}

type Shown = State<Arc<dyn Pages>>;

async fn health(State(pages): Shown) -> Response {
    let Told { status, page, .. } = pages.health();
    let code = match status {
        Status::Healthy | Status::Degraded => StatusCode::OK,
        Status::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, [(CONTENT_TYPE, JSON)], page).into_response()
}

async fn live(State(pages): Shown) -> Response {
    if pages.is_live() {
        "live\n".into_response()
    } else {
        let said = "stuck: it needs a restart\n";
        (StatusCode::SERVICE_UNAVAILABLE, said).into_response()
    }
}

async fn ready(State(pages): Shown) -> Response {
    let told = pages.health();
    match told.status {
        Status::Healthy | Status::Degraded => "ready\n".into_response(),
        Status::Unhealthy => {
            let said = format!("not ready: {}\n", told.reasons.join("; "));
            (StatusCode::SERVICE_UNAVAILABLE, said).into_response()
        }
    }
}

async fn metrics(State(pages): Shown) -> Response {
    ([(CONTENT_TYPE, OPEN_METRICS)], pages.metrics()).into_response()
}

async fn turns(State(pages): Shown) -> Response {
    match pages.turns() {
        Some(turns) => ([(CONTENT_TYPE, JSON)], turns).into_response(),
        None => nothing_here(State(pages)).await,
    }
}

async fn nothing_here(State(pages): Shown) -> Response {
    let turns = pages.turns().is_some();
    let paths: Vec<_> = PATHS
        .into_iter()
        .filter(|path| turns || *path != "/turns")
        .collect();
    let said = format!("nothing is here; there is {}\n", paths.join(" "));
    (StatusCode::NOT_FOUND, said).into_response()
}

#[cfg(test)]
mod tests;
