//! Has the model loaded before somebody asks: at the start, whenever it is back, and when memory
//! has read something with it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::select_all;
use llm::{Message, Role};
use resilience::Dependency;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::mind::Mind;
use crate::reader::Ends;

/// Between two attempts to have the model loaded while its server is away and no breaker has
/// noticed yet.
const WARM_AGAIN: Duration = Duration::from_secs(5);

/// Lets the servers load the model before the first question, and again each time one of them
/// is back. After `readings` they read again how the next prompt begins: what was read in the
/// background has taken its place.
pub(crate) async fn keep(
    mind: Mind,
    system: Arc<str>,
    models: Vec<Dependency>,
    mut readings: Ends,
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
                    tokio::select! {
                        () = back(&mut states) => {}
                        () = read_again(&mind, &system, &mut readings) => {}
                    }
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

async fn read_again(mind: &Mind, system: &str, readings: &mut Ends) {
    loop {
        readings.last().await;
        let first = Message::new(Role::System, system);
        mind.ahead().read_again(first);
    }
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
