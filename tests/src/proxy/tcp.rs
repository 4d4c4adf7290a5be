//! The proxy's TCP connections, and what goes wrong with them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until, timeout};

use super::answer::{Answer, Half, head_in};
use super::request::Requests;
use super::{Direction, Faults, MOST_REQUESTS, Shared, Tcp, lock, remember, spawn_until};

/// Pieces of a TCP stream on the way in one direction; then the sender waits.
const MOST_PIECES: usize = 256;

/// Bytes that are read at once.
const PIECE: usize = 16 << 10;

/// Time between two bytes of an answer that trickles: twenty a second, so that the shortest
/// answer of an engine takes longer than any test lets it.
const TRICKLE: Duration = Duration::from_millis(50);

/// Bytes of nonsense that answer a request.
const NONSENSE: usize = 300;

/// What a request is answered with while every one fails.
const FAILURE: &str = r#"{"error":"told to fail"}"#;

/// Connections that wait to be taken; the system refuses more.
const BACKLOG: u32 = 1024;

/// How long either end of a connection that the proxy has ended may take to be done with it.
const GOODBYE: Duration = Duration::from_secs(5);

/// A piece of a stream.
struct Piece {
    came: Instant,
    bytes: Vec<u8>,
    /// Whether the connection ends behind it.
    then: Option<Ending>,
}

/// How the proxy ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// In good order.
    Closed,
    /// By a reset.
    Reset,
}

impl Shared {
    /// Takes connections, except while they are to be refused.
    pub(super) async fn relay_tcp(self: Arc<Self>, mut listener: TcpListener) {
        let address = listener.local_addr().expect("it is bound");
        let mut faults = self.faults.subscribe();
        let refuses = |faults: &Faults| faults.tcp == Tcp::Refuses;
        // The sender is held by `self`, so no wait for a fault fails.
        loop {
            let take = async {
                while let Ok((user, _)) = listener.accept().await {
                    let until = lock(&self.connections).clone();
                    spawn_until(until, Arc::clone(&self).connection(user));
                }
            };
            tokio::select! {
                biased;
                _ = faults.wait_for(refuses) => {}
                () = take => return,
            }
            drop(listener);
            let closed = closed(address);
            lock(&self.connections).cancel();
            let _ = faults.wait_for(|faults| !refuses(faults)).await;
            *lock(&self.connections) = self.here.child_token();
            listener = closed.listen(BACKLOG).expect("the port is ours");
        }
    }

    /// One connection, until it ends.
    async fn connection(self: Arc<Self>, mut user: TcpStream) {
        let Ok(mut server) = TcpStream::connect(self.server).await else {
            return;
        };
        // Small pieces must not wait for each other here as well.
        let _ = (user.set_nodelay(true), server.set_nodelay(true));
        let ended = {
            let ((from_user, to_user), (from_server, to_server)) = (user.split(), server.split());
            let (up, to_go_up) = mpsc::channel(MOST_PIECES);
            let (down, to_go_down) = mpsc::channel(MOST_PIECES);
            let back = down.downgrade();
            let listen = async {
                self.read_user(from_user, up, back).await;
                Ok(())
            };
            let answer = async move {
                read(from_server, down).await;
                Ok(())
            };
            let ask = self.write(Direction::Up, to_go_up, to_server);
            let reply = self.write(Direction::Down, to_go_down, to_user);
            tokio::try_join!(listen, answer, ask, reply)
        };
        let Err(ending) = ended else { return };
        if ending == Ending::Closed {
            // Closing while the user still sends would be a reset.
            drain(&mut user).await;
        } else {
            let _ = user.set_zero_linger();
        }
        drop(user);
        if self.is_engine {
            // It is the way back that fails, not the engine: an Ollama that is left in the middle
            // of an answer may keep its model busy for ever.
            drain(&mut server).await;
        }
    }

