//! The UDP socket beside a stream: it wakes its user at once, or is looked at on a beat.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use socket2::SockRef;
use tokio::net::UdpSocket;

/// Longer than any datagram that Mumble sends (1024 bytes).
pub(super) const LONGEST: usize = 2048;

/// What the system is asked to keep of datagrams that are not read yet, in bytes; it may give
/// less. A hundred voices fill it in half a second: each datagram counts with its overhead there,
/// some 800 bytes for a packet of voice.
const UNREAD: usize = 4 << 20;

/// A UDP socket for one server.
#[derive(Debug)]
pub(super) enum Datagrams {
    /// The runtime watches it.
    Watched(UdpSocket),
    /// Nobody does, so that a datagram wakes nobody.
    Unwatched(std::net::UdpSocket),
}

impl Datagrams {
    /// A socket for the same server that the stream goes to.
    pub(super) fn beside(peer: SocketAddr, watched: bool) -> io::Result<Self> {
        let local: SocketAddr = match peer {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = std::net::UdpSocket::bind(local)?;
        socket.set_nonblocking(true)?;
        // A smaller buffer is no reason to do without UDP.
        if let Err(error) = SockRef::from(&socket).set_recv_buffer_size(UNREAD) {
            tracing::debug!(%error, "the system keeps its own size of the UDP buffer");
        }
        // Only the server's datagrams get through then.
        socket.connect(peer)?;
        if watched {
            return UdpSocket::from_std(socket).map(Self::Watched);
        }
        Ok(Self::Unwatched(socket))
    }

    /// A datagram's length, once one is there. Never ends where nobody watches.
    pub(super) async fn receive(&self, datagram: &mut [u8]) -> usize {
        let Self::Watched(socket) = self else {
            return std::future::pending().await;
        };
        loop {
            // An error is about a datagram sent before (nobody listens there): pings will tell.
            if let Ok(length) = socket.recv(datagram).await {
                return length;
            }
        }
    }

    /// A datagram's length, if one is there.
    ///
    /// # Errors
    /// When there is none, and for what became of a datagram sent before.
    pub(super) fn try_receive(&self, datagram: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Watched(socket) => socket.try_recv(datagram),
            Self::Unwatched(socket) => socket.recv(datagram),
        }
    }

    /// Sends a datagram. One that the system does not take is a lost one, as on the way.
    pub(super) fn send(&self, datagram: &[u8]) {
        let _ = match self {
            Self::Watched(socket) => socket.try_send(datagram),
            Self::Unwatched(socket) => socket.send(datagram),
        };
    }
}
