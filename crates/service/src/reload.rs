//! SIGHUP asks a running role to read its settings again.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for SIGHUP. From here on it does not end the process any more.
#[derive(Debug)]
pub struct Hangups(Signal);

impl Hangups {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the signal cannot be listened for.
    pub fn listen() -> std::io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Waits for the next one. Several that come before it is asked for count as one.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            // The system gives no more signals, which happens when the program ends.
            std::future::pending::<()>().await;
        }
    }
}
