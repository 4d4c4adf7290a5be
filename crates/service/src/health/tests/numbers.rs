//! The page of numbers, and what alerts and the dashboard make of it.

use std::collections::BTreeSet;

use super::*;

const ALERTS: &str = include_str!("../../../../../config/alerts.yml");
const DASHBOARD: &str = include_str!("../../../../../config/grafana-dashboard.json");

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
