//! One connection to a server, without its sockets: messages in, messages out.
//!
//! The shell hands in what arrives (`handle_control`, `handle_datagram`), calls
//! `handle_timeout` when `deadline` has come, and after each of these takes everything out of
//! `poll`. An error ends the connection.

mod acts;
mod login;
mod people;
mod place;
mod refusal;
mod voice;
mod link;
mod pings;
mod targets;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::config::Config;
use crate::control::Control;
use crate::crypt::{Crypt, CryptStats};
use crate::datagram::Dialect;
use crate::error::JoinError;
use crate::event::{ChannelId, Event, ServerInfo, SessionId, Stats, TextMessage, TextScope, To};
use crate::hear::Hearing;
use crate::kept::Kept;
use crate::outbox::Outbox;
use crate::pace::Pace;
use crate::proto::control as proto;
use crate::roster::Roster;
use crate::speak::{Mouth, SpeechQueue};
use crate::text;

use acts::Acts;
pub(crate) use acts::Answer;
use link::{Link, Route};
use pings::RoundTrip;
use place::Goals;
use targets::Targets;
use voice::Recent;

/// How long the login may take, from the TLS handshake's end to being in the channel.
const LOGIN_TIME: Duration = Duration::from_secs(10);

/// Between pings on the TCP stream. Servers drop a user after 30 s of silence.
const PING_EVERY: Duration = Duration::from_secs(5);

/// A server that has been silent for this long is gone: it has missed four pings.
const SILENCE: Duration = Duration::from_secs(21);

/// Something for the shell to do.
#[derive(Debug)]
pub(crate) enum Output {
    /// Send a message on the TCP stream.
    Control(Control),
    /// Send a datagram.
    Datagram(Vec<u8>),
    /// Tell the user of this crate.
    Event(Event),
    /// Tell who asked for an act.
    Answer(Answer),
}

/// A connection's state.
#[derive(Debug)]
pub(crate) struct Session {
    config: Arc<Config>,
    phase: Phase,
    goals: Goals,
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
    recent: Recent,
    tcp_round_trip: RoundTrip,
    packets: Packets,
    hearing: Hearing,
    mouth: Mouth,
    queue: Arc<SpeechQueue>,
    targets: Targets,
    outbox: Outbox,
    kept: Kept,
    acts: Acts,
    pace: Pace,
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
    pub(crate) fn new(
        now: Instant,
        config: Arc<Config>,
        queue: Arc<SpeechQueue>,
        kept: Kept,
    ) -> Self {
        let mut session = Self {
            phase: Phase::Login,
            goals: Goals::first(config.channel.as_deref()),
            begun: now,
            heard_from: now,
            next_ping: now + PING_EVERY,
            server: ServerInfo::default(),
            dialect: Dialect::Legacy,
            roster: Arc::default(),
            crypt: None,
            opened: now,
            resync_asked: now,
            link: Link::new(),
            recent: Recent::default(),
            tcp_round_trip: RoundTrip::default(),
            packets: Packets::default(),
            hearing: Hearing::new(config.hear_rate),
            mouth: Mouth::new(now, Arc::clone(&queue), config.bitrate),
            queue,
            outbox: Outbox::new(),
            kept,
            acts: Acts::default(),
            pace: Pace::new(now),
            targets: Targets::default(),
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
        let outcome = self.answer_in(&message);
        match message {
            Control::UdpTunnel(datagram) => self.handle_plain(now, Route::Tunnel, datagram),
            Control::Version(version) => self.handle_version(version),
            Control::Reject(reject) => return Err(refusal::rejected(&self.config, reject)),
            Control::CryptSetup(setup) => self.handle_crypt_setup(now, setup),
            Control::ChannelState(state) => {
                let change = Arc::make_mut(&mut self.roster).update_channel(state);
                self.tell(change);
                self.go_home(now);
            }
            Control::ChannelRemove(remove) => {
                let channel = ChannelId(remove.channel_id.unwrap_or_default());
                let change = Arc::make_mut(&mut self.roster).remove_channel(channel);
                self.tell(change);
            }
            Control::UserState(state) => self.handle_user_state(state),
            Control::UserRemove(remove) => self.handle_user_remove(remove)?,
            Control::ServerSync(sync) => self.handle_sync(now, sync)?,
            Control::ServerConfig(config) => self.handle_server_config(config),
            Control::SuggestConfig(suggest) => self.handle_suggestions(suggest),
            Control::PermissionQuery(query) => {
                Arc::make_mut(&mut self.roster).update_permissions(query);
            }
            Control::Ping(ping) => self.handle_ping(now, ping),
            Control::TextMessage(message) => self.handle_text(message),
            Control::PermissionDenied(denied) => self.handle_denied(now, denied)?,
            // Opus is spoken by every server since 1.2.4; what else they say of codecs is past.
            Control::CodecVersion(_)
            | Control::Authenticate(_)
            | Control::RequestBlob(_)
            | Control::VoiceTarget(_) => {}
        }
        if let Some(outcome) = outcome {
            self.settle(outcome);
        }
        Ok(())
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
            self.tend_link(now, action);
        }
        for heard in self.hearing.handle_timeout(now) {
            self.output.push_back(Output::Event(Event::Heard(heard)));
        }
        if self.phase == Phase::Joined {
            self.run_acts(now);
            while let Some(message) = self.outbox.poll(now, &mut self.pace) {
                self.send(Control::TextMessage(message));
            }
            self.speak(now);
        }
        Ok(())
    }

