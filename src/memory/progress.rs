//! How far a long piece of work is, for whoever waits for it: one line that keeps moving.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use memory::outbox::Progress;

/// Signs of the bar.
const BAR: u64 = 24;

/// Between two lines where there is no terminal on which one line could be rewritten.
const LINE: Duration = Duration::from_secs(10);

/// Shows it on standard error.
#[derive(Debug)]
pub(super) struct Shown {
    terminal: bool,
    began: Instant,
    said: Instant,
}

impl Shown {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
            began: now,
            said: now,
        }
    }

    /// How far it is now. Nothing can be done when it cannot be shown.
    pub(super) fn show(&mut self, progress: Progress, now: Instant) {
        let line = line(progress, now - self.began);
        let mut out = io::stderr().lock();
        if self.terminal {
            let _ = write!(out, "\r\x1b[K{line}");
            let _ = out.flush();
        } else if now - self.said >= LINE {
            self.said = now;
            let _ = writeln!(out, "{line}");
        }
    }

    /// Takes the line away.
    pub(super) fn end(&self) {
        if self.terminal {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}

fn line(Progress { done, all }: Progress, took: Duration) -> String {
    let full = (BAR * done).checked_div(all).unwrap_or(BAR).min(BAR);
    let bar: String = (0..BAR)
        .map(|sign| if sign < full { '#' } else { '.' })
        .collect();
    format!(
        "reindex [{bar}] {done} of {all} entries, {} s",
        took.as_secs()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_as_full_as_the_work_is_done() {
        let bar = |done, all| {
            let line = line(Progress { done, all }, Duration::from_secs(61));
            let signs = line.matches('#').count();
            (signs, line)
        };
        assert_eq!(bar(0, 8).0, 0);
        assert_eq!(bar(8, 8).0, 24);
        assert_eq!(bar(0, 0).0, 24, "nothing to do is done");
        let (signs, line) = bar(2, 8);
        assert_eq!(signs, 6);
        assert!(line.ends_with("] 2 of 8 entries, 61 s"), "{line}");
    }
}
