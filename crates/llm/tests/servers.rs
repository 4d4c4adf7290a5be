//! The dialects against small servers that behave well, badly, and not at all.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on fails the test"
)]

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures::{StreamExt as _, stream};
use llm::{ChatError, Message, Options, Request, Role, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Far longer than any step takes: only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

const OLLAMA: &str = concat!(
    "{\"message\":{\"role\":\"assistant\",\"content\":\"Paris\"},\"done\":false}\n",
    "{\"message\":{\"role\":\"assistant\",\"content\":\" it is.\"},\"done\":false}\n",
    "{\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done_reason\":\"stop\",\"done\":true}\n",
);

const OPENAI: &str = concat!(
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"},\"finish_reason\":null}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"Paris\"},\"finish_reason\":null}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\" it is.\"},\"finish_reason\":null}]}\n\n",
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: [DONE]\n\n",
);

const DIALECTS: [(&str, &str, &str); 2] = [
    ("ollama", "/api/chat", OLLAMA),
    ("openai", "/v1/chat/completions", OPENAI),
];

/// Serves `router` on a free port of this machine; gives its address.
async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn open(dialect: &str, url: &str) -> std::sync::Arc<dyn llm::Chat> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = Server {
        url: url.to_owned(),
        api_key: Some("key".to_owned().into()),
        model: "llama3.2".into(),
    };
    llm::open(dialect, server).unwrap()
}

fn request() -> Request {
    let options = Options {
        model: "llama3.2".into(),
        ..Options::default()
    };
    Request {
        messages: vec![Message::new(Role::User, "The capital of France?")],
        options,
    }
}

/// The pieces of an answer, joined, and the error that ended it, if one did.
async fn answer(dialect: &str, url: &str) -> (String, Option<ChatError>) {
    let pieces: Vec<_> = timeout(PATIENCE, open(dialect, url).chat(request()).collect())
        .await
        .unwrap();
    let mut text = String::new();
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Ok(piece) => text.push_str(piece),
            Err(error) => {
                assert_eq!(index + 1, pieces.len(), "an error is the last item");
                assert!(!error.to_string().contains('\n'), "one line: {error}");
                return (text, Some(error.clone()));
            }
        }
    }
    (text, None)
}

/// A response of `body`, sent in chunks of a few bytes.
fn streamed(body: &'static str) -> Response {
    let chunks = body.as_bytes().chunks(7).map(Ok::<_, std::io::Error>);
    Body::from_stream(stream::iter(chunks)).into_response()
}

#[tokio::test]
async fn an_answer_comes_piece_by_piece_in_either_dialect() {
    for (dialect, path, body) in DIALECTS {
        let url =
            serve(Router::new().route(path, post(move || async move { streamed(body) }))).await;
        assert_eq!(
            answer(dialect, &url).await,
            ("Paris it is.".into(), None),
            "{dialect}"
        );
    }
}

#[tokio::test]
async fn the_request_carries_the_conversation_the_options_and_the_key() {
    for (dialect, path, body) in DIALECTS {
        let (seen, mut requests) = mpsc::channel(1);
        let handler = move |headers: HeaderMap, json: axum::Json<serde_json::Value>| async move {
            seen.send((headers, json.0)).await.unwrap();
            streamed(body)
        };
        let url = serve(Router::new().route(path, post(handler))).await;
        // A slash at the end of the address changes nothing, nor does `/v1` in this dialect.
        let url = if dialect == "openai" {
            format!("{url}/v1/")
        } else {
            format!("{url}/")
        };
        let mut request = request();
        request.options.temperature = Some(0.5);
        request.options.num_predict = Some(20);
        let pieces: Vec<_> = open(dialect, &url).chat(request).collect().await;
        assert!(pieces.iter().all(Result::is_ok), "{pieces:?}");
        let (headers, json) = requests.recv().await.unwrap();
        assert_eq!(headers["authorization"], "Bearer key");
        assert_eq!(json["model"], "llama3.2");
        assert_eq!(json["stream"], true);
        assert_eq!(json["messages"][0]["role"], "user");
        let (temperature, limit) = match dialect {
            "ollama" => (
                &json["options"]["temperature"],
                &json["options"]["num_predict"],
            ),
            _ => (&json["temperature"], &json["max_tokens"]),
        };
        assert_eq!((temperature, limit), (&0.5.into(), &20.into()));
    }
}

