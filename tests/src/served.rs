//! A server run by `scripts/serve.sh`, which ends when its standard input does.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

const SERVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/serve.sh");

/// A running server.
///
/// The pipe to its standard input is the leash: dropping this value closes it and waits for the
/// server to end; a test process that is killed closes it as well.
#[derive(Debug)]
pub(crate) struct Served {
    script: Child,
    leash: Option<ChildStdin>,
}

impl Served {
    /// Starts `part` on `port` and waits until it answers. Its data lie in `folder`, or in a
    /// temporary one that goes with it.
    pub(crate) fn start(
        part: &str,
        port: u16,
        folder: Option<&Path>,
        environment: &[(&str, &str)],
    ) -> Self {
        let mut script = Command::new(SERVE)
            .arg(part)
            .arg(port.to_string())
            .args(folder)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("scripts/serve.sh can be started");
        let leash = script.stdin.take();
        let mut answer = String::new();
        let output = script.stdout.take().expect("standard output is piped");
        // The script itself gives up after a while, so this ends.
        let read = BufReader::new(output).read_line(&mut answer);
        if read.is_err() || answer.trim() != "ready" {
            let mut reason = String::new();
            let mut errors = script.stderr.take().expect("standard error is piped");
            let _ = errors.read_to_string(&mut reason);
            panic!("{part} did not start: {reason}");
        }
        Self { script, leash }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ = self.script.wait();
    }
}

/// A port of 127.0.0.1 that is free for TCP and UDP, as [`free_range`] finds it.
pub fn free_port() -> u16 {
    free_range(1)
}

/// The first of `count` neighbouring ports of 127.0.0.1 that are free for TCP and UDP at this
/// moment. The system gives them to nobody who asks for any port, and this process gives them to
/// nobody else, so that they stay free until the program is there that they are for.
pub fn free_range(count: u16) -> u16 {
    /// Below the ports that Linux gives away by itself (32768 and above).
    const RANGE: std::ops::Range<u16> = 11_000..32_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes that run at once begin at different places.
    let begin = (std::process::id() % 1000) as u16 * 20;
    let length = RANGE.end - RANGE.start - count;
    loop {
        let next = NEXT.fetch_add(count, Ordering::Relaxed);
        let first = RANGE.start + begin.wrapping_add(next) % length;
        let is_free = |port| {
            let address = ("127.0.0.1", port);
            TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
        };
        if (first..first + count).all(is_free) {
            return first;
        }
    }
}
