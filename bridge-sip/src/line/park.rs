//! The time of a shared line between two calls.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use super::pool::Spot;
use super::{Line, lock};

/// A line whose caller said nothing, and of whom nothing was told, stays where it is for so long:
/// nobody there can take the next caller for the last one, and many short calls need not go to and
/// fro. With what it takes to go aside that is less than two seconds.
const LINGER: Duration = Duration::from_secs(1);

/// A line that nobody has needed for so long leaves the server: as long as the server counts
/// connections, so that leaving costs nothing.
const IDLE: Duration = Duration::from_secs(120);

/// How long a line may still be on its way to the server when its call is over: the connection is
/// counted already.
const COMING: Duration = Duration::from_secs(20);

/// What ends the waiting.
enum Waited {
    Claimed(oneshot::Sender<Line>),
    /// Nobody came.
    Late,
    /// The connection is gone.
    Lost,
}

/// Lets a line wait for its next call, or leaves the server.
pub(super) async fn park(mut line: Line) {
    if !line.is_there() && !comes(&mut line).await {
        return;
    }
    let mut spot = if line.used { Spot::Aside } else { Spot::Here };
    loop {
        if spot == Spot::Aside && !line.go_aside().await {
            return;
        }
        match wait(&mut line, spot).await {
            Waited::Claimed(claim) => match claim.send(line) {
                Ok(()) => return,
                // The caller has hung up meanwhile.
                Err(back) => line = back,
            },
            Waited::Late if spot == Spot::Here => spot = Spot::Aside,
            Waited::Late | Waited::Lost => return,
        }
    }
}

/// Whether a line that is on its way comes to the server.
async fn comes(line: &mut Line) -> bool {
    let coming = async {
        loop {
            match line.events.next().await {
                Some(mumble::Event::Joined { .. }) => return true,
                None | Some(mumble::Event::Lost { .. }) => return false,
                Some(_) => {}
            }
        }
    };
    let came = timeout(COMING, coming).await.unwrap_or_default();
    if came {
        line.arrived();
    }
    came
}

async fn wait(line: &mut Line, spot: Spot) -> Waited {
    let until = Instant::now()
        + match spot {
            Spot::Here => LINGER,
            Spot::Aside => IDLE,
        };
    let shared = std::sync::Arc::clone(&line.lines.shared);
    let (claims, mut claimed) = oneshot::channel();
    let number = lock(&shared.pool).park(spot, claims);
    shared.changed.notify_one();
    let waited = loop {
        tokio::select! {
            biased;
            claim = &mut claimed => {
                return claim.map_or(Waited::Lost, Waited::Claimed);
            }
            event = line.events.next() => match event {
                None | Some(mumble::Event::Lost { .. }) => break Waited::Lost,
                Some(_) => {}
            },
            () = sleep_until(until) => break Waited::Late,
        }
    };
    if lock(&shared.pool).withdraw(number) {
        return waited;
    }
    // Somebody has just asked for it.
    match (waited, claimed.await) {
        (Waited::Late, Ok(claim)) => Waited::Claimed(claim),
        _ => Waited::Lost,
    }
}
