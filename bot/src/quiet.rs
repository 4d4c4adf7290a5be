//! How busy the assistant is: for what is done only while nobody speaks or is answered.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// People pause between words: shorter than this is no calm, and who waits for calm is not told.
const PAUSE: Duration = Duration::from_millis(500);

/// How busy the assistant is. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Quiet {
    state: Arc<watch::Sender<State>>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    answers: usize,
    last: Instant,
}

/// For as long as it lives, somebody is being answered.
#[derive(Debug)]
pub(crate) struct Busy(Quiet);

impl Quiet {
    /// Nobody has spoken yet; quiet begins now.
    pub(crate) fn new() -> Self {
        let state = State {
            answers: 0,
            last: Instant::now(),
        };
        Self {
            state: Arc::new(watch::Sender::new(state)),
        }
    }

    /// Somebody speaks.
    pub(crate) fn disturb(&self) {
        self.state.send_modify(|state| state.last = Instant::now());
    }

    /// Somebody is being answered.
    pub(crate) fn busy(&self) -> Busy {
        self.state.send_modify(|state| state.answers += 1);
        Busy(self.clone())
    }

    /// Waits until it has been quiet for this long; gives what tells of the end of that.
    pub(crate) async fn after(&self, long: Duration) -> Noise {
        let mut state = self.state.subscribe();
        loop {
            let State { answers, last } = *state.borrow_and_update();
            let quiet = async {
                if answers > 0 {
                    std::future::pending::<()>().await;
                }
                sleep_until(last + long).await;
            };
            tokio::select! {
                biased;
                _ = state.changed() => {}
                () = quiet => return Noise { state, since: last },
            }
        }
    }

    /// Since when it has been calm, and nothing while anybody speaks or is answered; kept up
    /// until `shutdown`.
    pub(crate) fn calm(&self, shutdown: CancellationToken) -> watch::Receiver<Option<Instant>> {
        let (calm, receiver) = watch::channel(None);
        let quiet = self.clone();
        tokio::spawn(shutdown.run_until_cancelled_owned(async move {
            loop {
                let mut noise = quiet.after(PAUSE).await;
                calm.send_replace(Some(noise.since));
                noise.heard().await;
                calm.send_replace(None);
            }
        }));
        receiver
    }
}

/// What tells that it is not quiet any more.
#[derive(Debug)]
pub(crate) struct Noise {
    state: watch::Receiver<State>,
    since: Instant,
}

impl Noise {
    /// Waits until somebody speaks or is answered. May be dropped and called again.
    pub(crate) async fn heard(&mut self) {
        // An error means that nobody is left who could make noise.
        if self.state.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| {
            state.answers = state.answers.saturating_sub(1);
            state.last = Instant::now();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_calm_when_nobody_speaks_and_nobody_is_answered() {
        let (quiet, shutdown) = (Quiet::new(), CancellationToken::new());
        let mut calm = quiet.calm(shutdown.clone());
        let began = *calm.wait_for(Option::is_some).await.unwrap();
        assert!(began.is_some_and(|began| began.elapsed() >= PAUSE));
        let busy = quiet.busy();
        calm.wait_for(Option::is_none).await.unwrap();
        tokio::time::sleep(PAUSE * 10).await;
        assert_eq!(*calm.borrow(), None, "the answer is not over");
        drop(busy);
        let over = Instant::now();
        assert_eq!(*calm.wait_for(Option::is_some).await.unwrap(), Some(over));
        quiet.disturb();
        calm.wait_for(Option::is_none).await.unwrap();
    }
}
