//! What memory does in the background.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::calm::Calm;
use crate::memory::Memory;
use crate::outbox;

/// Between two looks for what is older than people are remembered.
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// How long nobody must have spoken before the index learns what changed. Each step is short, so
/// this is much less than for the model.
const BREATH: Duration = Duration::from_secs(1);

/// Changes that the index learns in one step; it is broken off when somebody speaks.
const STEP: usize = 64;

/// Between two looks at an outbox that was empty, or that the index did not take.
const LOOK: Duration = Duration::from_secs(10);

/// After a failed look.
const RETRY: Duration = Duration::from_secs(600);

impl Memory {
    /// Does all background work until `shutdown`: brings turns to the journal and the store, teaches
    /// the index, reads turns and sums up old ones, forgets what is too old and what others have put on the list,
    /// and keeps the sessions in the cache. `calm` tells since when nobody speaks or is answered;
    /// none while somebody does. What was remembered before the end is on the disk when this
    /// returns.
    pub async fn run(&self, calm: watch::Receiver<Option<Instant>>, shutdown: CancellationToken) {
        let calm = Calm::new(calm);
        tokio::join!(
            self.write(&shutdown),
            self.keep_sessions(&shutdown),
            shutdown.run_until_cancelled(self.teach(calm.clone())),
            shutdown.run_until_cancelled(self.study(calm)),
            shutdown.run_until_cancelled(self.retire()),
        );
    }

    /// Tells the index what it has not learnt, whenever it is calm. What is broken off is still in
    /// the outbox.
    async fn teach(&self, mut calm: Calm) {
        let mut compared = false;
        loop {
            calm.lasting(BREATH).await;
            let step = async {
                if !compared {
                    outbox::compare(self.parts()).await?;
                    compared = true;
                }
                outbox::drain(self.parts(), STEP).await
            };
            match calm.whilst(step).await {
                None | Some(Ok(1..)) => {}
                Some(Ok(0)) => {
                    calm.whilst(sleep(LOOK)).await;
                }
                Some(Err(error)) => {
                    tracing::debug!(%error, "the index learns later");
                    calm.whilst(sleep(LOOK)).await;
                }
            }
        }
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
