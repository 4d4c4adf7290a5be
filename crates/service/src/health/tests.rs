//! What the board comes to and how it is told, with the time in the test's hands.

use std::time::{Duration, Instant, UNIX_EPOCH};

use resilience::{Dependency, Limits, Settings, Snapshot, State};
use serde_json::{Value, json};

use super::board::{Service, View};
use super::clock::Clock;
use super::log::Log;
use super::metrics::Metrics;
use super::*;

mod numbers;
mod status;
mod told;

/// When the process of these tests began, in seconds since 1970.
const BEGAN: u64 = 1_000_000;

fn clock(began: Instant, age: Duration) -> Clock {
    Clock {
        now: began + age,
        wall: UNIX_EPOCH + Duration::from_secs(BEGAN) + age,
    }
}

/// A server as it is when nobody has asked it yet.
fn server(name: &str) -> Snapshot {
    let server = Dependency::new(name, Settings::default(), Limits::default());
    server.snapshot(Instant::now())
}

fn away(name: &str) -> Snapshot {
    Snapshot {
        state: State::Open,
        ..server(name)
    }
}

/// A server that answers, and cannot be used as it is set up.
fn unfit(name: &str, why: &str) -> Snapshot {
    let server = server(name);
    Snapshot {
        unfit: true,
        reachable: Some(true),
        last_error: Some((server.at, why.to_owned())),
        ..server
    }
}

/// An assistant in Mumble with these services.
fn view(began: Instant, services: Vec<(&'static str, Vec<Snapshot>)>) -> View {
    let services = services.into_iter();
    View {
        started: began,
        presence: Presence::Joined { since: began },
        line: Line::default(),
        speakers: 0,
        beat: began,
        begun: 0,
        memory: None,
        services: services
            .map(|(name, instances)| Service { name, instances })
            .collect(),
    }
}

fn answer(view: &View, age: Duration) -> Answer {
    Answer::new(view, clock(view.started, age))
}

fn status(services: Vec<(&'static str, Vec<Snapshot>)>) -> Status {
    answer(&view(Instant::now(), services), Duration::ZERO).status
}

fn turn(ended: Instant, outcome: Outcome) -> Turn {
    let ms = Duration::from_millis;
    Turn {
        speaker: 7,
        ended,
        outcome,
        reason: (outcome == Outcome::Silent).then_some("no words in it"),
        stages: (outcome == Outcome::Answered).then_some(Stages {
            pause: ms(0),
            recognise: ms(400),
            first_token: ms(100),
            first_sentence: ms(300),
            synthesise: ms(150),
            own: ms(2),
            total: ms(852),
        }),
    }
}

#[test]
fn the_last_hundred_turns_are_kept_and_all_are_counted() {
    let began = Instant::now();
    let mut log = Log::default();
    for n in 0..250 {
        log.add(turn(began + Duration::from_secs(n), Outcome::Silent));
    }
    let page = log.page(251, clock(began, Duration::from_secs(250)));
    let page = serde_json::to_value(page).unwrap();
    assert_eq!((&page["begun"], &page["ended"]), (&json!(251), &json!(250)));
    let turns = page["turns"].as_array().unwrap();
    assert_eq!(turns.len(), TURNS_KEPT);
    let newest = json!({
        "id": 250, "when": 1_000_249.0, "speaker": 7, "outcome": "silent",
        "reason": "no words in it", "stages_ms": null
    });
    assert_eq!(turns[0], newest);
    assert_eq!(turns[99]["id"], 151);
}

/// The page of a board on which everything has been written.

#[test]
fn boards_of_one_process_do_not_count_for_each_other() {
    let boards = [Board::new(Instant::now()), Board::new(Instant::now())];
    boards[0].turn_began();
    boards[0].turn_ended(turn(Instant::now(), Outcome::Answered));
    let answered = "mumble_ai_turns_total{outcome=\"answered\"} 1\n";
    let counts = boards
        .each_ref()
        .map(|board| board.metrics().contains(answered));
    assert_eq!(counts, [true, false]);
}

#[test]
fn a_service_that_is_watched_anew_or_no_more_shows_it() {
    let board = Board::new(Instant::now());
    let up = |board: &Board| board.health().services["redis"];
    assert_eq!(up(&board), None);
    for _ in 0..2 {
        let server = Dependency::new("cache", Settings::default(), Limits::default());
        board.watch("redis", vec![server]);
        assert_eq!(up(&board), Some(true));
        let answer = board.health();
        assert_eq!(answer.dependencies["redis"].instances.len(), 1);
    }
    board.watch("redis", vec![]);
    assert_eq!(up(&board), None);
}
