//! What memory does in the background.

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::memory::Memory;

impl Memory {
    /// Does all background work until `shutdown`: brings turns to the journal and the store,
    /// forgets what others have put on the list, and keeps the sessions in the cache. `calm` tells since when nobody speaks or is
    /// answered; none while somebody does. What was remembered before the end is on the disk when
    /// this returns.
    pub async fn run(&self, calm: watch::Receiver<Option<Instant>>, shutdown: CancellationToken) {
        // For the work that reads and sums up.
        drop(calm);
        tokio::join!(self.write(&shutdown), self.keep_sessions(&shutdown));
    }
}
