//! A process that listens, measured from outside.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use world::kernel;

/// How long is measured.
const WINDOW: Duration = Duration::from_secs(10);

/// A listening process: it says `ready`, and answers lines by JSON. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Subject {
    process: Child,
    leash: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

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
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the listener can be started");
        let output = process.stdout.take().expect("standard output is piped");
        let mut subject = Self {
            leash: process.stdin.take(),
            process,
            answers: BufReader::new(output),
        };
        assert_eq!(subject.answer(), "ready", "the listener joins");
        subject
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
            resident: kernel::resident(self.process.id()),
        }
    }

    /// Its answer to a line.
    pub(crate) fn ask(&mut self, line: &str) -> Value {
        let leash = self.leash.as_mut().expect("it is there until the end");
        writeln!(leash, "{line}").expect("the listener reads");
        serde_json::from_str(&self.answer()).expect("it answers in JSON")
    }

    fn so_far(&mut self) -> (Value, Duration) {
        (self.ask("how many?"), kernel::cpu(self.process.id()))
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        assert!(read.is_ok_and(|length| length > 0), "the listener is gone");
        line.trim().to_owned()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ = self.process.wait();
    }
}
