//! New settings while the assistant runs: read at SIGHUP, taken over or refused as a whole.

use bot::Config;
use service::reload::Hangups;
use service::settings::{Settings, SettingsError};
use tokio::sync::watch;

/// Reads the settings of this process again: its file, and those that `*_FILE` variables name.
/// Its environment cannot change.
pub trait Reread: Fn() -> Result<Settings, SettingsError> + Send + 'static {}

impl<F: Fn() -> Result<Settings, SettingsError> + Send + 'static> Reread for F {}

/// Reads the settings again at each of `hangups` and tells `changes`. What is wrong with new ones
/// is logged in one line, and all stays as it was.
pub(crate) async fn on(
    mut hangups: Hangups,
    started: Settings,
    reread: impl Reread,
    changes: watch::Sender<Config>,
) {
    let mut last = None;
    loop {
        hangups.next().await;
        match read(&reread) {
            Ok((settings, config)) => {
                tell(&started, last.as_ref().unwrap_or(&started), &settings);
                changes.send_replace(config);
                last = Some(settings);
            }
            Err(error) => {
                tracing::error!(%error, "the new settings are refused; all stays as it was");
            }
        }
    }
}

fn read(reread: &impl Reread) -> Result<(Settings, Config), SettingsError> {
    let settings = reread()?;
    let config = Config::from_settings(&settings)?;
    let service: service::Config = settings.room("service")?;
    service::logging::change(&service.log_level)
        .map_err(|expected| settings.invalid("service", "log_level", &expected))?;
    Ok((settings, config))
}

/// Writes the keys of what changed into the log, and no values: they may be secrets.
fn tell(started: &Settings, last: &Settings, now: &Settings) {
    let live = |key: &String| bot::config::can_change_while_running(key);
    let mut changed = last.changed_in(now);
    changed.retain(live);
    let mut waits = started.changed_in(now);
    waits.retain(|key| !live(key));
    tracing::info!(changed = changed.join(" "), "settings were read again");
    if !waits.is_empty() {
        let waits = waits.join(" ");
        tracing::warn!(waits, "these settings take effect with the next start");
    }
}
