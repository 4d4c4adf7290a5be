//! Calm: nobody speaks and nobody is answered. Work in the background is done in it, and yields.

use std::future::pending;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Tells since when it is calm. When whoever tells it is gone, the last word stands.
#[derive(Clone, Debug)]
pub(crate) struct Calm {
    told: watch::Receiver<Option<Instant>>,
    since: Option<Instant>,
}

impl Calm {
    pub(crate) fn new(told: watch::Receiver<Option<Instant>>) -> Self {
        Self { told, since: None }
    }

    /// Waits until it has been calm for this long.
    pub(crate) async fn lasting(&mut self, long: Duration) {
        loop {
            self.since = *self.told.borrow_and_update();
            let reached = async {
                match self.since {
                    Some(since) => sleep_until(since + long).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                () = changed(&mut self.told) => {}
                () = reached => return,
            }
        }
    }

    /// Waits until the calm is over that [`Calm::lasting`] found. One that has begun anew
    /// meanwhile is another.
    pub(crate) async fn over(&mut self) {
        loop {
            changed(&mut self.told).await;
            if *self.told.borrow_and_update() != self.since {
                return;
            }
        }
    }

    /// Does `work` as long as the calm lasts; none when it was broken off. The work is dropped
    /// then, and with it its connection to the model.
    pub(crate) async fn whilst<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.over() => None,
            done = work => Some(done),
        }
    }
}

async fn changed(told: &mut watch::Receiver<Option<Instant>>) {
    if told.changed().await.is_err() {
        pending().await
    }
}
