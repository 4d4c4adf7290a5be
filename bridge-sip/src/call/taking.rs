//! A call that rings is looked at: it is refused, or gets a port, a description and a line.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use super::agreement::{describe, peer};
use super::mouth::Mouth;
use super::{Call, Keys, LOOK, Progress, RETRY_AFTER};
use crate::bridge::House;
use crate::dtmf;
use crate::media::MediaSocket;
use crate::menu::Menu;
use crate::offer::{Negotiation, Ours};
use crate::phone::{Refusal, Ring, reached_at};
use crate::sound::{Sound, Start};
use crate::timer::{self, Timer};
use crate::voices::Voices;

impl Call {
    /// Looks at a call that rings, and refuses or takes it.
    pub(super) fn take(ring: Ring, house: Arc<House>) -> Option<Self> {
        let now = Instant::now();
        let invitation = &ring.invitation;
        let mut timer = Timer::new(timer::Settings::default());
        let granted = match timer.asked(now, invitation.timer) {
            Ok(granted) => invitation.timer.is_told().then_some(granted),
            Err(small) => {
                ring.refuse(Refusal::new(422).with("Min-SE", small.min_se.to_string()));
                return None;
            }
        };
        let socket = match house.ports.take() {
            Ok(Some(socket)) => socket,
            Ok(None) => {
                tracing::warn!(
                    "a call was refused: all ports from RTP_PORT_MIN to RTP_PORT_MAX are in use"
                );
                ring.refuse(Refusal::new(503).with("Retry-After", RETRY_AFTER));
                return None;
            }
            Err(error) => {
                tracing::error!("a call was refused: no port for its sound: {error}");
                ring.refuse(Refusal::new(500));
                return None;
            }
        };
        let media = media_address(&house, invitation.source.ip(), &socket);
        let (Ok(media), Some(random)) = (media, random()) else {
            ring.refuse(Refusal::new(500));
            return None;
        };
        let mut negotiation = Negotiation::new(Ours {
            codecs: house.codecs.clone(),
            media,
            session_id: u64::from(random.timestamp) << 16 | u64::from(random.sequence),
        });
        let described = match describe(&mut negotiation, &invitation.offer) {
            Ok(described) => described,
            Err(refusal) => {
                ring.refuse(refusal);
                return None;
            }
        };
        let peer = peer(invitation);
        let sound = match negotiation.agreed() {
            Some(agreed) => match Sound::new(now, agreed, peer, random) {
                Ok(sound) => Some(sound),
                Err(error) => {
                    tracing::error!("a call was refused: {error}");
                    ring.refuse(Refusal::new(500));
                    return None;
                }
            },
            None => None,
        };
        let (invitation, dialog) = ring.take()?;
        let rate = sound.as_ref().map_or(audio::SPEECH_HZ, Sound::say_hz);
        let keys = Keys::new(Menu::new(house.pin.clone()));
        let mut call = Self {
            seen: house.board.call(now),
            look: now + LOOK,
            voices: Voices::new(rate),
            seat: None,
            line: None,
            beat: house.beat.follow(),
            house,
            dialog,
            invitation,
            negotiation,
            described,
            socket,
            sound,
            timer,
            refreshing: None,
            taken: Vec::new(),
            told: false,
            progress: Progress::Joining,
            ours: false,
            to_press: dtmf::Keys::default(),
            answered: false,
            mouth: Mouth::default(),
            keys,
            once: dtmf::Once::default(),
            resampler: None,
            granted,
            begun: now,
            said: 0,
        };
        call.ask_for_a_line();
        Some(call)
    }
}

/// Where this end takes sound from somebody who signals from `peer`.
pub(super) fn media_address(
    house: &House,
    peer: IpAddr,
    socket: &MediaSocket,
) -> std::io::Result<SocketAddr> {
    let local = socket.local_addr()?;
    let ip = match house.public {
        Some(public) => public,
        None => reached_at(local.ip(), peer)?,
    };
    Ok(SocketAddr::new(ip, local.port()))
}

/// Where a stream begins.
pub(super) fn random() -> Option<Start> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).ok()?;
    let [a, b, c, d, e, f, g, h, i, j] = bytes;
    Some(Start {
        ssrc: u32::from_be_bytes([a, b, c, d]),
        timestamp: u32::from_be_bytes([e, f, g, h]),
        sequence: u16::from_be_bytes([i, j]),
    })
}