#[tokio::test]
async fn the_first_piece_comes_while_the_answer_is_still_made() {
    for (dialect, path, body) in DIALECTS {
        let (go_on, wait) = mpsc::channel::<()>(1);
        let wait = std::sync::Arc::new(tokio::sync::Mutex::new(wait));
        let handler = move || async move {
            let (first, rest) = body.split_at(body.find(" it is.").unwrap());
            let rest = async move {
                wait.lock().await.recv().await;
                Ok::<_, std::io::Error>(rest)
            };
            let first = stream::once(async move { Ok(first) });
            Body::from_stream(first.chain(stream::once(rest)))
        };
        // The cut lies inside a frame; the frame before it is whole and must come at once.
        let url = serve(Router::new().route(path, post(handler))).await;
        let mut pieces = open(dialect, &url).chat(request());
        let first = timeout(PATIENCE, pieces.next()).await.unwrap();
        assert_eq!(first, Some(Ok("Paris".into())), "{dialect}");
        go_on.send(()).await.unwrap();
        assert_eq!(
            timeout(PATIENCE, pieces.next()).await.unwrap(),
            Some(Ok(" it is.".into()))
        );
        assert_eq!(timeout(PATIENCE, pieces.next()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_and_not_an_end() {
    for (dialect, path, body) in DIALECTS {
        for cut in ["is.\"", "\"done_reason\"", "{\"choices\":[{\"delta\":{},"] {
            let Some(at) = body.find(cut) else { continue };
            let half = &body[..at];
            let url =
                serve(Router::new().route(path, post(move || async move { streamed(half) }))).await;
            let (text, error) = answer(dialect, &url).await;
            assert!(text.starts_with("Paris"), "{dialect}: {text}");
            assert!(
                matches!(error, Some(ChatError::HalfAnswer { .. })),
                "{dialect}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_error_inside_the_stream_is_the_servers_own_words() {
    for (dialect, path, body) in [
        ("ollama", "/api/chat", "{\"error\":\"out of memory\"}\n"),
        (
            "openai",
            "/v1/chat/completions",
            "data: {\"error\":{\"message\":\"out of memory\"}}\n\n",
        ),
    ] {
        let url =
            serve(Router::new().route(path, post(move || async move { streamed(body) }))).await;
        let (_, error) = answer(dialect, &url).await;
        assert_eq!(
            error,
            Some(ChatError::Failed {
                reason: "out of memory".into()
            }),
            "{dialect}"
        );
    }
}

#[tokio::test]
async fn an_unknown_model_says_which_pull_helps() {
    let body = r#"{"error":"model \"llama3.2\" not found, try pulling it first"}"#;
    let router = Router::new()
        .route(
            "/api/chat",
            post(move || async move { (StatusCode::NOT_FOUND, body) }),
        )
        .route(
            "/api/tags",
            get(|| async { r#"{"models":[{"name":"smollm2:latest"}]}"# }),
        );
    let url = serve(router).await;
    let (_, error) = answer("ollama", &url).await;
    let checked = open("ollama", &url).check().await.unwrap_err();
    for error in [error.unwrap(), checked] {
        assert!(
            error.to_string().contains("`ollama pull llama3.2`"),
            "{error}"
        );
        assert!(error.needs_a_person());
    }
}

#[tokio::test]
async fn a_model_that_is_there_passes_the_check() {
    let router = Router::new()
        .route(
            "/api/tags",
            get(|| async { r#"{"models":[{"name":"llama3.2:latest"}]}"# }),
        )
        .route(
            "/v1/models",
            get(|| async { r#"{"data":[{"id":"llama3.2"}]}"# }),
        );
    let url = serve(router).await;
    for (dialect, ..) in DIALECTS {
        assert_eq!(open(dialect, &url).check().await, Ok(()), "{dialect}");
    }
}

#[tokio::test]
async fn an_unknown_model_at_another_server_names_the_known_ones() {
    let router = Router::new().route(
        "/v1/models",
        get(|| async { r#"{"data":[{"id":"qwen"}]}"# }),
    );
    let url = serve(router).await;
    let error = open("openai", &url).check().await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("has no model `llama3.2`; it has qwen"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_no_model_server_is_told_apart() {
    let mut shown = Vec::new();
    for (dialect, path, _) in DIALECTS {
        let url = serve(Router::new()).await;
        shown.push(answer(dialect, &url).await.1);
        let fails = || async {
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "{\"error\":\"no memory\"}",
            )
        };
        let url = serve(Router::new().route(path, post(fails))).await;
        shown.push(answer(dialect, &url).await.1);
        let key = || async { StatusCode::UNAUTHORIZED };
        let url = serve(Router::new().route(path, post(key))).await;
        shown.push(answer(dialect, &url).await.1);
        // An event stream skips what is no event, so only its end tells.
        let page = || async { "data: <html>hello</html>\n\n" };
        let url = serve(Router::new().route(path, post(page))).await;
        shown.push(answer(dialect, &url).await.1);
    }
    for errors in shown.chunks(4) {
        assert!(
            matches!(&errors[0], Some(ChatError::Status { status: 404, .. })),
            "{errors:?}"
        );
        let Some(ChatError::Status {
            status: 500,
            reason,
            ..
        }) = &errors[1]
        else {
            panic!("{errors:?}");
        };
        assert_eq!(reason, "no memory");
        assert!(matches!(
            &errors[2],
            Some(ChatError::KeyRefused { status: 401, .. })
        ));
        assert!(
            matches!(&errors[3], Some(ChatError::Garbage { .. })),
            "{errors:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_with_its_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for (dialect, ..) in DIALECTS {
        let (_, error) = answer(dialect, &url).await;
        let text = error.unwrap().to_string();
        assert!(text.contains(&url) && text.contains("refused"), "{text}");
        assert!(open(dialect, &url).check().await.is_err());
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_at_once() {
    for url in ["", "localhost:11434", "ftp://host", "http://"] {
        let server = Server {
            url: url.into(),
            api_key: None,
            model: "m".into(),
        };
        let error = llm::open("ollama", server).unwrap_err();
        assert!(
            matches!(error, ChatError::BadAddress { .. }),
            "{url}: {error}"
        );
    }
    let server = Server {
        url: "http://h".into(),
        api_key: None,
        model: "m".into(),
    };
    let error = llm::open("olama", server).unwrap_err().to_string();
    assert!(error.contains("ollama, openai"), "{error}");
}

#[tokio::test]
async fn warming_asks_for_one_token_and_keeps_the_other_options() {
    let (seen, mut requests) = mpsc::channel(1);
    let handler = move |json: axum::Json<serde_json::Value>| async move {
        seen.send(json.0).await.unwrap();
        streamed(OLLAMA)
    };
    let url = serve(Router::new().route("/api/chat", post(handler))).await;
    let mut request = request();
    request.options.num_ctx = Some(4096);
    open("ollama", &url).warm(request).await.unwrap();
    let options = requests.recv().await.unwrap()["options"].clone();
    assert_eq!(
        options,
        serde_json::json!({"num_ctx": 4096, "num_predict": 1})
    );
}

/// A server by hand: says `when` the request has come, sends `head`, and says when the client
/// has closed the connection.
async fn until_closed(head: &'static str) -> (String, mpsc::Receiver<&'static str>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (says, said) = mpsc::channel(2);
    tokio::spawn(async move {
        let (mut peer, _): (TcpStream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        assert!(peer.read(&mut buffer).await.unwrap() > 0);
        peer.write_all(head.as_bytes()).await.unwrap();
        says.send("asked").await.unwrap();
        while peer.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
        says.send("closed").await.unwrap();
    });
    (url, said)
}

#[tokio::test]
async fn dropping_the_stream_closes_the_connection() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                2d\r\n{\"message\":{\"content\":\"Paris\"},\"done\":false}\n\r\n";
    let (url, mut said) = until_closed(head).await;
    let chat = open("ollama", &url);
    let mut pieces = chat.chat(request());
    assert_eq!(
        timeout(PATIENCE, pieces.next()).await.unwrap(),
        Some(Ok("Paris".into()))
    );
    drop(pieces);
    assert_eq!(timeout(PATIENCE, said.recv()).await.unwrap(), Some("asked"));
    assert_eq!(
        timeout(PATIENCE, said.recv()).await.unwrap(),
        Some("closed")
    );
}

#[tokio::test]
async fn dropping_the_stream_before_the_first_piece_closes_the_connection_too() {
    let (url, mut said) = until_closed("").await;
    let chat = open("openai", &url);
    let mut pieces = chat.chat(request());
    tokio::select! {
        piece = pieces.next() => panic!("nothing was sent, but {piece:?} came"),
        asked = timeout(PATIENCE, said.recv()) => assert_eq!(asked.unwrap(), Some("asked")),
    }
    drop(pieces);
    assert_eq!(
        timeout(PATIENCE, said.recv()).await.unwrap(),
        Some("closed")
    );
}

#[tokio::test]
async fn the_connection_of_a_whole_answer_is_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (says, mut connections) = mpsc::channel(8);
    let router = Router::new().route("/api/chat", post(|| async { streamed(OLLAMA) }));
    tokio::spawn(async move {
        let listener = axum::serve::ListenerExt::tap_io(listener, move |_| {
            says.try_send(()).unwrap();
        });
        axum::serve(listener, router).await
    });
    let chat = open("ollama", &url);
    for _ in 0..3 {
        let pieces: Vec<_> = chat.chat(request()).collect().await;
        assert!(pieces.iter().all(Result::is_ok), "{pieces:?}");
    }
    assert!(connections.try_recv().is_ok());
    assert!(
        connections.try_recv().is_err(),
        "a second connection was made"
    );
}
