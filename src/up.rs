//! Runs the roles: all that are configured, in one process, until a signal.

use std::net::SocketAddr;
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

/// Looks at the engines, then runs every configured role: the assistant, and the phone line if
/// `SIP_ENABLED` says so.
///
/// An engine that is missing is one line on standard error each, and not waited for: the
/// assistant joins, says aloud what it cannot do, and works as soon as the engine is there. So
/// does the Mumble server. A role that fails ends the others, and the process with a word.
///
/// # Errors
/// When a setting does not make sense, or a role failed.
pub async fn up(settings: Settings, reread: impl Reread) -> anyhow::Result<ExitCode> {
    let config = bot::Config::from_settings(&settings)?;
    bot::app::guards(&config)?;
    bot::Stores::open(&config)?;
    let phone = bridge_sip::Config::from_settings(&settings)?;
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
    let shutdown = on_signal()?;
    let roles = async {
        let assistant = assistant(settings, reread, shutdown.clone());
        if !phone.sip.enabled {
            return assistant.await;
        }
        let pages = ("SIP_HEALTH_PORT", phone.health_beside());
        let line = phone_line(phone.clone(), pages, shutdown.clone());
        together(assistant, line, &shutdown).await
    };
    // The look takes seconds when a server hangs: the roles do not wait for it.
    let mut roles = pin!(roles);
    tokio::select! {
        biased;
        ended = &mut roles => return ended.map(|()| ExitCode::SUCCESS),
        () = look => {}
    }
    roles.await.map(|()| ExitCode::SUCCESS)
}

/// Runs the assistant alone, whatever is there of its engines.
///
/// # Errors
/// When a setting does not make sense, or the assistant failed.
pub async fn bot(settings: Settings, reread: impl Reread) -> anyhow::Result<ExitCode> {
    bot::Config::from_settings(&settings)?;
    assistant(settings, reread, on_signal()?).await?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the phone line alone.
///
/// # Errors
/// When a setting does not make sense, or the ports for calls cannot be had.
pub async fn bridge_sip(settings: &Settings) -> anyhow::Result<ExitCode> {
    let config = bridge_sip::Config::from_settings(settings)?;
    let pages = ("HEALTH_PORT", config.health);
    let mut hangups = Hangups::listen().context("signals cannot be listened for")?;
    tokio::spawn(async move {
        loop {
            hangups.next().await;
            tracing::warn!("the phone line reads its settings only when it starts; restart it");
        }
    });
    phone_line(config, pages, on_signal()?).await?;
    Ok(ExitCode::SUCCESS)
}

fn on_signal() -> anyhow::Result<CancellationToken> {
    service::shutdown::on_signal().context("signals cannot be listened for")
}

async fn assistant(
    settings: Settings,
    reread: impl Reread,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let config = bot::Config::from_settings(&settings)?;
    let hangups = Hangups::listen().context("signals cannot be listened for")?;
    let board = Board::new(Instant::now());
    let _pages = Server::start(board.clone(), config.health.address())?;
    let (changes, configs) = watch::channel(config);
    tokio::spawn(reload::on(hangups, settings, reread, changes));
    let role = bot::run(configs, board, shutdown.clone(), None);
    supervise("the assistant", shutdown, role).await
}

/// Runs the phone line, whose health is told at this address, set by this variable.
async fn phone_line(
    config: bridge_sip::Config,
    (setting, address): (&'static str, SocketAddr),
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let board = bridge_sip::Board::new(Instant::now());
    let _pages = Server::start_by(setting, board.clone(), address)?;
    let role = bridge_sip::run(config, board, shutdown.clone());
    supervise("the phone line", shutdown, role).await
}

/// Runs two roles until both have ended. One that fails asks the other to end as well; the first
/// failure is what is told.
async fn together(
    one: impl Future<Output = anyhow::Result<()>>,
    other: impl Future<Output = anyhow::Result<()>>,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let first = tokio::select! {
        ended = &mut one => ended,
        ended = &mut other => {
            shutdown.cancel();
            return ended.and(one.await);
        }
    };
    shutdown.cancel();
    first.and(other.await)
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
    async fn a_role_that_fails_ends_the_other_and_is_what_is_told() {
        for swapped in [false, true] {
            let shutdown = CancellationToken::new();
            let fails = async { Err(anyhow::anyhow!("its port is taken")) };
            let waits = async {
                shutdown.cancelled().await;
                Ok(())
            };
            let told = if swapped {
                together(waits, fails, &shutdown).await
            } else {
                together(fails, waits, &shutdown).await
            };
            assert_eq!(told.unwrap_err().to_string(), "its port is taken");
        }
    }

    #[tokio::test]
    async fn a_panic_in_a_role_is_an_error() {
        let broken = outcome(true, async { panic!("on purpose") })
            .await
            .unwrap_err();
        assert!(broken.starts_with("it broke down"), "{broken}");
    }
}
