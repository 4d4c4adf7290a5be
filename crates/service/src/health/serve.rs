//! The pages about health: a small HTTP server on a thread of its own, so that a pipeline that
//! hangs cannot mute it.
//!
//! Nothing a visitor sends can hold it up: no body is read, each connection gets one answer and
//! [`CONNECTION_TIME`] for it, and when [`MOST_CONNECTIONS`] are open, the oldest makes room.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener as Listener};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use super::board::Board;
use super::verdict::Status;

/// What is served.
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
        "HEALTH_PORT {} is taken at HEALTH_BIND {}, perhaps by another assistant; set \
         HEALTH_PORT to a free port",
        .0.port(), .0.ip()
    )]
    Taken(SocketAddr),
    /// Nobody can listen there, whoever it is.
    #[error(
        "HEALTH_BIND {} with HEALTH_PORT {} cannot be listened at: {}; set HEALTH_BIND to an \
         address of this computer, such as 127.0.0.1, and HEALTH_PORT to 1024 or more",
        .0.ip(), .0.port(), .1
    )]
    Impossible(SocketAddr, #[source] io::Error),
    /// The system has no room for it.
    #[error("the pages about health cannot be served: {0}; HEALTH_PORT and HEALTH_BIND are right")]
    NoRoom(#[source] io::Error),
}

impl ServeError {
    /// Whether a setting is wrong whatever else runs on this computer.
    #[must_use]
    pub fn is_wrong_setting(&self) -> bool {
        matches!(self, Self::Impossible(..))
    }
}

impl Server {
    /// Shows `board` at `address` until this is dropped. Port 0 is any that is free.
    ///
    /// # Errors
    /// When it cannot listen there, or no thread can be started.
    pub fn start(board: Board, address: SocketAddr) -> Result<Self, ServeError> {
        let listener = Listener::bind(address).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => ServeError::Taken(address),
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::PermissionDenied => {
                ServeError::Impossible(address, error)
            }
            _ => ServeError::NoRoom(error),
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
                Ok(listener) => drop(ended.run_until_cancelled(serve(listener, board)).await),
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

async fn serve(listener: TcpListener, board: Board) {
    let pages = pages(board);
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

fn pages(board: Board) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/turns", get(turns))
        .fallback(nothing_here)
        .with_state(board)
}

async fn health(State(board): State<Board>) -> Response {
    let answer = board.health();
    let code = match answer.status {
        Status::Healthy | Status::Degraded => StatusCode::OK,
        Status::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(answer)).into_response()
}

async fn live(State(board): State<Board>) -> Response {
    if board.is_live() {
        "live\n".into_response()
    } else {
        let said = "stuck: the assistant needs a restart\n";
        (StatusCode::SERVICE_UNAVAILABLE, said).into_response()
    }
}

async fn ready(State(board): State<Board>) -> Response {
    let answer = board.health();
    match answer.status {
        Status::Healthy | Status::Degraded => "ready\n".into_response(),
        Status::Unhealthy => {
            let said = format!("not ready: {}\n", answer.reasons.join("; "));
            (StatusCode::SERVICE_UNAVAILABLE, said).into_response()
        }
    }
}

async fn metrics(State(board): State<Board>) -> Response {
    ([(CONTENT_TYPE, OPEN_METRICS)], board.metrics()).into_response()
}

async fn turns(State(board): State<Board>) -> Response {
    Json(board.turns()).into_response()
}

async fn nothing_here() -> Response {
    let said = format!("nothing is here; there is {}\n", PATHS.join(" "));
    (StatusCode::NOT_FOUND, said).into_response()
}

#[cfg(test)]
mod tests;
