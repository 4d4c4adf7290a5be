//! One connection, from its first byte to its last.

use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use rsipstack::sip::{SipMessage, Transport};
use rsipstack::transport::stream::StreamConnection as _;
use rsipstack::transport::tcp::TcpConnection;
use rsipstack::transport::{SipConnection, TransportEvent};
use tokio::io::{AsyncReadExt as _, ReadHalf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{Made, Streams, by_tcp};
use crate::ingress::{Cutter, Piece, WHOLE_WITHIN};
use crate::phone::doorkeeper::Look;

/// A connection may be silent for so long. Whoever holds a call by it says something twice in that
/// time: sessions are refreshed after 15 min (RFC 4028).
const SILENT: Duration = Duration::from_secs(30 * 60);

/// Bytes read at a time.
const READ: usize = 4096;

/// Whoever does not read what is sent is not waited for longer than this and its double: the stack
/// sends to one after the other, and everybody else would wait.
const UNREAD: Duration = Duration::from_secs(1);

/// How long a connection takes what is still on its way after the last answer: closed before that,
/// the other end would not get to read the answer.
const LAST: Duration = Duration::from_millis(500);

/// What is sent back for a ping (RFC 5626 section 3.5.1).
const PONG: &[u8] = b"\r\n";

/// Holds a connection until it is over; sends `known` when the stack may send by it. `None` when it
/// was over before.
pub(super) async fn hold(
    streams: &Streams,
    stream: TcpStream,
    peer: SocketAddr,
    made: Made,
    known: oneshot::Sender<()>,
) -> Option<()> {
    let _ = stream.set_nodelay(true);
    let local = stream.local_addr().ok()?;
    // A second handle, because the stack may be in the midst of writing to the first one.
    let handle = std::net::TcpStream::from(stream.as_fd().try_clone_to_owned().ok()?);
    let end = streams.end.child_token();
    let connection = TcpConnection::from_stream(stream, by_tcp(local), Some(end.clone())).ok()?;
    let inner = connection.inner.clone();
    let mut reading = inner.read_half.lock().await;
    let half = reading.take()?;
    let layer = &streams.endpoint.transport_layer;
    layer.add_connection(SipConnection::Tcp(connection.clone()));
    let _ = known.send(());
    let now = Instant::now();
    let mut held = Held {
        streams,
        connection,
        peer,
        half,
        cutter: Cutter::default(),
        heard: (made == Made::Here).then_some(now),
        begun: now,
    };
    held.read(&end).await;
    let _ = handle.shutdown(Shutdown::Both);
    Some(())
}

struct Held<'a> {
    streams: &'a Streams,
    connection: TcpConnection,
    peer: SocketAddr,
    half: ReadHalf<TcpStream>,
    cutter: Cutter,
    begun: Instant,
    /// When the last message came, or a ping behind one.
    heard: Option<Instant>,
}

impl Held<'_> {
    /// Reads until the connection is over.
    async fn read(&mut self, end: &CancellationToken) {
        let mut bytes = vec![0; READ];
        let mut beat = interval(UNREAD);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stuck = 0;
        loop {
            let read = tokio::select! {
                biased;
                () = end.cancelled() => return,
                _ = beat.tick() => {
                    let writing = self.connection.inner.write_half.try_lock().is_err();
                    stuck = if writing { stuck + 1 } else { 0 };
                    if stuck > 2 {
                        return;
                    }
                    continue;
                }
                () = sleep_until(self.due().into()) => None,
                read = self.half.read(&mut bytes) => read.ok().filter(|length| *length > 0),
            };
            let pieces = match read {
                Some(length) => {
                    let bytes = bytes.get(..length).unwrap_or_default();
                    self.cutter.take(Instant::now(), bytes)
                }
                None => self.cutter.end().into_iter().collect(),
            };
            for piece in pieces {
                if self.piece(piece).await.is_none() {
                    return self.see_out(&mut bytes).await;
                }
            }
            if read.is_none() {
                return;
            }
        }
    }

    /// When the connection is closed if nothing comes.
    fn due(&self) -> Instant {
        let silent = match self.heard {
            Some(heard) => heard + SILENT,
            None => self.begun + WHOLE_WITHIN,
        };
        self.cutter.deadline().unwrap_or(silent)
    }

    /// Does with a piece what the doorkeeper says; `None` when the connection is over by it.
    async fn piece(&mut self, piece: Piece) -> Option<()> {
        let (now, source) = (Instant::now(), self.peer.ip());
        let doorkeeper = &self.streams.doorkeeper;
        if !doorkeeper.admits(now, source) {
            return None;
        }
        match piece {
            Piece::Message(message) => {
                self.heard = Some(now);
                match doorkeeper.look(now, source, &message) {
                    Look::Pass => self.hand_on(&message),
                    Look::Answer(answer) => self.send(&answer).await,
                    Look::Drop => Some(()),
                }
            }
            Piece::Ping => {
                self.heard = self.heard.map(|_| now);
                self.send(PONG).await
            }
            Piece::Lost(bytes, fault) => {
                if let Look::Answer(answer) = doorkeeper.refuse(now, source, &bytes, &fault) {
                    self.send(&answer).await?;
                }
                None
            }
        }
    }

    /// Gives a message to the stack; one that the stack cannot read is dropped, as a datagram is.
    fn hand_on(&self, message: &[u8]) -> Option<()> {
        let Ok(message) = SipMessage::try_from(message) else {
            return Some(());
        };
        let received = SipConnection::update_msg_received(message, self.peer, Transport::Tcp);
        let Ok(message) = received else {
            return Some(());
        };
        let source = self.connection.get_remote_addr().clone();
        let connection = SipConnection::Tcp(self.connection.clone());
        let event = TransportEvent::Incoming(message, connection, source);
        self.streams.way.send(event).ok()
    }

    async fn send(&self, bytes: &[u8]) -> Option<()> {
        let sent = timeout(UNREAD, self.connection.send_raw(bytes)).await;
        sent.ok()?.ok()
    }

    /// Ends this direction, and reads what is on its way so that the other end can read what it
    /// was told.
    async fn see_out(&mut self, bytes: &mut [u8]) {
        let _ = timeout(LAST, async {
            self.connection.close().await.ok()?;
            while self.half.read(bytes).await.ok()? > 0 {}
            Some(())
        })
        .await;
    }
}
