//! The synthesisers.

use std::sync::{Arc, Mutex};

use audio::{Pcm, wav};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt as _;
use serde_json::{Value, json};
use speech::ServerError;
use speech::tts::{DIALECTS, Server, Tts, TtsError, open};
use tokio::sync::mpsc;

use crate::server::{Gone, Log, cut_short, nobody, serve, serve_at, serve_bytes};

const PIPER: &str = "/synthesize";
const OLD_PIPER: &str = "/";
const OPENAI: &str = "/v1/audio/speech";
const API_TTS: &str = "/api/tts/synthesize";
const PATHS: [(&str, &str); 4] = [
    ("piper", PIPER),
    ("piper", OLD_PIPER),
    ("openai", OPENAI),
    ("api-tts", API_TTS),
];

#[tokio::test]
async fn piper_old_and_new_are_told_apart_once() {
    for (path, requests) in [(PIPER, vec![PIPER]), (OLD_PIPER, vec![PIPER, OLD_PIPER])] {
        let log = Log::new();
        let url = serve(synthesiser(path, &log)).await;
        let tts = open("piper", server(&url)).unwrap();
        assert_eq!(say(&tts, "Hello").await, Ok(sound()));
        assert_eq!(paths(&log.take()), requests);
        assert_eq!(say(&tts, "Hello").await, Ok(sound()));
        assert_eq!(paths(&log.take()), [path]);
    }
}

#[tokio::test]
async fn piper_gets_its_settings_if_there_are_any() {
    let log = Log::new();
    let url = serve(synthesiser(PIPER, &log)).await;
    let plain = Server {
        url: url.clone(),
        ..Server::default()
    };
    say(&open("piper", plain).unwrap(), "Hi").await.unwrap();
    assert_eq!(log.take()[0].1, json!({"text": "Hi"}));
    say(&open("piper", server(&url)).unwrap(), "Hi")
        .await
        .unwrap();
    let full = json!({"text": "Hi", "voice": "joe", "length_scale": 0.5, "noise_scale": 0.25});
    assert_eq!(log.take()[0].1, full);
}

#[tokio::test]
async fn a_piper_that_is_upgraded_is_found_again() {
    let version = Arc::new(Mutex::new(OLD_PIPER));
    let installed = Arc::clone(&version);
    let speak = move |uri: Uri| async move {
        let known = uri.path() == *installed.lock().unwrap();
        if known {
            Ok(wav::write(&sound()))
        } else {
            Err(StatusCode::NOT_FOUND)
        }
    };
    let url = serve(Router::new().fallback(speak)).await;
    let tts = open("piper", server(&url)).unwrap();
    for path in [OLD_PIPER, PIPER, OLD_PIPER] {
        *version.lock().unwrap() = path;
        assert_eq!(say(&tts, "Hello").await, Ok(sound()), "{path}");
    }
}

#[tokio::test]
async fn openai_sends_the_text_and_the_speed() {
    let log = Log::new();
    let url = serve(synthesiser(OPENAI, &log)).await;
    let tts = open("openai", server(&format!("{url}/v1"))).unwrap();
    assert_eq!(say(&tts, "Hello").await, Ok(sound()));
    let request = json!({"model": "tts-1", "voice": "joe", "input": "Hello",
        "response_format": "wav", "speed": 2.0});
    assert_eq!(log.take()[0].1, request);
}

#[tokio::test]
async fn a_server_that_knows_no_wav_is_asked_for_it_only_once() {
    let log = Log::new();
    let noted = log.clone();
    let raw = move |Json(request): Json<Value>| async move {
        let format = request["response_format"].as_str().unwrap().to_owned();
        noted.note(format.clone());
        if format == "wav" {
            return StatusCode::BAD_REQUEST.into_response();
        }
        // Samples cut in half between two pieces.
        let bytes: Vec<u8> = sound()
            .samples()
            .iter()
            .flat_map(|s| s.to_le_bytes())
            .collect();
        let pieces: Vec<_> = bytes
            .chunks(333)
            .map(|piece| Ok::<_, String>(piece.to_vec()))
            .collect();
        Response::new(Body::from_stream(futures::stream::iter(pieces)))
    };
    let url = serve(Router::new().route(OPENAI, post(raw))).await;
    let tts = open("openai", server(&url)).unwrap();
    for formats in [["wav", "pcm"].as_slice(), &["pcm"]] {
        let heard = say(&tts, "Hello").await.unwrap();
        assert_eq!((heard.rate(), heard.samples()), (24_000, sound().samples()));
        assert_eq!(log.take(), formats);
    }
}

