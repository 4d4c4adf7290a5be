//! One connection to a server, without its sockets: messages in, messages out.
//!
//! The shell hands in what arrives (`handle_control`, `handle_datagram`), calls
//! `handle_timeout` when `deadline` has come, and after each of these takes everything out of
//! `poll`. An error ends the connection.

mod link;
mod refusal;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use secrecy::ExposeSecret;

use crate::config::Config;
use crate::control::Control;
use crate::crypt::{Crypt, CryptStats};
use crate::datagram::{self, Dialect, Received, Voice};
use crate::error::{JoinError, KNOWN_CHANNELS};
use crate::event::{
    ChannelId, Event, RosterChange, ServerInfo, SessionId, TextMessage, TextScope, To, Version,
};
use crate::hear::Hearing;
use crate::outbox::Outbox;
use crate::proto::control as proto;
use crate::roster::Roster;
use crate::speak::{Frame, Mouth, SpeechQueue};
use crate::text;

use link::{Link, LinkAction, PING_EVERY, RoundTrip, Route};

/// The protocol version that is announced. With it a server of 1.5 or newer speaks the new
/// datagrams to us; to an older one we speak the old ones.
const OUR_VERSION: Version = Version {
    major: 1,
    minor: 5,
    patch: 0,
};

/// How long the login may take, from the TLS handshake's end to being in the channel.
const LOGIN_TIME: Duration = Duration::from_secs(10);

/// A server that has been silent for this long is gone: it has missed four pings.
const SILENCE: Duration = Duration::from_secs(21);

/// Nonces are agreed on anew when datagrams arrive but none has opened for this long, and not
/// more often than that.
const RESYNC_EVERY: Duration = Duration::from_secs(5);

/// Bits per second that headers add to the voice at a packet per 20 ms: IP (20 bytes), UDP (8),
/// sealing (4) and Mumble's own (up to 8), fifty times a second.
const HEADERS: u32 = (20 + 8 + 4 + 8) * 8 * 50;

/// Opus speech below this bit rate is no longer worth hearing; a server that allows less is
/// served with it all the same.
const LEAST_BITRATE: u32 = 8_000;

/// Something for the shell to do.
#[derive(Debug)]
pub(crate) enum Output {
    /// Send a message on the TCP stream.
    Control(Control),
    /// Send a datagram.
    Datagram(Vec<u8>),
    /// Tell the user of this crate.
    Event(Event),
}

/// A connection's state.
#[derive(Debug)]
pub(crate) struct Session {
    config: Arc<Config>,
    phase: Phase,
    begun: Instant,
    heard_from: Instant,
    next_ping: Instant,
    server: ServerInfo,
    dialect: Dialect,
    roster: Arc<Roster>,
    crypt: Option<Crypt>,
    opened: Instant,
    resync_asked: Instant,
    link: Link,
    tcp_round_trip: RoundTrip,
    packets: Packets,
    hearing: Hearing,
    mouth: Mouth,
    queue: Arc<SpeechQueue>,
    outbox: Outbox,
    output: VecDeque<Output>,
}

/// How far the login is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The server is still telling who and what is there.
    Login,
    /// On the way to the configured channel.
    Entering(ChannelId),
    /// All is ready.
    Joined,
}

/// What has arrived, for the pings.
#[derive(Clone, Copy, Debug, Default)]
struct Packets {
    udp: u32,
    tcp: u32,
    malformed: u64,
}

impl Session {
    /// Begins the login: version and name are ready to be sent.
    pub(crate) fn new(now: Instant, config: Arc<Config>, queue: Arc<SpeechQueue>) -> Self {
        let mut session = Self {
            phase: Phase::Login,
            begun: now,
            heard_from: now,
            next_ping: now + PING_EVERY,
            server: ServerInfo {
                release: String::new(),
                version: Version::default(),
                max_bandwidth: None,
                welcome: String::new(),
                udp: false,
            },
            dialect: Dialect::Legacy,
            roster: Arc::default(),
            crypt: None,
            opened: now,
            resync_asked: now,
            link: Link::new(),
            tcp_round_trip: RoundTrip::default(),
            packets: Packets::default(),
            hearing: Hearing::new(config.hear_rate),
            mouth: Mouth::new(now, Arc::clone(&queue), config.bitrate),
            queue,
            outbox: Outbox::new(now),
            output: VecDeque::new(),
            config,
        };
        session.log_in();
        session
    }

