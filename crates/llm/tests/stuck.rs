//! A server that holds its model for an answer that nobody waits for any more, as Ollama can.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on fails the test"
)]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Json;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures::{StreamExt as _, stream};
use llm::{Chat, Message, Options, Request, Role, Server};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

/// Far longer than any step takes: only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long an answer is waited for, as the assistant does.
const DEADLINE: Duration = Duration::from_millis(5500);

/// What the server is doing.
#[derive(Clone, Debug, Default)]
struct State {
    /// A stream was left in its middle: nothing is answered until the model is loaded anew.
    is_stuck: bool,
    is_loaded: bool,
    /// Who wait for an answer.
    waiting: usize,
    /// For how long it was told to keep the model, and with what context.
    told: Vec<(Value, Value)>,
}

#[derive(Clone, Debug, Default)]
struct Stuck(Arc<watch::Sender<State>>);

/// Changes the state once more when it goes.
struct Leaving(Stuck, fn(&mut State));

impl Drop for Leaving {
    fn drop(&mut self) {
        let Self(Stuck(state), change) = self;
        state.send_modify(*change);
    }
}

impl Stuck {
    async fn serve(&self) -> Arc<dyn Chat> {
        let (chats, lists) = (self.clone(), self.clone());
        let chat = move |Json(body): Json<Value>| async move { chats.chat(&body).await };
        let list = move || async move {
            let names = lists
                .0
                .borrow()
                .is_loaded
                .then(|| json!({ "name": "llama3.2:latest" }));
            json!({ "models": Vec::from_iter(names) }).to_string()
        };
        let router = Router::new()
            .route("/api/chat", post(chat))
            .route("/api/ps", get(list));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = Server {
            url,
            api_key: None,
            model: "llama3.2".into(),
        };
        llm::open("ollama", server).unwrap()
    }

    async fn chat(&self, body: &Value) -> Response {
        if body["messages"] == json!([]) {
            self.keep(body);
            return "{\"done\":true}\n".into_response();
        }
        let is_stuck = self.0.borrow().is_stuck;
        if is_stuck {
            self.0.send_modify(|state| state.waiting += 1);
            let _waits = Leaving(self.clone(), |state| state.waiting -= 1);
            return std::future::pending().await;
        }
        self.0.send_modify(|state| state.is_loaded = true);
        let left = Leaving(self.clone(), |state| state.is_stuck = true);
        let first = "{\"message\":{\"content\":\"Paris\"},\"done\":false}\n";
        let lines = stream::once(async move { Ok::<_, std::io::Error>(first) });
        let rest = stream::once(async move {
            let _left = left;
            std::future::pending().await
        });
        Body::from_stream(lines.chain(rest)).into_response()
    }

    /// Whoever waits for the model keeps it.
    fn keep(&self, body: &Value) {
        let keep_alive = body["keep_alive"].clone();
        let told = (keep_alive.clone(), body["options"]["num_ctx"].clone());
        self.0.send_modify(|state| {
            state.told.push(told);
            if keep_alive != 0 {
                state.is_loaded = true;
            } else if state.waiting == 0 {
                (state.is_loaded, state.is_stuck) = (false, false);
            }
        });
    }

    /// Waits until it is so.
    async fn becomes(&self, so: impl FnMut(&State) -> bool) -> State {
        let mut states = self.0.subscribe();
        let state = timeout(PATIENCE, states.wait_for(so)).await;
        state
            .unwrap_or_else(|_| panic!("{:?}", self.0.borrow()))
            .unwrap()
            .clone()
    }
}

fn question() -> Request {
    Request {
        messages: vec![Message::new(Role::User, "The capital of France?")],
        options: Options {
            model: "llama3.2".into(),
            num_ctx: Some(4096),
            keep_alive: Some("30m".into()),
            ..Options::default()
        },
    }
}

/// The first piece of an answer, whose rest nobody waits for.
async fn first_piece(chat: &Arc<dyn Chat>) -> Option<String> {
    let mut answer = chat.chat(question());
    let first = timeout(DEADLINE, answer.next()).await;
    first.ok()?.map(Result::unwrap)
}

#[tokio::test]
async fn a_model_that_answers_nobody_any_more_is_loaded_anew() {
    let server = Stuck::default();
    let chat = server.serve().await;
    assert_eq!(first_piece(&chat).await.as_deref(), Some("Paris"));
    server.becomes(|state| state.is_stuck).await;
    assert_eq!(first_piece(&chat).await, None);
    let state = server.becomes(|state| state.told.len() == 2).await;
    assert_eq!(
        state.told,
        [(json!(0), json!(4096)), (json!("30m"), json!(4096))]
    );
    assert_eq!(first_piece(&chat).await.as_deref(), Some("Paris"));
}

#[tokio::test]
async fn it_is_told_to_go_until_nobody_waits_for_it() {
    let server = Stuck::default();
    let chat = server.serve().await;
    assert_eq!(first_piece(&chat).await.as_deref(), Some("Paris"));
    server.becomes(|state| state.is_stuck).await;
    let somebody = server.serve().await;
    let mut waits = somebody.chat(question());
    let waiting = tokio::spawn(async move { waits.next().await });
    assert_eq!(first_piece(&chat).await, None);
    let state = server.becomes(|state| state.told.len() == 2).await;
    assert!(state.is_stuck && state.is_loaded, "{state:?}");
    waiting.abort();
    let state = server
        .becomes(|state| !state.is_stuck && state.is_loaded)
        .await;
    let (last, before) = state.told.split_last().unwrap();
    assert_eq!(last.0, "30m");
    assert!(before.iter().all(|told| told.0 == 0), "{before:?}");
}

#[tokio::test]
async fn who_changes_their_mind_soon_changes_nothing() {
    let server = Stuck::default();
    let chat = server.serve().await;
    assert_eq!(first_piece(&chat).await.as_deref(), Some("Paris"));
    server.becomes(|state| state.is_stuck).await;
    for _ in 0..10 {
        let mut answer = chat.chat(question());
        assert!(
            timeout(Duration::from_millis(10), answer.next())
                .await
                .is_err()
        );
    }
    server.becomes(|state| state.waiting == 0).await;
    assert!(server.0.borrow().told.is_empty());
}
