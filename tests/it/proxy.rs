//! The bad network of the matrix does what it says, each way it can.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use world::scripted::{self, Play, Reply, Scripted};
use world::{Faults, Proxy, SMALL_MODEL, Tcp};

/// Whatever is to come has come by then.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whatever has not come by then is not on its way.
const QUIET: Duration = Duration::from_millis(300);

const QUESTION: &str = r#"{"model": "smollm2:135m"}"#;

/// A model behind a proxy. It answers `GET /api/version` at a length that it tells, and
/// `POST /api/chat` in chunks.
async fn behind() -> (Scripted<Reply>, Proxy) {
    let engine = scripted::chat(SMALL_MODEL, "It is noon.");
    let proxy = Proxy::to(&engine.url(), 1).await;
    (engine, proxy)
}

async fn connect(proxy: &Proxy) -> TcpStream {
    let user = TcpStream::connect(("127.0.0.1", proxy.port())).await;
    user.expect("it listens")
}

async fn post(user: &mut TcpStream) {
    let length = QUESTION.len();
    let head = format!(
        "POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    user.write_all(head.as_bytes()).await.unwrap();
    user.write_all(QUESTION.as_bytes()).await.unwrap();
}

async fn get(user: &mut TcpStream) {
    let request = "GET /api/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    user.write_all(request.as_bytes()).await.unwrap();
}

/// What comes until the connection ends, and how it ends.
async fn all(user: &mut TcpStream) -> (String, Result<(), ErrorKind>) {
    let mut bytes = Vec::new();
    let read = timeout(PATIENCE, user.read_to_end(&mut bytes)).await;
    let ended = read.expect("it ends").map(|_| ());
    let text = String::from_utf8_lossy(&bytes).into_owned();
    (text, ended.map_err(|error| error.kind()))
}

/// What comes of a fresh request under this fault, and how the connection ends.
async fn through(tcp: Tcp, proxy: &Proxy) -> (String, Result<(), ErrorKind>) {
    proxy.change(|faults| faults.tcp = tcp);
    let mut user = connect(proxy).await;
    get(&mut user).await;
    all(&mut user).await
}

/// Nothing comes to the user for a while.
async fn silent(user: &mut TcpStream) {
    let read = timeout(QUIET, user.read_u8()).await;
    assert!(read.is_err(), "{read:?}");
}

#[tokio::test]
async fn without_a_fault_everything_gets_through_and_is_counted() {
    let (_engine, proxy) = behind().await;
    let (answer, ended) = through(Tcp::Passes, &proxy).await;
    assert!(answer.ends_with(r#"{"version":"0.5.4"}"#), "{answer}");
    assert_eq!(ended, Ok(()));
    let mut user = connect(&proxy).await;
    for _ in 0..2 {
        post(&mut user).await;
        let mut answer = Vec::new();
        while !answer.ends_with(b"0\r\n\r\n") {
            answer.push(user.read_u8().await.unwrap());
        }
    }
    assert_eq!(proxy.asked("GET", "/api/version"), 1);
    assert_eq!(proxy.asked("POST", "/api/chat"), 2);
    assert_eq!(proxy.requests()[2].body, QUESTION.as_bytes());
}

#[tokio::test]
async fn refused_means_refused_by_the_system_and_ends_what_was_open() {
    let (_engine, proxy) = behind().await;
    let mut open = connect(&proxy).await;
    // It is taken once it is answered.
    post(&mut open).await;
    open.readable().await.unwrap();
    proxy.change(|faults| faults.tcp = Tcp::Refuses);
    all(&mut open).await.1.expect("it ends");
    let refused = TcpStream::connect(("127.0.0.1", proxy.port())).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    proxy.heal();
    let answers = async {
        // The port is opened again a moment later.
        loop {
            if let Ok(mut user) = TcpStream::connect(("127.0.0.1", proxy.port())).await {
                get(&mut user).await;
                return all(&mut user).await;
            }
        }
    };
    let (answer, _) = timeout(PATIENCE, answers).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_reset_comes_in_the_middle_of_the_answer() {
    let (_engine, proxy) = behind().await;
    let (answer, ended) = through(Tcp::Resets, &proxy).await;
    assert_eq!(ended, Err(ErrorKind::ConnectionReset), "{answer}");
}

#[tokio::test]
async fn half_an_answer_ends_in_good_order() {
    let (_engine, proxy) = behind().await;
    let (answer, ended) = through(Tcp::Halves, &proxy).await;
    assert!(answer.ends_with(r#"{"version"#), "{answer}");
    assert_eq!(ended, Ok(()));
    let mut user = connect(&proxy).await;
    post(&mut user).await;
    let (answer, ended) = all(&mut user).await;
    assert!(answer.contains("It "), "{answer}");
    assert!(!answer.contains("noon"), "{answer}");
    assert_eq!(ended, Ok(()));
}

#[tokio::test]
async fn failures_and_nonsense_never_reach_the_engine() {
    let (engine, proxy) = behind().await;
    proxy.change(|faults| faults.tcp = Tcp::Fails);
    let mut user = connect(&proxy).await;
    for _ in 0..2 {
        post(&mut user).await;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n{\"error\":\"told to fail\"}") {
            answer.push(user.read_u8().await.unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 500 "));
    }
    proxy.change(|faults| faults.tcp = Tcp::Babbles);
    post(&mut user).await;
    let mut answer = Vec::new();
    user.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer.len(), 300);
    assert!(!answer.starts_with(b"HTTP"));
    assert!(engine.seen().is_empty());
    assert_eq!(proxy.asked("POST", "/api/chat"), 3);
}

#[tokio::test]
async fn an_answer_that_trickles_makes_progress_and_never_arrives() {
    let (_engine, proxy) = behind().await;
    proxy.change(|faults| faults.tcp = Tcp::Trickles);
    let mut user = connect(&proxy).await;
    get(&mut user).await;
    let begun = Instant::now();
    let mut answer = String::new();
    while !answer.ends_with("\r\n\r\n") {
        answer.push(user.read_u8().await.unwrap().into());
    }
    let head = begun.elapsed();
    assert!(head < Duration::from_millis(500), "{head:?}");
    for _ in 0..4 {
        user.read_u8().await.unwrap();
    }
    let four = begun.elapsed() - head;
    assert!(four >= Duration::from_millis(150), "{four:?}");
    proxy.heal();
    let (rest, _) = all(&mut user).await;
    assert!(rest.ends_with(r#""0.5.4"}"#), "{rest}");
}

#[tokio::test]
async fn what_hangs_or_is_late_gets_through_when_it_heals() {
    let (_engine, proxy) = behind().await;
    let late = Faults {
        delay: Duration::from_secs(60),
        ..Faults::default()
    };
    let hung = Faults {
        tcp: Tcp::Hangs,
        ..Faults::default()
    };
    for fault in [late, hung] {
        proxy.change(|faults| *faults = fault);
        let mut user = connect(&proxy).await;
        get(&mut user).await;
        silent(&mut user).await;
        proxy.heal();
        let (answer, _) = all(&mut user).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{fault:?}: {answer}");
    }
}

#[tokio::test]
async fn what_was_asked_during_a_fault_never_reaches_an_engine_that_came_back() {
    let (engine, proxy) = behind().await;
    proxy.hang();
    let mut user = connect(&proxy).await;
    post(&mut user).await;
    silent(&mut user).await;
    assert_eq!(proxy.asked("POST", "/api/chat"), 1);
    proxy.come_back();
    assert_eq!(all(&mut user).await.0, "");
    engine.always(Play::Answer("It is one.".into()));
    let mut user = connect(&proxy).await;
    post(&mut user).await;
    engine.asked(1).await;
    assert_eq!(engine.seen().len(), 1);
}
