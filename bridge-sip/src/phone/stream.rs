//! SIP by TCP: bounded connections, whose messages the SIP stack gets when the doorkeeper lets
//! them in.
//!
//! The stack would read its connections itself, and mend what is broken before anybody can look at
//! it. So the reading half of each connection is kept here, behind a lock that the stack waits for
//! until the connection is over; it writes to it as ever. What has been judged goes to the stack by
//! a way of its own ([`Streams::way`]).

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rsipstack::sip::Transport;
use rsipstack::transaction::endpoint::EndpointInner;
use rsipstack::transport::channel::ChannelConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::doorkeeper::Doorkeeper;
use super::shares::{Most, Share, Shares};

mod connection;
mod inspector;

pub(super) use inspector::Inspector;

/// Connections at a time; one more is closed at once. A telephone needs one, and sixteen are enough
/// for those behind one router. A PBX that is believed finds some free, whatever strangers do.
const CONNECTIONS: Most = Most {
    of_one: 16,
    of_strangers: 96,
    of_all: 128,
};

/// How long a peer may take to be reached.
const REACHING: Duration = Duration::from_secs(10);

/// The connections of a line.
pub(super) struct Streams {
    doorkeeper: Arc<Doorkeeper>,
    endpoint: Arc<EndpointInner>,
    shares: Arc<Shares>,
    /// By this the stack gets messages. It has no bound, as everything that leads into the stack;
    /// the doorkeeper's limits bound what goes in.
    way: mpsc::UnboundedSender<TransportEvent>,
    /// Whom there is a connection with.
    peers: Mutex<BTreeSet<SocketAddr>>,
    end: CancellationToken,
}

impl Streams {
    /// Streams that lead into the stack, until `end`. `local` is what is listened on.
    pub(super) async fn open(
        doorkeeper: Arc<Doorkeeper>,
        endpoint: Arc<EndpointInner>,
        local: SocketAddr,
        end: CancellationToken,
    ) -> rsipstack::Result<Arc<Self>> {
        // Nothing is ever sent to this one, and nobody looks for an address of its kind.
        let ((way, judged), (nowhere, _)) = (channel(), channel());
        let address = SipAddr::new(Transport::Sctp, local.into());
        let door =
            ChannelConnection::create_connection(judged, nowhere, address, Some(end.child_token()));
        let layer = &endpoint.transport_layer;
        layer.add_connection(SipConnection::Channel(door.await?));
        Ok(Arc::new(Self {
            doorkeeper,
            endpoint,
            shares: Shares::new(CONNECTIONS),
            way,
            peers: Mutex::default(),
            end,
        }))
    }

    /// Takes connections until the end.
    pub(super) async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.end.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (stream, source) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Mostly too many open files: the next one is taken when some are closed.
                    tracing::warn!("a connection by TCP could not be taken: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            if !self.doorkeeper.admits(Instant::now(), source.ip()) {
                continue;
            }
            let believed = self.doorkeeper.believes(source.ip());
            if let Some(share) = self.shares.take(source.ip(), believed) {
                drop(self.hold(stream, source, share, Made::There));
            }
        }
    }

    /// Opens a connection, unless there is one; the stack sends by it from then on. Where that does
    /// not work the stack finds it out by itself.
    pub(super) async fn reach(self: &Arc<Self>, peer: SocketAddr) {
        if self.peers(|peers| peers.contains(&peer)) {
            return;
        }
        let Some(share) = self.shares.take(peer.ip(), true) else {
            return;
        };
        if let Ok(Ok(stream)) = timeout(REACHING, TcpStream::connect(peer)).await {
            let _ = self.hold(stream, peer, share, Made::Here).await;
        }
    }

    /// Holds a connection until it is over; tells when the stack knows it.
    fn hold(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        share: Share,
        made: Made,
    ) -> oneshot::Receiver<()> {
        let (known, is_known) = oneshot::channel();
        let streams = Arc::clone(self);
        tokio::spawn(async move {
            let _share = share;
            streams.peers(|peers| peers.insert(peer));
            if connection::hold(&streams, stream, peer, made, known)
                .await
                .is_none()
            {
                tracing::debug!("a connection by TCP was over before it began");
            }
            streams.peers(|peers| peers.remove(&peer));
        });
        is_known
    }

    fn peers<T>(&self, with: impl FnOnce(&mut BTreeSet<SocketAddr>) -> T) -> T {
        with(&mut self.peers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A channel as the stack takes it.
#[expect(clippy::disallowed_methods, reason = "the stack takes no other")]
fn channel() -> (
    mpsc::UnboundedSender<TransportEvent>,
    mpsc::UnboundedReceiver<TransportEvent>,
) {
    mpsc::unbounded_channel()
}

/// Which end has made a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Here,
    There,
}

fn by_tcp(address: SocketAddr) -> SipAddr {
    SipAddr::new(Transport::Tcp, address.into())
}
