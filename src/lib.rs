//! The roles of the executable as library functions, in the order in which people meet them.
//!
//! - [`up`]: runs every role that is configured, and says what is missing.
//! - [`reload`]: new settings while they run.
//! - [`ask`]: a Mumble user that asks aloud and records the answer.
//! - [`call`]: calls a telephone and lets it into the channel.
//! - [`doctor`]: tries everything that the assistant depends on.
//! - [`health`]: asks a running assistant how it is.
//! - [`show`]: the effective settings and where each came from.
//! - [`trust`]: accepts a Mumble server's present certificate.
//! - [`memory`]: what is remembered, for whoever runs the assistant.
//! - [`sounds`]: makes the prepared sounds anew.

use std::path::{Path, PathBuf};

use service::settings::{Origin, Settings, SettingsError};

pub mod up;
pub mod reload;
pub mod ask;
pub mod call;
pub mod doctor;
pub mod health;
pub mod show;
pub mod trust;
pub mod memory;
pub mod sounds;
pub mod out;

/// The reference of every setting, `config/assistant.toml`.
pub const REFERENCE: &str = include_str!("../config/assistant.toml");

/// Names the user's settings file when the command line does not.
const FILE_VARIABLE: &str = "MUMBLE_AI_CONFIG";

/// Reads the settings of this process: `file`, or the one that `MUMBLE_AI_CONFIG` names, and the
/// environment.
///
/// # Errors
/// See [`Settings::load`].
pub fn settings(file: Option<&Path>) -> Result<Settings, SettingsError> {
    let env = |name: &str| Some(std::env::var_os(name)?.to_string_lossy().into_owned());
    let named = || {
        env(FILE_VARIABLE)
            .filter(|path| !path.trim().is_empty())
            .map(PathBuf::from)
    };
    let file = file.map(Path::to_owned).or_else(named);
    Settings::load(REFERENCE, file.as_deref(), &env)
}

/// How much a role logs when nobody has asked for more or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// It runs for long and its log is what people see of it.
    Talks,
    /// It prints its result; the log would only stand in between.
    Whispers,
}

/// Starts logging and chooses the provider of cryptography; to be called once, before anything
/// else is done with the settings.
///
/// # Errors
/// When the room `[service]` does not make sense.
pub fn start(settings: &Settings, voice: Voice) -> Result<(), SettingsError> {
    let mut config: service::Config = settings.room("service")?;
    let chosen = settings.origin("service", "log_level") != Some(Origin::Default);
    if voice == Voice::Whispers && !chosen {
        "error".clone_into(&mut config.log_level);
    }
    service::logging::start(&config)
        .map_err(|expected| settings.invalid("service", "log_level", &expected))?;
    service::tls::install();
    Ok(())
}
