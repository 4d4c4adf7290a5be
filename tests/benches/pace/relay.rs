//! What stands between the user and its server, and notes when the user's packets come.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use world::MumbleServer;

use super::arrivals::Arrivals;

/// A sealed ping has at most so many bytes: 4 of sealing, its kind, and a number of up to 9.
/// Packets of speech are longer.
const LONGEST_PING: usize = 14;

/// Longer than any datagram that Mumble sends (1024 bytes).
const LONGEST: usize = 2048;

/// Passes everything on unchanged, for one user.
#[derive(Debug)]
pub(crate) struct Relay {
    port: u16,
    voice: Arc<Mutex<Vec<Duration>>>,
    over: Arc<AtomicBool>,
}

impl Relay {
    pub(crate) async fn before(server: &MumbleServer) -> Self {
        let to: SocketAddr = (Ipv4Addr::LOCALHOST, server.port()).into();
        // TCP and UDP need the same port, so the first one found is tried for both.
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let tcp = tcp.expect("a port is free");
        let port = tcp.local_addr().expect("it is bound").port();
        let up = Arrivals::bind(port);
        let down = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        down.connect(to).expect("the server is there");
        let relay = Self {
            port,
            voice: Arc::default(),
            over: Arc::default(),
        };
        tokio::spawn(relay_tcp(tcp, to));
        let (voice, over) = (Arc::clone(&relay.voice), Arc::clone(&relay.over));
        thread::spawn(move || relay_udp(&up, &down, &voice, &over));
        relay
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// When the user's packets of speech came since [`Relay::forget`].
    pub(crate) fn voice(&self) -> Vec<Duration> {
        lock(&self.voice).clone()
    }

    pub(crate) fn forget(&self) {
        lock(&self.voice).clear();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

async fn relay_tcp(listener: TcpListener, to: SocketAddr) {
    while let Ok((mut user, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut server = TcpStream::connect(to).await.expect("the server is there");
            // Either side may end it.
            let _ = copy_bidirectional(&mut user, &mut server).await;
        });
    }
}

fn relay_udp(up: &Arrivals, down: &UdpSocket, voice: &Mutex<Vec<Duration>>, over: &AtomicBool) {
    let mut datagram = [0; LONGEST];
    thread::scope(|scope| {
        let mut back = None;
        while !over.load(Ordering::Relaxed) {
            let Some(arrived) = up.next(&mut datagram) else {
                continue;
            };
            if arrived.length > LONGEST_PING {
                lock(voice).push(arrived.at);
            }
            // A datagram that is not taken is a lost one.
            let _ = down.send(&datagram[..arrived.length]);
            back.get_or_insert_with(|| {
                scope.spawn(move || relay_back(up, down, arrived.from, over));
            });
        }
    });
}

fn relay_back(up: &Arrivals, down: &UdpSocket, user: SocketAddr, over: &AtomicBool) {
    let timeout = down.set_read_timeout(Some(Duration::from_millis(100)));
    timeout.expect("a socket can time out");
    let mut datagram = [0; LONGEST];
    while !over.load(Ordering::Relaxed) {
        if let Ok(length) = down.recv(&mut datagram) {
            let _ = up.socket.send_to(&datagram[..length], user);
        }
    }
}

fn lock(voice: &Mutex<Vec<Duration>>) -> MutexGuard<'_, Vec<Duration>> {
    voice.lock().expect("nobody panics while holding it")
}
