//! Runs the roles: all that are configured, in one process, until a signal.

use std::pin::pin;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use service::health::{Board, Server};
use service::reload::Hangups;
use service::settings::Settings;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::reload::{self, Reread};
use crate::{doctor, out};

/// Looks at the engines, then runs every configured role; today that is the assistant.
///
/// An engine that is missing is one line on standard error each, and not waited for: the
/// assistant joins, says aloud what it cannot do, and works as soon as the engine is there. So
/// does the Mumble server.
///
/// # Errors
/// When a setting does not make sense, or a role failed.
pub async fn up(settings: Settings, reread: impl Reread) -> anyhow::Result<ExitCode> {
    let config = bot::Config::from_settings(&settings)?;
    bot::app::guards(&config)?;
    bot::Stores::open(&config)?;
    let look = async {
        let mut findings = doctor::engines(&config).await;
        if config.memory.on {
            findings.push(doctor::embedding(&config).await);
        }
        for finding in findings {
            if finding.health.is_wrong() {
                out::complain(format_args!("{}: {}", finding.part, finding.health));
            }
        }
    };
    // The look takes seconds when a server hangs: the assistant does not wait for it.
    let mut assistant = pin!(bot(settings, reread));
    tokio::select! {
        biased;
        ended = &mut assistant => return ended,
        () = look => {}
    }
    assistant.await
}

/// Runs the assistant alone, whatever is there of its engines.
///
/// # Errors
/// When a setting does not make sense, or the assistant failed.
pub async fn bot(settings: Settings, reread: impl Reread) -> anyhow::Result<ExitCode> {
    let config = bot::Config::from_settings(&settings)?;
    let shutdown = service::shutdown::on_signal().context("signals cannot be listened for")?;
    let hangups = Hangups::listen().context("signals cannot be listened for")?;
    let board = Board::new(Instant::now());
    let _pages = Server::start(board.clone(), config.health.address())?;
    let (changes, configs) = watch::channel(config);
    tokio::spawn(reload::on(hangups, settings, reread, changes));
    supervise(
        "the assistant",
        shutdown.clone(),
        bot::run(configs, board, shutdown, None),
    )
    .await?;
    Ok(ExitCode::SUCCESS)
}

/// Runs a role in a task of its own, so that a panic ends the process with a word about it.
async fn supervise<E>(
    name: &'static str,
    shutdown: CancellationToken,
    role: impl Future<Output = Result<(), E>> + Send + 'static,
) -> anyhow::Result<()>
where
    E: std::error::Error + Send + Sync + 'static,
{
    tokio::spawn(role)
        .await
        .with_context(|| format!("{name} broke down; this is a fault of the program"))??;
    if shutdown.is_cancelled() {
        Ok(())
    } else {
        Err(anyhow::anyhow!("{name} ended by itself"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn outcome(
        cancelled: bool,
        role: impl Future<Output = std::io::Result<()>> + Send + 'static,
    ) -> Result<(), String> {
        let shutdown = CancellationToken::new();
        if cancelled {
            shutdown.cancel();
        }
        supervise("it", shutdown, role)
            .await
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_role_ends_well_only_when_it_was_asked_to() {
        assert_eq!(outcome(true, async { Ok(()) }).await, Ok(()));
        assert_eq!(
            outcome(false, async { Ok(()) }).await,
            Err("it ended by itself".into())
        );
    }

    #[tokio::test]
    async fn a_panic_in_a_role_is_an_error() {
        let broken = outcome(true, async { panic!("on purpose") })
            .await
            .unwrap_err();
        assert!(broken.starts_with("it broke down"), "{broken}");
    }
}
