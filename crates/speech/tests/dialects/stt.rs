//! The recognisers.

use std::sync::Arc;
use std::time::Duration;

use audio::{Pcm, SPEECH_HZ, wav};
use axum::extract::Multipart;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Redirect;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use speech::ServerError;
use speech::stt::{DIALECTS, Hints, Server, Stt, SttError, Transcript, final_transcript, open};

use crate::server::{Fields, Gone, Log, cut_short, fields, nobody, serve, serve_at, serve_bytes};

const OPENAI: &str = "/v1/audio/transcriptions";
const TRANSCRIBE: &str = "/transcribe";
const API_STT: &str = "/api/stt/transcribe";
const PATHS: [(&str, &str); 3] = [
    ("openai", OPENAI),
    ("transcribe", TRANSCRIBE),
    ("api-stt", API_STT),
];

#[tokio::test]
async fn openai_sends_the_form_and_understands_the_verbose_answer() {
    let log = Log::new();
    let url = serve(recogniser(OPENAI, &log, |_| {
        Ok(
            json!({"task": "transcribe", "language": "en", "text": " What is it? ", "segments": [
            {"start": 0.0, "end": 2.0, "avg_logprob": -0.25, "no_speech_prob": 0.01}]}),
        )
    }))
    .await;
    let stt = open("openai", server(&format!("{url}/v1/"))).unwrap();
    let hints = Hints {
        language: Some("en".to_owned()),
        prompt: Some("Mumble".to_owned()),
    };
    let transcript = final_transcript(stt.transcribe(speech(), &hints))
        .await
        .unwrap();

    assert_eq!(transcript.text, "What is it?");
    assert_eq!(
        (transcript.partial, transcript.language.as_deref()),
        (false, Some("en"))
    );
    assert_eq!(transcript.no_speech, Some(0.01));
    assert!((transcript.confidence.unwrap() - 0.7788).abs() < 1e-3);
    let form = &log.take()[0];
    assert_eq!(wav::read(&form["file"]).unwrap(), speech());
    for (name, value) in [
        ("model", "whisper-1"),
        ("model_name", "whisper-1"),
        ("language", "en"),
        ("prompt", "Mumble"),
        ("response_format", "verbose_json"),
    ] {
        assert_eq!(form[name], value.as_bytes(), "{name}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_the_verbose_answer_is_asked_for_it_only_once() {
    let log = Log::new();
    let url = serve(recogniser(OPENAI, &log, |form| {
        if form["response_format"] == b"verbose_json" {
            Err(StatusCode::UNPROCESSABLE_ENTITY)
        } else {
            Ok(json!({"text": "plain"}))
        }
    }))
    .await;
    let stt = open("openai", server(&url)).unwrap();
    assert_eq!(hear(&stt).await.unwrap().text, "plain");
    assert_eq!(log.take().len(), 2);
    assert_eq!(hear(&stt).await.unwrap().text, "plain");
    assert_eq!(log.take().len(), 1);
}

#[tokio::test]
async fn a_request_that_is_bad_in_every_format_stays_an_error() {
    let url = serve(recogniser(OPENAI, &Log::new(), |_| {
        Err(StatusCode::BAD_REQUEST)
    }))
    .await;
    let error = hear(&open("openai", server(&url)).unwrap())
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            SttError::Server(ServerError::Status { status: 400, .. })
        ),
        "{error}"
    );
}

#[tokio::test]
async fn transcribe_sends_the_language_only_if_it_is_known() {
    let log = Log::new();
    let url = serve(recogniser(TRANSCRIBE, &log, |_| {
        Ok(json!({"text": "Guten Tag", "language": "de", "language_probability": 0.93}))
    }))
    .await;
    let stt = open("transcribe", server(&url)).unwrap();
    let transcript = hear(&stt).await.unwrap();
    assert_eq!(transcript.text, "Guten Tag");
    assert_eq!(transcript.language.as_deref(), Some("de"));
    assert_eq!(transcript.language_probability, Some(0.93));
    let hints = Hints {
        language: Some("de".to_owned()),
        ..Hints::default()
    };
    final_transcript(stt.transcribe(speech(), &hints))
        .await
        .unwrap();
    let forms = log.take();
    assert_eq!(wav::read(&forms[0]["audio"]).unwrap(), speech());
    assert!(!forms[0].contains_key("language"));
    assert_eq!(forms[1]["language"], b"de");
}

#[tokio::test]
async fn api_stt_sends_the_sound_and_reads_the_text() {
    let log = Log::new();
    let url = serve(recogniser(API_STT, &log, |_| Ok(json!({"text": "hello"})))).await;
    assert_eq!(
        hear(&open("api-stt", server(&url)).unwrap())
            .await
            .unwrap()
            .text,
        "hello"
    );
    assert_eq!(wav::read(&log.take()[0]["audio"]).unwrap(), speech());
}

