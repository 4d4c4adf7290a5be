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
        pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn work_waits_until_it_has_been_calm_for_long_enough() {
        let (tell, told) = watch::channel(None);
        let start = Instant::now();
        let waiting = tokio::spawn(async move {
            Calm::new(told).lasting(LONG).await;
            Instant::now()
        });
        sleep_until(start + LONG).await;
        tell.send_replace(Some(Instant::now()));
        sleep_until(start + LONG + LONG / 2).await;
        // Somebody speaks in between: it is counted anew.
        tell.send_replace(None);
        sleep_until(start + LONG * 2).await;
        tell.send_replace(Some(Instant::now()));
        assert_eq!(waiting.await.unwrap(), start + LONG * 3);
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_dropped_the_moment_anyone_speaks() {
        let (tell, told) = watch::channel(Some(Instant::now()));
        let mut calm = Calm::new(told);
        calm.lasting(LONG).await;
        let begun = Instant::now();
        let work = calm.whilst(pending::<()>());
        let speaks = async {
            sleep_until(begun + Duration::from_secs(1)).await;
            tell.send_replace(None);
        };
        let (done, ()) = tokio::join!(work, speaks);
        assert_eq!(done, None);
        assert_eq!(Instant::now(), begun + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_word_between_two_looks_ends_the_calm_too() {
        let (tell, told) = watch::channel(Some(Instant::now()));
        let mut calm = Calm::new(told);
        calm.lasting(LONG).await;
        tell.send_replace(None);
        tell.send_replace(Some(Instant::now()));
        assert_eq!(calm.whilst(pending::<()>()).await, None);
        // The same word said again ends nothing.
        calm.lasting(LONG).await;
        let since = calm.since;
        tell.send_replace(since);
        assert_eq!(calm.whilst(async { 7 }).await, Some(7));
    }
}
