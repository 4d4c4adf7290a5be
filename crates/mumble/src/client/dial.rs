//! The way to a server: TCP, then TLS with both certificates.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use rustls::{
    AlertDescription, ClientConfig, Error as TlsError, crypto::ring, pki_types::ServerName,
};
use tokio::{
    net::{TcpStream, lookup_host},
    task::spawn_blocking,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::config::{Config, Pin};
use crate::error::{JoinError, StateError};
use crate::identity::Identity;
use crate::pin::{Fingerprint, KnownServers, PinVerifier};

/// How long it may take to find the addresses of a name.
const LOOKUP_TIME: Duration = Duration::from_secs(5);

/// How many addresses of a name are tried.
const MOST_ADDRESSES: usize = 8;

/// How long one address is tried alone before the next one is tried beside it (RFC 8305,
/// section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// How long a server may take to accept the TCP connection.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// How long the TLS handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// A stream to a server whose certificate has been accepted.
#[derive(Debug)]
pub(crate) struct Dialled {
    pub(crate) stream: TlsStream<TcpStream>,
    pub(crate) peer: SocketAddr,
    /// What the server showed.
    pub(crate) fingerprint: Fingerprint,
}

/// Connects, and pins the server's certificate if it is the first one seen.
pub(crate) async fn dial(config: &Config) -> Result<Dialled, JoinError> {
    let state = State::load(config).await?;
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(PinVerifier::new(state.expected, Arc::clone(&provider)));
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::clone(&verifier) as _)
                .with_client_auth_cert(vec![state.identity.certificate], state.identity.key)
        })
        .map_err(|error| JoinError::CertificateRejected(error.to_string()))?;

    let addresses = timeout(LOOKUP_TIME, look_up(config))
        .await
        .map_err(|_| timed_out(config, LOOKUP_TIME, "looking up its name"))?
        .map_err(|source| unreachable(config, source))?;
    let stream = timeout(CONNECT_TIME, connect(addresses))
        .await
        .map_err(|_| timed_out(config, CONNECT_TIME, "connecting"))?
        .map_err(|source| unreachable(config, source))?;
    let peer = stream
        .peer_addr()
        .map_err(|source| unreachable(config, source))?;
    // Tunnelled voice must not wait for more to come.
    stream
        .set_nodelay(true)
        .map_err(|source| unreachable(config, source))?;

    let stream = timeout(
        HANDSHAKE_TIME,
        TlsConnector::from(Arc::new(tls)).connect(server_name(config, peer), stream),
    )
    .await
    .map_err(|_| timed_out(config, HANDSHAKE_TIME, "during the TLS handshake"))?
    .map_err(|error| handshake_failed(config, state.expected, &verifier, &error))?;
    let Some(fingerprint) = verifier.shown() else {
        return Err(not_mumble(config, "it shows no certificate"));
    };
    if config.pin == Pin::Tofu && state.expected.is_none() {
        let (known, host, port) = (state.known, config.host.clone(), config.port);
        blocking(move || known.pin(&host, port, fingerprint)).await?;
        tracing::info!(host = config.host, port = config.port, %fingerprint, "a new server's certificate was pinned");
    }
    Ok(Dialled {
        stream,
        peer,
        fingerprint,
    })
}

/// The server's addresses, each of a family followed by one of the other.
async fn look_up(config: &Config) -> io::Result<Vec<SocketAddr>> {
    // An IPv6 address is written in brackets where a port may follow.
    let host = config.host.trim_matches(['[', ']']);
    let found: Vec<SocketAddr> = lookup_host((host, config.port)).await?.collect();
    Ok(alternating(found))
}

fn alternating(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    // The family that the system puts first stays first.
    let first = addresses.first().map(SocketAddr::is_ipv6);
    let (ours, others): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| Some(address.is_ipv6()) == first);
    let mut others = others.into_iter();
    let mut all = Vec::new();
    for address in ours {
        all.push(address);
        all.extend(others.next());
    }
    all.extend(others);
    all.truncate(MOST_ADDRESSES);
    all
}

/// Connects to whichever address answers first; each has a head start over the next.
async fn connect(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut left = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut refusal = io::Error::new(ErrorKind::NotFound, "the name has no address");
    loop {
        match left.next() {
            Some(address) => attempts.push(TcpStream::connect(address)),
            None if attempts.is_empty() => return Err(refusal),
            None => {}
        }
        let patience = if left.len() > 0 {
            HEAD_START
        } else {
            CONNECT_TIME
        };
        match timeout(patience, attempts.next()).await {
            Ok(Some(Ok(stream))) => return Ok(stream),
            Ok(Some(Err(error))) => refusal = error,
            Ok(None) | Err(_) => {}
        }
    }
}

