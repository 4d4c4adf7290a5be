//! What the board comes to and how it is told, with the time in the test's hands.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, UNIX_EPOCH};

use proptest::prelude::*;
use resilience::{Dependency, Limits, Settings, Snapshot, State};
use serde_json::{Value, json};

use super::board::{Service, View};
use super::clock::Clock;
use super::log::Log;
use super::metrics::Metrics;
use super::*;

/// When the process of these tests began, in seconds since 1970.
const BEGAN: u64 = 1_000_000;

const ALERTS: &str = include_str!("../../../../config/alerts.yml");
const DASHBOARD: &str = include_str!("../../../../config/grafana-dashboard.json");

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

/// What an index says of vectors that another model made.
const WRONG_SHAPE: &str =
    "it holds vectors of 384 numbers, not 768: run `mumble-ai memory reindex`";

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
fn all_that_is_configured_is_well_or_it_is_not_healthy() {
    let well = || vec![server("http://a")];
    let ill = || vec![away("http://a")];
    assert_eq!(status(vec![]), Status::Healthy);
    assert_eq!(
        status(vec![("whisper", well()), ("ollama", well())]),
        Status::Healthy
    );
    for service in [
        "whisper",
        "piper",
        "database",
        "sqlite",
        "redis",
        "cache",
        "chromadb",
        "vectors",
        "embedding",
        "reader",
    ] {
        for sick in [away("http://a"), unfit("http://a", WRONG_SHAPE)] {
            let services = vec![("ollama", well()), (service, vec![sick])];
            assert_eq!(status(services), Status::Degraded, "{service}");
        }
    }
    assert_eq!(status(vec![("ollama", ill())]), Status::Unhealthy);
    assert_eq!(
        status(vec![("ollama", vec![unfit("http://a", WRONG_SHAPE)])]),
        Status::Unhealthy
    );
    assert_eq!(
        status(vec![("ollama", ill()), ("piper", ill())]),
        Status::Unhealthy
    );
}

#[test]
fn a_spare_that_is_well_keeps_its_service_well() {
    let both = vec![away("http://a"), server("http://b")];
    assert_eq!(status(vec![("ollama", both)]), Status::Healthy);
}

#[test]
fn a_server_that_cannot_be_reached_is_away_before_its_breaker_opens() {
    let missing = Snapshot {
        reachable: Some(false),
        ..server("http://a")
    };
    assert_eq!(status(vec![("piper", vec![missing])]), Status::Degraded);
}

#[test]
fn what_cannot_be_used_says_what_to_do_until_it_can_and_a_spare_takes_its_place() {
    let began = Instant::now();
    let index = |servers: Vec<Snapshot>| view(began, vec![("chromadb", servers)]);
    let alone = answer(&index(vec![unfit("http://a", WRONG_SHAPE)]), Duration::ZERO);
    let expected = format!("chromadb cannot be used: {WRONG_SHAPE}");
    assert_eq!(alone.reasons, [expected]);
    assert_eq!(alone.services["chromadb"], Some(false));
    // Nobody left it alone: it is no fault that trying again could mend.
    assert_eq!(alone.dependencies["chromadb"].state, "closed");
    assert!(!alone.dependencies["chromadb"].instances[0].up);
    let both = vec![unfit("http://a", WRONG_SHAPE), server("http://b")];
    assert_eq!(answer(&index(both), Duration::ZERO).status, Status::Healthy);
    // One that has gone since is away, whatever it said before.
    let gone = Snapshot {
        reachable: Some(false),
        last_error: Some((began, "connection refused".to_owned())),
        ..unfit("http://a", WRONG_SHAPE)
    };
    let gone = answer(&index(vec![gone]), Duration::ZERO);
    assert_eq!(gone.reasons, ["chromadb is away: connection refused"]);
    let mended = Snapshot {
        unfit: false,
        ..unfit("http://a", WRONG_SHAPE)
    };
    let mended = answer(&index(vec![mended]), Duration::ZERO);
    assert_eq!((mended.status, mended.reasons.len()), (Status::Healthy, 0));
}

#[test]
fn a_missing_model_for_vectors_says_what_to_do_and_people_are_answered() {
    let why = "the model server at http://a has no model `all-minilm`; \
               `ollama pull all-minilm` fetches it";
    let missing = Snapshot {
        reachable: Some(false),
        last_error: Some((Instant::now(), why.to_owned())),
        ..server("http://a")
    };
    let services = vec![
        ("ollama", vec![server("http://a")]),
        ("embedding", vec![missing]),
    ];
    let answer = answer(&view(Instant::now(), services), Duration::ZERO);
    assert_eq!(answer.status, Status::Degraded);
    assert_eq!(answer.reasons, [format!("embedding is away: {why}")]);
}

