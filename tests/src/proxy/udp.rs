//! The proxy's datagrams, and what goes wrong with them.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::{Datagram, Direction, MOST_REMEMBERED, Shared, Udp, remember};

/// A datagram that is to be overtaken waits for this long: by then the next one has passed.
const HELD_BACK: Duration = Duration::from_millis(30);

/// Datagrams on the way in one direction; the newest is lost when there are more.
const MOST_ON_THE_WAY: usize = 4096;

/// Longer than any datagram that Mumble sends (1024 bytes).
const LONGEST: usize = 2048;

/// Takes datagrams with the time when each is due at its end.
type Line = mpsc::Sender<(Instant, Vec<u8>)>;

impl Shared {
    /// Carries datagrams: each user's through a socket of its own, as a router does.
    pub(super) async fn relay_udp(self: Arc<Self>, socket: Arc<UdpSocket>) {
        let mut users: HashMap<SocketAddr, Line> = HashMap::new();
        let mut datagram = [0; LONGEST];
        loop {
            // An error is about a datagram sent before, to a user that has gone.
            let Ok((length, user)) = socket.recv_from(&mut datagram).await else {
                continue;
            };
            let line = match users.entry(user) {
                Entry::Occupied(line) => line.into_mut(),
                Entry::Vacant(place) => {
                    let beyond = self.beyond().await;
                    let down = self.line(Way::Back(Arc::clone(&socket), user));
                    self.spawn(Arc::clone(&self).carry_down(Arc::clone(&beyond), down));
                    place.insert(self.line(Way::To(beyond)))
                }
            };
            self.pass(Direction::Up, &datagram[..length], line);
        }
    }

    /// A socket towards the server.
    async fn beyond(&self) -> Arc<UdpSocket> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let socket = socket.expect("loopback has a free port");
        let connected = socket.connect(self.server).await;
        connected.expect("the server is on loopback");
        Arc::new(socket)
    }

    async fn carry_down(self: Arc<Self>, beyond: Arc<UdpSocket>, line: Line) {
        let mut datagram = [0; LONGEST];
        loop {
            // An error is about a datagram sent before, to a server that is down.
            if let Ok(length) = beyond.recv(&mut datagram).await {
                self.pass(Direction::Down, &datagram[..length], &line);
            }
        }
    }

    /// Puts a datagram on its line, or loses it.
    fn pass(&self, direction: Direction, datagram: &[u8], line: &Line) {
        let (at, faults) = (Instant::now(), *self.faults.borrow());
        let dropped = match faults.udp {
            Udp::Passes | Udp::Garbles => false,
            Udp::DropsUp => direction == Direction::Up,
            Udp::DropsDown => direction == Direction::Down,
            Udp::DropsBoth => true,
        };
        let passed = !self.happens(faults.loss_percent) && !dropped;
        let length = datagram.len();
        let came = Datagram {
            at,
            direction,
            length,
            passed,
        };
        remember(&self.datagrams, came, MOST_REMEMBERED);
        if passed {
            let held_back = self.happens(faults.reorder_percent);
            let more = if held_back { HELD_BACK } else { Duration::ZERO };
            let datagram = match faults.udp {
                Udp::Garbles => self.garbage(length),
                _ => datagram.to_vec(),
            };
            let _ = line.try_send((at + faults.delay + more, datagram));
        }
    }

    /// A line that gives each datagram out when it is due.
    fn line(&self, way: Way) -> Line {
        let (sender, mut fresh) = mpsc::channel::<(Instant, Vec<u8>)>(MOST_ON_THE_WAY);
        self.spawn(async move {
            let mut on_the_way = BTreeMap::new();
            for number in 0_u64.. {
                let due = on_the_way
                    .first_key_value()
                    .map(|(&(due, _), _): (&(Instant, u64), &Vec<u8>)| due);
                tokio::select! {
                    biased;
                    () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {
                        if let Some((_, datagram)) = on_the_way.pop_first() {
                            way.send(&datagram).await;
                        }
                    }
                    datagram = fresh.recv() => match datagram {
                        Some((due, datagram)) => {
                            on_the_way.insert((due, number), datagram);
                        }
                        None => return,
                    }
                }
            }
        });
        sender
    }
}

/// Where a line ends.
enum Way {
    /// At the server.
    To(Arc<UdpSocket>),
    /// At a user.
    Back(Arc<UdpSocket>, SocketAddr),
}

impl Way {
    async fn send(&self, datagram: &[u8]) {
        // Nobody may be there any more; a network does not mind.
        let _ = match self {
            Self::To(socket) => socket.send(datagram).await,
            Self::Back(socket, user) => socket.send_to(datagram, user).await,
        };
    }
}
