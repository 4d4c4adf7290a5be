//! Has the model loaded before somebody asks: at the start, and whenever it is back.

use std::sync::Arc;
use std::time::Duration;

use futures::future::select_all;
use resilience::Dependency;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::mind::Mind;

/// Between two attempts to have the model loaded while its server is away and no breaker has
/// noticed yet.
const WARM_AGAIN: Duration = Duration::from_secs(5);

/// Lets the servers load the model before the first question, and again each time one of them
/// is back.
pub(crate) async fn keep(
    mind: Mind,
    system: Arc<str>,
    models: Vec<Dependency>,
    shutdown: CancellationToken,
) {
    let mut states: Vec<_> = models.iter().map(Dependency::watch).collect();
    let mut told = false;
    let warming = async {
        loop {
            match mind.warm(&system).await {
                Ok(()) => {
                    tracing::info!("model is loaded");
                    told = false;
                    back(&mut states).await;
                }
                Err(error) => {
                    // Once for each absence: it may be long.
                    if !told {
                        tracing::warn!(%error, "model could not be loaded yet");
                        told = true;
                    }
                    timeout(WARM_AGAIN, back(&mut states)).await.ok();
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
