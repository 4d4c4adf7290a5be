//! The shell of a role: settings in layers, logging, shutdown.
//!
//! - [`settings`]: the embedded reference file, a file of the user's, the environment; one value
//!   per key, and where it came from.
//! - [`Config`]: the room `[service]` of the settings: where state lies and how to log.
//! - [`logging`]: what goes to standard error, and that a panic in a task is among it.
//! - [`health`]: how the house stands, for whoever asks.
//! - [`reload`]: SIGHUP asks to read the settings again.
//! - [`shutdown`]: the first signal asks everything to end, the second ends it.
//! - [`tls`]: the one provider of cryptography in the process.

pub mod settings;
pub mod config;
pub mod logging;
pub mod health;
pub mod reload;
pub mod shutdown;
pub mod tls;

pub use config::{Config, LogFormat};
pub use settings::{Settings, SettingsError};

/// Exit code of a process whose command line or settings are wrong (`EX_USAGE` of sysexits.h).
pub const EX_USAGE: u8 = 64;
