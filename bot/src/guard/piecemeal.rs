//! Answers that come in pieces: the first decides who answers, and each further one has its time.

use std::time::Duration;

use futures::stream::{BoxStream, Stream, StreamExt as _, once, unfold};
use resilience::{Blame as _, Call, Fault};
use tokio::time::{Instant, timeout};

use super::blame::{Blamed, Complaint};

/// The pieces of one answer.
pub(super) type Pieces<T, E> = BoxStream<'static, Result<T, E>>;

/// The first piece that says something, with those that follow it; `None` when none does.
pub(super) async fn first<T, E>(
    mut pieces: Pieces<T, E>,
    says_something: impl Fn(&T) -> bool,
) -> Result<Option<(T, Pieces<T, E>)>, E> {
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        if says_something(&piece) {
            return Ok(Some((piece, pieces)));
        }
    }
    Ok(None)
}

/// An answer whose first piece has come: the call ends as the answer does.
///
/// Each further piece must come within `deadline` of being waited for, and all of them together
/// within that and what they are `worth`: else an answer that trickles would never end. By now somebody has heard
/// the beginning, so no spare can begin again: an error is the last item. Dropped before its end,
/// it was a good answer that somebody spoke over.
pub(super) fn going_on<T: Send + 'static, E: Complaint + Send + 'static>(
    first: T,
    rest: Pieces<T, E>,
    call: Call,
    deadline: Duration,
    worth: fn(&T) -> Duration,
) -> impl Stream<Item = Result<T, E>> + Send + 'static {
    let patience = deadline.saturating_add(worth(&first));
    let rest = unfold(Some((rest, call, patience)), move |open| async move {
        let (mut rest, call, patience) = open?;
        let asked = Instant::now();
        match timeout(deadline.min(patience), rest.next()).await {
            Ok(Some(Ok(piece))) => {
                let left = patience.saturating_sub(asked.elapsed());
                let patience = left.saturating_add(worth(&piece));
                Some((Ok(piece), Some((rest, call, patience))))
            }
            Ok(Some(Err(error))) => {
                let blamed = Blamed::from(error);
                if blamed.fault == Fault::Engine {
                    call.failed(&blamed.reason());
                }
                Some((Err(blamed.error), None))
            }
            Ok(None) => {
                call.succeeded();
                None
            }
            Err(_) => {
                let late = E::late(deadline);
                call.failed(&late.to_string());
                Some((Err(late), None))
            }
        }
    });
    once(async { Ok(first) }).chain(rest)
}
