//! The answer as scripts read it.

use super::*;

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
