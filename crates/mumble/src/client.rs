//! The only file with sockets: moves bytes between them and the session, and connects anew.

mod dial;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Buf, BytesMut};
use futures::StreamExt;
use resilience::Backoff;
use tokio::{
    io::{AsyncWriteExt, ReadHalf, WriteHalf},
    net::{TcpStream, UdpSocket},
    sync::mpsc,
    time::{sleep_until, timeout},
};
use tokio_rustls::client::TlsStream;
use tokio_util::{
    codec::{Encoder, FramedRead},
    sync::CancellationToken,
};

use crate::config::Config;
use crate::control::{Control, ControlCodec, ControlError};
use crate::error::JoinError;
use crate::event::{Event, To};
use crate::handle::{Client, Events, MOST_TEXTS, Shared};
use crate::roster::Roster;
use crate::session::{Output, Session};

pub(crate) use dial::{Dialled, dial};

/// Waits between attempts double from this ...
const FIRST_RETRY: Duration = Duration::from_millis(500);

/// ... up to this.
const LAST_RETRY: Duration = Duration::from_secs(30);

/// How long is waited after an error that does not heal by itself: somebody has to change
/// something first, but should not have to restart anything after it.
const SLOW_RETRY: Duration = Duration::from_secs(60);

/// A connection that held this long was a good one: the waits begin anew after it.
const GOOD_CONNECTION: Duration = Duration::from_secs(60);

/// How much may wait to be written before the voice in it is dropped, in bytes (half a second
/// of tunnelled voice and a roster's worth of messages).
const MOST_UNWRITTEN: usize = 64 << 10;

/// A server that does not take this many bytes is gone.
const STUCK: usize = 1 << 20;

/// Longer than any datagram that Mumble sends (1024 bytes).
const LONGEST_DATAGRAM: usize = 2048;

/// How long farewells may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// Starts a Mumble user's life in a background task.
///
/// It connects, and connects anew whenever the connection breaks: after jittered waits that
/// double up to 30 s, after a minute where trying again cannot help by itself, and never more
/// often than [`ConnectionLimit`](crate::ConnectionLimit) allows. It ends when `shutdown` is
/// cancelled.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn join(config: Config, shutdown: CancellationToken) -> (Client, Events) {
    let shared = Arc::new(Shared::default());
    let (sender, texts) = mpsc::channel(MOST_TEXTS);
    let ended = CancellationToken::new();
    let client = Client {
        shared: Arc::clone(&shared),
        texts: sender,
    };
    let events = Events {
        shared: Arc::clone(&shared),
        ended: ended.clone(),
    };
    let life = Life {
        config: Arc::new(config),
        shared,
        texts,
        shutdown,
    };
    tokio::spawn(async move {
        let _ended = ended.drop_guard();
        life.live().await;
    });
    (client, events)
}

/// A user between birth and shutdown.
struct Life {
    config: Arc<Config>,
    shared: Arc<Shared>,
    texts: mpsc::Receiver<(To, String)>,
    shutdown: CancellationToken,
}

impl Life {
    async fn live(mut self) {
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
        let shutdown = self.shutdown.clone();
        loop {
            while let Err(wait) = self.config.limit.take(now()) {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(wait) => {}
                }
            }
            let begun = now();
            let ended = tokio::select! {
                dialled = dial(&self.config) => match dialled {
                    Ok(dialled) => self.talk(dialled).await,
                    Err(error) => Err(error),
                },
                () = shutdown.cancelled() => return,
            };
            self.shared.speech.close();
            self.shared.set_roster(Arc::new(Roster::default()));
            while self.texts.try_recv().is_ok() {}
            let Err(error) = ended else { return };

            if now() >= begun + GOOD_CONNECTION {
                backoff.reset();
            }
            // Without chance the wait is the longest: late, but never in a rush.
            let jittered = backoff.after_failure(getrandom::u64().unwrap_or(u64::MAX));
            let retry_in = if error.heals() { jittered } else { SLOW_RETRY };
            let retry_in = retry_in.max(self.config.limit.wait(now() + retry_in) + retry_in);
            tracing::warn!(%error, retry_in_ms = retry_in.as_millis() as u64, "not on the Mumble server");
            self.shared.inbox.push(Event::Lost { error, retry_in });
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(retry_in) => {}
            }
        }
    }

    /// Lives through one connection; ends well only by shutdown.
    async fn talk(&mut self, dialled: Dialled) -> Result<(), JoinError> {
        let udp = match bind_beside(dialled.peer).await {
            Ok(udp) => Some(udp).filter(|_| self.config.udp),
            Err(error) => {
                tracing::warn!(%error, "no UDP socket; voice goes through the tunnel");
                None
            }
        };
        let session = Session::new(
            now(),
            Arc::clone(&self.config),
            Arc::clone(&self.shared.speech),
        );
        let (reader, writer) = tokio::io::split(dialled.stream);
        let mut connection = Connection {
            config: Arc::clone(&self.config),
            shared: Arc::clone(&self.shared),
            session,
            udp,
            writer,
            unwritten: BytesMut::new(),
            unflushed: false,
        };
        let ended = connection
            .run(reader, &mut self.texts, &self.shutdown)
            .await;
        let farewell = connection.farewell();
        // Whoever is gone need not hear it.
        let _ = timeout(FAREWELL, farewell).await;
        ended
    }
}

/// One connection with its sockets.
struct Connection {
    config: Arc<Config>,
    shared: Arc<Shared>,
    session: Session,
    udp: Option<UdpSocket>,
    writer: WriteHalf<TlsStream<TcpStream>>,
    unwritten: BytesMut,
    unflushed: bool,
}

