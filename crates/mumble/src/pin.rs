//! The server's certificate: pinned at first use, compared ever after.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    CertificateError, DigitallySignedStruct, Error as TlsError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use sha2::{Digest, Sha256};

use crate::error::StateError;

/// SHA-256 of a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl fmt::Display for Fingerprint {
    /// 64 lower-case hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no [`Fingerprint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidFingerprint;

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    /// Reads 64 hex digits; colons between them do not matter.
    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|&c| c != ':')
            .map(|c| c.to_digit(16).map(|digit| digit as u8))
            .collect::<Option<_>>()
            .ok_or(InvalidFingerprint)?;
        let bytes: Vec<u8> = digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |n, d| n << 4 | d))
            .collect();
        match bytes.try_into() {
            Ok(bytes) if digits.len() == 64 => Ok(Self(bytes)),
            _ => Err(InvalidFingerprint),
        }
    }
}

/// The pinned servers: a text file with a line `HOST:PORT FINGERPRINT` for each.
#[derive(Debug)]
pub(crate) struct KnownServers {
    path: PathBuf,
}

impl KnownServers {
    /// The file in this folder; it need not exist yet.
    pub(crate) fn in_folder(state_dir: &Path) -> Self {
        Self {
            path: state_dir.join("known_servers"),
        }
    }

    /// The certificate that is pinned for a server, if one is.
    pub(crate) fn find(&self, host: &str, port: u16) -> Result<Option<Fingerprint>, StateError> {
        let key = key(host, port);
        for line in self.read()?.lines() {
            let Some((name, fingerprint)) = line.split_once(' ') else {
                continue;
            };
            if name == key {
                // A damaged pin must not count as none: that would trust anybody.
                return fingerprint
                    .trim()
                    .parse()
                    .map(Some)
                    .map_err(|InvalidFingerprint| {
                        self.error(format!("the line of {key} holds no SHA-256"))
                    });
            }
        }
        Ok(None)
    }

    /// Pins a server's certificate in place of the one before. Users of one process who do so at
    /// once wait for each other: each writes the whole file.
    pub(crate) fn pin(
        &self,
        host: &str,
        port: u16,
        fingerprint: Fingerprint,
    ) -> Result<(), StateError> {
        static WRITING: Mutex<()> = Mutex::new(());
        let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(host, port);
        let mut lines: Vec<String> = self
            .read()?
            .lines()
            .filter(|line| line.split_once(' ').is_none_or(|(name, _)| name != key))
            .map(str::to_owned)
            .collect();
        lines.push(format!("{key} {fingerprint}\n"));
        // A new file takes the old one's place as a whole: a crash leaves one of the two.
        let new = self
            .path
            .with_extension(format!("new-{}", std::process::id()));
        fs::write(&new, lines.join("\n"))
            .and_then(|()| fs::rename(&new, &self.path))
            .map_err(|error| self.error(error.to_string()))
    }

    fn read(&self) -> Result<String, StateError> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(self.error(error.to_string())),
        }
    }

    fn error(&self, detail: String) -> StateError {
        StateError {
            path: self.path.display().to_string(),
            detail,
        }
    }
}

fn key(host: &str, port: u16) -> String {
    format!("{}:{port}", host.to_ascii_lowercase())
}

/// Accepts exactly the expected certificate, or any when none is expected, and notes which one
/// the server showed. That the server holds the certificate's key is verified in either case.
#[derive(Debug)]
pub(crate) struct PinVerifier {
    expected: Option<Fingerprint>,
    shown: Mutex<Option<Fingerprint>>,
    provider: Arc<CryptoProvider>,
}

impl PinVerifier {
    pub(crate) fn new(expected: Option<Fingerprint>, provider: Arc<CryptoProvider>) -> Self {
        Self {
            expected,
            shown: Mutex::new(None),
            provider,
        }
    }

    /// The certificate that the server showed, if it came so far.
    pub(crate) fn shown(&self) -> Option<Fingerprint> {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let shown = Fingerprint::of(certificate);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        match self.expected {
            Some(expected) if expected != shown => Err(TlsError::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            )),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_who_pin_at_once_are_all_pinned() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for n in 0..32 {
                let known = KnownServers::in_folder(folder.path());
                scope.spawn(move || known.pin("talk.example", n, Fingerprint([n as u8; 32])));
            }
        });
        let known = KnownServers::in_folder(folder.path());
        for n in 0..32 {
            let pinned = known.find("talk.example", n).unwrap();
            assert_eq!(pinned, Some(Fingerprint([n as u8; 32])));
        }
    }

    #[test]
    fn a_pinned_server_is_found_again_and_can_be_pinned_anew() {
        let folder = tempfile::tempdir().unwrap();
        let known = KnownServers::in_folder(folder.path());
        assert_eq!(known.find("talk.example", 64738).unwrap(), None);
        known
            .pin("talk.example", 64738, Fingerprint([1; 32]))
            .unwrap();
        known
            .pin("talk.example", 64739, Fingerprint([2; 32]))
            .unwrap();
        known.pin("::1", 64738, Fingerprint([3; 32])).unwrap();
        known
            .pin("Talk.Example", 64738, Fingerprint([4; 32]))
            .unwrap();
        let known = KnownServers::in_folder(folder.path());
        assert_eq!(
            known.find("talk.example", 64738).unwrap(),
            Some(Fingerprint([4; 32]))
        );
        assert_eq!(
            known.find("talk.example", 64739).unwrap(),
            Some(Fingerprint([2; 32]))
        );
        assert_eq!(
            known.find("::1", 64738).unwrap(),
            Some(Fingerprint([3; 32]))
        );
        assert_eq!(known.find("other.example", 64738).unwrap(), None);
        assert_eq!(
            fs::read_to_string(folder.path().join("known_servers"))
                .unwrap()
                .lines()
                .count(),
            3
        );
    }

    #[test]
    fn a_damaged_pin_is_an_error_and_not_trust() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("known_servers"),
            "talk.example:64738 12ab\n",
        )
        .unwrap();
        let error = KnownServers::in_folder(folder.path())
            .find("talk.example", 64738)
            .unwrap_err();
        assert!(error.to_string().contains("known_servers"), "{error}");
    }

    #[test]
    fn only_the_expected_certificate_is_accepted() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verify = |expected| {
            let verifier = PinVerifier::new(expected, Arc::clone(&provider));
            let name = ServerName::try_from("talk.example").unwrap();
            let certificate = CertificateDer::from(vec![1, 2, 3]);
            let now = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
            let verdict = verifier.verify_server_cert(&certificate, &[], &name, &[], now);
            (verdict.is_ok(), verifier.shown())
        };
        let real = Fingerprint::of(&[1, 2, 3]);
        assert_eq!(verify(None), (true, Some(real)));
        assert_eq!(verify(Some(real)), (true, Some(real)));
        assert_eq!(verify(Some(Fingerprint([0; 32]))), (false, Some(real)));
    }
}