    /// Reads what the user sends. Requests that are not to reach the server are answered here.
    async fn read_user(
        &self,
        mut from: ReadHalf<'_>,
        up: mpsc::Sender<Piece>,
        down: mpsc::WeakSender<Piece>,
    ) {
        let mut requests = Requests::new();
        let mut piece = vec![0; PIECE];
        while let Ok(length @ 1..) = from.read(&mut piece).await {
            let came = Instant::now();
            let complete = requests.read(came, &piece[..length]);
            let asked = complete.len();
            for request in complete {
                remember(&self.requests, request, MOST_REQUESTS);
            }
            let tcp = self.faults.borrow().tcp;
            let (bytes, then) = match tcp {
                Tcp::Fails => (failure(), None),
                Tcp::Babbles => (self.garbage(NONSENSE), Some(Ending::Closed)),
                _ => {
                    let bytes = piece[..length].to_vec();
                    let then = None;
                    if up.send(Piece { came, bytes, then }).await.is_err() {
                        return;
                    }
                    continue;
                }
            };
            for _ in 0..asked {
                let Some(down) = down.upgrade() else { return };
                let bytes = bytes.clone();
                if down.send(Piece { came, bytes, then }).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Writes pieces as the faults let them.
    async fn write(
        &self,
        direction: Direction,
        mut pieces: mpsc::Receiver<Piece>,
        mut to: WriteHalf<'_>,
    ) -> Result<(), Ending> {
        let mut answer = Answer::default();
        while let Some(Piece { came, bytes, then }) = pieces.recv().await {
            self.hold(direction, came).await;
            let tcp = match direction {
                Direction::Up => Tcp::Passes,
                Direction::Down => self.faults.borrow().tcp,
            };
            let (bytes, then) = match tcp {
                Tcp::Halves | Tcp::Resets => match answer.cut(&bytes) {
                    Half::Goes(part) => (part, then),
                    Half::Ends(part) if tcp == Tcp::Halves => (part, Some(Ending::Closed)),
                    Half::Ends(part) => (part, Some(Ending::Reset)),
                },
                _ => {
                    answer = Answer::default();
                    (bytes, then)
                }
            };
            let written = if tcp == Tcp::Trickles {
                self.trickle(&bytes, &mut to).await
            } else {
                to.write_all(&bytes).await
            };
            if written.is_err() {
                break;
            }
            if let Some(ending) = then {
                if ending == Ending::Closed {
                    let _ = to.shutdown().await;
                }
                return Err(ending);
            }
        }
        let _ = to.shutdown().await;
        Ok(())
    }

    /// Waits until a piece may go on. A delay that ends lets it go at once.
    async fn hold(&self, direction: Direction, came: Instant) {
        let mut faults = self.faults.subscribe();
        loop {
            let Faults { tcp, delay, .. } = *faults.borrow_and_update();
            let waits = match tcp {
                Tcp::Hangs => true,
                Tcp::HangsUp => direction == Direction::Up,
                _ => false,
            };
            let due = came + delay;
            if !waits && due <= Instant::now() {
                return;
            }
            tokio::select! {
                () = sleep_until(due.into()), if !waits => {}
                // The sender is held by `self`.
                _ = faults.changed() => {}
            }
        }
    }

    /// Writes the head of an answer at once and its body byte by byte, while the fault lasts.
    async fn trickle(&self, bytes: &[u8], to: &mut WriteHalf<'_>) -> std::io::Result<()> {
        let (head, body) = bytes.split_at(head_in(bytes));
        to.write_all(head).await?;
        for (at, byte) in body.iter().enumerate() {
            if self.faults.borrow().tcp != Tcp::Trickles {
                return to.write_all(&body[at..]).await;
            }
            sleep(TRICKLE).await;
            to.write_all(&[*byte]).await?;
        }
        Ok(())
    }
}

/// Reads what the server sends.
async fn read(mut from: ReadHalf<'_>, to: mpsc::Sender<Piece>) {
    let mut piece = vec![0; PIECE];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let piece = Piece {
            came: Instant::now(),
            bytes: piece[..length].to_vec(),
            then: None,
        };
        if to.send(piece).await.is_err() {
            return;
        }
    }
}

/// Reads what still comes, to nobody, for [`GOODBYE`] at most.
async fn drain(from: &mut TcpStream) {
    let mut piece = vec![0; PIECE];
    let rest = async { while let Ok(1..) = from.read(&mut piece).await {} };
    let _ = timeout(GOODBYE, rest).await;
}

/// A socket that holds an address on which nobody listens: who connects is refused, and nobody
/// else can take it.
fn closed(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket can be made");
    socket.set_reuseaddr(true).expect("it is a socket");
    socket.bind(address).expect("the port is ours");
    socket
}

fn failure() -> Vec<u8> {
    let length = FAILURE.len();
    format!(
        "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{FAILURE}"
    )
    .into_bytes()
}
