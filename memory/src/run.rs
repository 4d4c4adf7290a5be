//! What memory does in the background.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::calm::Calm;
use crate::memory::Memory;

/// Between two looks for what is older than people are remembered.
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// After a failed look.
const RETRY: Duration = Duration::from_secs(600);

impl Memory {
    /// Does all background work until `shutdown`: brings turns to the journal and the store, reads
    /// them and sums up old ones, forgets what is too old and what others have put on the list,
    /// and keeps the sessions in the cache. `calm` tells since when nobody speaks or is answered;
    /// none while somebody does. What was remembered before the end is on the disk when this
    /// returns.
    pub async fn run(&self, calm: watch::Receiver<Option<Instant>>, shutdown: CancellationToken) {
        let calm = Calm::new(calm);
        tokio::join!(
            self.write(&shutdown),
            self.keep_sessions(&shutdown),
            shutdown.run_until_cancelled(self.study(calm)),
            shutdown.run_until_cancelled(self.retire()),
        );
    }

    /// Forgets daily what is older than people are remembered.
    async fn retire(&self) {
        if self.settings().retention.is_none() {
            return;
        }
        loop {
            let pause = match self.expire(Timestamp::now()).await {
                Ok(_) => DAY,
                Err(error) => {
                    tracing::warn!(%error, "what is too old could not be forgotten; it is tried again");
                    RETRY
                }
            };
            sleep(pause).await;
        }
    }
}
