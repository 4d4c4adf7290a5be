//! What is at the moment of the answer, as gauges and counters.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;
use resilience::{Snapshot, State};

use crate::health::board::View;
use crate::health::clock::Clock;
use crate::health::numbers::Page;
use crate::health::presence::Presence;
use crate::health::verdict::{Status, verdict};
use crate::settings::without_password;

/// The states of a breaker.
const STATES: [State; 3] = [State::Closed, State::HalfOpen, State::Open];

/// One server's labels: its service and its address.
type Labels = Vec<(&'static str, String)>;

/// What is counted of a server.
type Count = fn(&Snapshot) -> u64;

/// The board as it was read last.
#[derive(Clone, Debug, Default)]
pub(super) struct Now(Arc<Mutex<Option<(View, Clock)>>>);

impl Now {
    pub(super) fn is(&self, view: View, clock: Clock) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((view, clock));
    }
}

impl Collector for Now {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((view, clock)) = &*now else {
            return Ok(());
        };
        let mut page = Sheet(Page::new(encoder));
        page.process(view, *clock)?;
        page.mumble(view)?;
        page.memory(view)?;
        page.dependencies(view)
    }
}

struct Sheet<'a>(Page<'a>);

impl Sheet<'_> {
    fn process(&mut self, view: &View, clock: Clock) -> fmt::Result {
        let started = clock.unix(view.started);
        let seconds = Some(Unit::Seconds);
        self.0.gauge(
            "start_time",
            "When the process began, since 1970",
            seconds.as_ref(),
            started,
        )?;
        let up = clock.age(view.started).as_secs_f64();
        self.0.gauge(
            "uptime",
            "How long the process has run",
            seconds.as_ref(),
            up,
        )?;
        let age = clock.age(view.beat).as_secs_f64();
        let help = "Since the pipeline's loop went round last";
        self.0.gauge("heartbeat_age", help, seconds.as_ref(), age)?;
        let (status, _) = verdict(view, clock);
        let is = Status::ALL.map(|each| ([("status", each.word())], i64::from(each == status)));
        self.0
            .gauges("status", "1 for what it all comes to", None, is)?;
        self.0
            .counter("turns_begun", "Turns that have begun", view.begun)
    }

    fn mumble(&mut self, view: &View) -> fmt::Result {
        let (joined, failures) = match view.presence {
            Presence::Joined { .. } => (1, 0),
            Presence::Away { failures, .. } => (0, failures),
        };
        self.0.gauge(
            "mumble_joined",
            "1 while the assistant is in Mumble",
            None,
            joined,
        )?;
        let help = "Attempts to join in a row that failed";
        self.0
            .gauge("mumble_join_failures", help, None, i64::from(failures))?;
        let line = &view.line;
        let help = "1 while voice goes by UDP, 0 while it goes through the TCP tunnel";
        self.0
            .gauge("mumble_udp", help, None, i64::from(line.udp))?;
        if let Some(ping) = line.ping {
            let help = "Mean time to the Mumble server and back";
            let seconds = Some(&Unit::Seconds);
            self.0
                .gauge("mumble_ping", help, seconds, ping.as_secs_f64())?;
        }
        let packets = [
            ("good", line.good),
            ("late", line.late),
            ("lost", line.lost),
            ("dropped", line.dropped),
        ];
        self.0.counters(
            "mumble_packets",
            "Datagrams from the Mumble server on this connection, by what became of them; \
             the late ones are good as well",
            packets.map(|(fate, count)| ([("fate", fate)], count)),
        )?;
        self.0.gauge(
            "speakers",
            "People who speak at this moment",
            None,
            view.speakers as i64,
        )
    }

    fn memory(&mut self, view: &View) -> fmt::Result {
        let Some(memory) = &view.memory else {
            return Ok(());
        };
        let counts = [
            (
                "memory_recalls",
                "Questions for which the past was looked up",
                memory.recalls,
            ),
            (
                "memory_late_recalls",
                "Questions answered without a part of the past that came too late",
                memory.late,
            ),
            (
                "memory_recalled_entries",
                "Entries from earlier that prompts were given",
                memory.entries,
            ),
            (
                "memory_lost_turns",
                "Turns that neither the disk nor the database took",
                memory.lost,
            ),
            (
                "memory_refused_turns",
                "Turns that the database refused for ever",
                memory.refused,
            ),
        ];
        for (name, help, count) in counts {
            self.0.counter(name, help, count)?;
        }
        let without = memory.without();
        self.0.counters(
            "memory_recalls_without",
            "Questions answered without a part of the past that was late or away",
            without.map(|(part, count)| ([("part", part)], count)),
        )?;
        let help = "Turns and wishes to forget that the database has not got yet";
        self.0
            .gauge("memory_waiting", help, None, memory.waiting as i64)?;
        let stuck = i64::from(memory.journal.is_some());
        let help = "1 while this disk takes no turns";
        self.0.gauge("memory_journal_stuck", help, None, stuck)
    }

    fn dependencies(&mut self, view: &View) -> fmt::Result {
        let all: Vec<(Labels, &Snapshot)> = view
            .services
            .iter()
            .flat_map(|service| {
                service.instances.iter().map(|one| {
                    let address = without_password(one.name.clone());
                    (
                        vec![("service", service.name.to_owned()), ("server", address)],
                        one,
                    )
                })
            })
            .collect();
        let up = all
            .iter()
            .map(|(labels, one)| (labels.clone(), i64::from(one.well())));
        self.0
            .gauges("dependency_up", "1 while the server can be asked", None, up)?;
        let states = all.iter().flat_map(|(labels, one)| {
            STATES.map(|state| {
                let mut labels = labels.clone();
                labels.push(("state", state.as_str().to_owned()));
                (labels, i64::from(state == one.state))
            })
        });
        self.0.gauges(
            "dependency_state",
            "1 for the state of the server's breaker",
            None,
            states,
        )?;
        let latencies = all.iter().flat_map(|(labels, one)| {
            one.latency.into_iter().flat_map(|latency| {
                [("0.5", latency.p50), ("0.95", latency.p95)].map(|(share, time)| {
                    let mut labels = labels.clone();
                    labels.push(("quantile", share.to_owned()));
                    (labels, time.as_secs_f64())
                })
            })
        });
        let help = "How long the server's answers took lately";
        self.0
            .gauges("dependency_latency", help, Some(&Unit::Seconds), latencies)?;
        let in_flight = all
            .iter()
            .map(|(labels, one)| (labels.clone(), one.in_flight as i64));
        self.0.gauges(
            "dependency_calls_in_flight",
            "Calls under way",
            None,
            in_flight,
        )?;
        let counts: [(&str, &str, Count); 5] = [
            ("dependency_calls", "Calls let through", |one| one.calls),
            (
                "dependency_failures",
                "Calls that failed or were late",
                |one| one.failures,
            ),
            ("dependency_refused", "Calls not let through", |one| {
                one.refused
            }),
            ("dependency_trips", "How often the breaker opened", |one| {
                one.trips
            }),
            (
                "dependency_probes",
                "Trials while the breaker was open",
                |one| one.probes,
            ),
        ];
        for (name, help, count) in counts {
            let values = all.iter().map(|(labels, one)| (labels.clone(), count(one)));
            self.0.counters(name, help, values)?;
        }
        Ok(())
    }
}
