//! Voice and pings: sealed datagrams, the tunnel, and what is in either.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    Output, Phase, Session,
    link::{LinkAction, MOST_RESENT, Route},
};
use crate::control::Control;
use crate::crypt::{Crypt, OVERHEAD};
use crate::datagram::{self, Received, Voice};
use crate::event::{Event, Scope, SessionId};
use crate::proto::control as proto;
use crate::speak::Frame;

/// Nonces are agreed on anew when datagrams arrive but none has opened for this long ...
const DEAF_AFTER: Duration = Duration::from_secs(1);

/// ... and not more often than this, as Mumble's own clients do.
const RESYNC_EVERY: Duration = Duration::from_secs(5);

impl Session {
    pub(super) fn handle_crypt_setup(&mut self, now: Instant, setup: proto::CryptSetup) {
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

    /// Takes in a datagram from the server.
    pub(crate) fn handle_datagram(&mut self, now: Instant, sealed: &[u8]) {
        self.packets.udp = self.packets.udp.wrapping_add(1);
        let Some(crypt) = &mut self.crypt else { return };
        let mut datagram = sealed.to_vec();
        match crypt.open_in_place(&mut datagram).map(drop) {
            Ok(()) => {
                self.opened = now;
                let plain = Bytes::from(datagram).split_off(OVERHEAD);
                self.handle_plain(now, Route::Udp, plain);
            }
            Err(dropped) => {
                tracing::trace!(?dropped, "a datagram was dropped");
                let deaf = now >= self.opened + DEAF_AFTER;
                if deaf && now >= self.resync_asked + RESYNC_EVERY {
                    self.resync_asked = now;
                    self.send(Control::CryptSetup(proto::CryptSetup::default()));
                }
            }
        }
    }

    /// What a datagram holds, whichever way it came.
    pub(super) fn handle_plain(&mut self, now: Instant, came_by: Route, plain: Bytes) {
        match datagram::read(self.dialect, plain) {
            Ok(Received::Voice(voice)) => {
                self.link.handle_voice(now, came_by);
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

    /// Sends what is due of the own voice.
    pub(super) fn speak(&mut self, now: Instant) {
        self.register_targets(now);
        // Looked at anew for each frame: the next utterance may have another target.
        while self.voice_waits().is_none_or(|until| until <= now)
            && let Some(frame) = self.mouth.poll(now)
        {
            self.send_voice(now, frame);
        }
    }

    /// Does ahead of its time what need not wait for it, when all that was due is on its way.
    pub(crate) fn prepare(&mut self) {
        self.mouth.prepare();
    }

    /// When the next packet of the own voice is due: the one deadline that should be kept to
    /// less than a millisecond.
    pub(crate) fn speech_deadline(&self) -> Option<Instant> {
        let joined = self.phase == Phase::Joined;
        let due = self.mouth.deadline().filter(|_| joined)?;
        Some(self.voice_waits().map_or(due, |until| due.max(until)))
    }

    pub(super) fn send_voice(&mut self, now: Instant, frame: Frame) {
        let Frame {
            target,
            sequence,
            opus,
            last,
        } = frame;
        let number = self.target_number(now, &target);
        let voice = Voice {
            speaker: SessionId(0),
            scope: Scope::default(),
            sequence,
            opus,
            last,
        };
        self.link.handle_own_voice(now);
        let packet = Bytes::from(datagram::write_voice(self.dialect, number, &voice));
        match self.link.route() {
            Route::Udp => {
                self.send_sealed(&packet);
                self.recent.push(now, packet);
            }
            Route::Tunnel => self.send(Control::UdpTunnel(packet)),
        }
    }

    /// Does what the link wants.
    pub(super) fn tend_link(&mut self, now: Instant, action: LinkAction) {
        match action {
            LinkAction::Ping => {
                self.send_sealed(&datagram::write_ping(self.dialect, self.micros(now)));
            }
            LinkAction::TunnelPing => self.tunnel_ping(now),
            LinkAction::Resend(since) => {
                let mut resent = false;
                for packet in self.recent.take(since) {
                    resent = true;
                    self.output
                        .push_back(Output::Control(Control::UdpTunnel(packet)));
                }
                if !resent {
                    self.tunnel_ping(now);
                }
            }
            LinkAction::TcpPing => self.send_ping(now),
            LinkAction::Claim => self.send_sealed(&datagram::write_to_nobody(self.dialect)),
        }
    }

    fn tunnel_ping(&mut self, now: Instant) {
        let ping = datagram::write_ping(self.dialect, self.micros(now));
        self.send(Control::UdpTunnel(ping.into()));
    }

    fn send_sealed(&mut self, plain: &[u8]) {
        if let Some(crypt) = &mut self.crypt {
            self.output.push_back(Output::Datagram(crypt.seal(plain)));
        }
    }
}

/// The own voice that has left by UDP of late, to be sent again if UDP proves dead. Holds
/// [`MOST_RESENT`], and at most [`MOST_RECENT`] packets; then the oldest is forgotten.
#[derive(Debug, Default)]
pub(super) struct Recent(VecDeque<(Instant, Bytes)>);

/// More packets than the shortest ones, of 10 ms, that fit into [`MOST_RESENT`].
const MOST_RECENT: usize = 50;

impl Recent {
    fn push(&mut self, now: Instant, packet: Bytes) {
        let old = |&(at, _): &(Instant, Bytes)| now > at + MOST_RESENT;
        while self.0.front().is_some_and(old) || self.0.len() >= MOST_RECENT {
            self.0.pop_front();
        }
        self.0.push_back((now, packet));
    }

    /// What has left since then, oldest first. What is older is forgotten.
    fn take(&mut self, since: Instant) -> impl Iterator<Item = Bytes> {
        let all = std::mem::take(&mut self.0).into_iter();
        all.skip_while(move |&(at, _)| at < since)
            .map(|(_, packet)| packet)
    }
}
