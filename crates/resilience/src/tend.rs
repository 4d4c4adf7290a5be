//! Looking after an engine: the task that checks it when nobody asks, and probes it when it was away.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::breaker::Errand;
use crate::dependency::{Away, Dependency};

/// How long a probe may take when its engine says nothing else.
const PROBE_DEADLINE: Duration = Duration::from_secs(10);

/// How an engine is looked after.
///
/// The reasons that are given are logged and shown in /health.
pub trait Checkup: Send + Sync {
    /// Asks whether the server is there, at no cost to it: a connection, or a GET of its own
    /// health path. It gets 1 s while everybody waits for the engine, and 2 s otherwise.
    ///
    /// # Errors
    /// Why it seems to be away.
    fn alive(&self) -> impl Future<Output = Result<(), String>> + Send;

    /// Gives the engine a small piece of real work, such as half a second of speech or one word
    /// to say. Where being there is all that is asked, this is [`Self::alive`].
    ///
    /// # Errors
    /// Why the work was not done.
    fn probe(&self) -> impl Future<Output = Result<(), String>> + Send {
        self.alive()
    }

    /// How long [`Self::probe`] may take; by default 10 s.
    fn probe_deadline(&self) -> Duration {
        PROBE_DEADLINE
    }
}

/// Runs the errands of `dependency` until `shutdown`. One such task for each dependency: without
/// it, a breaker that opened stays open.
pub async fn tend(
    dependency: Dependency,
    checkup: impl Checkup + 'static,
    shutdown: CancellationToken,
) {
    let checkup = Arc::new(checkup);
    shutdown
        .run_until_cancelled(async {
            loop {
                errand_due(&dependency).await;
                let Some(away) = dependency.set_out() else {
                    continue;
                };
                let result = run(&away, &checkup).await;
                away.came_back(result);
            }
        })
        .await;
}

/// Waits until an errand is due.
async fn errand_due(dependency: &Dependency) {
    loop {
        let due = async {
            match dependency.deadline() {
                Some(deadline) => sleep_until(deadline.into()).await,
                // Only this task sends errands out, and it is here: somebody else's is away.
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => return,
            () = dependency.rearranged() => {}
        }
    }
}

/// Runs the errand in a task of its own: a panic in it is a failure, and not the end of all
/// looking after.
async fn run<C: Checkup + 'static>(away: &Away, checkup: &Arc<C>) -> Result<(), String> {
    let (errand, check_deadline) = (away.errand, away.check_deadline());
    let checkup = Arc::clone(checkup);
    let task = tokio::spawn(async move {
        let (what, deadline) = match errand {
            Errand::Check => ("check", check_deadline),
            Errand::Probe => ("probe", checkup.probe_deadline()),
        };
        let work = async {
            match errand {
                Errand::Check => checkup.alive().await,
                Errand::Probe => checkup.probe().await,
            }
        };
        timeout(deadline, work)
            .await
            .unwrap_or_else(|_| Err(format!("no answer to a {what} within {deadline:?}")))
    });
    AbortOnDropHandle::new(task)
        .await
        .unwrap_or_else(|_| Err("looking after it panicked".to_owned()))
}

#[cfg(test)]
mod tests;
