//! Engines that do what a test tells them: answer, be late, fail, break off, hang.
//!
//! Each one is an HTTP server on its own port and its own threads. [`Scripted::always`] says what
//! it does with every request, [`Scripted::next`] what it does with the next ones first. A test
//! never sleeps to see what happened: it waits by [`Scripted::asked`] and [`Scripted::hung_up`].

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use audio::Pcm;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Multipart;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

mod stt;
mod tts;
mod chat;

pub use chat::{Reply, chat};
pub use stt::{SttDialect, stt};
pub use tts::{TtsDialect, tts};

/// How long a test waits for something that must happen: far more than it can take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What an engine does with a request.
#[derive(Clone, Debug)]
pub enum Play<A> {
    /// Answers at once.
    Answer(A),
    /// Sends nothing for this long, then answers.
    Late(Duration, A),
    /// Refuses with this status and a reason in JSON.
    Status(u16),
    /// Answers 200 with a page that means nothing.
    Garbage,
    /// Sends the first half of the answer, then breaks the connection.
    Half(A),
    /// Sends the first half of the answer, then nothing more; the connection stays.
    Stall(A),
    /// Takes the request and never answers.
    Hang,
}

/// A request that an engine got.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When it was there as a whole.
    pub at: Instant,
    /// Which path was asked.
    pub path: String,
    /// Its body, where that is JSON; otherwise null.
    pub json: Value,
    /// The text fields of its form, where it has one.
    pub fields: BTreeMap<String, String>,
    /// The sound in its form, where it has one that is a WAV.
    pub sound: Option<Pcm>,
}

/// A scripted engine whose answers are of type `A`. It ends when it is dropped.
pub struct Scripted<A> {
    address: SocketAddr,
    router: Router,
    state: Arc<State<A>>,
    /// Threads of its own, so that a test may stop the clock of its own runtime. `None` while it
    /// is stopped.
    runtime: Option<Runtime>,
}

struct State<A> {
    script: Mutex<Script<A>>,
    asked: watch::Sender<usize>,
    hung_up: watch::Sender<usize>,
}

struct Script<A> {
    always: Play<A>,
    next: VecDeque<Play<A>>,
    seen: Vec<Seen>,
}

impl<A: Clone + Send + 'static> Scripted<A> {
    fn start(always: A, routes: impl FnOnce(Arc<State<A>>) -> Router) -> Self {
        let state = Arc::new(State {
            script: Mutex::new(Script {
                always: Play::Answer(always),
                next: VecDeque::new(),
                seen: Vec::new(),
            }),
            asked: watch::Sender::new(0),
            hung_up: watch::Sender::new(0),
        });
        let mut engine = Self {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            router: routes(Arc::clone(&state)),
            state,
            runtime: None,
        };
        engine.start_again();
        engine
    }

    /// Base address, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it does with every request from now on.
    pub fn always(&self, play: Play<A>) {
        self.state.script().always = play;
    }

    /// What it does with the next request; several are kept in order.
    pub fn next(&self, play: Play<A>) {
        self.state.script().next.push_back(play);
    }

    /// The requests so far, oldest first. Liveness checks are not among them.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.script().seen.clone()
    }

    /// Forgets the requests so far, for a test that goes on for long. [`Scripted::asked`] counts
    /// on, and cannot give them any more.
    pub fn forget(&self) {
        self.state.script().seen.clear();
    }

    /// Waits until it was asked `times` times since its start, and gives the last of these
    /// requests.
    pub async fn asked(&self, times: usize) -> Seen {
        reached(&self.state.asked, times, "asked").await;
        self.state.script().seen[times - 1].clone()
    }

    /// Waits until the asker broke off `times` times before the answer was complete.
    pub async fn hung_up(&self, times: usize) {
        reached(&self.state.hung_up, times, "hung up on").await;
    }

    /// Ends every connection and refuses new ones, as an engine that died does.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A runtime must not be waited for inside another one, but on a plain thread.
            let ending = thread::spawn(move || runtime.shutdown_timeout(PATIENCE));
            ending.join().expect("its tasks end at their next await");
        }
    }

    /// Comes back at the same address.
    pub fn start_again(&mut self) {
        self.stop();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a thread can be started");
        let listener = std::net::TcpListener::bind(self.address).expect("the port is ours");
        listener.set_nonblocking(true).expect("it is a socket");
        self.address = listener.local_addr().expect("it is bound");
        let router = self.router.clone();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("it does not block");
            axum::serve(listener, router).await
        });
        self.runtime = Some(runtime);
    }
}

impl<A> Drop for Scripted<A> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl<A> fmt::Debug for Scripted<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scripted({})", self.address)
    }
}

async fn reached(counter: &watch::Sender<usize>, times: usize, what: &str) {
    let mut counter = counter.subscribe();
    let enough = counter.wait_for(|count| *count >= times);
    let waited = tokio::time::timeout(PATIENCE, enough).await;
    assert!(
        waited.is_ok_and(|count| count.is_ok()),
        "not {what} {times} times in {PATIENCE:?}"
    );
}

/// An answer as it goes over the wire.
struct Wire {
    content_type: &'static str,
    pieces: Vec<Bytes>,
    /// Time between two pieces.
    pause: Duration,
}

