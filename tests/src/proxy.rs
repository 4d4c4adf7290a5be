//! A bad network between a user and a Mumble server: loses, delays, reorders, hangs and cuts.

use std::collections::{BTreeMap, HashMap, VecDeque, hash_map::Entry};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::served::free_port;
use crate::{Chance, MumbleServer};

/// A datagram that is to be overtaken waits for this long: by then the next one has passed.
const HELD_BACK: Duration = Duration::from_millis(30);

/// Datagrams on the way in one direction; the newest is lost when there are more.
const MOST_ON_THE_WAY: usize = 4096;

/// Pieces of a TCP stream on the way in one direction; then the sender waits.
const MOST_PIECES: usize = 256;

/// How many datagrams are remembered; then the oldest is forgotten.
const MOST_REMEMBERED: usize = 200_000;

/// Longer than any datagram that Mumble sends (1024 bytes).
const LONGEST: usize = 2048;

/// A relay for TCP and UDP on one port of 127.0.0.1. It and its connections end when it is
/// dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    _here: DropGuard,
}

/// What the network does wrong. Default: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Which datagrams get through at all. Default: all.
    pub udp: Udp,
    /// Whether TCP connections get anything through. Default: they do.
    pub tcp: Tcp,
    /// Each datagram is lost with this chance, in percent, either way. Default: 0.
    pub loss_percent: f64,
    /// Each datagram is held back by 30 ms with this chance, in percent, so that others overtake
    /// it. Default: 0.
    pub reorder_percent: f64,
    /// How much longer everything takes one way, TCP and UDP. Default: 0.
    pub delay: Duration,
}

/// Which datagrams get through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Udp {
    /// All, apart from what loss takes.
    #[default]
    Passes,
    /// Only those from the server.
    DropsUp,
    /// Only those to the server.
    DropsDown,
    /// None.
    DropsBoth,
}

/// Whether TCP connections get anything through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tcp {
    /// They do.
    #[default]
    Passes,
    /// They stay open, and what is sent waits.
    Hangs,
    /// What users send waits; what the server sends gets through.
    HangsUp,
}

/// To the server or from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a user to the server.
    Up,
    /// From the server to a user.
    Down,
}

/// A datagram that came to the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// When it came.
    pub at: Instant,
    /// Where it was going.
    pub direction: Direction,
    /// Its length in bytes.
    pub length: usize,
    /// Whether it was passed on.
    pub passed: bool,
}

impl Proxy {
    /// Starts a relay to `server` with chance seeded by `seed`. To go through it, join with
    /// `config.port = proxy.port()`.
    pub async fn before(server: &MumbleServer, seed: u64) -> Self {
        let (port, server) = (free_port(), (Ipv4Addr::LOCALHOST, server.port()).into());
        let address = (Ipv4Addr::LOCALHOST, port);
        let tcp = TcpListener::bind(address).await.expect("the port is free");
        let udp = UdpSocket::bind(address).await.expect("the port is free");
        let here = CancellationToken::new();
        let shared = Arc::new(Shared {
            server,
            faults: watch::Sender::new(Faults::default()),
            chance: Mutex::new(Chance::of(seed)),
            remembered: Mutex::default(),
            connections: Mutex::new(here.child_token()),
            here: here.clone(),
        });
        shared.spawn(Arc::clone(&shared).relay_tcp(tcp));
        shared.spawn(Arc::clone(&shared).relay_udp(Arc::new(udp)));
        Self {
            port,
            shared,
            _here: here.drop_guard(),
        }
    }

    /// Where it listens, TCP and UDP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes what the network does wrong from now on.
    pub fn change(&self, change: impl FnOnce(&mut Faults)) {
        self.shared.faults.send_modify(change);
    }

    /// Swallows everything until [`Proxy::heal`]; connections stay open.
    pub fn hang(&self) {
        self.change(|faults| (faults.udp, faults.tcp) = (Udp::DropsBoth, Tcp::Hangs));
    }

    /// Does nothing wrong any more.
    pub fn heal(&self) {
        self.change(|faults| *faults = Faults::default());
    }

    /// Ends every TCP connection; new ones are let in.
    pub fn cut_tcp(&self) {
        let fresh = self.shared.here.child_token();
        let old = std::mem::replace(&mut *lock(&self.shared.connections), fresh);
        old.cancel();
    }

    /// The datagrams that came so far, oldest first.
    pub fn datagrams(&self) -> Vec<Datagram> {
        lock(&self.shared.remembered).iter().copied().collect()
    }