    /// When [`Session::handle_timeout`] wants to be called.
    pub(crate) fn deadline(&self) -> Instant {
        let joined = self.phase == Phase::Joined;
        let login = (!joined).then(|| self.begun + LOGIN_TIME);
        let text = (joined && self.outbox.is_waiting()).then(|| self.pace.ready());
        let act = self.acts_deadline().filter(|_| joined);
        [
            login,
            self.speech_deadline(),
            text,
            act,
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

    /// How many pieces of texts wait to be sent.
    pub(crate) fn unsent(&self) -> usize {
        self.outbox.waiting()
    }

    /// Whether a text would be taken now.
    pub(crate) fn has_room_for_text(&self) -> bool {
        self.outbox.has_room()
    }

    /// Says farewell: the own voice ends in order.
    pub(crate) fn close(&mut self, now: Instant) {
        self.queue.close();
        if let Some(frame) = self.mouth.shut(now) {
            self.send_voice(now, frame);
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

    /// How well the connection works.
    pub(crate) fn stats(&self) -> Stats {
        let CryptStats {
            good,
            late,
            lost,
            resyncs,
            dropped,
        } = self.crypt_stats();
        Stats {
            udp: self.uses_udp(),
            udp_ping: self.link.pings().round_trip.mean(),
            tcp_ping: self.tcp_round_trip.mean(),
            good,
            late,
            lost,
            dropped,
            resyncs,
            unreadable: self.packets.malformed + self.hearing.undecodable(),
        }
    }

    fn crypt_stats(&self) -> CryptStats {
        self.crypt.as_ref().map(Crypt::stats).unwrap_or_default()
    }

    fn handle_ping(&mut self, now: Instant, ping: proto::Ping) {
        if let Some(took) = ping.timestamp.and_then(|sent| self.since(now, sent)) {
            self.tcp_round_trip.add(took);
            self.link.handle_tcp_pong(took);
            self.targets.answered(self.clock(now).saturating_sub(took));
        }
    }

    fn handle_text(&mut self, message: proto::TextMessage) {
        let from = message.actor.map(SessionId);
        let channel = message
            .channel_id
            .first()
            .or_else(|| message.tree_id.first());
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

    fn send_ping(&mut self, now: Instant) {
        let CryptStats {
            good,
            late,
            lost,
            resyncs,
            ..
        } = self.crypt_stats();
        self.send(Control::Ping(proto::Ping {
            timestamp: Some(self.micros(now)),
            good: Some(good),
            late: Some(late),
            lost: Some(lost),
            resync: Some(resyncs),
            udp_packets: Some(self.packets.udp),
            tcp_packets: Some(self.packets.tcp),
            udp_ping_avg: Some(self.link.pings().round_trip.mean_ms()),
            udp_ping_var: Some(self.link.pings().round_trip.variance()),
            tcp_ping_avg: Some(self.tcp_round_trip.mean_ms()),
            tcp_ping_var: Some(self.tcp_round_trip.variance()),
        }));
    }

    fn send(&mut self, message: Control) {
        self.output.push_back(Output::Control(message));
    }

    /// The clock that pings carry: microseconds since the connection began.
    fn micros(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.begun).as_micros() as u64
    }

    /// The same clock as a time.
    fn clock(&self, now: Instant) -> Duration {
        Duration::from_micros(self.micros(now))
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

#[cfg(test)]
mod tests;