impl Wire {
    fn whole(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            content_type,
            pieces: vec![body.into()],
            pause: Duration::ZERO,
        }
    }

    /// The first half of the pieces, or of the only piece.
    fn half(mut self) -> Self {
        match &mut self.pieces[..] {
            [only] => only.truncate(only.len() / 2),
            pieces => {
                let half = pieces.len() / 2;
                self.pieces.truncate(half);
            }
        }
        self
    }
}

/// How the body ends after its pieces.
enum Ending {
    Complete,
    Broken,
    Never,
}

impl<A: Clone + Send + 'static> State<A> {
    fn script(&self) -> MutexGuard<'_, Script<A>> {
        self.script
            .lock()
            .expect("no test panics while it holds it")
    }

    /// Does with a request what the script says.
    async fn play(self: &Arc<Self>, seen: Seen, wire: impl Fn(A) -> Wire) -> Response {
        let play = {
            let mut script = self.script();
            // What is to come next comes for a question: warming a model up is none.
            let next = (!seen.warms_up()).then(|| script.next.pop_front());
            script.seen.push(seen);
            next.flatten().unwrap_or_else(|| script.always.clone())
        };
        let asker = Asker::new(self);
        self.asked.send_modify(|count| *count += 1);
        match play {
            Play::Answer(answer) => send(wire(answer), Ending::Complete, asker),
            Play::Late(delay, answer) => {
                tokio::time::sleep(delay).await;
                send(wire(answer), Ending::Complete, asker)
            }
            Play::Half(answer) => send(wire(answer).half(), Ending::Broken, asker),
            Play::Stall(answer) => send(wire(answer).half(), Ending::Never, asker),
            fault => {
                let response = self.fault(&fault).await;
                asker.served();
                response
            }
        }
    }

    /// Answers a liveness check: well, unless the engine refuses, talks nonsense or hangs.
    async fn alive(&self, answer: Value) -> Response {
        let play = self.script().always.clone();
        match play {
            Play::Status(_) | Play::Garbage | Play::Hang => self.fault(&play).await,
            _ => axum::Json(answer).into_response(),
        }
    }

    async fn fault(&self, play: &Play<A>) -> Response {
        match play {
            Play::Status(status) => {
                let status = StatusCode::from_u16(*status).expect("a status of HTTP");
                let reason = json!({ "error": "told to fail" });
                (status, axum::Json(reason)).into_response()
            }
            Play::Garbage => (
                [(CONTENT_TYPE, "text/html")],
                "<html><body>It works!</body></html>",
            )
                .into_response(),
            _ => std::future::pending().await,
        }
    }
}

fn send<A: Send + 'static>(wire: Wire, ending: Ending, asker: Asker<A>) -> Response {
    let Wire {
        content_type,
        pieces,
        pause,
    } = wire;
    let pieces = stream::iter(pieces.into_iter().enumerate()).then(move |(n, piece)| async move {
        if n > 0 && !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Ok(piece)
    });
    let last = stream::once(async move {
        match ending {
            Ending::Complete => {
                asker.served();
                Ok(Bytes::new())
            }
            Ending::Broken => {
                asker.served();
                // What was sent so far goes out when there is nothing more to send at once.
                tokio::task::yield_now().await;
                Err(std::io::Error::other("told to break off"))
            }
            Ending::Never => {
                let _asker = asker;
                std::future::pending().await
            }
        }
    });
    let body = Body::from_stream(pieces.chain(last));
    ([(CONTENT_TYPE, content_type)], body).into_response()
}

/// Counts an asker that breaks off before it has its answer.
struct Asker<A> {
    state: Option<Arc<State<A>>>,
}

impl<A> Asker<A> {
    fn new(state: &Arc<State<A>>) -> Self {
        Self {
            state: Some(Arc::clone(state)),
        }
    }

    fn served(mut self) {
        self.state = None;
    }
}

impl<A> Drop for Asker<A> {
    fn drop(&mut self) {
        if let Some(state) = &self.state {
            state.hung_up.send_modify(|count| *count += 1);
        }
    }
}

impl Seen {
    /// Whether it asks a model for a single token: then it only wants it to be ready.
    pub fn warms_up(&self) -> bool {
        let asked = [
            &self.json["options"]["num_predict"],
            &self.json["max_tokens"],
        ];
        asked.iter().any(|tokens| **tokens == 1)
    }

    fn json(path: &str, body: Value) -> Self {
        Self {
            at: Instant::now(),
            path: path.to_owned(),
            json: body,
            fields: BTreeMap::new(),
            sound: None,
        }
    }

    async fn form(path: &str, mut form: Multipart) -> Self {
        let mut seen = Self::json(path, Value::Null);
        while let Ok(Some(field)) = form.next_field().await {
            let name = field.name().unwrap_or_default().to_owned();
            let Ok(bytes) = field.bytes().await else {
                break;
            };
            match audio::wav::read(&bytes) {
                Ok(pcm) => seen.sound = Some(pcm),
                Err(_) => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    seen.fields.insert(name, text);
                }
            }
        }
        seen.at = Instant::now();
        seen
    }
}
