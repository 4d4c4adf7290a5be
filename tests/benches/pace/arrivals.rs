//! Datagrams with the moments at which the kernel got them.

use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt::ReceiveTimestampns,
};
use nix::sys::time::TimeSpec;

/// How long a read waits before it looks whether it is still wanted.
const LOOK_UP: Duration = Duration::from_millis(100);

/// A socket whose datagrams carry the moment of their arrival.
#[derive(Debug)]
pub(crate) struct Arrivals {
    pub(crate) socket: UdpSocket,
}

/// One datagram.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) length: usize,
    pub(crate) from: SocketAddr,
    /// On the kernel's clock.
    pub(crate) at: Duration,
}

impl Arrivals {
    pub(crate) fn bind(port: u16) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
        setsockopt(&socket, ReceiveTimestampns, &true).expect("Linux notes arrivals");
        let timeout = socket.set_read_timeout(Some(LOOK_UP));
        timeout.expect("a socket can time out");
        Self { socket }
    }

    /// The next datagram; none when there was none for a moment.
    pub(crate) fn next(&self, datagram: &mut [u8]) -> Option<Arrived> {
        let mut control = cmsg_space!(TimeSpec);
        let mut buffer = [IoSliceMut::new(datagram)];
        let got = recvmsg::<SockaddrIn>(
            self.socket.as_raw_fd(),
            &mut buffer,
            Some(&mut control),
            MsgFlags::empty(),
        );
        let got = match got {
            Ok(got) => got,
            Err(Errno::EAGAIN | Errno::EINTR) => return None,
            Err(error) => panic!("a datagram cannot be read: {error}"),
        };
        let at = got
            .cmsgs()
            .expect("there is room for it")
            .find_map(|note| match note {
                ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
                _ => None,
            });
        Some(Arrived {
            length: got.bytes,
            from: SocketAddrV4::from(got.address.expect("somebody sent it")).into(),
            at: at.expect("the kernel notes it"),
        })
    }
}