#[tokio::test]
async fn api_tts_sends_text_and_voice() {
    let log = Log::new();
    let url = serve(synthesiser(API_TTS, &log)).await;
    assert_eq!(
        say(&open("api-tts", server(&url)).unwrap(), "Hello").await,
        Ok(sound())
    );
    assert_eq!(log.take()[0].1, json!({"text": "Hello", "voice": "joe"}));
}

#[tokio::test]
async fn sound_comes_out_while_the_server_still_speaks() {
    for (dialect, path) in PATHS {
        let (pieces, body) = mpsc::channel::<Result<Bytes, String>>(1);
        let body = Arc::new(Mutex::new(Some(body)));
        let speak = move || async move {
            let body = body.lock().unwrap().take().unwrap();
            let body = futures::stream::unfold(body, |mut body| async move {
                body.recv().await.map(|piece| (piece, body))
            });
            Response::new(Body::from_stream(body))
        };
        let url = serve(Router::new().route(path, post(speak))).await;
        let mut heard = open(dialect, server(&url)).unwrap().speak("Hello");
        let file = wav::write(&sound());
        pieces
            .send(Ok(Bytes::copy_from_slice(&file[..1_044])))
            .await
            .unwrap();
        let first = heard.next().await.unwrap().unwrap();
        assert_eq!(first.samples(), &sound().samples()[..500], "{dialect}");
        pieces
            .send(Ok(Bytes::copy_from_slice(&file[1_044..])))
            .await
            .unwrap();
        drop(pieces);
        let mut rest = Vec::new();
        while let Some(pcm) = heard.next().await {
            rest.extend(pcm.unwrap().into_samples());
        }
        assert_eq!(rest, sound().samples()[500..], "{dialect}");
    }
}

#[tokio::test]
async fn half_a_file_is_an_error_after_the_sound_that_came() {
    let file = wav::write(&sound());
    let half = file[..1_044].to_vec();
    let broken = serve_bytes(cut_short("audio/wav", &half, file.len())).await;
    let short = serve(Router::new().route(PIPER, post(move || async move { half }))).await;
    for url in [broken, short] {
        let pieces: Vec<_> = open("piper", server(&url))
            .unwrap()
            .speak("Hello")
            .collect()
            .await;
        let (last, heard) = pieces.split_last().unwrap();
        let heard: usize = heard.iter().map(|pcm| pcm.as_ref().unwrap().len()).sum();
        assert_eq!(heard, 500);
        let Err(TtsError::Server(ServerError::HalfAnswer { .. })) = last else {
            panic!("{last:?}");
        };
    }
}

#[tokio::test]
async fn answers_that_are_no_sound_are_garbage() {
    for (dialect, path) in PATHS {
        for body in [
            "<html>hello</html>",
            "{\"error\": \"no voice\"}",
            "",
            "ID3 an mp3 file",
        ] {
            let url = serve(Router::new().route(path, post(move || async move { body }))).await;
            let error = say(&open(dialect, server(&url)).unwrap(), "Hello")
                .await
                .unwrap_err();
            let TtsError::Server(ServerError::Garbage { .. }) = error else {
                panic!("{dialect}, {body}: {error}");
            };
        }
    }
}

#[tokio::test]
async fn a_file_without_sound_is_an_error() {
    let empty = wav::write(&Pcm::new(22_050, Vec::new()));
    let url = serve(Router::new().route(PIPER, post(move || async move { empty }))).await;
    let error = say(&open("piper", server(&url)).unwrap(), "Hello")
        .await
        .unwrap_err();
    assert_eq!(
        error,
        TtsError::EmptyAudio {
            url: format!("{url}{PIPER}")
        }
    );
}

