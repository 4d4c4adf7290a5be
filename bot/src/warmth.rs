//! Has the model loaded before somebody asks: at the start, whenever it is back, and when memory
//! has read something with it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::select_all;
use resilience::Dependency;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::mind::Mind;
use crate::reader::Ends;

/// Between two attempts to have the model loaded while its server is away and no breaker has
/// noticed yet.
const WARM_AGAIN: Duration = Duration::from_secs(5);

/// Why the model is warmed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// A server may not have loaded it.
    Absence,
    /// Its prompt cache holds what was read in the background.
    Reading,
}

/// Lets the servers load the model before the first question, and again each time one of them
/// is back. After `readings` it is given the beginning of a conversation again, so that the next
/// question does not wait for that: mostly while somebody still says it.
pub(crate) async fn keep(
    mind: Mind,
    system: Arc<str>,
    models: Vec<Dependency>,
    mut readings: Ends,
    shutdown: CancellationToken,
) {
    let mut states: Vec<_> = models.iter().map(Dependency::watch).collect();
    let mut told = false;
    let mut why = Why::Absence;
    let warming = async {
        loop {
            match mind.warm(&system).await {
                Ok(()) => {
                    if why == Why::Absence {
                        tracing::info!("model is loaded");
                    }
                    told = false;
                    why = tokio::select! {
                        () = back(&mut states) => Why::Absence,
                        () = readings.last() => Why::Reading,
                    };
                }
                Err(error) => {
                    // Once for each absence: it may be long.
                    if !told {
                        tracing::warn!(%error, "model could not be loaded yet");
                        told = true;
                    }
                    timeout(WARM_AGAIN, back(&mut states)).await.ok();
                    why = Why::Absence;
                }
            }
        }
    };
    shutdown.run_until_cancelled(warming).await;
}

/// Waits until a breaker closes.
async fn back(states: &mut [watch::Receiver<resilience::State>]) {
    let closed = states.iter_mut().map(|state| {
        Box::pin(async move {
            while state.changed().await.is_ok() {
                if *state.borrow_and_update() == resilience::State::Closed {
                    return;
                }
            }
            std::future::pending::<()>().await;
        })
    });
    select_all(closed).await;
}
