//! SIP by UDP: a socket that hands on only what the doorkeeper has let in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use rsipstack::platform::net;
use tokio::net::UdpSocket;

use super::doorkeeper::{Doorkeeper, Look};

/// The socket as the SIP stack sees it.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) socket: UdpSocket,
    pub(super) doorkeeper: Arc<Doorkeeper>,
}

#[async_trait::async_trait]
impl net::UdpSocket for Checked {
    async fn recv_from(&self, buffer: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        loop {
            let (length, source) = match self.socket.recv_from(buffer).await {
                Ok(received) => received,
                // What a peer's machine says of packets sent to it earlier (ICMP).
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error.into()),
            };
            let now = Instant::now();
            if !self.doorkeeper.admits(now, source.ip()) {
                continue;
            }
            let message = buffer.get(..length).unwrap_or_default();
            match self.doorkeeper.look(now, source.ip(), message) {
                Look::Pass => return Ok((length, source)),
                Look::Answer(answer) => {
                    // Lost like any datagram may be: the other end asks again.
                    let _ = self.socket.send_to(&answer, source).await;
                }
                Look::Drop => {}
            }
        }
    }

    async fn send_to(&self, message: &[u8], to: SocketAddr) -> rsipstack::Result<usize> {
        Ok(self.socket.send_to(message, to).await?)
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}