#[tokio::test]
async fn sound_at_another_rate_is_brought_to_that_of_speech() {
    let log = Log::new();
    let url = serve(recogniser(TRANSCRIBE, &log, |_| Ok(json!({"text": ""})))).await;
    let stt = open("transcribe", server(&url)).unwrap();
    let sound = Pcm::silence(48_000, Duration::from_millis(500));
    final_transcript(stt.transcribe(sound, &Hints::default()))
        .await
        .unwrap();
    assert_eq!(
        wav::read(&log.take()[0]["audio"]).unwrap(),
        Pcm::new(SPEECH_HZ, vec![0; 8_000])
    );
}

#[tokio::test]
async fn no_sound_is_no_request() {
    let log = Log::new();
    let url = serve(recogniser(TRANSCRIBE, &log, |_| Ok(json!({"text": ""})))).await;
    let stt = open("transcribe", server(&url)).unwrap();
    let nothing = Pcm::new(SPEECH_HZ, Vec::new());
    let error = final_transcript(stt.transcribe(nothing, &Hints::default()))
        .await
        .unwrap_err();
    assert_eq!(error, SttError::EmptyAudio);
    assert!(log.take().is_empty());
}

#[tokio::test]
async fn auto_finds_every_dialect_without_asking_for_a_transcript() {
    assert_eq!(DIALECTS.len(), PATHS.len());
    for (_, path) in PATHS {
        let log = Log::new();
        let url = serve(recogniser(path, &log, |_| Ok(json!({"text": "found"})))).await;
        let stt = open("auto", server(&url)).unwrap();
        stt.check().await.unwrap();
        assert!(log.take().is_empty(), "{path}");
        assert_eq!(hear(&stt).await.unwrap().text, "found", "{path}");
        assert_eq!(log.take().len(), 1, "{path}");
    }
}

#[tokio::test]
async fn auto_tries_again_when_the_server_was_away() {
    let (socket, url) = nobody();
    let stt = open("auto", server(&url)).unwrap();
    let error = hear(&stt).await.unwrap_err();
    assert!(
        matches!(error, SttError::Server(ServerError::Unreachable { .. })),
        "{error}"
    );
    let routes = recogniser(TRANSCRIBE, &Log::new(), |_| Ok(json!({"text": "here"})));
    serve_at(socket.listen(16).unwrap(), routes);
    assert_eq!(hear(&stt).await.unwrap().text, "here");
}

#[tokio::test]
async fn auto_says_when_the_server_is_something_else() {
    let url = serve(Router::new().route("/", get(|| async { "Ollama is running" }))).await;
    let error = hear(&open("auto", server(&url)).unwrap())
        .await
        .unwrap_err();
    assert_eq!(error, SttError::NoDialect { url });
    assert!(error.needs_a_person());
    assert!(
        error.to_string().contains("openai, transcribe, api-stt"),
        "{error}"
    );
}

#[tokio::test]
async fn errors_of_the_server_are_told_in_its_words() {
    for (dialect, path) in PATHS {
        for status in [StatusCode::NOT_FOUND, StatusCode::INTERNAL_SERVER_ERROR] {
            let refuse =
                move || async move { (status, Json(json!({"error": "model not loaded"}))) };
            let url = serve(Router::new().route(path, post(refuse))).await;
            let error = hear(&open(dialect, server(&url)).unwrap())
                .await
                .unwrap_err();
            let expected = ServerError::Status {
                url: format!("{url}{path}"),
                status: status.as_u16(),
                reason: "model not loaded".to_owned(),
            };
            assert_eq!(error, SttError::Server(expected), "{dialect}");
        }
    }
}

#[tokio::test]
async fn answers_that_make_no_sense_are_garbage() {
    for (dialect, path) in PATHS {
        for body in [
            "<html>hello</html>",
            "",
            "{\"error\": \"no\"}",
            "[]",
            "{\"text\": 7}",
        ] {
            let url = serve(Router::new().route(path, post(move || async move { body }))).await;
            let error = hear(&open(dialect, server(&url)).unwrap())
                .await
                .unwrap_err();
            let SttError::Server(ServerError::Garbage { .. }) = error else {
                panic!("{dialect}, {body}: {error}");
            };
        }
    }
}