#[test]
fn memory_that_loses_what_is_said_is_told_and_what_only_waits_is_not() {
    let memory = |memory: Memory| {
        let view = View {
            memory: Some(memory),
            ..view(Instant::now(), vec![])
        };
        answer(&view, Duration::ZERO)
    };
    let waiting = memory(Memory {
        waiting: 900,
        late: 3,
        ..Memory::default()
    });
    assert_eq!(
        (waiting.status, waiting.reasons.len()),
        (Status::Healthy, 0)
    );
    let full = memory(Memory {
        journal: Some("no space left on the device".to_owned()),
        lost: 2,
        ..Memory::default()
    });
    assert_eq!(full.status, Status::Degraded);
    assert_eq!(
        full.reasons,
        [
            "turns cannot be kept on this disk: no space left on the device",
            "2 turns were not remembered"
        ]
    );
}

#[test]
fn nobody_is_answered_by_who_is_not_in_mumble_or_is_stuck() {
    let began = Instant::now();
    let mut view = view(began, vec![]);
    assert_eq!(answer(&view, STUCK_AFTER).status, Status::Healthy);
    let stuck = answer(&view, STUCK_AFTER + Duration::from_secs(1));
    assert_eq!(stuck.status, Status::Unhealthy);
    assert_eq!(
        stuck.reasons,
        ["the assistant has been stuck for 61 s; it needs a restart"]
    );
    view.presence = Presence::Away {
        since: began,
        why: "the server is full".to_owned(),
        failures: 3,
    };
    let alone = answer(&view, Duration::ZERO);
    assert_eq!(alone.status, Status::Unhealthy);
    assert_eq!(alone.reasons, ["not in Mumble: the server is full"]);
    assert_eq!(alone.services["mumble"], Some(false));
}

#[test]
fn the_answer_has_the_shape_that_scripts_know() {
    let began = Instant::now();
    let second = |n| began + Duration::from_secs(n);
    let first = Snapshot {
        state: State::Open,
        since: second(20),
        last_error: Some((second(21), "no answer within 4 s".to_owned())),
        last_success: Some(second(10)),
        trips: 2,
        calls: 9,
        failures: 6,
        refused: 1,
        ..server("http://ann:hush@stt:5000")
    };
    let spare = Snapshot {
        since: second(0),
        last_success: Some(second(29)),
        latency: Some(resilience::health::Latency {
            p50: Duration::from_micros(412_500),
            p95: Duration::from_millis(900),
        }),
        calls: 4,
        ..server("http://spare:5000")
    };
    let view = view(began, vec![("whisper", vec![first, spare])]);
    let answer = serde_json::to_value(answer(&view, Duration::from_millis(30_500))).unwrap();
    let one = |state: &str, since: f64| {
        json!({
            "state": state, "since": since, "last_error": null, "last_success": null,
            "latency_ms": null, "trips": 0, "calls": 0, "failures": 0, "refused": 0
        })
    };
    let with = |mut whole: Value, parts: Value| {
        let parts = parts.as_object().cloned().unwrap();
        whole.as_object_mut().unwrap().extend(parts);
        whole
    };
    let error = json!({ "at": 1_000_021.0, "text": "no answer within 4 s" });
    let latency = json!({ "p50": 412.5, "p95": 900.0 });
    let first = with(
        one("open", 1_000_020.0),
        json!({
            "address": "http://***@stt:5000", "up": false, "last_error": error,
            "last_success": 1_000_010.0, "trips": 2, "calls": 9, "failures": 6, "refused": 1
        }),
    );
    let spare = with(
        one("closed", 1_000_000.0),
        json!({
            "address": "http://spare:5000", "up": true, "last_success": 1_000_029.0,
            "latency_ms": latency, "calls": 4
        }),
    );
    let both = with(
        one("closed", 1_000_000.0),
        json!({
            "last_error": error, "last_success": 1_000_029.0, "latency_ms": latency, "trips": 2,
            "calls": 13, "failures": 6, "refused": 1, "instances": [first, spare]
        }),
    );
    let mumble = with(
        one("closed", 1_000_000.0),
        json!({ "last_success": 1_000_030.5 }),
    );
    let expected = json!({
        "status": "healthy",
        "reasons": [],
        "services": {
            "whisper": true, "piper": null, "ollama": null, "database": null, "redis": null,
            "chromadb": null, "mumble": true
        },
        "dependencies": { "whisper": both, "mumble": mumble },
        "memory": null,
        "timestamp": 1_000_030.5
    });
    assert_eq!(answer, expected);
}

