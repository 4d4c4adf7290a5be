//! The ports that calls send and receive their sound through: one for each call.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::media::MediaSocket;

/// A range of UDP ports on one address. The system itself knows which of them are free.
#[derive(Debug)]
pub struct Ports {
    address: IpAddr,
    first: u16,
    last: u16,
    /// Where the next search begins: a port that has just become free rests longest, for packets
    /// of its last call may still be on their way.
    next: AtomicU32,
}

impl Ports {
    /// The ports `first` to `last`, both included, on `address`.
    pub fn new(address: IpAddr, first: u16, last: u16) -> Self {
        Self {
            address,
            first,
            last: last.max(first),
            next: AtomicU32::new(0),
        }
    }

    /// How many calls fit.
    pub fn count(&self) -> u32 {
        u32::from(self.last - self.first) + 1
    }

    /// A free one of them; it is free again when the socket is dropped. `None` when all are taken.
    ///
    /// # Errors
    /// When the system refuses for another reason than that a port is taken.
    pub fn take(&self) -> io::Result<Option<MediaSocket>> {
        let count = self.count();
        for _ in 0..count {
            let offset = self.next.fetch_add(1, Ordering::Relaxed) % count;
            let port = self.first + offset as u16;
            match std::net::UdpSocket::bind(SocketAddr::new(self.address, port)) {
                Ok(socket) => return MediaSocket::new(socket).map(Some),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// Three neighbouring ports that are free now.
    fn three() -> Ports {
        for first in (20_000..60_000).step_by(7) {
            let ports = Ports::new(Ipv4Addr::LOCALHOST.into(), first, first + 2);
            let free = (first..first + 3)
                .all(|port| std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
            if free {
                return ports;
            }
        }
        panic!("no three free ports");
    }

    #[test]
    fn as_many_calls_as_ports() {
        let ports = three();
        let mut taken: Vec<_> = (0..3).map(|_| ports.take().unwrap().unwrap()).collect();
        assert!(ports.take().unwrap().is_none(), "a fourth of three");
        let freed = taken.remove(1).local_addr().unwrap();
        let again = ports.take().unwrap().expect("one is free again");
        assert_eq!(again.local_addr().unwrap(), freed);
    }

    #[test]
    fn a_port_that_was_given_back_rests() {
        let ports = three();
        let first = ports.take().unwrap().unwrap().local_addr().unwrap();
        let second = ports.take().unwrap().unwrap().local_addr().unwrap();
        assert_ne!(first, second);
    }
}