impl Connection {
    async fn run(
        &mut self,
        reader: ReadHalf<TlsStream<TcpStream>>,
        texts: &mut mpsc::Receiver<(To, String)>,
        shutdown: &CancellationToken,
    ) -> Result<(), JoinError> {
        let shared = Arc::clone(&self.shared);
        let mut messages = FramedRead::new(reader, ControlCodec::default());
        let mut datagram = [0; LONGEST_DATAGRAM];
        loop {
            self.session.handle_timeout(now())?;
            self.drain()?;
            let mut stats = self.session.stats();
            stats.unreadable += messages.decoder().dropped();
            shared.set_stats(stats);
            let has_room = shared.inbox.has_room();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                length = receive(self.udp.as_ref(), &mut datagram) => {
                    self.session.handle_datagram(now(), &datagram[..length]);
                }
                written = write(&mut self.writer, &mut self.unwritten, &mut self.unflushed) => {
                    written.map_err(|error| self.broken(error))?;
                }
                message = messages.next(), if has_room => match message {
                    Some(Ok(message)) => self.session.handle_control(now(), message)?,
                    Some(Err(error)) => return Err(self.unreadable(error)),
                    None => return Err(self.broken(io::ErrorKind::UnexpectedEof.into())),
                },
                () = shared.inbox.taken(), if !has_room => {}
                Some((to, text)) = texts.recv(), if self.session.has_room_for_text() => {
                    self.session.send_text(to, &text);
                }
                () = shared.speech.wake.notified() => {}
                () = sleep_until(self.session.deadline().into()) => {}
            }
        }
    }

    /// Carries out what the session wants.
    fn drain(&mut self) -> Result<(), JoinError> {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Datagram(datagram) => {
                    // A datagram that the system does not take is a lost one, as on the way.
                    let _ = self.udp.as_ref().map(|udp| udp.try_send(&datagram));
                }
                Output::Control(Control::UdpTunnel(_)) if self.unwritten.len() > MOST_UNWRITTEN => {
                    tracing::debug!(
                        "the server takes tunnelled voice too slowly; some was dropped"
                    );
                }
                Output::Control(message) => {
                    let encoded = ControlCodec::default().encode(message, &mut self.unwritten);
                    encoded.map_err(|error| self.unreadable(error))?;
                    if self.unwritten.len() > STUCK {
                        return Err(self.broken(io::ErrorKind::WriteZero.into()));
                    }
                }
                Output::Event(event) => {
                    if self.session.is_joined() {
                        self.shared.set_roster(Arc::clone(self.session.roster()));
                    }
                    if let Event::Joined { server, .. } = &event {
                        tracing::info!(release = %server.release, udp = server.udp, "on the Mumble server");
                    }
                    self.shared.inbox.push(event);
                }
            }
        }
        Ok(())
    }

    /// Ends the own voice in order and closes the stream.
    async fn farewell(&mut self) -> io::Result<()> {
        self.session.close(now());
        // The connection is over anyway; what cannot be said is not.
        let _ = self.drain();
        self.writer.write_all_buf(&mut self.unwritten).await?;
        self.writer.shutdown().await
    }

    /// What it means that the stream cannot be read or written any more.
    fn broken(&self, error: io::Error) -> JoinError {
        let Config { host, port, .. } = &*self.config;
        let (host, port) = (host.clone(), *port);
        if let Some(refused) = dial::certificate_refused(&error) {
            return refused;
        }
        if !self.session.is_spoken_to() {
            return JoinError::HungUp { host, port };
        }
        let detail = match error.kind() {
            io::ErrorKind::UnexpectedEof => "the server closed it".to_owned(),
            io::ErrorKind::WriteZero => "the server takes nothing any more".to_owned(),
            _ => error.to_string(),
        };
        JoinError::Broken { host, port, detail }
    }

    fn unreadable(&self, error: ControlError) -> JoinError {
        match error {
            ControlError::Io(error) => self.broken(error),
            ControlError::TooLong(_) => {
                let Config { host, port, .. } = &*self.config;
                JoinError::NotMumble {
                    host: host.clone(),
                    port: *port,
                    detail: error.to_string(),
                }
            }
        }
    }
}

/// A datagram's length, once one is there. Never ends without a socket.
async fn receive(udp: Option<&UdpSocket>, datagram: &mut [u8]) -> usize {
    let Some(udp) = udp else {
        return std::future::pending().await;
    };
    loop {
        // An error is about a datagram sent before (nobody listens there): pings will tell.
        if let Ok(length) = udp.recv(datagram).await {
            return length;
        }
    }
}

/// Writes what waits to be written. Never ends while nothing does.
async fn write(
    writer: &mut WriteHalf<TlsStream<TcpStream>>,
    unwritten: &mut BytesMut,
    unflushed: &mut bool,
) -> io::Result<()> {
    if unwritten.has_remaining() {
        let written = writer.write_buf(unwritten).await?;
        *unflushed = true;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    } else if *unflushed {
        writer.flush().await?;
        *unflushed = false;
    } else {
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// A UDP socket for the same server that the stream goes to.
async fn bind_beside(peer: SocketAddr) -> io::Result<UdpSocket> {
    let local: SocketAddr = match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let udp = UdpSocket::bind(local).await?;
    // Only the server's datagrams get through then.
    udp.connect(peer).await?;
    Ok(udp)
}

/// The time; everything below the shell is handed it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
