//! The login: who we are, who is there, and the way to the channel.

use std::{sync::Arc, time::Instant};

use secrecy::{ExposeSecret, SecretString};

use super::{Output, Phase, Session, refusal};
use crate::control::Control;
use crate::datagram::Dialect;
use crate::error::JoinError;
use crate::event::{Event, ServerInfo, SessionId, Suggestions, Version};
use crate::outbox::Markup;
use crate::proto::control as proto;
use crate::text;

/// The protocol version that is announced. With it a server of 1.5 or newer speaks the new
/// datagrams to us; to an older one we speak the old ones.
const OUR_VERSION: Version = Version {
    major: 1,
    minor: 5,
    patch: 0,
};

/// `Authenticate.client_type` of a bot; clients of 1.5 show it as one.
const CLIENT_TYPE_BOT: i32 = 1;

/// Bits per second that headers add to the voice at a packet per 20 ms: IP (20 bytes), UDP (8),
/// sealing (4) and Mumble's own (up to 8), fifty times a second. A server counts the same for a
/// packet from the tunnel, over the last 360 packets, and drops what is beyond its limit.
const HEADERS: u32 = (20 + 8 + 4 + 8) * 8 * 50;

/// One part in so many of what a server allows is left free, for Opus holds its bit rate only on
/// average.
const SURGE: u32 = 10;

/// Of what a server allows this part is left free: when the way of the voice changes, up to 20
/// packets go at once, a sixteenth of the 360 over which the server takes its mean.
const RESERVE: u32 = 16;

/// Opus speech below this bit rate is no longer worth hearing; a server that allows less is
/// served with it all the same.
const LEAST_BITRATE: u32 = 8_000;

impl Session {
    pub(super) fn log_in(&mut self) {
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
            tokens: exposed(self.kept.tokens.as_ref().unwrap_or(&config.tokens)),
            opus: Some(true),
            client_type: Some(CLIENT_TYPE_BOT),
        }));
    }

    pub(super) fn handle_version(&mut self, version: proto::Version) {
        self.server.version =
            read_version(version.version_v1, version.version_v2).unwrap_or_default();
        self.server.release = version
            .release
            .unwrap_or_else(|| self.server.version.to_string());
        self.dialect = Dialect::of(self.server.version);
    }

    pub(super) fn handle_sync(
        &mut self,
        now: Instant,
        sync: proto::ServerSync,
    ) -> Result<(), JoinError> {
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
        self.enter(now)
    }

    pub(super) fn joined(&mut self) {
        let Some(me) = self.roster.me().map(|me| me.session) else {
            return;
        };
        self.phase = Phase::Joined;
        self.queue.open();
        self.keep_up();
        self.server.udp = self.uses_udp();
        let server = self.server.clone();
        self.output
            .push_back(Output::Event(Event::Joined { me, server }));
    }

    pub(super) fn handle_server_config(&mut self, config: proto::ServerConfig) {
        let before = self.server.clone();
        self.limit_bandwidth(config.max_bandwidth);
        if let Some(limit) = config.message_length {
            self.server.message_length = Some(limit).filter(|&limit| limit > 0);
            self.outbox.set_limit(limit as usize);
        }
        if let Some(limit) = config.image_message_length {
            self.server.image_length = Some(limit).filter(|&limit| limit > 0);
        }
        if let Some(allowed) = config.allow_html {
            self.server.allows_html = Some(allowed);
            self.outbox.set_markup(Markup::allowed(allowed));
        }
        self.server.max_users = config.max_users.or(self.server.max_users);
        self.server.allows_recording = config.recording_allowed.or(self.server.allows_recording);
        self.tell_server(&before);
    }

    pub(super) fn handle_suggestions(&mut self, suggest: proto::SuggestConfig) {
        let before = self.server.clone();
        self.server.suggests = Suggestions {
            version: read_version(suggest.version_v1, suggest.version_v2),
            positional: suggest.positional,
            push_to_talk: suggest.push_to_talk,
        };
        self.tell_server(&before);
    }

    fn tell_server(&mut self, before: &ServerInfo) {
        if self.phase == Phase::Joined && self.server != *before {
            let server = self.server.clone();
            self.output
                .push_back(Output::Event(Event::ServerChanged(server)));
        }
    }

    pub(super) fn limit_bandwidth(&mut self, limit: Option<u32>) {
        let Some(limit) = limit.filter(|&limit| limit > 0) else {
            return;
        };
        self.server.max_bandwidth = Some(limit);
        let voice = (limit - limit / RESERVE).saturating_sub(HEADERS);
        let allowed = (voice - voice / SURGE).max(LEAST_BITRATE);
        self.mouth.set_bitrate(self.config.bitrate.min(allowed));
    }

    pub(super) fn handle_denied(
        &mut self,
        now: Instant,
        denied: proto::PermissionDenied,
    ) -> Result<(), JoinError> {
        if self.deny_act(&denied) {
            return Ok(());
        }
        let denied = refusal::denied(&self.roster, &denied);
        match self.phase {
            Phase::Entering(_) => return self.kept_out(now, denied),
            Phase::Joined => self.output.push_back(Output::Event(Event::Denied(denied))),
            Phase::Login => {}
        }
        Ok(())
    }
}

/// Access tokens as they are sent.
pub(super) fn exposed(tokens: &[SecretString]) -> Vec<String> {
    let exposed = tokens.iter().map(|token| token.expose_secret().to_owned());
    exposed.collect()
}

/// A version in the protocol's new or old form; none when there is neither.
fn read_version(v1: Option<u32>, v2: Option<u64>) -> Option<Version> {
    match (v2, v1) {
        (Some(v2), _) => Some(Version {
            major: (v2 >> 48) as u16,
            minor: (v2 >> 32) as u16,
            patch: (v2 >> 16) as u16,
        }),
        (None, Some(v1)) => Some(Version {
            major: (v1 >> 16) as u16,
            minor: u16::from((v1 >> 8) as u8),
            patch: u16::from(v1 as u8),
        }),
        (None, None) => None,
    }
}
