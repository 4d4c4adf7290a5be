//! A user for a moment: its name, and a state folder that goes with it.

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::Path;

use audio::MUMBLE_HZ;
use bot::Config;
use tempfile::TempDir;

/// Where the certificates of known servers are kept in a state folder.
const KNOWN_SERVERS: &str = "known_servers";

/// A name that hardly anybody has: `prefix` and a random number.
#[must_use]
pub fn guest_name(prefix: &str) -> String {
    format!(
        "{prefix}-{:04}",
        RandomState::new().hash_one(prefix) % 10_000
    )
}

/// A temporary state folder: an identity of its own, so that the assistant's is left alone, but
/// the same known servers, so that a changed certificate is noticed.
///
/// # Errors
/// When there is no temporary folder, or the known servers cannot be read.
pub fn borrowed_state(state_dir: &Path) -> io::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("mumble-ai-").tempdir()?;
    match fs::copy(
        state_dir.join(KNOWN_SERVERS),
        folder.path().join(KNOWN_SERVERS),
    ) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(folder),
    }
}

/// A user beside the assistant: in the same channel, hearing at full quality. Its connections
/// count with the assistant's, for a server bans them together.
#[must_use]
pub fn user(config: &Config, name: String, state_dir: &Path) -> mumble::Config {
    let settings = &config.mumble;
    let mut user = mumble::Config::new(&*settings.host, settings.port, name, state_dir);
    user.password.clone_from(&settings.password);
    user.tokens.clone_from(&settings.tokens);
    user.channel.clone_from(&settings.channel);
    user.pin = settings.pin;
    user.udp = settings.udp;
    user.bitrate = settings.bitrate;
    user.hear_rate = MUMBLE_HZ;
    user.limit = mumble::ConnectionLimit::kept_in(&config.state_dir);
    user
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_knows_the_servers_but_has_no_identity() {
        let state = tempfile::tempdir().unwrap();
        fs::write(state.path().join(KNOWN_SERVERS), "h:1 ab\n").unwrap();
        fs::write(state.path().join("identity.pem"), "key").unwrap();
        let folder = borrowed_state(state.path()).unwrap();
        let files: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(files, [KNOWN_SERVERS]);
        assert!(borrowed_state(Path::new("/nowhere")).is_ok());
    }
}
