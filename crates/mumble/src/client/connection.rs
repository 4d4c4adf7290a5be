//! One connection: a loop between its two sockets and the session.

use std::{io, pin::pin, sync::Arc, time::Instant};

use bytes::{Buf, BytesMut};
use futures::{FutureExt, StreamExt};
use tokio::{
    io::{AsyncWriteExt, ReadHalf, WriteHalf},
    net::TcpStream,
    time::sleep_until,
};
use tokio_rustls::client::TlsStream;
use tokio_util::{
    codec::{Encoder, FramedRead},
    sync::CancellationToken,
};

use super::{
    Dialled,
    alarm::Alarm,
    datagrams::{Datagrams, LONGEST},
    dial::certificate_refused,
    now,
};
use crate::beat::{Beat, Follower};
use crate::config::Config;
use crate::control::{Control, ControlCodec, ControlError};
use crate::error::JoinError;
use crate::event::Event;
use crate::handle::{Shared, Wanted};
use crate::session::{Output, Session};
use crate::standing::Standing;

/// How much may wait to be written before the voice in it is dropped, in bytes (half a second
/// of tunnelled voice and a roster's worth of messages).
const MOST_UNWRITTEN: usize = 64 << 10;

/// A server that does not take this many bytes is gone.
const STUCK: usize = 1 << 20;

/// As many datagrams, or users and channels, are read at a time before everything else has its
/// turn: those of fifty voices that came together.
const AT_ONCE: usize = 64;

/// One connection with its sockets.
pub(super) struct Connection {
    config: Arc<Config>,
    shared: Arc<Shared>,
    session: Session,
    joined: Option<Instant>,
    udp: Option<Datagrams>,
    writer: WriteHalf<TlsStream<TcpStream>>,
    unwritten: BytesMut,
    unflushed: bool,
}

impl Connection {
    /// Readies the session and a UDP socket; `place` is the channel to return to. The stream's
    /// reading half is for [`Self::run`].
    pub(super) async fn new(
        config: Arc<Config>,
        shared: Arc<Shared>,
        dialled: Dialled,
        place: Option<&str>,
    ) -> (Self, ReadHalf<TlsStream<TcpStream>>) {
        let udp = match Datagrams::beside(dialled.peer, config.beat.is_none()) {
            Ok(udp) => Some(udp).filter(|_| config.udp),
            Err(error) => {
                tracing::warn!(%error, "no UDP socket; voice goes through the tunnel");
                None
            }
        };
        let mut session = Session::new(
            now(),
            Arc::clone(&config),
            Arc::clone(&shared.speech),
            shared.kept(),
        );
        if let Some(place) = place {
            session.return_to(place);
        }
        let (reader, writer) = tokio::io::split(dialled.stream);
        let unwritten = BytesMut::new();
        (
            Self {
                config,
                shared,
                session,
                joined: None,
                udp,
                writer,
                unwritten,
                unflushed: false,
            },
            reader,
        )
    }

    /// Runs until `shutdown`, or until the connection breaks.
    pub(super) async fn run(
        &mut self,
        reader: ReadHalf<TlsStream<TcpStream>>,
        wanted: &mut Wanted,
        shutdown: &CancellationToken,
    ) -> Result<(), JoinError> {
        let shared = Arc::clone(&self.shared);
        let mut messages = FramedRead::new(reader, ControlCodec::default());
        let mut datagram = [0; LONGEST];
        // These two are not made anew in every round, for a round is made for every packet.
        let mut over = pin!(shutdown.cancelled());
        let mut due = pin!(sleep_until(self.session.deadline().into()));
        // Whoever follows a beat needs no clock of its own.
        let mut beat = self.config.beat.as_ref().map(Beat::follow);
        let alone = beat.is_none();
        let mut alarm = alone.then(Alarm::new);
        loop {
            self.session.handle_timeout(now())?;
            self.drain()?;
            self.session.prepare();
            let mut stats = self.session.stats();
            stats.unreadable += messages.decoder().dropped();
            shared.set_stats(stats);
            let has_room = shared.inbox.has_room();
            let deadline = self.session.deadline().into();
            if alone && due.deadline() != deadline {
                due.as_mut().reset(deadline);
            }
            // Unbiased: a flood of datagrams must not hold up the stream.
            tokio::select! {
                () = &mut over => return Ok(()),
                length = receive(self.udp.as_ref(), &mut datagram) => {
                    self.session.handle_datagram(now(), &datagram[..length]);
                    self.receive_more(&mut datagram);
                }
                () = struck(beat.as_mut()) => self.receive_more(&mut datagram),
                written = write(&mut self.writer, &mut self.unwritten, &mut self.unflushed) => {
                    written.map_err(|error| self.broken(error))?;
                }
                message = messages.next(), if has_room => {
                    self.take_in(message, &mut messages)?;
                }
                () = shared.inbox.taken(), if !has_room => {}
                Some(asked) = wanted.acts.recv(), if self.session.has_room_for_act() => {
                    self.session.act(asked);
                }
                Some((to, text)) = wanted.texts.recv(), if self.session.has_room_for_text() => {
                    self.session.send_text(to, &text);
                }
                () = shared.speech.wake.notified() => {}
                () = &mut due, if alone => {}
                () = rings(alarm.as_mut(), self.session.speech_deadline()) => {}
            }
        }
    }

