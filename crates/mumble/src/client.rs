//! A user's life: connects, talks, connects anew. Sockets are here and nowhere else.
//!
//! `dial` makes the way to a server, `connection` moves bytes between its sockets and the
//! session.

mod connection;
mod dial;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use resilience::Backoff;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::error::JoinError;
use crate::event::Event;
use crate::handle::{Client, Events, Shared, Wanted};
use crate::roster::Roster;

use connection::Connection;
pub(crate) use dial::{Dialled, dial};

/// Waits between attempts double from this ...
const FIRST_RETRY: Duration = Duration::from_millis(500);

/// ... up to this.
const LAST_RETRY: Duration = Duration::from_secs(30);

/// How long is waited after an error that does not heal by itself: somebody has to change
/// something first, but should not have to restart anything after it.
const SLOW_RETRY: Duration = Duration::from_secs(60);

/// A connection that held this long was a good one: the waits begin anew after it.
const GOOD_CONNECTION: Duration = Duration::from_secs(60);

/// How long farewells may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// The rates that Opus decodes to, in Hz (RFC 6716, section 2).
const OPUS_RATES: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];

/// Starts a Mumble user's life in a background task.
///
/// It connects, and connects anew whenever the connection breaks: after jittered waits that
/// double up to 30 s, after a minute where trying again cannot help by itself, and never more
/// often than [`ConnectionLimit`](crate::ConnectionLimit) allows. It ends when `shutdown` is
/// cancelled.
///
/// # Panics
/// Outside of a tokio runtime, and when `hear_rate` is none that Opus decodes to.
pub fn join(config: Config, shutdown: CancellationToken) -> (Client, Events) {
    let rate = config.hear_rate;
    assert!(
        OPUS_RATES.contains(&rate),
        "hear_rate is {rate} Hz, not one of {OPUS_RATES:?}"
    );
    let shared = Arc::new(Shared::default());
    let ended = CancellationToken::new();
    let (client, wanted) = Client::new(Arc::clone(&shared));
    let events = Events {
        shared: Arc::clone(&shared),
        ended: ended.clone(),
    };
    let life = Life {
        config: Arc::new(config),
        shared,
        wanted,
        shutdown,
    };
    tokio::spawn(async move {
        let _ended = ended.drop_guard();
        life.live().await;
    });
    (client, events)
}

/// A user between birth and shutdown.
struct Life {
    config: Arc<Config>,
    shared: Arc<Shared>,
    wanted: Wanted,
    shutdown: CancellationToken,
}

impl Life {
    async fn live(mut self) {
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
        let shutdown = self.shutdown.clone();
        loop {
            while let Err(wait) = self.config.limit.take(now()) {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(wait) => {}
                }
            }
            let begun = now();
            let ended = tokio::select! {
                dialled = dial(&self.config) => match dialled {
                    Ok(dialled) => self.talk(dialled).await,
                    Err(error) => Err(error),
                },
                () = shutdown.cancelled() => return,
            };
            self.shared.speech.close();
            self.shared.set_roster(Arc::new(Roster::default()));
            let unsent = self.wanted.drop_all();
            if unsent > 0 {
                tracing::warn!(unsent, "texts were lost with the connection");
            }
            let Err(error) = ended else { return };

            if now() >= begun + GOOD_CONNECTION {
                backoff.reset();
            }
            // Without chance the wait is the longest: late, but never in a rush.
            let jittered = backoff.after_failure(getrandom::u64().unwrap_or(u64::MAX));
            let retry_in = if error.heals() { jittered } else { SLOW_RETRY };
            let retry_in = retry_in + self.config.limit.wait(now() + retry_in);
            tracing::debug!(%error, retry_in_ms = retry_in.as_millis() as u64, "not on the Mumble server");
            self.shared.inbox.push(Event::Lost { error, retry_in });
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(retry_in) => {}
            }
        }
    }

    /// Lives through one connection; ends well only by shutdown.
    async fn talk(&mut self, dialled: Dialled) -> Result<(), JoinError> {
        let (config, shared) = (Arc::clone(&self.config), Arc::clone(&self.shared));
        let (mut connection, reader) = Connection::new(config, shared, dialled).await;
        let ended = connection
            .run(reader, &mut self.wanted, &self.shutdown)
            .await;
        // Whoever is gone need not hear the farewell.
        let _ = timeout(FAREWELL, connection.farewell()).await;
        ended
    }
}

/// The time; everything below the shell is handed it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
