//! A server that says what a test tells it, to one user at a time.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, copy, sink, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::wire;

/// The number that the user who is tried logs in under.
pub(crate) const ME: u64 = 5;

/// The number of another user.
pub(crate) const ANN: u64 = 9;

/// How long the user may take for whatever is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What is written at once.
const PIECE: usize = 1 << 16;

pub(crate) struct Server {
    listener: TcpListener,
    tls: TlsAcceptor,
}

/// The connection of the user who is tried.
pub(crate) struct Peer {
    writer: WriteHalf<TlsStream<TcpStream>>,
    unwritten: Vec<u8>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own = rcgen::generate_simple_self_signed(["talk.example".to_owned()])
            .expect("a certificate can be made");
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
        let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key.into())
            .expect("the key is the certificate's");
        let tls = TlsAcceptor::from(Arc::new(tls));
        Self { listener, tls }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().expect("it listens").port()
    }

    /// The next connection. What the user says on it is read and thrown away.
    pub(crate) async fn accepts(&self) -> Peer {
        let accepted = timeout(PATIENCE, self.listener.accept()).await;
        let (stream, _) = accepted.expect("it connects").expect("it connects");
        let stream = self.tls.accept(stream).await.expect("TLS is agreed on");
        let (reader, writer) = split(stream);
        tokio::spawn(throw_away(reader));
        Peer {
            writer,
            unwritten: Vec::new(),
        }
    }

    /// The next connection, logged in as an honest server would.
    pub(crate) async fn lets_in(&self) -> Peer {
        let mut peer = self.accepts().await;
        peer.says(&wire::frame(
            wire::VERSION,
            &wire::number(5, 0x0001_0003_0004_0000),
        ))
        .await;
        peer.says(&wire::crypt_setup(1)).await;
        peer.says(&wire::channel(0, 0, "Root")).await;
        peer.says(&wire::user(ANN, "Ann", 0)).await;
        peer.says(&wire::user(ME, "AI", 0)).await;
        peer.syncs().await;
        peer
    }
}

impl Peer {
    /// Sends bytes; they leave once there are many, or with [`Peer::flush`].
    pub(crate) async fn says(&mut self, bytes: &[u8]) {
        self.unwritten.extend_from_slice(bytes);
        if self.unwritten.len() >= PIECE {
            self.flush().await;
        }
    }

    /// Tells the user that the login is complete.
    pub(crate) async fn syncs(&mut self) {
        self.says(&wire::frame(wire::SYNC, &wire::number(1, ME)))
            .await;
        self.flush().await;
    }

    /// Sends what waits. That the user has hung up shows elsewhere.
    pub(crate) async fn flush(&mut self) {
        let written = async {
            self.writer.write_all(&self.unwritten).await?;
            self.writer.flush().await
        };
        let _ = timeout(PATIENCE, written).await.expect("it is read");
        self.unwritten.clear();
    }
}

async fn throw_away(mut reader: ReadHalf<TlsStream<TcpStream>>) {
    let _ = copy(&mut reader, &mut sink()).await;
    // Until the user has hung up.
    let _ = reader.read(&mut [0]).await;
}