/// If the stream broke because of the own certificate: the error that says so.
pub(super) fn certificate_refused(error: &io::Error) -> Option<JoinError> {
    match error.get_ref()?.downcast_ref()? {
        TlsError::AlertReceived(
            alert @ (AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA),
        ) => Some(JoinError::CertificateRejected(format!("{alert:?}"))),
        _ => None,
    }
}

/// What lies in the state folder.
struct State {
    identity: Identity,
    known: KnownServers,
    expected: Option<Fingerprint>,
}

impl State {
    async fn load(config: &Config) -> Result<Self, JoinError> {
        let Config {
            host,
            port,
            username,
            state_dir,
            pin,
            ..
        } = config.clone();
        blocking(move || {
            let identity = Identity::load_or_make(&state_dir, &username)?;
            let known = KnownServers::in_folder(&state_dir);
            let expected = match pin {
                Pin::Tofu => known.find(&host, port)?,
                Pin::Off => None,
                Pin::Sha256(digest) => Some(Fingerprint(digest)),
            };
            Ok(Self {
                identity,
                known,
                expected,
            })
        })
        .await
    }
}

/// Runs what waits for the disk where it does not hold up the voices of other users.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StateError> + Send + 'static,
) -> Result<T, JoinError> {
    match spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// The name to ask for; an address where the configured name is none that TLS knows.
fn server_name(config: &Config, peer: SocketAddr) -> ServerName<'static> {
    ServerName::try_from(config.host.clone()).unwrap_or_else(|_| peer.ip().into())
}

fn handshake_failed(
    config: &Config,
    expected: Option<Fingerprint>,
    verifier: &PinVerifier,
    error: &io::Error,
) -> JoinError {
    let (host, port) = (config.host.clone(), config.port);
    if let (Some(expected), Some(found)) = (expected, verifier.shown())
        && expected != found
    {
        return JoinError::PinMismatch {
            host,
            port,
            expected,
            found,
        };
    }
    if let Some(refused) = certificate_refused(error) {
        return refused;
    }
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            JoinError::HungUp { host, port }
        }
        _ => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(TlsError::InvalidMessage(_)) => not_mumble(config, "it does not answer in TLS"),
            _ => not_mumble(config, &error.to_string()),
        },
    }
}

fn not_mumble(config: &Config, detail: &str) -> JoinError {
    JoinError::NotMumble {
        host: config.host.clone(),
        port: config.port,
        detail: detail.to_owned(),
    }
}

fn unreachable(config: &Config, source: io::Error) -> JoinError {
    JoinError::Unreachable {
        host: config.host.clone(),
        port: config.port,
        source: Arc::new(source),
    }
}

