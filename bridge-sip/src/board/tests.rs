//! What the board comes to and how it is told, with the time in the test's hands.

use std::time::{Duration, SystemTime};

use service::health::Status;

use super::*;
use crate::line::Count;

const GOOD: Quality = Quality {
    loss: 0.0,
    jitter: Duration::from_millis(3),
    depth: Duration::from_millis(40),
    mos: 4.33,
    strangers: 0,
};

fn open(ports: u32) -> (Board, Instant) {
    let now = Instant::now();
    let board = Board::new(now);
    board.beat(now, line(ports));
    (board, now)
}

fn line(ports: u32) -> Line {
    Line {
        ports,
        ..Line::default()
    }
}

fn later(now: Instant, age: Duration) -> Clock {
    let wall = SystemTime::now() + age;
    Clock {
        now: now + age,
        wall,
    }
}

fn status(board: &Board, clock: Clock) -> (Status, Vec<String>) {
    verdict::verdict(&board.facts(), clock)
}

#[test]
fn a_line_is_unhealthy_until_it_is_open_and_healthy_from_then_on() {
    let board = Board::new(Instant::now());
    assert_eq!(board.answer().status, Status::Unhealthy);
    assert!(Pages::is_live(&board), "it is only young");
    let (board, _) = open(11);
    assert_eq!(board.answer().status, Status::Healthy);
    assert_eq!(board.answer().reasons, Vec::<String>::new());
}

#[test]
fn a_call_is_seen_while_it_goes_on_and_counted_when_it_is_over() {
    let (board, now) = open(11);
    let call = board.call(now);
    call.joined(now);
    call.quality(GOOD);
    let answer = board.answer();
    assert_eq!((answer.calls.now, answer.calls.begun), (1, 1));
    assert_eq!((answer.ports.free, answer.ports.all), (10, 11));
    let talking = &answer.calls.going_on[0];
    assert_eq!((talking.call, talking.joined), (1, true));
    assert_eq!((talking.jitter_ms, talking.mos), (Some(3.0), Some(4.33)));
    call.ended("hung up");
    let answer = board.answer();
    assert_eq!((answer.calls.now, answer.calls.begun), (0, 1));
    assert_eq!(answer.calls.ended["hung up"], 1);
    drop(board.call(now));
    assert_eq!(board.answer().calls.ended["broken"], 1);
}

#[test]
fn a_line_without_a_free_port_can_take_no_call() {
    let (board, now) = open(2);
    let calls = [board.call(now), board.call(now)];
    let (status_now, reasons) = status(&board, later(now, Duration::ZERO));
    assert_eq!(status_now, Status::Unhealthy, "{reasons:?}");
    drop(calls);
    assert_eq!(board.answer().status, Status::Healthy);
}

#[test]
fn mumble_away_is_a_fault_while_it_is_fresh_and_a_doubt_afterwards() {
    let (board, now) = open(11);
    let call = board.call(now);
    call.away(now, "nobody listens there");
    drop(call);
    let second = Duration::from_secs(1);
    assert_eq!(status(&board, later(now, second)).0, Status::Unhealthy);
    board.beat(now + 90 * second, line(11));
    let (status_now, reasons) = status(&board, later(now, 90 * second));
    assert_eq!(status_now, Status::Degraded);
    assert_eq!(
        reasons,
        ["the last call could not be in Mumble: nobody listens there"]
    );
    board.call(now).joined(now);
    assert_eq!(status(&board, later(now, 90 * second)).0, Status::Healthy);
}

#[test]
fn a_pbx_that_does_not_know_the_line_is_named() {
    let (board, now) = open(11);
    assert_eq!(board.answer().registration, None);
    board.registration(now, Registration::Away("wrong password".to_owned()));
    let answer = board.answer();
    assert_eq!(answer.status, Status::Degraded);
    assert_eq!(
        answer.reasons,
        ["not registered at SIP_DOMAIN: wrong password"]
    );
    board.registration(now, Registration::Registered);
    assert_eq!(board.answer().status, Status::Healthy);
}

#[test]
fn a_loop_that_does_not_go_round_is_stuck() {
    let (board, now) = open(11);
    let (status, reasons) = status(&board, later(now, Duration::from_secs(61)));
    assert_eq!(status, Status::Unhealthy);
    assert!(reasons[0].contains("stuck for 61 s"), "{reasons:?}");
}

/// A page on which everything stands that can stand there.
fn full_page() -> String {
    let (board, now) = open(11);
    let call = board.call(now);
    call.joined(now);
    call.quality(GOOD);
    board.call(now).ended("hung up");
    board.registration(now, Registration::Registered);
    let line = Line {
        turned_away: TurnedAway {
            scanners: 7,
            ..TurnedAway::default()
        },
        refused: BTreeMap::from([(488, 2)]),
        dialogs: 3,
        transactions: 5,
        lines: Count { all: 4, parked: 1 },
        ports: 11,
    };
    board.beat(now, line);
    Pages::metrics(&board)
}

#[test]
fn the_numbers_say_what_the_board_says() {
    let page = full_page();
    for line in [
        "mumble_ai_phone_status{status=\"healthy\"} 1",
        "mumble_ai_phone_calls 1",
        "mumble_ai_phone_calls_taken_total 2",
        "mumble_ai_phone_calls_ended_total{how=\"hung up\"} 1",
        "mumble_ai_phone_calls_ended_total{how=\"no sound\"} 0",
        "mumble_ai_phone_calls_refused_total{status=\"488\",why=\"no common codec\"} 2",
        "mumble_ai_phone_call_mos{call=\"1\"} 4.33",
        "mumble_ai_phone_call_jitter_seconds{call=\"1\"} 0.003",
        "mumble_ai_phone_ports_free 10",
        "mumble_ai_phone_dialogs 3",
        "mumble_ai_phone_transactions 5",
        "mumble_ai_phone_lines{state=\"waiting\"} 1",
        "mumble_ai_phone_lines{state=\"used\"} 3",
        "mumble_ai_phone_messages_turned_away_total{why=\"scanner\"} 7",
        "mumble_ai_phone_mumble_joined 1",
        "mumble_ai_phone_registered 1",
    ] {
        assert!(page.lines().any(|one| one == line), "{line} in:\n{page}");
    }
    assert!(page.ends_with("# EOF\n"));
}

const ALERTS: &str = include_str!("../../../config/alerts-phone.yml");
const DASHBOARD: &str = include_str!("../../../config/grafana-dashboard-phone.json");

/// The names of metrics in a text.
fn named(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("mumble_ai_"))
        .collect()
}

#[test]
fn alerts_and_dashboard_name_what_there_is() {
    let page = full_page();
    let there = named(&page);
    for text in [ALERTS, DASHBOARD] {
        let wanted = named(text);
        assert!(wanted.len() > 3, "{wanted:?}");
        for name in wanted {
            assert!(there.contains(&name), "{name}");
        }
    }
}
