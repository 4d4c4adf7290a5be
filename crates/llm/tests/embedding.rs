//! What makes vectors, against small servers that behave well and badly.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on fails the test"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use llm::{ChatError, Embed, Purpose, Server, embed};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Far longer than any step takes: only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

const DIALECTS: [(&str, &str); 2] = [("ollama", "/api/embed"), ("openai", "/v1/embeddings")];

/// Serves `router` on a free port of this machine; gives its address.
async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// A server that gives `answer` to every question about vectors.
async fn serve_answer(path: &str, status: StatusCode, answer: String) -> String {
    serve(Router::new().route(path, post(move || async move { (status, answer) }))).await
}

fn open(dialect: &str, url: &str, model: &str) -> Arc<dyn Embed> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let source = embed::Source {
        server: Server {
            url: url.to_owned(),
            api_key: None,
            model: model.into(),
        },
        folder: "/nowhere".into(),
        keep_alive: Some("-1".into()),
    };
    embed::open(dialect, source).unwrap()
}

async fn vectors(dialect: &str, url: &str, texts: &[&str]) -> Result<Vec<Vec<f32>>, ChatError> {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    let embed = open(dialect, url, "all-minilm");
    timeout(PATIENCE, embed.embed(texts, Purpose::Document))
        .await
        .unwrap()
}

/// The answer of a dialect with these vectors, of OpenAI's in an order of its own.
fn answer(dialect: &str, vectors: &[Vec<f32>]) -> String {
    let answer = match dialect {
        "ollama" => json!({"model": "all-minilm", "embeddings": vectors}),
        _ => {
            let items = vectors.iter().enumerate().rev();
            let items = items.map(|(index, vector)| json!({"index": index, "embedding": vector}));
            json!({"object": "list", "data": items.collect::<Vec<_>>()})
        }
    };
    answer.to_string()
}

#[tokio::test]
async fn vectors_come_in_the_order_of_the_texts_and_of_length_one() {
    for (dialect, path) in DIALECTS {
        let answer = answer(dialect, &[vec![3.0, 4.0], vec![0.0, 2.0]]);
        let url = serve_answer(path, StatusCode::OK, answer).await;
        let found = vectors(dialect, &url, &["first", "second"]).await.unwrap();
        assert_eq!(found, [[0.6, 0.8], [0.0, 1.0]], "{dialect}");
    }
}

#[tokio::test]
async fn nothing_is_asked_about_no_text() {
    for (dialect, _) in DIALECTS {
        let nobody = "http://127.0.0.1:1";
        assert!(vectors(dialect, nobody, &[]).await.unwrap().is_empty());
    }
}

/// How many texts each request had.
type Batches = Arc<Mutex<Vec<usize>>>;

async fn count(State(batches): State<Batches>, body: String) -> Response {
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["keep_alive"], -1);
    let texts = body["input"].as_array().unwrap().len();
    batches.lock().unwrap().push(texts);
    answer("ollama", &vec![vec![1.0]; texts]).into_response()
}

#[tokio::test]
async fn many_texts_are_asked_in_batches() {
    let batches = Batches::default();
    let router = Router::new().route("/api/embed", post(count));
    let url = serve(router.with_state(Arc::clone(&batches))).await;
    let found = vectors("ollama", &url, &["text"; 70]).await.unwrap();
    assert_eq!(found.len(), 70);
    assert_eq!(*batches.lock().unwrap(), [32, 32, 6]);
}

#[tokio::test]
async fn what_is_no_answer_of_the_dialect_is_refused() {
    for (dialect, path) in DIALECTS {
        for body in [
            String::new(),
            "<html>".into(),
            "{}".into(),
            r#"{"embeddings":[[NaN]],"data":[{"embedding":[NaN]}]}"#.into(),
            r#"{"embeddings":[[1e999]],"data":[{"embedding":[1e999]}]}"#.into(),
            r#"{"embeddings":[["x"]],"data":[{"embedding":["x"]}]}"#.into(),
            answer(dialect, &[]),
            answer(dialect, &[vec![1.0], vec![1.0]]),
        ] {
            let url = serve_answer(path, StatusCode::OK, body.clone()).await;
            let error = vectors(dialect, &url, &["text"]).await.unwrap_err();
            let garbage = matches!(error, ChatError::Garbage { .. });
            assert!(garbage, "{dialect} takes {body}: {error}");
            assert!(error.to_string().contains(&url), "{error}");
        }
    }
}

#[tokio::test]
async fn a_model_that_is_missing_is_named_with_what_helps() {
    let refused = r#"{"error":"model \"all-minilm\" not found, try pulling it first"}"#;
    for (dialect, path) in DIALECTS {
        let url = serve_answer(path, StatusCode::NOT_FOUND, refused.into()).await;
        let error = vectors(dialect, &url, &["text"]).await.unwrap_err();
        assert!(matches!(error, ChatError::UnknownModel { .. }), "{error}");
        assert!(error.needs_a_person());
        let help = if dialect == "ollama" {
            "ollama pull all-minilm"
        } else {
            "/v1/models"
        };
        assert!(error.to_string().contains(help), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_unreachable() {
    for (dialect, _) in DIALECTS {
        let error = vectors(dialect, "http://127.0.0.1:1", &["text"]).await;
        assert!(
            matches!(error, Err(ChatError::Unreachable { .. })),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_check_asks_for_the_model_and_makes_no_vector() {
    let tags = r#"{"models":[{"name":"all-minilm:latest"}]}"#;
    let models = r#"{"data":[{"id":"all-minilm"}]}"#;
    let router = Router::new()
        .route("/api/tags", get(move || async move { tags }))
        .route("/v1/models", get(move || async move { models }));
    let url = serve(router).await;
    for (dialect, _) in DIALECTS {
        assert_eq!(open(dialect, &url, "all-minilm").check().await, Ok(()));
        let unknown = open(dialect, &url, "other").check().await;
        assert!(matches!(unknown, Err(ChatError::UnknownModel { .. })));
    }
}

#[tokio::test]
async fn a_server_of_one_model_need_not_list_it() {
    let url = serve(Router::new()).await;
    assert_eq!(open("openai", &url, "all-minilm").check().await, Ok(()));
}

#[test]
fn a_dialect_that_is_none_is_named_with_those_that_are() {
    let source = embed::Source {
        server: Server {
            url: "http://127.0.0.1:1".into(),
            api_key: None,
            model: "all-minilm".into(),
        },
        folder: "/nowhere".into(),
        keep_alive: None,
    };
    let error = embed::open("chroma", source.clone()).unwrap_err();
    assert!(error.to_string().contains("ollama, openai, minilm"));
    // Built in or not, it says what to do about it.
    let error = embed::open("minilm", source).unwrap_err();
    assert!(error.needs_a_person());
    let help = ["--features minilm", "model.safetensors"];
    assert!(
        help.iter().any(|help| error.to_string().contains(help)),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_answer_is_vectors_or_an_error(
        body in "[\\PC]{0,60}",
        numbers in prop::collection::vec(prop::collection::vec(any::<f32>(), 0..4), 0..4),
        whole in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            for (dialect, path) in DIALECTS {
                let body = if whole { answer(dialect, &numbers) } else { body.clone() };
                let url = serve_answer(path, StatusCode::OK, body).await;
                if let Ok(found) = vectors(dialect, &url, &["a", "b"]).await {
                    assert_eq!(found.len(), 2);
                    assert!(found.iter().flatten().all(|x| x.is_finite()));
                }
            }
        });
    }
}