    /// Forgets the datagrams that came so far.
    pub fn forget_datagrams(&self) {
        lock(&self.shared.remembered).clear();
    }
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    faults: watch::Sender<Faults>,
    chance: Mutex<Chance>,
    remembered: Mutex<VecDeque<Datagram>>,
    /// Cancelled and replaced when connections are cut.
    connections: Mutex<CancellationToken>,
    here: CancellationToken,
}

impl Shared {
    /// Runs a task that ends with the proxy.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        spawn_until(self.here.clone(), task);
    }

    async fn relay_tcp(self: Arc<Self>, listener: TcpListener) {
        while let Ok((user, _)) = listener.accept().await {
            let until = lock(&self.connections).clone();
            let Ok(server) = TcpStream::connect(self.server).await else {
                continue;
            };
            // Small pieces must not wait for each other here as well.
            let _ = (user.set_nodelay(true), server.set_nodelay(true));
            let ((from_user, to_user), (from_server, to_server)) =
                (user.into_split(), server.into_split());
            let up = Arc::clone(&self).carry(Direction::Up, from_user, to_server);
            let down = Arc::clone(&self).carry(Direction::Down, from_server, to_user);
            spawn_until(until, async {
                tokio::join!(up, down);
            });
        }
    }

    /// Carries one direction of a TCP connection.
    async fn carry(
        self: Arc<Self>,
        direction: Direction,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
    ) {
        let (sender, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(MOST_PIECES);
        let read = async {
            let mut piece = vec![0; 16 << 10];
            while let Ok(length @ 1..) = from.read(&mut piece).await {
                let due = Instant::now() + self.faults.borrow().delay;
                if sender.send((due, piece[..length].to_vec())).await.is_err() {
                    break;
                }
            }
            drop(sender);
        };
        let write = async {
            let mut faults = self.faults.subscribe();
            while let Some((due, piece)) = pieces.recv().await {
                sleep_until(due.into()).await;
                let flows = |faults: &Faults| match faults.tcp {
                    Tcp::Passes => true,
                    Tcp::Hangs => false,
                    Tcp::HangsUp => direction == Direction::Down,
                };
                if faults.wait_for(flows).await.is_err() || to.write_all(&piece).await.is_err() {
                    break;
                }
            }
            let _ = to.shutdown().await;
        };
        tokio::join!(read, write);
    }

    /// Carries datagrams: each user's through a socket of its own, as a router does.
    async fn relay_udp(self: Arc<Self>, socket: Arc<UdpSocket>) {
        let mut users: HashMap<SocketAddr, mpsc::Sender<(Instant, Vec<u8>)>> = HashMap::new();
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

    async fn carry_down(
        self: Arc<Self>,
        beyond: Arc<UdpSocket>,
        line: mpsc::Sender<(Instant, Vec<u8>)>,
    ) {
        let mut datagram = [0; LONGEST];
        loop {
            // An error is about a datagram sent before, to a server that is down.
            if let Ok(length) = beyond.recv(&mut datagram).await {
                self.pass(Direction::Down, &datagram[..length], &line);
            }
        }
    }

    /// Puts a datagram on its line, or loses it.
    fn pass(&self, direction: Direction, datagram: &[u8], line: &mpsc::Sender<(Instant, Vec<u8>)>) {
        let (at, faults) = (Instant::now(), *self.faults.borrow());
        let dropped = match faults.udp {
            Udp::Passes => false,
            Udp::DropsUp => direction == Direction::Up,
            Udp::DropsDown => direction == Direction::Down,
            Udp::DropsBoth => true,
        };
        let passed = !self.happens(faults.loss_percent) && !dropped;
        let length = datagram.len();
        let mut remembered = lock(&self.remembered);
        if remembered.len() >= MOST_REMEMBERED {
            remembered.pop_front();
        }
        remembered.push_back(Datagram {
            at,
            direction,
            length,
            passed,
        });
        if passed {
            let held_back = self.happens(faults.reorder_percent);
            let more = if held_back { HELD_BACK } else { Duration::ZERO };
            let _ = line.try_send((at + faults.delay + more, datagram.to_vec()));
        }
    }

    /// A line that gives each datagram out when it is due.
    fn line(&self, way: Way) -> mpsc::Sender<(Instant, Vec<u8>)> {
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

    fn happens(&self, percent: f64) -> bool {
        lock(&self.chance).happens(percent)
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

/// Runs a task that ends at the latest with `until`.
fn spawn_until(until: CancellationToken, task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(async move {
        tokio::select! {
            () = until.cancelled() => {}
            () = task => {}
        }
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics while holding it")
}
