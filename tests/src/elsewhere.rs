//! Another machine, as far as a Mumble server can tell: a relay with an address of its own.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::MumbleServer;

/// The address that the server sees; all of 127.0.0.0/8 is this machine.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A relay for TCP. It and its connections end when it is dropped.
#[derive(Debug)]
pub struct Elsewhere {
    port: u16,
    _here: DropGuard,
}

impl Elsewhere {
    /// A relay to `server`. To come from there, join with `config.port = elsewhere.port()`.
    pub async fn from(server: &MumbleServer) -> Self {
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let here = CancellationToken::new();
        let gone = here.clone();
        tokio::spawn(gone.clone().run_until_cancelled_owned(async move {
            while let Ok((user, _)) = listener.accept().await {
                tokio::spawn(gone.clone().run_until_cancelled_owned(relay(user, to)));
            }
        }));
        Self {
            port,
            _here: here.drop_guard(),
        }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Carries a connection until one side ends it.
async fn relay(mut user: TcpStream, to: SocketAddr) {
    let socket = TcpSocket::new_v4().expect("there are sockets left");
    let bound = socket.bind((ADDRESS, 0).into());
    bound.expect("it is an address of this machine");
    if let Ok(mut server) = socket.connect(to).await {
        // Either end may go when it likes.
        let _ = copy_bidirectional(&mut user, &mut server).await;
    }
}
