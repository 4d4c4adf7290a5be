//! The user's own certificate: made once, kept, and with it the user's identity on servers.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::error::StateError;

/// A client certificate with its key.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads `identity.pem` from a folder; makes folder and file when they are missing.
    ///
    /// Both are readable by their owner alone, for who has the file is the user.
    pub(crate) fn load_or_make(state_dir: &Path, username: &str) -> Result<Self, StateError> {
        let path = state_dir.join("identity.pem");
        let error = |detail: String| StateError {
            path: path.display().to_string(),
            detail,
        };
        match fs::read(&path) {
            Ok(pem) => Self::parse(&pem).map_err(error),
            Err(missing) if missing.kind() == ErrorKind::NotFound => {
                let pem = make(username).map_err(|refused| error(refused.to_string()))?;
                keep(&path, &pem).map_err(|failed| error(failed.to_string()))?;
                // Another process may have been faster; then its identity is the one.
                let pem = fs::read(&path).map_err(|failed| error(failed.to_string()))?;
                Self::parse(&pem).map_err(error)
            }
            Err(failed) => Err(error(failed.to_string())),
        }
    }

    fn parse(pem: &[u8]) -> Result<Self, String> {
        let certificate = CertificateDer::from_pem_slice(pem)
            .map_err(|error| format!("it holds no certificate ({error})"))?;
        let key = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|error| format!("it holds no private key ({error})"))?;
        Ok(Self { certificate, key })
    }
}

/// Makes a self-signed certificate that outlives the program, with its key, as PEM.
fn make(username: &str) -> Result<String, rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, username);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    let certificate = params.self_signed(&key)?;
    Ok(certificate.pem() + &key.serialize_pem())
}

/// Writes the file as a whole; leaves one that is already there as it is.
fn keep(path: &Path, pem: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let new = path.with_extension(format!(
        "new-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| {
            file.write_all(pem.as_bytes())
                .and_then(|()| file.sync_all())
        })
        .and_then(|()| match fs::hard_link(&new, path) {
            Err(there) if there.kind() == ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        });
    let removed = fs::remove_file(&new);
    written.and(removed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_same_identity_is_there_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("made/when/missing");
        let first = Identity::load_or_make(&state, "AI-Bot").unwrap();
        let second = Identity::load_or_make(&state, "another name").unwrap();
        assert_eq!(first.certificate, second.certificate);
        assert_eq!(first.key.secret_der(), second.key.secret_der());
    }

    #[test]
    fn nobody_else_can_read_the_key() {
        let folder = tempfile::tempdir().unwrap();
        Identity::load_or_make(folder.path(), "AI-Bot").unwrap();
        let files: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(files.len(), 1);
        assert_eq!(
            files[0].metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn those_who_start_together_share_one_identity() {
        let folder = tempfile::tempdir().unwrap();
        let certificates: Vec<_> = std::thread::scope(|scope| {
            let start = || {
                Identity::load_or_make(folder.path(), "AI-Bot")
                    .unwrap()
                    .certificate
            };
            let started: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            started
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert!(
            certificates
                .iter()
                .all(|certificate| *certificate == certificates[0])
        );
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("identity.pem"), "nonsense").unwrap();
        let error = Identity::load_or_make(folder.path(), "AI-Bot").unwrap_err();
        assert!(error.to_string().contains("identity.pem"), "{error}");
    }
}
