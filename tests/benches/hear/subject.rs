//! A process that listens, measured from outside.

use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use world::kernel;
use world::leashed::Leashed;

/// How long is measured.
const WINDOW: Duration = Duration::from_secs(10);

/// A listening process: it says `ready`, and answers lines by JSON. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Subject(Leashed);

/// What it cost to listen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Time on a processor for each packet.
    pub(crate) packet: Duration,
    /// How many packets were heard.
    pub(crate) packets: u64,
    /// Of these, how many were made up in place of lost ones.
    pub(crate) made_up: u64,
    /// Memory at the end, in bytes.
    pub(crate) resident: u64,
}

impl Subject {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(Leashed::start(command, "ready"))
    }

    /// Measures it for a while.
    pub(crate) fn cost(&mut self) -> Cost {
        let (before, cpu) = self.so_far();
        thread::park_timeout(WINDOW);
        let (after, cpu_after) = self.so_far();
        let count = |of: &Value, what: &str| of[what].as_u64().unwrap_or_default();
        let packets = count(&after, "packets") - count(&before, "packets");
        assert!(packets > 0, "somebody is heard");
        Cost {
            packet: (cpu_after - cpu) / packets as u32,
            packets,
            made_up: count(&after, "made_up") - count(&before, "made_up"),
            resident: kernel::resident(self.0.id()),
        }
    }

    /// Its answer to a line.
    pub(crate) fn ask(&mut self, line: &str) -> Value {
        self.0.ask(line)
    }

    fn so_far(&mut self) -> (Value, Duration) {
        (self.ask("how many?"), kernel::cpu(self.0.id()))
    }
}