#[tokio::test]
async fn an_endless_voice_is_cut_off() {
    let endless = || async {
        let mut header = wav::write(&Pcm::new(22_050, Vec::new()));
        header[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
        let pieces = futures::stream::iter(
            std::iter::once(header.into())
                .chain(std::iter::repeat(Bytes::from_static(&[0; 1 << 16]))),
        );
        Response::new(Body::from_stream(pieces.map(Ok::<Bytes, String>)))
    };
    let url = serve(Router::new().route(PIPER, post(endless))).await;
    let mut heard = open("piper", server(&url)).unwrap().speak("Hello");
    let mut samples = 0;
    let error = loop {
        match heard.next().await.unwrap() {
            Ok(pcm) => samples += pcm.len(),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, TtsError::Server(ServerError::TooLong { .. })),
        "{error}"
    );
    assert!(samples <= 8 << 20);
}

#[tokio::test]
async fn errors_of_the_server_are_told_but_never_what_was_to_be_said() {
    for (dialect, path) in PATHS {
        for (body, expected) in [
            ("{\"error\": \"voice not found\"}", "voice not found"),
            (
                "{\"error\": \"cannot say my secret\"}",
                "its reason repeats the text",
            ),
            ("<h1>Internal Server Error</h1>", "Internal Server Error"),
        ] {
            let fail = move || async move { (StatusCode::INTERNAL_SERVER_ERROR, body) };
            let url = serve(Router::new().route(path, post(fail))).await;
            let error = say(&open(dialect, server(&url)).unwrap(), " my secret ")
                .await
                .unwrap_err();
            let expected = ServerError::Status {
                url: format!("{url}{path}"),
                status: 500,
                reason: expected.to_owned(),
            };
            assert_eq!(error, TtsError::Server(expected), "{dialect}");
        }
    }
}

#[tokio::test]
async fn a_wrong_path_is_named() {
    let url = serve(Router::new().route("/other", get(|| async {}))).await;
    for (dialect, path) in [("piper", PIPER), ("openai", OPENAI), ("api-tts", API_TTS)] {
        let tts = open(dialect, server(&url)).unwrap();
        for error in [
            say(&tts, "Hello").await.unwrap_err(),
            tts.check().await.unwrap_err(),
        ] {
            assert!(error.needs_a_person());
            assert!(
                error
                    .to_string()
                    .contains(&format!("{url}{path} answered http 404")),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_named() {
    for (dialect, _) in PATHS {
        let (_socket, url) = nobody();
        let tts = open(dialect, server(&url)).unwrap();
        for error in [
            say(&tts, "Hello").await.unwrap_err(),
            tts.check().await.unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(text.contains(&url) && text.contains("refused"), "{text}");
        }
    }
}

#[tokio::test]
async fn blank_text_is_no_request() {
    let log = Log::new();
    let url = serve(synthesiser(PIPER, &log)).await;
    for dialect in ["piper", "openai", "api-tts"] {
        let pieces: Vec<_> = open(dialect, server(&url))
            .unwrap()
            .speak(" \n ")
            .collect()
            .await;
        assert_eq!(pieces, []);
    }
    assert!(log.take().is_empty());
}

#[tokio::test]
async fn auto_finds_every_dialect_without_saying_anything() {
    assert!(
        DIALECTS
            .iter()
            .all(|(name, _)| PATHS.iter().any(|(dialect, _)| dialect == name))
    );
    for (_, path) in PATHS {
        let log = Log::new();
        let url = serve(synthesiser(path, &log)).await;
        let tts = open("auto", server(&url)).unwrap();
        tts.check().await.unwrap();
        assert!(
            log.take().iter().all(|(_, request)| request.is_null()),
            "{path}"
        );
        assert_eq!(say(&tts, "Hello").await, Ok(sound()), "{path}");
    }
}

#[tokio::test]
async fn auto_tries_again_when_the_server_was_away() {
    let (socket, url) = nobody();
    let tts = open("auto", server(&url)).unwrap();
    assert!(say(&tts, "Hello").await.is_err());
    let routes = synthesiser(API_TTS, &Log::new());
    serve_at(socket.listen(16).unwrap(), routes);
    assert_eq!(say(&tts, "Hello").await, Ok(sound()));
}

#[tokio::test]
async fn auto_looks_again_when_another_server_has_come_to_the_address() {
    let ill = Arc::new(Mutex::new(true));
    let is_ill = Arc::clone(&ill);
    let answer = async move |method: Method, uri: Uri| {
        // A server that is ill takes every path for its own.
        if *is_ill.lock().unwrap() {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        match (uri.path(), method) {
            (PIPER, Method::POST) => wav::write(&sound()).into_response(),
            (PIPER, _) => StatusCode::METHOD_NOT_ALLOWED.into_response(),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    };
    let url = serve(Router::new().fallback(answer)).await;
    let tts = open("auto", server(&url)).unwrap();
    assert!(say(&tts, "Hello").await.is_err());
    *ill.lock().unwrap() = false;
    // The wrong dialect is found out at the first request, and given up.
    assert!(say(&tts, "Hello").await.is_err());
    assert_eq!(say(&tts, "Hello").await, Ok(sound()));
}

#[tokio::test]
async fn auto_says_when_the_server_is_something_else() {
    let url = serve(Router::new().route("/", get(|| async { "Ollama is running" }))).await;
    let tts = open("auto", server(&url)).unwrap();
    // A path that only takes GET answers 405 to it as well, so the old Piper is not found here.
    assert_eq!(tts.check().await, Err(TtsError::NoDialect { url }));
}

#[tokio::test]
async fn dropping_the_stream_drops_the_request() {
    let (gone, is_gone) = tokio::sync::oneshot::channel();
    let guard = Arc::new(Mutex::new(Some(Gone(Some(gone)))));
    let (pieces, arrived) = tokio::sync::oneshot::channel();
    let arrived_at = Arc::new(Mutex::new(Some(pieces)));
    let forever = move || async move {
        let _gone = guard.lock().unwrap().take().unwrap();
        arrived_at.lock().unwrap().take().unwrap().send(()).unwrap();
        std::future::pending::<()>().await;
    };
    let url = serve(Router::new().route(PIPER, post(forever))).await;
    let tts = open("piper", server(&url)).unwrap();
    let request = tokio::spawn(async move { say(&tts, "Hello").await });
    arrived.await.unwrap();
    request.abort();
    is_gone.await.unwrap();
}

/// A server with one path that notes all requests and answers with [`sound`].
fn synthesiser(path: &str, log: &Log<(String, Value)>) -> Router {
    let note = |log: &Log<(String, Value)>, uri: &Uri, body: &Bytes| {
        log.note((
            uri.path().to_owned(),
            serde_json::from_slice(body).unwrap_or_default(),
        ));
    };
    let speak = move |State(log): State<Log<(String, Value)>>, uri: Uri, body: Bytes| async move {
        note(&log, &uri, &body);
        wav::write(&sound())
    };
    let miss = move |State(log): State<Log<(String, Value)>>, uri: Uri, body: Bytes| async move {
        note(&log, &uri, &body);
        StatusCode::NOT_FOUND
    };
    Router::new()
        .route(path, post(speak))
        .fallback(miss)
        .with_state(log.clone())
}

fn paths(requests: &[(String, Value)]) -> Vec<&str> {
    requests.iter().map(|(path, _)| path.as_str()).collect()
}

fn server(url: &str) -> Server {
    Server {
        url: url.to_owned(),
        api_key: None,
        model: "tts-1".to_owned(),
        voice: Some("joe".to_owned()),
        length_scale: Some(0.5),
        noise_scale: Some(0.25),
    }
}

fn sound() -> Pcm {
    Pcm::new(22_050, (0..2_000).collect())
}

async fn say(tts: &Arc<dyn Tts>, text: &str) -> Result<Pcm, TtsError> {
    let mut heard: Option<Pcm> = None;
    let mut pieces = tts.speak(text);
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        match &mut heard {
            Some(heard) => heard.extend_from_slice(piece.samples()),
            None => heard = Some(piece),
        }
    }
    Ok(heard.unwrap())
}
