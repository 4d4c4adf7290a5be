//! The socket of one call's sound. It wakes nobody: it is read on the beat, and each packet tells
//! when it came.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

/// The longest datagram that is read whole: no packet of sound is longer.
pub const LONGEST: usize = 2048;

/// No packet has lain in the socket for longer than this, whatever the clocks say: one that is set
/// meanwhile would say anything.
const LONGEST_LAIN: Duration = Duration::from_millis(200);

/// A UDP socket for sound.
#[derive(Debug)]
pub struct MediaSocket {
    socket: UdpSocket,
    /// Where the system says when a packet came.
    notes: Vec<u8>,
}

/// A datagram that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its length in bytes.
    pub length: usize,
    /// Whom it is from.
    pub from: SocketAddr,
    /// When it came.
    pub at: Instant,
}

impl MediaSocket {
    /// Reads from a socket that is bound already.
    ///
    /// # Errors
    /// When the system does not let it be read without waiting.
    pub fn new(socket: UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let notes = system::ask_for_times(&socket);
        Ok(Self { socket, notes })
    }

    /// The next datagram that has come, if there is one; `now` and `wall` are what the clocks show.
    pub fn receive(
        &mut self,
        now: Instant,
        wall: SystemTime,
        datagram: &mut [u8; LONGEST],
    ) -> Option<Received> {
        let (length, from, came) =
            system::receive(&self.socket, datagram, &mut self.notes).ok()??;
        let lain = came.and_then(|came| wall.duration_since(came).ok());
        let lain = lain.unwrap_or_default().min(LONGEST_LAIN);
        let at = now.checked_sub(lain).unwrap_or(now);
        Some(Received { length, from, at })
    }

    /// Sends a packet. A full socket drops it, as the network does.
    pub fn send(&self, packet: &[u8], to: SocketAddr) {
        let _ = self.socket.send_to(packet, to);
    }

    /// Where it is bound.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// A datagram's length, its sender, and when it came by the clock on the wall.
type Came = (usize, SocketAddr, Option<SystemTime>);

#[cfg(target_os = "linux")]
mod system {
    use std::io::{self, IoSliceMut};
    use std::net::{SocketAddr, UdpSocket};
    use std::os::fd::AsRawFd;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use nix::sys::socket::{
        ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt,
        sockopt::ReceiveTimestampns,
    };
    use nix::sys::time::TimeSpec;

    use super::Came;

    /// Room for what is said of each packet.
    pub(super) fn ask_for_times(socket: &UdpSocket) -> Vec<u8> {
        // Without it packets came when they were read.
        if let Err(error) = setsockopt(socket, ReceiveTimestampns, &true) {
            tracing::debug!(%error, "the system does not say when packets come");
        }
        nix::cmsg_space!(TimeSpec)
    }

    /// `None` when nothing has come.
    pub(super) fn receive(
        socket: &UdpSocket,
        datagram: &mut [u8],
        notes: &mut [u8],
    ) -> io::Result<Option<Came>> {
        let mut whole = [IoSliceMut::new(datagram)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let received =
            recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut whole, Some(notes), flags)?;
        let times = received.cmsgs().ok().and_then(|mut notes| {
            notes.find_map(|note| match note {
                ControlMessageOwned::ScmTimestampns(time) => time_of(time),
                _ => None,
            })
        });
        let from = received.address.as_ref().and_then(address);
        Ok(from.map(|from| (received.bytes, from, times)))
    }

    fn time_of(time: TimeSpec) -> Option<SystemTime> {
        let seconds = u64::try_from(time.tv_sec()).ok()?;
        let nanos = u32::try_from(time.tv_nsec()).ok()?;
        UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
    }

    fn address(address: &SockaddrStorage) -> Option<SocketAddr> {
        let v4 = address
            .as_sockaddr_in()
            .map(|v4| SocketAddr::V4((*v4).into()));
        let v6 = || {
            address
                .as_sockaddr_in6()
                .map(|v6| SocketAddr::V6((*v6).into()))
        };
        v4.or_else(v6)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::net::UdpSocket;

    use super::Came;

    pub(super) fn ask_for_times(_: &UdpSocket) -> Vec<u8> {
        Vec::new()
    }

    pub(super) fn receive(
        socket: &UdpSocket,
        datagram: &mut [u8],
        _: &mut [u8],
    ) -> io::Result<Option<Came>> {
        let (length, from) = socket.recv_from(datagram)?;
        Ok(Some((length, from, None)))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn bound() -> UdpSocket {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port")
    }

    #[test]
    fn a_packet_tells_who_sent_it_and_when_it_came() {
        let mut socket = MediaSocket::new(bound()).unwrap();
        let telephone = bound();
        let mut datagram = [0; LONGEST];
        let (now, wall) = (Instant::now(), SystemTime::now());
        assert_eq!(socket.receive(now, wall, &mut datagram), None);
        let to = socket.local_addr().unwrap();
        telephone.send_to(b"sound", to).unwrap();
        let sent = Instant::now();
        // It is looked at later.
        let later = Duration::from_millis(150);
        let received = socket.receive(now + later, wall + later, &mut datagram);
        let received = received.expect("loopback is quick");
        assert_eq!(received.length, 5);
        assert_eq!(received.from, telephone.local_addr().unwrap());
        // The two clocks are not read in the same moment.
        let slack = Duration::from_millis(5);
        assert!(received.at + slack >= now);
        if cfg!(target_os = "linux") {
            assert!(received.at <= sent + slack);
        }
        assert_eq!(socket.receive(now, wall, &mut datagram), None);
    }

    #[test]
    fn a_clock_that_was_set_makes_no_packet_old() {
        let mut socket = MediaSocket::new(bound()).unwrap();
        let telephone = bound();
        let to = socket.local_addr().unwrap();
        let mut datagram = [0; LONGEST];
        let hour = Duration::from_secs(3600);
        for wall in [SystemTime::now() + hour, SystemTime::now() - hour] {
            telephone.send_to(b"sound", to).unwrap();
            let now = Instant::now();
            let received = socket.receive(now, wall, &mut datagram).unwrap();
            assert!(received.at <= now && received.at + LONGEST_LAIN >= now);
        }
    }
}
