//! A program that is asked by lines and ends with its standard input.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A process that says one word when it is ready, and answers each line by one of JSON. It ends
/// when this is dropped, and with the process that holds it.
#[derive(Debug)]
pub struct Leashed {
    process: Child,
    leash: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Leashed {
    /// Starts it and waits until it says `ready`.
    pub fn start(command: &mut Command, ready: &str) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let output = process.stdout.take().expect("standard output is piped");
        let mut leashed = Self {
            leash: process.stdin.take(),
            process,
            answers: BufReader::new(output),
        };
        assert_eq!(leashed.answer(), ready, "{command:?}");
        leashed
    }

    /// Its answer to a line.
    pub fn ask(&mut self, line: &str) -> Value {
        let leash = self.leash.as_mut().expect("it is there until the end");
        writeln!(leash, "{line}").expect("the program reads");
        serde_json::from_str(&self.answer()).expect("it answers in JSON")
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        assert!(read.is_ok_and(|length| length > 0), "the program is gone");
        line.trim().to_owned()
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ = self.process.wait();
    }
}
