//! The one pace of all calls: every 20 ms what has come is read, and what is to go is sent.
//!
//! To be woken costs more than most of what a call does then. So no packet of sound wakes anybody:
//! on each stroke the Mumble users look for theirs first, then each call for those of its
//! telephone; by then it has all that it plays in these 20 ms.

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use mumble::Alarm;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// The pace of sound, both ways.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// Whoever is late by no more than this catches up.
pub(crate) const LONGEST_STALL: Duration = Duration::from_millis(200);

/// The pace while there is no call: lines that wait for one have only pings to send.
const IDLE: Duration = Duration::from_millis(200);

/// What all calls and their Mumble users follow.
#[derive(Debug)]
pub(crate) struct Beat {
    lines: mumble::Beat,
    calls: watch::Sender<Strokes>,
    /// Told when a call begins to follow.
    wanted: Notify,
}

/// All strokes since the beginning.
#[derive(Clone, Copy, Debug)]
struct Strokes {
    count: u64,
    left_out: Duration,
    /// When the last one was meant to be.
    at: Instant,
}

/// What has passed since a call looked last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    /// How many times 20 ms.
    pub(crate) ticks: u64,
    /// How much time was left out beside them, for the machine gave none.
    pub(crate) left_out: Duration,
    /// The time by the beat: however late the machine is, these are 20 ms apart.
    pub(crate) at: Instant,
}

/// A call that follows.
#[derive(Debug)]
pub(crate) struct Follower {
    strokes: watch::Receiver<Strokes>,
    seen: Strokes,
}

impl Beat {
    /// A pace that nobody keeps yet.
    pub(crate) fn new(now: Instant) -> Self {
        let strokes = Strokes {
            count: 0,
            left_out: Duration::ZERO,
            at: now,
        };
        Self {
            lines: mumble::Beat::new(),
            calls: watch::Sender::new(strokes),
            wanted: Notify::new(),
        }
    }

    /// What the Mumble users follow.
    pub(crate) fn lines(&self) -> mumble::Beat {
        self.lines.clone()
    }

    /// Follows from now on.
    pub(crate) fn follow(&self) -> Follower {
        let strokes = self.calls.subscribe();
        let seen = *strokes.borrow();
        self.wanted.notify_one();
        Follower { strokes, seen }
    }

    /// Keeps the pace, until it is dropped.
    pub(crate) async fn keep(&self) {
        loop {
            if self.calls.receiver_count() == 0 {
                let _ = timeout(IDLE, self.wanted.notified()).await;
                self.lines.strike();
            } else {
                self.talk().await;
            }
        }
    }

    /// Keeps it as long as there are calls.
    async fn talk(&self) {
        let mut alarm = Alarm::new();
        let mut due = Instant::now();
        while self.calls.receiver_count() > 0 {
            alarm.until(due).await;
            let late = due.elapsed();
            let left_out = if late > LONGEST_STALL {
                late
            } else {
                Duration::ZERO
            };
            due += left_out;
            self.lines.strike();
            behind_all().await;
            self.strike(due, left_out);
            due += TICK;
        }
    }

    fn strike(&self, at: Instant, left_out: Duration) {
        self.calls.send_modify(|strokes| {
            strokes.count += 1;
            strokes.left_out += left_out;
            strokes.at = at;
        });
    }
}

/// Waits until all that were woken before had their turn. The runtime's own way of yielding looks
/// for new events as well, which costs as much as all the rest of a stroke.
async fn behind_all() {
    let mut had = false;
    poll_fn(|context| {
        if std::mem::replace(&mut had, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Follower {
    /// Waits for the next stroke.
    pub(crate) async fn next(&mut self) -> Passed {
        if self.strokes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        let (now, before) = (*self.strokes.borrow_and_update(), self.seen);
        self.seen = now;
        Passed {
            ticks: now.count - before.count,
            left_out: now.left_out - before.left_out,
            at: now.at,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_call_misses_no_stroke_however_late_it_looks() {
        let begun = Instant::now();
        let beat = Beat::new(begun);
        beat.strike(begun, Duration::ZERO);
        let mut call = beat.follow();
        assert_eq!(call.next().now_or_never(), None, "what was before it");
        for ticks in [1, 1, 5] {
            for n in 1..=ticks {
                beat.strike(begun + TICK * n, Duration::ZERO);
            }
            let passed = Passed {
                ticks: ticks.into(),
                left_out: Duration::ZERO,
                at: begun + TICK * ticks,
            };
            assert_eq!(call.next().now_or_never(), Some(passed));
            assert_eq!(call.next().now_or_never(), None);
        }
    }

    #[test]
    fn time_that_the_machine_did_not_give_is_left_out() {
        let beat = Beat::new(Instant::now());
        let mut call = beat.follow();
        let second = Duration::from_secs(1);
        beat.strike(Instant::now(), second);
        beat.strike(Instant::now(), Duration::ZERO);
        let passed = call.next().now_or_never().unwrap();
        assert_eq!((passed.ticks, passed.left_out), (2, second));
    }

    #[tokio::test]
    async fn strokes_are_20_ms_apart_while_there_is_a_call() {
        let beat = Beat::new(Instant::now());
        let mut call = beat.follow();
        let kept = async {
            let mut last = call.next().await;
            for _ in 0..3 {
                let next = call.next().await;
                let apart = TICK * next.ticks as u32 + next.left_out;
                assert_eq!(next.at - last.at, apart);
                last = next;
            }
        };
        tokio::select! {
            () = kept => {}
            () = beat.keep() => {}
        }
    }

    #[tokio::test]
    async fn the_users_have_looked_before_the_calls_do() {
        let order = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let note = |who| {
            let order = std::sync::Arc::clone(&order);
            async move { order.lock().unwrap().push(who) }
        };
        let users = [tokio::spawn(note("a user")), tokio::spawn(note("a user"))];
        behind_all().await;
        note("a call").await;
        assert!(users.iter().all(tokio::task::JoinHandle::is_finished));
        assert_eq!(order.lock().unwrap().last(), Some(&"a call"));
    }
}