    /// Takes in a message from the server.
    ///
    /// # Errors
    /// The connection is over.
    pub(crate) fn handle_control(
        &mut self,
        now: Instant,
        message: Control,
    ) -> Result<(), JoinError> {
        self.heard_from = now;
        self.packets.tcp = self.packets.tcp.wrapping_add(1);
        match message {
            Control::UdpTunnel(datagram) => self.handle_plain(now, Route::Tunnel, datagram),
            Control::Version(version) => self.handle_version(version),
            Control::Reject(reject) => return Err(refusal::rejected(&self.config, reject)),
            Control::CryptSetup(setup) => self.handle_crypt_setup(now, setup),
            Control::ChannelState(state) => {
                let change = Arc::make_mut(&mut self.roster).update_channel(state);
                self.tell(change);
            }
            Control::ChannelRemove(remove) => {
                let channel = ChannelId(remove.channel_id.unwrap_or_default());
                let change = Arc::make_mut(&mut self.roster).remove_channel(channel);
                self.tell(change);
            }
            Control::UserState(state) => self.handle_user_state(state),
            Control::UserRemove(remove) => self.handle_user_remove(remove)?,
            Control::ServerSync(sync) => self.handle_sync(sync)?,
            Control::ServerConfig(config) => self.handle_server_config(config),
            Control::Ping(ping) => self.handle_ping(now, ping),
            Control::TextMessage(message) => self.handle_text(message),
            Control::PermissionDenied(denied) => self.handle_denied(denied)?,
            // Opus is spoken by every server since 1.2.4; what else they say of codecs is past.
            Control::CodecVersion(_) | Control::Authenticate(_) => {}
        }
        Ok(())
    }

    /// Takes in a datagram from the server.
    pub(crate) fn handle_datagram(&mut self, now: Instant, sealed: &[u8]) {
        self.packets.udp = self.packets.udp.wrapping_add(1);
        let Some(crypt) = &mut self.crypt else { return };
        match crypt.open(sealed) {
            Ok(plain) => {
                self.opened = now;
                self.handle_plain(now, Route::Udp, plain.into());
            }
            Err(dropped) => {
                tracing::trace!(?dropped, "a datagram was dropped");
                let deaf = now >= self.opened + RESYNC_EVERY;
                if deaf && now >= self.resync_asked + RESYNC_EVERY {
                    self.resync_asked = now;
                    self.send(Control::CryptSetup(proto::CryptSetup::default()));
                }
            }
        }
    }