fn timed_out(config: &Config, after: Duration, during: &'static str) -> JoinError {
    let (host, port) = (config.host.clone(), config.port);
    JoinError::TimedOut {
        host,
        port,
        seconds: after.as_secs(),
        during,
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Instant};

    use rustls::{ServerConfig, pki_types::PrivateKeyDer};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpSocket},
    };
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::error::Outlook;
    use crate::trust;

    /// A port on which each caller gets what `serve` does to it.
    async fn listen<F: Future<Output = ()> + Send>(
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (caller, _) = listener.accept().await.unwrap();
                serve(caller).await;
            }
        });
        port
    }

    /// A TLS server that signed its certificate itself, another one each time.
    async fn tls_server() -> u16 {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["talk.example".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        listen(move |caller| {
            let acceptor = acceptor.clone();
            async move {
                let _ = acceptor.accept(caller).await;
            }
        })
        .await
    }

    fn config(port: u16, state_dir: &Path) -> Config {
        Config::new("127.0.0.1", port, "AI-Bot", state_dir)
    }

    #[tokio::test]
    async fn a_certificate_seen_first_is_the_only_one_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let known = KnownServers::in_folder(folder.path());
        let (port, other) = (tls_server().await, tls_server().await);
        let first = dial(&config(port, folder.path()))
            .await
            .unwrap()
            .fingerprint;
        assert_eq!(known.find("127.0.0.1", port).unwrap(), Some(first));
        assert_eq!(
            dial(&config(port, folder.path()))
                .await
                .unwrap()
                .fingerprint,
            first
        );

        // What would be there if another server had been seen on that port.
        known.pin("127.0.0.1", other, first).unwrap();
        let error = dial(&config(other, folder.path())).await.unwrap_err();
        let JoinError::PinMismatch {
            expected, found, ..
        } = error
        else {
            panic!("{error}")
        };
        assert!(expected == first && found != first);
        assert_eq!(
            known.find("127.0.0.1", other).unwrap(),
            Some(first),
            "still the old one"
        );

        let accepted = trust::accept("127.0.0.1", other, folder.path())
            .await
            .unwrap();
        assert_eq!(accepted, found);
        assert!(dial(&config(other, folder.path())).await.is_ok());
    }

    #[tokio::test]
    async fn a_given_pin_is_held_and_no_pin_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let port = tls_server().await;
        let dial_with = |pin| {
            let mut config = config(port, folder.path());
            config.pin = pin;
            async move { dial(&config).await.map(|dialled| dialled.fingerprint) }
        };
        let shown = dial_with(Pin::Off).await.unwrap();
        assert_eq!(dial_with(Pin::Sha256(shown.0)).await.unwrap(), shown);
        let error = dial_with(Pin::Sha256([7; 32])).await.unwrap_err();
        assert!(matches!(error, JoinError::PinMismatch { .. }), "{error}");
        assert!(!folder.path().join("known_servers").exists());
    }

    #[tokio::test]
    async fn what_is_no_mumble_server_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let http = listen(|mut caller| async move {
            // A server that closes with something unread resets the connection.
            let _ = caller.read(&mut [0; 4096]).await;
            let _ = caller.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        })
        .await;
        let error = dial(&config(http, folder.path())).await.unwrap_err();
        assert!(matches!(error, JoinError::NotMumble { .. }), "{error}");

        let banned = listen(|caller| async move { drop(caller) }).await;
        let error = dial(&config(banned, folder.path())).await.unwrap_err();
        assert!(matches!(error, JoinError::HungUp { .. }), "{error}");

        let gone = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let error = dial(&config(gone, folder.path())).await.unwrap_err();
        assert!(matches!(error, JoinError::Unreachable { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_state_folder_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a file");
        std::fs::write(&file, "").unwrap();
        let error = dial(&config(1, &file)).await.unwrap_err();
        assert!(error.to_string().contains("a file/identity.pem"), "{error}");
    }
    /// An address whose queue of callers is full, so that it answers nobody, and what keeps it
    /// so.
    async fn silent() -> (SocketAddr, (TcpListener, Vec<TcpStream>)) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut callers = Vec::new();
        while let Ok(caller) = timeout(HEAD_START, TcpStream::connect(address)).await {
            callers.push(caller.unwrap());
        }
        (address, (listener, callers))
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_holds_up_no_other() {
        let port = listen(|caller| async move { drop(caller) }).await;
        let refusing = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap()
        };
        let (silent, _held) = silent().await;
        let answering = SocketAddr::from(([127, 0, 0, 1], port));
        let begun = Instant::now();
        let stream = connect(vec![silent, refusing, answering]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), answering);
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
        assert!(connect(Vec::new()).await.is_err());
    }

    #[test]
    fn the_families_of_addresses_take_turns() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (a, b) = (address("[2001:db8::1]:1"), address("[2001:db8::2]:1"));
        let (c, d, e) = (
            address("192.0.2.1:1"),
            address("192.0.2.2:1"),
            address("192.0.2.3:1"),
        );
        assert_eq!(alternating(vec![a, b, c, d, e]), [a, c, b, d, e]);
        assert_eq!(alternating(vec![c, a]), [c, a]);
        assert_eq!(alternating(vec![a; 100]).len(), MOST_ADDRESSES);
    }

    #[tokio::test]
    async fn an_address_of_ipv6_is_taken_with_brackets_and_without() {
        let folder = tempfile::tempdir().unwrap();
        for host in ["::1", "[::1]"] {
            let config = Config::new(host, 64738, "AI-Bot", folder.path());
            let found = look_up(&config).await.unwrap();
            assert_eq!(found, ["[::1]:64738".parse().unwrap()]);
        }
    }

    #[tokio::test]
    async fn a_name_that_nobody_knows_may_be_known_later() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::new("no-such-host.invalid", 64738, "AI-Bot", folder.path());
        let error = dial(&config).await.unwrap_err();
        assert_eq!(error.outlook(), Outlook::HealsByItself, "{error}");
    }

    #[tokio::test]
    async fn a_server_that_takes_connections_and_says_nothing_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let held = Arc::new(std::sync::Mutex::new(Vec::new()));
        let silent = listen(move |caller| {
            held.lock().unwrap().push(caller);
            async {}
        })
        .await;
        let error = dial(&config(silent, folder.path())).await.unwrap_err();
        let JoinError::TimedOut {
            seconds, during, ..
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!((seconds, during), (10, "during the TLS handshake"));
    }
}