#[test]
fn what_is_answered_can_be_read_again() {
    let answer = answer(
        &view(Instant::now(), vec![("piper", vec![away("a")])]),
        Duration::ZERO,
    );
    let text = serde_json::to_string(&answer).unwrap();
    assert_eq!(serde_json::from_str::<Answer>(&text).unwrap(), answer);
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
fn full_page() -> String {
    let began = Instant::now();
    let metrics = Metrics::default();
    for outcome in Outcome::ALL {
        metrics.count(&turn(began, outcome));
    }
    let busy = Snapshot {
        latency: Some(resilience::health::Latency {
            p50: Duration::from_millis(250),
            p95: Duration::from_millis(500),
        }),
        ..server("http://ann:hush@a")
    };
    let mut view = view(began, vec![("ollama", vec![busy, away("http://b\"\n\\")])]);
    view.line = Line {
        udp: true,
        ping: Some(Duration::from_millis(3)),
        good: 1000,
        late: 2,
        lost: 10,
        dropped: 0,
    };
    view.memory = Some(Memory {
        recalls: 40,
        late: 4,
        without_meaning: 3,
        without_words: 1,
        entries: 90,
        waiting: 7,
        lost: 2,
        journal: Some("no space left on the device".to_owned()),
        ..Memory::default()
    });
    metrics.page(view, clock(began, Duration::from_millis(1500)))
}

#[test]
fn the_numbers_say_what_the_board_says() {
    let page = full_page();
    for line in [
        "mumble_ai_uptime_seconds 1.5",
        "mumble_ai_start_time_seconds 1000000.0",
        "mumble_ai_status{status=\"degraded\"} 1",
        "mumble_ai_status{status=\"unhealthy\"} 0",
        "mumble_ai_turns_total{outcome=\"answered\"} 1",
        "mumble_ai_turns_with_reason_total{reason=\"no words in it\"} 1",
        "mumble_ai_turn_stage_seconds_bucket{le=\"1.0\",stage=\"total\"} 1",
        "mumble_ai_turn_stage_seconds_bucket{le=\"0.7\",stage=\"total\"} 0",
        "mumble_ai_mumble_joined 1",
        "mumble_ai_mumble_packets_total{fate=\"lost\"} 10",
        "mumble_ai_memory_recalls_total 40",
        "mumble_ai_memory_late_recalls_total 4",
        "mumble_ai_memory_recalls_without_total{part=\"meaning\"} 3",
        "mumble_ai_memory_recalls_without_total{part=\"session\"} 0",
        "mumble_ai_memory_recalled_entries_total 90",
        "mumble_ai_memory_waiting 7",
        "mumble_ai_memory_lost_turns_total 2",
        "mumble_ai_memory_journal_stuck 1",
        "mumble_ai_dependency_up{service=\"ollama\",server=\"http://***@a\"} 1",
        "mumble_ai_dependency_state{service=\"ollama\",server=\"http://***@a\",state=\"closed\"} 1",
        "mumble_ai_dependency_latency_seconds{service=\"ollama\",server=\"http://***@a\",quantile=\"0.95\"} 0.5",
        "mumble_ai_dependency_state{service=\"ollama\",server=\"http://b\\\"\\n\\\\\",state=\"open\"} 1",
    ] {
        assert!(
            page.lines().any(|it| it == line),
            "{line} is not in\n{page}"
        );
    }
    assert!(page.ends_with("# EOF\n"), "{page}");
    assert!(!page.contains("hush"), "{page}");
}

/// The names of metrics in a text.
fn named(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("mumble_ai_"))
        .collect()
}

#[test]
fn alerts_and_dashboard_name_what_there_is() {
    let page = full_page();
    let values = page.lines().filter(|line| !line.starts_with('#'));
    let there: BTreeSet<&str> = values.flat_map(|line| named(line)).collect();
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    for (file, text) in [("alerts", ALERTS), ("dashboard", &dashboard.to_string())] {
        let wanted = named(text);
        assert!(wanted.len() > 5, "{file} names {wanted:?}");
        let missing: Vec<_> = wanted.difference(&there).collect();
        assert!(missing.is_empty(), "{file} names {missing:?}");
    }
}

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

fn a_state() -> impl Strategy<Value = State> {
    prop_oneof![
        Just(State::Closed),
        Just(State::HalfOpen),
        Just(State::Open)
    ]
}

proptest! {
    #[test]
    fn the_status_is_never_better_than_its_services(
        states in proptest::collection::vec((0..6_usize, a_state()), 0..12),
        joined in any::<bool>(),
    ) {
        let names = ["whisper", "ollama", "piper", "database", "redis", "chromadb"];
        let services = names.iter().enumerate().map(|(n, name)| {
            let of = |(of, state): &(usize, State)| (*of == n).then_some(Snapshot {
                state: *state,
                ..server(name)
            });
            (*name, states.iter().filter_map(of).collect::<Vec<_>>())
        });
        let services = services.filter(|(_, servers)| !servers.is_empty()).collect();
        let mut view = view(Instant::now(), services);
        if !joined {
            let since = view.started;
            view.presence = Presence::Away { since, why: String::new(), failures: 1 };
        }
        let answer = answer(&view, Duration::ZERO);
        let all_well = answer.services.values().all(|up| *up != Some(false));
        prop_assert_eq!(answer.status == Status::Healthy, all_well);
        let helpless = !joined || answer.services["ollama"] == Some(false);
        prop_assert_eq!(answer.status == Status::Unhealthy, helpless);
        prop_assert_eq!(answer.reasons.is_empty(), all_well);
    }
}
