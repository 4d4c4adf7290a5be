//! Accepting a server's new certificate, when its administrator says that it has changed.

use std::path::PathBuf;

use crate::client::dial;
use crate::config::{Config, Pin};
use crate::error::JoinError;
use crate::pin::{Fingerprint, KnownServers};

/// Fetches the certificate that a server shows now and pins it in place of the one before.
///
/// # Errors
/// The server does not show one, or the pin cannot be written.
pub async fn accept(
    host: impl Into<String>,
    port: u16,
    state_dir: impl Into<PathBuf>,
) -> Result<Fingerprint, JoinError> {
    let mut config = Config::new(host, port, "mumble-ai", state_dir);
    config.pin = Pin::Off;
    let fingerprint = dial(&config).await?.fingerprint;
    KnownServers::in_folder(&config.state_dir).pin(&config.host, port, fingerprint)?;
    Ok(fingerprint)
}
