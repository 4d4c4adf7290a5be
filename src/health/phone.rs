//! What the phone line says of its health, as lines to read.

use std::collections::BTreeMap;

use bridge_sip::board::{Answer, Link, Talking};

use super::age;

pub(super) fn table(answer: &Answer) -> Vec<String> {
    let Answer { calls, ports, .. } = answer;
    let mut lines = vec![answer.status.word().to_owned()];
    lines.extend(answer.reasons.iter().map(|reason| format!("  {reason}")));
    lines.push(String::new());
    lines.push(link(
        "mumble",
        answer.mumble.as_ref(),
        "no call yet",
        answer.timestamp,
    ));
    let registration = answer.registration.as_ref();
    lines.push(link(
        "pbx",
        registration,
        "not configured",
        answer.timestamp,
    ));
    lines.push(format!(
        "{:10}{} free of {}",
        "ports", ports.free, ports.all
    ));
    lines.push(format!(
        "{:10}{} now, {} in all",
        "calls", calls.now, calls.begun
    ));
    lines.extend(calls.going_on.iter().map(talking));
    for (name, counts) in [
        ("ended", &calls.ended),
        ("refused", &calls.refused),
        ("away", &answer.turned_away),
    ] {
        lines.extend(counted(name, counts));
    }
    lines
}

fn link(name: &str, link: Option<&Link>, none: &str, now: f64) -> String {
    let Some(Link { up, since, error }) = link else {
        return format!("{name:10}{none}");
    };
    let word = if *up { "up" } else { "away" };
    let error = error.as_deref().unwrap_or_default();
    let row = format!("{name:10}{word:6}for {:8}{error}", age(now - since));
    row.trim_end().to_owned()
}

fn talking(call: &Talking) -> String {
    let place = if call.joined { "" } else { ", not in Mumble" };
    let line = match (call.loss, call.jitter_ms, call.mos) {
        (Some(loss), Some(jitter), Some(mos)) => {
            let percent = loss * 100.0;
            format!(", {percent:.1} % lost, jitter {jitter:.0} ms, sounds like {mos:.1} of 4.5")
        }
        _ => String::new(),
    };
    let age = age(call.seconds as f64);
    format!("{:10}call {} for {age}{line}{place}", "", call.call)
}

/// One line for what has happened at all.
fn counted(name: &str, counts: &BTreeMap<String, u64>) -> Option<String> {
    let happened = counts.iter().filter(|(_, count)| **count > 0);
    let words: Vec<_> = happened
        .map(|(what, count)| format!("{what} {count}"))
        .collect();
    (!words.is_empty()).then(|| format!("{name:10}{}", words.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_tells_each_call_without_a_name() {
        let answer = serde_json::json!({
            "status": "degraded", "reasons": ["not registered at SIP_DOMAIN: no answer"],
            "registration": { "up": false, "since": 1000.0, "error": "no answer" },
            "mumble": { "up": true, "since": 1090.0, "error": null },
            "calls": {
                "begun": 3, "now": 1, "ended": { "hung up": 2, "expired": 0 }, "refused": {},
                "going_on": [{
                    "call": 3, "seconds": 10, "joined": true, "loss": 0.012, "jitter_ms": 4.2,
                    "depth_ms": 40.0, "mos": 4.2
                }]
            },
            "ports": { "free": 10, "all": 11 }, "lines": { "waiting": 0, "all": 1 },
            "dialogs": 1, "transactions": 2,
            "turned_away": { "scanner": 7 }, "timestamp": 1100.0
        });
        let lines = table(&serde_json::from_value(answer).unwrap());
        let expected = [
            "degraded",
            "  not registered at SIP_DOMAIN: no answer",
            "",
            "mumble    up    for 10 s",
            "pbx       away  for 100 s   no answer",
            "ports     10 free of 11",
            "calls     1 now, 3 in all",
            "          call 3 for 10 s, 1.2 % lost, jitter 4 ms, sounds like 4.2 of 4.5",
            "ended     hung up 2",
            "away      scanner 7",
        ];
        assert_eq!(lines, expected);
    }
}
