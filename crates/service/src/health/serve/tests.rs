//! The pages as visitors meet them, well-behaved and otherwise.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use super::*;
use crate::health::{Board, Presence};

/// Far more than an answer takes.
const PATIENCE: Duration = Duration::from_secs(10);

fn served() -> (Board, Server) {
    let board = Board::new(Instant::now());
    let server = Server::start(board.clone(), ([127, 0, 0, 1], 0).into()).unwrap();
    (board, server)
}

fn visitor(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Status code and whole answer.
fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let code = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (code, answer)
}

fn ask(server: &Server, method: &str, path: &str) -> (u16, String) {
    let mut stream = visitor(server);
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
    answer(stream)
}

fn get(server: &Server, path: &str) -> u16 {
    ask(server, "GET", path).0
}

#[test]
fn health_and_readiness_are_told_by_the_code_as_well() {
    let (board, server) = served();
    assert_eq!(get(&server, "/health"), 503);
    assert_eq!(get(&server, "/ready"), 503);
    let since = Instant::now();
    board.presence(Presence::Joined { since });
    assert_eq!(get(&server, "/health"), 200);
    assert_eq!(get(&server, "/ready"), 200);
}

#[test]
fn a_pipeline_that_does_not_go_round_is_not_live() {
    let Some(long_ago) = Instant::now().checked_sub(Duration::from_secs(61)) else {
        panic!("this machine has run for more than a minute");
    };
    let (board, server) = served();
    assert_eq!(get(&server, "/live"), 200);
    board.beat(long_ago);
    assert_eq!(get(&server, "/live"), 503);
    assert_eq!(get(&server, "/ready"), 503);
    board.beat(Instant::now());
    assert_eq!(get(&server, "/live"), 200);
}

#[test]
fn another_path_is_told_what_there_is_and_another_method_what_is_allowed() {
    let (_, server) = served();
    let (code, answer) = ask(&server, "GET", "/");
    assert_eq!(code, 404);
    for path in PATHS {
        assert!(answer.contains(path), "{answer}");
        for method in ["POST", "PUT", "DELETE"] {
            let (code, answer) = ask(&server, method, path);
            assert_eq!(code, 405, "{method} {path}");
            assert!(answer.contains("allow: GET,HEAD"), "{answer}");
        }
    }
}

#[test]
fn visitors_who_say_nothing_keep_nobody_out() {
    let (_, server) = served();
    let silent: Vec<_> = (0..2 * MOST_CONNECTIONS)
        .map(|_| {
            let mut stream = visitor(&server);
            stream.write_all(b"GET /hea").unwrap();
            stream
        })
        .collect();
    assert_eq!(get(&server, "/live"), 200);
    // The oldest were sent away to make room.
    let mut first = &silent[0];
    assert_eq!(first.read(&mut [0]).unwrap_or_default(), 0);
}

#[test]
fn nonsense_and_endless_heads_end_the_connection_only() {
    let (_, server) = served();
    for nonsense in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        vec![b'x'; 4 * LONGEST_HEAD],
        b"GET /health HTTP/1.1\r\n".repeat(2000),
        b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n".to_vec(),
    ] {
        let mut stream = visitor(&server);
        // It may be sent away before all is said.
        stream.write_all(&nonsense).ok();
        stream.read_to_end(&mut Vec::new()).ok();
        assert_eq!(get(&server, "/live"), 200);
    }
}

#[test]
fn the_pages_end_with_their_server() {
    let (_, server) = served();
    let address = server.address();
    drop(server);
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "somebody still listens");
        std::thread::yield_now();
    }
}

#[test]
fn a_taken_port_is_not_a_wrong_setting_but_a_strange_address_is() {
    let (board, server) = served();
    let taken = Server::start(board.clone(), server.address()).unwrap_err();
    let port = server.address().port();
    assert_eq!(
        taken.to_string(),
        format!(
            "HEALTH_PORT {port} is taken at HEALTH_BIND 127.0.0.1, perhaps by another assistant; \
             set HEALTH_PORT to a free port"
        )
    );
    assert!(!taken.is_wrong_setting());
    // An address for examples in books: nobody has it.
    let strange = Server::start(board, ([192, 0, 2, 1], 8080).into()).unwrap_err();
    assert!(strange.is_wrong_setting(), "{strange}");
    assert!(strange.to_string().starts_with("HEALTH_BIND 192.0.2.1 "));
}

/// A role that has no turns.
struct Lamp;

impl Pages for Lamp {
    fn health(&self) -> Told {
        Told::new(Status::Degraded, vec!["it flickers".to_owned()], &["dim"])
    }

    fn is_live(&self) -> bool {
        true
    }

    fn metrics(&self) -> String {
        "# EOF\n".to_owned()
    }
}

#[test]
fn a_role_without_turns_is_shown_as_any_other_and_has_no_page_of_them() {
    let server = Server::start_by("LAMP_PORT", Lamp, ([127, 0, 0, 1], 0).into()).unwrap();
    let (code, answer) = ask(&server, "GET", "/health");
    assert_eq!(code, 200);
    assert!(answer.ends_with("[\"dim\"]"), "{answer}");
    assert_eq!(get(&server, "/metrics"), 200);
    let (code, answer) = ask(&server, "GET", "/turns");
    assert_eq!(code, 404);
    assert!(
        answer.ends_with("/health /live /ready /metrics\n"),
        "{answer}"
    );
    let taken = Server::start_by("LAMP_PORT", Lamp, server.address()).unwrap_err();
    assert!(taken.to_string().starts_with("LAMP_PORT "), "{taken}");
}
