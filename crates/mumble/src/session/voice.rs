//! Voice and pings: sealed datagrams, the tunnel, and what is in either.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Output, Session, link::Route};
use crate::control::Control;
use crate::crypt::Crypt;
use crate::datagram::{self, Received, Voice};
use crate::event::{Event, SessionId};
use crate::proto::control as proto;
use crate::speak::Frame;

/// Nonces are agreed on anew when datagrams arrive but none has opened for this long, and not
/// more often than that.
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

    /// What a datagram holds, whichever way it came.
    pub(super) fn handle_plain(&mut self, now: Instant, came_by: Route, plain: Bytes) {
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

    pub(super) fn send_voice(&mut self, frame: Frame) {
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
}
