//! The same in numbers, for Prometheus.

use std::fmt;

use service::health::numbers::{Numbers, Page, Unit};
use service::health::{Clock, Status};

use super::answer::{reasons_away, why};
use super::verdict::{free_ports, verdict};
use super::{Facts, Mumble, Now, Registration};
use crate::sound::Quality;

/// How calls end, so that what has not happened yet is 0 and not unknown.
const ENDINGS: [&str; 10] = [
    "cancelled",
    "hung up",
    "ended here",
    "never acknowledged",
    "no channel",
    "no sound",
    "expired",
    "too long",
    "broken",
    "shutdown",
];

/// The board at one moment.
#[derive(Debug)]
pub(super) struct Moment {
    facts: Facts,
    clock: Clock,
}

impl Moment {
    pub(super) fn new(facts: Facts, clock: Clock) -> Self {
        Self { facts, clock }
    }
}

impl Numbers for Moment {
    fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        self.process(page)?;
        self.calls(page)?;
        self.qualities(page)?;
        self.servers(page)
    }
}

impl Moment {
    fn process(&self, page: &mut Page<'_>) -> fmt::Result {
        let Self { facts, clock } = self;
        let seconds = Some(&Unit::Seconds);
        let up = clock.age(facts.started).as_secs_f64();
        page.gauge("uptime", "How long the phone line has run", seconds, up)?;
        if let Some(beat) = facts.beat {
            let help = "Since the loop that takes calls went round last";
            page.gauge(
                "heartbeat_age",
                help,
                seconds,
                clock.age(beat).as_secs_f64(),
            )?;
        }
        let (status, _) = verdict(facts, *clock);
        let is = Status::ALL.map(|each| ([("status", each.word())], i64::from(each == status)));
        page.gauges("status", "1 for what it all comes to", None, is)
    }

    fn calls(&self, page: &mut Page<'_>) -> fmt::Result {
        let facts = &self.facts;
        let count = facts.calls.len() as i64;
        page.gauge("calls", "Calls that go on", None, count)?;
        page.counter("calls_taken", "Calls that were taken", facts.begun)?;
        let known = ENDINGS.iter().copied();
        let others = facts.ended.keys().copied();
        let mut ways: Vec<_> = known.chain(others).collect();
        ways.sort_unstable();
        ways.dedup();
        let ended = ways.into_iter().map(|how| {
            let count = facts.ended.get(how).copied().unwrap_or_default();
            ([("how", how)], count)
        });
        page.counters(
            "calls_ended",
            "Calls that are over, by how they ended",
            ended,
        )?;
        let refused = facts.line.refused.iter().map(|(&status, &count)| {
            let labels = [
                ("status", status.to_string()),
                ("why", why(status).to_owned()),
            ];
            (labels, count)
        });
        page.counters(
            "calls_refused",
            "Calls that were not taken, by why",
            refused,
        )?;
        let free = i64::from(free_ports(facts));
        page.gauge("ports_free", "Ports for sound that no call has", None, free)?;
        let dialogs = facts.line.dialogs as i64;
        page.gauge("dialogs", "Dialogs that the SIP stack holds", None, dialogs)?;
        let transactions = facts.line.transactions as i64;
        let help = "Requests whose answers the SIP stack still has at hand";
        page.gauge("transactions", help, None, transactions)?;
        let lines = facts.line.lines;
        let help = "Connections to the Mumble server, by whether a call has them";
        let lines = [
            ([("state", "waiting")], lines.parked as i64),
            (
                [("state", "used")],
                lines.all.saturating_sub(lines.parked) as i64,
            ),
        ];
        page.gauges("lines", help, None, lines)?;
        let away = reasons_away(facts.line.turned_away);
        let away = away.map(|(why, count)| ([("why", why)], count));
        page.counters(
            "messages_turned_away",
            "Messages that were not let in",
            away,
        )
    }

    fn qualities(&self, page: &mut Page<'_>) -> fmt::Result {
        let of = |value: fn(Quality) -> f64| {
            self.facts.calls.iter().filter_map(move |(number, call)| {
                let Now { quality, .. } = call;
                Some(([("call", number.to_string())], value((*quality)?)))
            })
        };
        let help = "The share of a call's packets that was lost on the way here";
        page.gauges("call_loss_ratio", help, None, of(|is| is.loss))?;
        let seconds = Some(&Unit::Seconds);
        let help = "How much the time between a call's packets varies";
        page.gauges(
            "call_jitter",
            help,
            seconds,
            of(|is| is.jitter.as_secs_f64()),
        )?;
        let help = "How long a call's sound waits to be played in order";
        page.gauges("call_depth", help, seconds, of(|is| is.depth.as_secs_f64()))?;
        let help = "What people would say of a call, 1 (bad) to 4.5; an estimate";
        page.gauges("call_mos", help, None, of(|is| is.mos))
    }

    fn servers(&self, page: &mut Page<'_>) -> fmt::Result {
        if let Some(mumble) = self.facts.mumble {
            let joined = i64::from(matches!(mumble, Mumble::Joined { .. }));
            let help = "1 when the last call could be in Mumble";
            page.gauge("mumble_joined", help, None, joined)?;
        }
        if let Some((registration, _)) = &self.facts.registration {
            let up = i64::from(*registration == Registration::Registered);
            page.gauge("registered", "1 while the PBX sends calls here", None, up)?;
        }
        Ok(())
    }
}