    /// Does what is due.
    ///
    /// # Errors
    /// The server has been silent for too long.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), JoinError> {
        if self.phase != Phase::Joined && now >= self.begun + LOGIN_TIME {
            return Err(self.timed_out(LOGIN_TIME, "during the login"));
        }
        if now >= self.heard_from + SILENCE {
            return Err(self.timed_out(SILENCE, "the server went silent"));
        }
        if now >= self.next_ping {
            self.next_ping = now + PING_EVERY;
            self.send_ping(now);
        }
        while let Some(action) = self.link.poll(now) {
            let timestamp = self.micros(now);
            let ping = datagram::write_ping(self.dialect, timestamp);
            match (action, &mut self.crypt) {
                (LinkAction::Ping, Some(crypt)) => {
                    self.output.push_back(Output::Datagram(crypt.seal(&ping)));
                }
                (LinkAction::Ping, None) => {}
                (LinkAction::TunnelPing, _) => self.send(Control::UdpTunnel(ping.into())),
            }
        }
        for heard in self.hearing.handle_timeout(now) {
            self.output.push_back(Output::Event(Event::Heard(heard)));
        }
        if self.phase == Phase::Joined {
            while let Some(message) = self.outbox.poll(now) {
                self.send(Control::TextMessage(message));
            }
            while let Some(frame) = self.mouth.poll(now) {
                self.send_voice(frame);
            }
        }
        Ok(())
    }

    /// When [`Session::handle_timeout`] wants to be called.
    pub(crate) fn deadline(&self) -> Instant {
        let joined = self.phase == Phase::Joined;
        let login = (!joined).then(|| self.begun + LOGIN_TIME);
        let speech = self.mouth.deadline().filter(|_| joined);
        let text = self.outbox.deadline().filter(|_| joined);
        [
            login,
            speech,
            text,
            self.link.deadline(),
            self.hearing.deadline(),
        ]
        .into_iter()
        .flatten()
        .fold(self.next_ping.min(self.heard_from + SILENCE), Instant::min)
    }

    /// The next thing to do.
    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// Takes a text to send; it leaves at the next [`Session::handle_timeout`] that may send it.
    pub(crate) fn send_text(&mut self, to: To, plain: &str) {
        self.outbox.push(to, plain);
    }

    /// Whether a text would be taken now.
    pub(crate) fn has_room_for_text(&self) -> bool {
        self.outbox.has_room()
    }

    /// Says farewell: the own voice ends in order.
    pub(crate) fn close(&mut self, now: Instant) {
        self.queue.close();
        if let Some(frame) = self.mouth.shut(now) {
            self.send_voice(frame);
        }
    }

    /// Whether the login is complete.
    pub(crate) fn is_joined(&self) -> bool {
        self.phase == Phase::Joined
    }

    /// Whether the server has said anything yet.
    pub(crate) fn is_spoken_to(&self) -> bool {
        self.packets.tcp > 0
    }

    /// Who is there now.
    pub(crate) fn roster(&self) -> &Arc<Roster> {
        &self.roster
    }

    /// Whether voice goes by UDP now.
    pub(crate) fn uses_udp(&self) -> bool {
        self.link.route() == Route::Udp
    }

    /// What could not be read: malformed datagrams and undecodable sound.
    pub(crate) fn unreadable(&self) -> u64 {
        self.packets.malformed + self.hearing.undecodable()
    }

    fn log_in(&mut self) {
        let Version {
            major,
            minor,
            patch,
        } = OUR_VERSION;
        self.send(Control::Version(proto::Version {
            version_v1: Some(u32::from(major) << 16 | u32::from(minor) << 8 | u32::from(patch)),
            version_v2: Some(
                u64::from(major) << 48 | u64::from(minor) << 32 | u64::from(patch) << 16,
            ),
            release: Some(concat!("mumble-ai ", env!("CARGO_PKG_VERSION")).to_owned()),
            os: Some(std::env::consts::OS.to_owned()),
            os_version: Some(std::env::consts::ARCH.to_owned()),
        }));
        let config = Arc::clone(&self.config);
        self.send(Control::Authenticate(proto::Authenticate {
            username: Some(config.username.clone()),
            password: config
                .password
                .as_ref()
                .map(|secret| secret.expose_secret().to_owned()),
            tokens: config
                .tokens
                .iter()
                .map(|token| token.expose_secret().to_owned())
                .collect(),
            opus: Some(true),
            client_type: Some(CLIENT_TYPE_BOT),
        }));
    }

    fn handle_version(&mut self, version: proto::Version) {
        self.server.version = match (version.version_v2, version.version_v1) {
            (Some(v2), _) => Version {
                major: (v2 >> 48) as u16,
                minor: (v2 >> 32) as u16,
                patch: (v2 >> 16) as u16,
            },
            (None, Some(v1)) => Version {
                major: (v1 >> 16) as u16,
                minor: u16::from((v1 >> 8) as u8),
                patch: u16::from(v1 as u8),
            },
            (None, None) => Version::default(),
        };
        self.server.release = version
            .release
            .unwrap_or_else(|| self.server.version.to_string());
        self.dialect = Dialect::of(self.server.version);
    }

    fn handle_crypt_setup(&mut self, now: Instant, setup: proto::CryptSetup) {
        let block = |bytes: Option<Bytes>| bytes.and_then(|bytes| bytes.as_ref().try_into().ok());
        let (key, client, server): (Option<[u8; 16]>, _, _) = (
            block(setup.key),
            block(setup.client_nonce),
            block(setup.server_nonce),
        );
        match (key, client, server, &mut self.crypt) {
            (Some(key), Some(client), Some(server), _) => {
                self.crypt = Some(Crypt::new(key, client, server));
                (self.opened, self.resync_asked) = (now, now);
                if self.config.udp {
                    self.link.start(now);
                }
            }
            (None, None, Some(server), Some(crypt)) => crypt.resync(server),
            (None, None, None, Some(crypt)) => {
                let client_nonce = Some(Bytes::copy_from_slice(&crypt.sealing_nonce()));
                let answer = proto::CryptSetup {
                    client_nonce,
                    ..proto::CryptSetup::default()
                };
                self.send(Control::CryptSetup(answer));
            }
            _ => tracing::debug!("a crypt setup that makes no sense was ignored"),
        }
    }

    fn handle_user_state(&mut self, state: proto::UserState) {
        let session = state.session.map(SessionId);
        let change = Arc::make_mut(&mut self.roster).update_user(state);
        self.tell(change);
        if let Phase::Entering(target) = self.phase
            && let Some(me) = self.roster.me()
            && session == Some(me.session)
            && me.channel == target
        {
            self.joined();
        }
    }

    fn handle_user_remove(&mut self, remove: proto::UserRemove) -> Result<(), JoinError> {
        let Some(session) = remove.session.map(SessionId) else {
            return Ok(());
        };
        if self.roster.me().is_some_and(|me| me.session == session) {
            let reason = match text::plain(&remove.reason.unwrap_or_default()) {
                reason if reason.is_empty() => "no reason given".to_owned(),
                reason => reason,
            };
            if remove.ban == Some(true) {
                return Err(JoinError::Banned(reason));
            }
            let by = self.name_of(remove.actor.map(SessionId));
            return Err(JoinError::Kicked { by, reason });
        }
        self.hearing.forget(session);
        let change = Arc::make_mut(&mut self.roster).remove_user(session);
        self.tell(change);
        Ok(())
    }

    fn handle_sync(&mut self, sync: proto::ServerSync) -> Result<(), JoinError> {
        if self.phase != Phase::Login {
            return Ok(());
        }
        let Some(me) = sync.session.map(SessionId) else {
            return Err(self.not_mumble("it logged in nobody"));
        };
        Arc::make_mut(&mut self.roster).set_me(me);
        if self.roster.me().is_none() {
            return Err(self.not_mumble("it logged in a user that it did not name"));
        }
        self.limit_bandwidth(sync.max_bandwidth);
        self.server.welcome = text::plain(&sync.welcome_text.unwrap_or_default());
        self.enter()
    }

    /// Goes to the configured channel.
    fn enter(&mut self) -> Result<(), JoinError> {
        let Some(path) = self.config.channel.clone() else {
            self.joined();
            return Ok(());
        };
        let Some(target) = self.roster.find_channel(&path).map(|channel| channel.id) else {
            let paths = self
                .roster
                .channels()
                .filter_map(|channel| self.roster.path(channel.id));
            return Err(JoinError::UnknownChannel {
                path,
                known: paths.take(KNOWN_CHANNELS).collect(),
            });
        };
        let me = self.roster.me();
        if me.is_some_and(|me| me.channel == target) {
            self.joined();
        } else {
            self.phase = Phase::Entering(target);
            let session = me.map(|me| me.session.0);
            let channel_id = Some(target.0);
            self.send(Control::UserState(proto::UserState {
                session,
                channel_id,
                ..proto::UserState::default()
            }));
        }
        Ok(())
    }

    fn joined(&mut self) {
        let Some(me) = self.roster.me().map(|me| me.session) else {
            return;
        };
        self.phase = Phase::Joined;
        self.queue.open();
        self.server.udp = self.uses_udp();
        let server = self.server.clone();
        self.output
            .push_back(Output::Event(Event::Joined { me, server }));
    }

    fn handle_server_config(&mut self, config: proto::ServerConfig) {
        self.limit_bandwidth(config.max_bandwidth);
        if let Some(limit) = config.message_length {
            self.outbox.set_limit(limit as usize);
        }
    }

    fn limit_bandwidth(&mut self, limit: Option<u32>) {
        let Some(limit) = limit.filter(|&limit| limit > 0) else {
            return;
        };
        self.server.max_bandwidth = Some(limit);
        let allowed = limit.saturating_sub(HEADERS).max(LEAST_BITRATE);
        self.mouth.set_bitrate(self.config.bitrate.min(allowed));
    }

    fn handle_ping(&mut self, now: Instant, ping: proto::Ping) {
        if let Some(took) = ping.timestamp.and_then(|sent| self.since(now, sent)) {
            self.tcp_round_trip.add(took);
        }
    }

    fn handle_text(&mut self, message: proto::TextMessage) {
        let from = message.actor.map(SessionId);
        let channel = message.channel_id.first().or(message.tree_id.first());
        let to = match channel {
            Some(&channel) => TextScope::Channel(ChannelId(channel)),
            None => TextScope::Private,
        };
        let text = text::plain(&message.message.unwrap_or_default());
        if self.phase == Phase::Joined && !text.is_empty() {
            let from_name = self.name_of(from);
            let message = TextMessage {
                from,
                from_name,
                to,
                text,
            };
            self.output.push_back(Output::Event(Event::Text(message)));
        }
    }

    fn handle_denied(&mut self, denied: proto::PermissionDenied) -> Result<(), JoinError> {
        let reason = refusal::denied(denied);
        match self.phase {
            Phase::Entering(_) => {
                let path = self.config.channel.clone().unwrap_or_default();
                return Err(JoinError::ChannelRefused { path, reason });
            }
            Phase::Joined => self
                .output
                .push_back(Output::Event(Event::Denied { reason })),
            Phase::Login => {}
        }
        Ok(())
    }

    /// What a datagram holds, whichever way it came.
    fn handle_plain(&mut self, now: Instant, came_by: Route, plain: Bytes) {
        match datagram::read(self.dialect, plain) {
            Ok(Received::Voice(voice)) => {
                for heard in self.hearing.handle_voice(now, voice) {
                    self.output.push_back(Output::Event(Event::Heard(heard)));
                }
            }
            Ok(Received::Pong(sent)) => {
                // A ping's way through the tunnel would say nothing about UDP.
                if let Some(took) = self.since(now, sent).filter(|_| came_by == Route::Udp) {
                    self.link.handle_pong(now, took);
                }
            }
            Ok(Received::Other) => {}
            Err(datagram::Malformed) => self.packets.malformed += 1,
        }
    }

    fn send_voice(&mut self, frame: Frame) {
        let Frame {
            sequence,
            opus,
            last,
        } = frame;
        let voice = Voice {
            speaker: SessionId::default(),
            sequence,
            opus,
            last,
        };
        let packet = datagram::write_voice(self.dialect, &voice);
        match &mut self.crypt {
            Some(crypt) if self.link.route() == Route::Udp => {
                self.output.push_back(Output::Datagram(crypt.seal(&packet)));
            }
            _ => self.send(Control::UdpTunnel(packet.into())),
        }
    }

    fn send_ping(&mut self, now: Instant) {
        let CryptStats {
            good,
            late,
            lost,
            resyncs,
            ..
        } = self.crypt.as_ref().map(Crypt::stats).unwrap_or_default();
        self.send(Control::Ping(proto::Ping {
            timestamp: Some(self.micros(now)),
            good: Some(good),
            late: Some(late),
            lost: Some(lost),
            resync: Some(resyncs),
            udp_packets: Some(self.packets.udp),
            tcp_packets: Some(self.packets.tcp),
            udp_ping_avg: Some(self.link.round_trip.mean_ms()),
            udp_ping_var: Some(self.link.round_trip.variance()),
            tcp_ping_avg: Some(self.tcp_round_trip.mean_ms()),
            tcp_ping_var: Some(self.tcp_round_trip.variance()),
        }));
    }

    /// Tells of a change, once there is somebody to tell: before the login is complete the
    /// roster is still being filled.
    fn tell(&mut self, change: Option<RosterChange>) {
        if let Some(change) = change.filter(|_| self.phase == Phase::Joined) {
            self.output.push_back(Output::Event(Event::Roster(change)));
        }
    }

    fn send(&mut self, message: Control) {
        self.output.push_back(Output::Control(message));
    }

    fn name_of(&self, session: Option<SessionId>) -> String {
        match session.map(|session| self.roster.user(session)) {
            Some(Some(user)) => user.name.clone(),
            Some(None) => "somebody who left".to_owned(),
            None => "the server".to_owned(),
        }
    }

    /// The clock that pings carry: microseconds since the connection began.
    fn micros(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.begun).as_micros() as u64
    }

    /// How long ago a ping was sent; none for a number that we cannot have sent.
    fn since(&self, now: Instant, sent: u64) -> Option<Duration> {
        self.micros(now)
            .checked_sub(sent)
            .map(Duration::from_micros)
    }

    fn timed_out(&self, after: Duration, during: &'static str) -> JoinError {
        let Config { host, port, .. } = &*self.config;
        JoinError::TimedOut {
            host: host.clone(),
            port: *port,
            seconds: after.as_secs(),
            during,
        }
    }

    fn not_mumble(&self, detail: &str) -> JoinError {
        let Config { host, port, .. } = &*self.config;
        JoinError::NotMumble {
            host: host.clone(),
            port: *port,
            detail: detail.to_owned(),
        }
    }
}

/// `Authenticate.client_type` of a bot; clients of 1.5 show it as one.
const CLIENT_TYPE_BOT: i32 = 1;