    /// Takes in a message, and of a flood of users and channels up to [`AT_ONCE`]: the roster is
    /// shown, and so copied, once for all of them.
    fn take_in(
        &mut self,
        mut message: Option<Result<Control, ControlError>>,
        messages: &mut FramedRead<ReadHalf<TlsStream<TcpStream>>, ControlCodec>,
    ) -> Result<(), JoinError> {
        for left in (0..AT_ONCE).rev() {
            let taken = match message {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Err(self.unreadable(error)),
                None => return Err(self.broken(io::ErrorKind::UnexpectedEof.into())),
            };
            // Their events are short; those of others may be long, and are counted one by one.
            let is_short = matches!(taken, Control::UserState(_) | Control::ChannelState(_));
            self.session.handle_control(now(), taken)?;
            let more = (is_short && left > 0).then(|| messages.next().now_or_never());
            let Some(Some(next)) = more else { break };
            message = next;
        }
        Ok(())
    }

    /// Takes in what else has arrived, up to [`AT_ONCE`] datagrams.
    fn receive_more(&mut self, datagram: &mut [u8]) {
        for _ in 1..AT_ONCE {
            let received = self.udp.as_ref().map(|udp| udp.try_receive(datagram));
            match received {
                Some(Ok(length)) => self.session.handle_datagram(now(), &datagram[..length]),
                // About a datagram sent before; there may be others behind it.
                Some(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Some(Err(_)) | None => return,
            }
        }
    }

    /// Carries out what the session wants.
    fn drain(&mut self) -> Result<(), JoinError> {
        // Shown once, for what is shown is copied before its next change.
        let mut unshown = Some(Arc::clone(self.session.roster()));
        while let Some(output) = self.session.poll() {
            match output {
                Output::Datagram(datagram) => {
                    if let Some(udp) = &self.udp {
                        udp.send(&datagram);
                    }
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
                    let heard = matches!(event, Event::Heard(_));
                    if let Some(roster) = unshown.take_if(|_| self.session.is_joined() && !heard) {
                        self.shared.set_roster(roster);
                    }
                    if let Event::Joined { server, .. } = &event {
                        tracing::debug!(release = %server.release, "on the Mumble server");
                        let since = now();
                        self.joined = Some(since);
                        let standing = Standing::Joined { since };
                        self.shared.standing.send_replace(standing);
                    }
                    self.shared.inbox.push(event);
                }
                Output::Answer(answer) => answer.give(),
            }
        }
        Ok(())
    }

    /// Since when the user is on the server, and the path of the channel it is in.
    pub(super) fn stay(&self) -> (Option<Instant>, Option<String>) {
        (self.joined, self.session.place())
    }

    /// How many pieces of texts wait to be sent.
    pub(super) fn unsent(&self) -> usize {
        self.session.unsent()
    }

    /// Ends the own voice in order and closes the stream.
    pub(super) async fn farewell(&mut self) -> io::Result<()> {
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
        if let Some(refused) = certificate_refused(&error) {
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
async fn receive(udp: Option<&Datagrams>, datagram: &mut [u8]) -> usize {
    match udp {
        Some(udp) => udp.receive(datagram).await,
        None => std::future::pending().await,
    }
}

/// Ends at the next stroke of a beat; never without one.
async fn struck(beat: Option<&mut Follower>) {
    match beat {
        Some(beat) => beat.struck().await,
        None => std::future::pending().await,
    }
}

/// Ends at `deadline`, if there are both.
async fn rings(alarm: Option<&mut Alarm>, deadline: Option<Instant>) {
    match alarm {
        Some(alarm) => alarm.wait(deadline).await,
        None => std::future::pending().await,
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
