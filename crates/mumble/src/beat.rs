//! One pace for many users of one process: each reads its datagrams when it is struck.
//!
//! Left to itself a user is woken by every datagram and by timers of its own, some hundred times
//! in a second of talk, and waking costs more than what is done then. Whoever takes the sound of
//! all users every 20 ms anyway loses nothing by having them all woken once, just before that.

use tokio::sync::watch;

/// The pace of those that have it in their [`Config::beat`](crate::Config::beat). Clones are the
/// same.
#[derive(Clone, Debug)]
pub struct Beat(watch::Sender<()>);

impl Default for Beat {
    fn default() -> Self {
        Self::new()
    }
}

impl Beat {
    /// A pace that nobody keeps yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Has every user look for what has come and for what is due. To be called every 20 ms while
    /// anybody may be talking, and every second at least: users under a beat have no other clock.
    pub fn strike(&self) {
        self.0.send_replace(());
    }

    pub(crate) fn follow(&self) -> Follower {
        Follower(self.0.subscribe())
    }
}

/// One who follows a beat.
#[derive(Debug)]
pub(crate) struct Follower(watch::Receiver<()>);

impl Follower {
    /// Waits for the next stroke. One that came since the last wait counts.
    pub(crate) async fn struck(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn all_are_struck_once_by_each_stroke() {
        let beat = Beat::new();
        let mut all = [beat.follow(), beat.clone().follow()];
        assert!(
            all.iter_mut()
                .all(|one| one.struck().now_or_never().is_none())
        );
        beat.strike();
        assert!(
            all.iter_mut()
                .all(|one| one.struck().now_or_never().is_some())
        );
        assert!(
            all.iter_mut()
                .all(|one| one.struck().now_or_never().is_none())
        );
    }
}
