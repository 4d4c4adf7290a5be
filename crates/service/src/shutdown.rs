//! The first signal asks everything to end, the second ends it.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit code of a process ended by its second signal: 128 + SIGINT, as shells count.
const EX_SIGNALLED: i32 = 130;

/// A token that is cancelled by SIGINT (Ctrl-C) or SIGTERM (`docker stop`).
///
/// A second signal ends the process at once, for the case that the way down hangs.
///
/// # Errors
/// When the signals cannot be listened for.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
            }
        };
        let first = next().await;
        tracing::info!(signal = first, "ending; a second signal ends at once");
        cancelled.cancel();
        next().await;
        std::process::exit(EX_SIGNALLED);
    });
    Ok(token)
}