#[tokio::test]
async fn half_an_answer_is_an_error() {
    for (dialect, path) in PATHS {
        let broken = serve_bytes(cut_short("application/json", b"{\"text\": \"What is", 200)).await;
        let complete = post(|| async { "{\"text\": \"What is" });
        let cut = serve(Router::new().route(path, complete)).await;
        for url in [broken, cut] {
            let error = hear(&open(dialect, server(&url)).unwrap())
                .await
                .unwrap_err();
            let SttError::Server(ServerError::HalfAnswer { .. }) = error else {
                panic!("{dialect}: {error}");
            };
        }
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let url = serve(Router::new().route(TRANSCRIBE, post(|| async { "x".repeat(2 << 20) }))).await;
    let error = hear(&open("transcribe", server(&url)).unwrap())
        .await
        .unwrap_err();
    assert!(
        matches!(error, SttError::Server(ServerError::TooLong { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_is_away_is_named() {
    for (dialect, path) in PATHS {
        let (_socket, url) = nobody();
        let stt = open(dialect, server(&url)).unwrap();
        for error in [
            hear(&stt).await.unwrap_err(),
            stt.check().await.unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(
                text.contains(&format!("{url}{path}")) && text.contains("refused"),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn the_key_is_sent_and_its_refusal_is_told() {
    let guarded = |headers: HeaderMap| async move {
        match headers.get("authorization") {
            Some(key) if key == "Bearer right" => Ok(Json(json!({"text": "in"}))),
            _ => Err(StatusCode::UNAUTHORIZED),
        }
    };
    let url = serve(Router::new().route(OPENAI, post(guarded))).await;
    let with_key = |key: &str| {
        open(
            "openai",
            Server {
                api_key: Some(key.into()),
                ..server(&url)
            },
        )
        .unwrap()
    };
    assert_eq!(hear(&with_key("right")).await.unwrap().text, "in");
    let error = hear(&with_key("wrong")).await.unwrap_err();
    assert!(matches!(
        error,
        SttError::Server(ServerError::KeyRefused { status: 401, .. })
    ));
    assert!(!format!("{error} {:?}", with_key("secret")).contains("secret"));
}

#[tokio::test]
async fn a_server_that_moved_says_where_to() {
    let moved = post(|| async { Redirect::permanent("https://example.org/transcribe") });
    let url = serve(Router::new().route(TRANSCRIBE, moved)).await;
    let error = hear(&open("transcribe", server(&url)).unwrap())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("use https://example.org/transcribe"),
        "{error}"
    );
}

#[tokio::test]
async fn dropping_the_stream_drops_the_request() {
    let (gone, is_gone) = tokio::sync::oneshot::channel();
    let (arrived, has_arrived) = tokio::sync::oneshot::channel();
    let guards = Arc::new(std::sync::Mutex::new(Some((Gone(Some(gone)), arrived))));
    let forever = move || async move {
        let (_gone, arrived) = guards.lock().unwrap().take().unwrap();
        arrived.send(()).unwrap();
        std::future::pending::<()>().await;
    };
    let url = serve(Router::new().route(TRANSCRIBE, post(forever))).await;
    let stt = open("transcribe", server(&url)).unwrap();
    let request = tokio::spawn(async move { hear(&stt).await });
    has_arrived.await.unwrap();
    request.abort();
    is_gone.await.unwrap();
}

#[tokio::test]
async fn what_is_no_dialect_or_address_is_refused_at_once() {
    let error = open("morse", server("http://127.0.0.1:1")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("auto, openai, transcribe, api-stt"),
        "{error}"
    );
    for url in ["", "127.0.0.1:5000", "ftp://127.0.0.1", "http://"] {
        for (dialect, _) in PATHS.into_iter().chain([("auto", "")]) {
            let error = open(dialect, server(url)).unwrap_err();
            assert!(
                matches!(error, SttError::Server(ServerError::BadAddress { .. })),
                "{url}"
            );
        }
    }
}

#[tokio::test]
async fn only_a_final_transcript_is_one() {
    let partial = Transcript {
        partial: true,
        ..Transcript::default()
    };
    let stream = || futures::stream::iter([Ok(partial.clone())]);
    let unfinished = final_transcript(Box::pin(stream())).await;
    assert_eq!(unfinished, Err(SttError::Unfinished));
    let last = Transcript {
        text: "all".to_owned(),
        ..Transcript::default()
    };
    let finished = futures::stream::iter([Ok(partial.clone()), Ok(last.clone())]);
    assert_eq!(final_transcript(Box::pin(finished)).await, Ok(last));
}

/// A server with one path that notes the forms it gets and answers by `answer`.
fn recogniser(
    path: &str,
    log: &Log<Fields>,
    answer: fn(&Fields) -> Result<Value, StatusCode>,
) -> Router {
    let log = log.clone();
    let transcribe = move |form: Multipart| async move {
        let form = fields(form).await;
        let answer = answer(&form).map(Json);
        log.note(form);
        answer
    };
    Router::new().route(path, post(transcribe))
}

fn server(url: &str) -> Server {
    Server {
        url: url.to_owned(),
        api_key: None,
        model: "whisper-1".to_owned(),
    }
}

fn speech() -> Pcm {
    Pcm::new(SPEECH_HZ, (0..4_000).map(|i| i % 100).collect())
}

async fn hear(stt: &Arc<dyn Stt>) -> Result<Transcript, SttError> {
    final_transcript(stt.transcribe(speech(), &Hints::default())).await
}
