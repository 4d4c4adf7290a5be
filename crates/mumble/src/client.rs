//! A user's life: connects, talks, connects anew. Sockets are here and nowhere else.
//!
//! `dial` makes the way to a server, `connection` moves bytes between its sockets and the
//! session.

mod alarm;
mod connection;
mod datagrams;
mod dial;

use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use audio::opus::RATES;
use tokio::{
    task::spawn_blocking,
    time::{sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::error::JoinError;
use crate::event::Event;
use crate::handle::{Client, Events, Shared, Wanted};
use crate::life::{End, Life, News};
use crate::limiter::Permit;
use crate::roster::Roster;
use crate::standing::{Standing, Trouble};

pub use alarm::Alarm;
use connection::Connection;
pub(crate) use dial::{Dialled, dial};

/// How long farewells may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// Starts a Mumble user's life in a background task.
///
/// It connects, and connects anew for ever whenever the connection breaks: after the jittered
/// waits of [`Retry`](crate::Retry), and never more often than
/// [`ConnectionLimit`](crate::ConnectionLimit) allows. It returns to the channel that it was in.
/// [`Client::standing`] tells at any time how it is. It ends when `shutdown` is cancelled.
///
/// # Panics
/// Outside of a tokio runtime, and when `hear_rate` is none that Opus decodes to.
pub fn join(config: Config, shutdown: CancellationToken) -> (Client, Events) {
    let rate = config.hear_rate;
    assert!(
        RATES.contains(&rate),
        "hear_rate is {rate} Hz, not one of {RATES:?}"
    );
    let shared = Arc::new(Shared::default());
    let ended = CancellationToken::new();
    let (client, wanted) = Client::new(Arc::clone(&shared));
    let events = Events {
        shared: Arc::clone(&shared),
        ended: ended.clone(),
    };
    let user = User {
        config: Arc::new(config),
        shared,
        wanted,
        unsent: 0,
        shutdown,
    };
    tokio::spawn(async move {
        let _ended = ended.drop_guard();
        user.live().await;
    });
    (client, events)
}

/// A user between birth and shutdown.
struct User {
    config: Arc<Config>,
    shared: Arc<Shared>,
    wanted: Wanted,
    /// How many texts were lost since the last one was told.
    unsent: usize,
    shutdown: CancellationToken,
}

impl User {
    async fn live(mut self) {
        let mut life = Life::new(self.config.retry);
        let shutdown = self.shutdown.clone();
        loop {
            let ended = self.attempt(&mut life).await;
            self.shared.speech.close();
            self.shared.set_roster(Arc::new(Roster::default()));
            self.lose_texts();
            let Some(end) = ended else { break };

            let now = now();
            // Without chance the wait is the longest: late, but never in a rush.
            let random = getrandom::u64().unwrap_or(u64::MAX);
            let free = now + self.config.limit.wait(now);
            let (trouble, retry_at) = life.handle_end(now, end, random, free);
            self.tell(trouble, retry_at, News::New);
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = sleep_until(retry_at.into()) => {}
            }
        }
        self.shared.standing.send_replace(Standing::Left);
    }

    /// Makes one attempt and lives through the connection that it leads to. Nothing is given
    /// when it ended by shutdown.
    async fn attempt(&mut self, life: &mut Life) -> Option<End> {
        let shutdown = self.shutdown.clone();
        let permit = tokio::select! {
            permit = self.permit(life) => permit,
            () = shutdown.cancelled() => return None,
        };
        self.shared.standing.send_replace(life.connecting());
        let dialled = tokio::select! {
            dialled = dial(&self.config) => dialled,
            () = shutdown.cancelled() => return None,
        };
        match dialled {
            Ok(dialled) => self.talk(dialled, life.place()).await,
            Err(error) => {
                if matches!(error, JoinError::Unreachable { .. } | JoinError::State(_)) {
                    // No server has seen it, so none will ban for it.
                    let limit = self.config.limit.clone();
                    let _ = spawn_blocking(move || limit.give_back(permit)).await;
                }
                let (joined, place) = (None, None);
                Some(End {
                    error,
                    joined,
                    place,
                })
            }
        }
    }

    /// Waits until one more connection is allowed.
    async fn permit(&mut self, life: &mut Life) -> Permit {
        loop {
            let (limit, asked) = (self.config.limit.clone(), now());
            let free = match spawn_blocking(move || limit.take(asked)).await {
                Ok(Ok(permit)) => return permit,
                Ok(Err(wait)) => asked + wait,
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            };
            let (trouble, news) = life.handle_limit(asked, free);
            self.tell(trouble, free, news);
            sleep_until(free.into()).await;
        }
    }

    /// Lives through one connection. Nothing is given when it ended by shutdown.
    async fn talk(&mut self, dialled: Dialled, place: Option<&str>) -> Option<End> {
        // Whoever sent these meant another connection.
        self.lose_texts();
        let (config, shared) = (Arc::clone(&self.config), Arc::clone(&self.shared));
        let (mut connection, reader) = Connection::new(config, shared, dialled, place).await;
        let ended = connection
            .run(reader, &mut self.wanted, &self.shutdown)
            .await;
        let (joined, place) = connection.stay();
        self.unsent += connection.unsent();
        // Whoever is gone need not hear the farewell.
        let _ = timeout(FAREWELL, connection.farewell()).await;
        let error = ended.err()?;
        Some(End {
            error,
            joined,
            place,
        })
    }

    /// Says that there is no connection, and when the next attempt comes.
    fn tell(&mut self, trouble: Trouble, retry_at: Instant, news: News) {
        let error = trouble.error.clone();
        let retry_in = retry_at.saturating_duration_since(now());
        // The error may name the user, who may be somebody on the telephone.
        tracing::debug!(
            retry_in_ms = retry_in.as_millis() as u64,
            "not on the Mumble server"
        );
        tracing::trace!(%error, "why not");
        let standing = Standing::Waiting { trouble, retry_at };
        self.shared.standing.send_replace(standing);
        if news == News::New {
            let unsent = mem::take(&mut self.unsent);
            self.shared.inbox.push(Event::Lost {
                error,
                retry_in,
                unsent,
            });
        }
    }

    /// Texts do not wait for a later connection: whom they were for has another number then.
    fn lose_texts(&mut self) {
        self.unsent += self.wanted.drop_all();
    }
}

/// The time; everything below the shell is handed it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
