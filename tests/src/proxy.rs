//! A bad network between somebody and a server: loses, delays, hangs, cuts, and answers with
//! nonsense.
//!
//! Before a Mumble server it carries TCP and UDP, before an engine TCP alone. What goes wrong is
//! said by [`Faults`] and can be changed at any time; liveness checks and probes pass through the
//! same faults as everything else. The requests of HTTP that pass are remembered, so that a test
//! can tell what was asked, and what was not.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::served::free_port;
use crate::{Chance, MumbleServer};

mod fault;
mod faults;
mod tcp;
mod answer;
mod request;
mod udp;

pub use fault::Fault;
pub use faults::{Faults, Tcp, Udp};
pub use request::Request;

/// How many datagrams are remembered; then the oldest is forgotten.
const MOST_REMEMBERED: usize = 200_000;

/// How many requests are remembered; then the oldest is forgotten.
const MOST_REQUESTS: usize = 2_000;

/// A relay on one port of 127.0.0.1. It and its connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    _here: DropGuard,
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
    /// Starts a relay to `server`, TCP and UDP, with chance seeded by `seed`. To go through it,
    /// join with `config.port = proxy.port()`.
    pub async fn before(server: &MumbleServer, seed: u64) -> Self {
        let proxy = Self::start((Ipv4Addr::LOCALHOST, server.port()).into(), false, seed).await;
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, proxy.port)).await;
        let udp = Arc::new(udp.expect("the port is free"));
        let shared = &proxy.shared;
        shared.spawn(Arc::clone(shared).relay_udp(udp));
        proxy
    }

    /// Starts a relay to the engine at `url`, such as `http://127.0.0.1:5001`, with chance seeded
    /// by `seed`. To go through it, use [`Proxy::url`].
    pub async fn to(url: &str, seed: u64) -> Self {
        let url = reqwest::Url::parse(url).expect("an engine has a URL");
        let addresses = url.socket_addrs(|| None).expect("an engine has an address");
        Self::start(addresses[0], true, seed).await
    }

    async fn start(server: SocketAddr, is_engine: bool, seed: u64) -> Self {
        let port = free_port();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let here = CancellationToken::new();
        let shared = Arc::new(Shared {
            server,
            is_engine,
            faults: watch::Sender::new(Faults::default()),
            chance: Mutex::new(Chance::of(seed)),
            datagrams: Mutex::default(),
            requests: Mutex::default(),
            connections: Mutex::new(here.child_token()),
            here: here.clone(),
        });
        shared.spawn(Arc::clone(&shared).relay_tcp(listener.expect("the port is free")));
        Self {
            port,
            shared,
            _here: here.drop_guard(),
        }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it listens, as the base address of an engine.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Changes what the network does wrong from now on.
    pub fn change(&self, change: impl FnOnce(&mut Faults)) {
        self.shared.faults.send_modify(change);
    }

    /// Swallows everything until [`Proxy::heal`]; connections stay open.
    pub fn hang(&self) {
        self.change(|faults| (faults.udp, faults.tcp) = (Udp::DropsBoth, Tcp::Hangs));
    }

    /// Does nothing wrong any more. What waited on open connections gets through.
    pub fn heal(&self) {
        self.change(|faults| *faults = Faults::default());
    }

    /// Ends every connection, then does nothing wrong any more: what was asked during the fault
    /// never reaches the server, as after a restart.
    pub fn come_back(&self) {
        self.cut_tcp();
        self.heal();
    }

    /// Ends every TCP connection; new ones are let in.
    pub fn cut_tcp(&self) {
        let fresh = self.shared.here.child_token();
        let old = std::mem::replace(&mut *lock(&self.shared.connections), fresh);
        old.cancel();
    }

    /// The datagrams that came so far, oldest first.
    pub fn datagrams(&self) -> Vec<Datagram> {
        lock(&self.shared.datagrams).iter().copied().collect()
    }

    /// Forgets the datagrams that came so far.
    pub fn forget_datagrams(&self) {
        lock(&self.shared.datagrams).clear();
    }

    /// The requests of HTTP that came as a whole so far, oldest first, whatever became of them.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).iter().cloned().collect()
    }

    /// Forgets the requests that came so far.
    pub fn forget_requests(&self) {
        lock(&self.shared.requests).clear();
    }

    /// How many of [`Proxy::requests`] were for this method and path.
    pub fn asked(&self, method: &str, path: &str) -> usize {
        let requests = lock(&self.shared.requests);
        let such = |request: &&Request| request.method == method && request.path == path;
        requests.iter().filter(such).count()
    }
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    is_engine: bool,
    faults: watch::Sender<Faults>,
    chance: Mutex<Chance>,
    datagrams: Mutex<VecDeque<Datagram>>,
    requests: Mutex<VecDeque<Request>>,
    /// Cancelled and replaced when connections are cut.
    connections: Mutex<CancellationToken>,
    here: CancellationToken,
}

impl Shared {
    /// Runs a task that ends with the proxy.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        spawn_until(self.here.clone(), task);
    }

    fn happens(&self, percent: f64) -> bool {
        lock(&self.chance).happens(percent)
    }

    /// Bytes that mean nothing.
    fn garbage(&self, length: usize) -> Vec<u8> {
        let mut chance = lock(&self.chance);
        (0..length).map(|_| chance.byte()).collect()
    }
}

/// Runs a task that ends at the latest with `until`.
fn spawn_until(until: CancellationToken, task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(async move {
        tokio::select! {
            // What is cut and may flow again at one moment does not flow.
            biased;
            () = until.cancelled() => {}
            () = task => {}
        }
    });
}

/// Remembers `item`, and forgets the oldest of more than `most`.
fn remember<T>(items: &Mutex<VecDeque<T>>, item: T, most: usize) {
    let mut items = lock(items);
    if items.len() >= most {
        items.pop_front();
    }
    items.push_back(item);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics while holding it")
}
