//! What the two ends of a call say to each other while it lasts: answers, changes, signs of life.

use std::time::Instant;

use super::taking::random;
use super::{Call, End};
use crate::dtmf::Info;
use crate::offer::Negotiation;
use crate::phone::{Event, Invitation, Refusal, Reply, Request};
use crate::sdp;
use crate::sound::{Peer, Sound};
use crate::timer::{self, Due, Granted};

impl Call {
    /// The Mumble user is there: the call is answered.
    pub(super) fn answer(&mut self) {
        self.answered = true;
        let mut headers = Vec::new();
        if let Some(granted) = self.granted {
            headers.extend(timer_headers(granted));
        }
        self.dialog.answer(&self.described, headers);
    }

    pub(super) fn signalled(&mut self, event: Event) -> Option<End> {
        match event {
            Event::Acknowledged { answer } if self.sound.is_none() => self
                .offered(&answer)
                .then_some(())
                .map_or(Some(End::Broken), |()| None),
            Event::Acknowledged { .. } => None,
            Event::Answered { answer, early } => {
                self.answered |= !early;
                let heard = self.sound.is_some() || self.offered(&answer);
                if !early {
                    self.press_keys();
                }
                (!heard && !early).then_some(End::Broken)
            }
            Event::Asked(request, reply) => {
                self.asked(request, reply);
                None
            }
            Event::Ended(ending) => Some(End::Theirs(ending)),
        }
    }

    /// The answer to this end's offer has come; whether it is one.
    fn offered(&mut self, answer: &[u8]) -> bool {
        let Ok(answer) = sdp::read(answer) else {
            return false;
        };
        let peer = peer(&self.invitation);
        let (Ok(agreed), Some(random)) = (self.negotiation.answered(&answer), random()) else {
            return false;
        };
        self.sound = Sound::new(Instant::now(), agreed, peer, random).ok();
        self.sound.is_some()
    }

    fn asked(&mut self, request: Request, reply: Reply) {
        match request {
            Request::Change {
                offer,
                invites,
                timer,
            } => self.change(&offer, invites, timer, reply),
            Request::Info { content_type, body } => match Info::read(&content_type, &body) {
                Ok(info) => {
                    self.pressed(info.key);
                    reply.send(200, Vec::new(), Vec::new());
                }
                Err(_) => reply.send(415, Vec::new(), Vec::new()),
            },
            Request::Options => reply.send(200, Vec::new(), Vec::new()),
            Request::Other => reply.send(405, Vec::new(), Vec::new()),
        }
    }

    /// The other end wants to change what was agreed, or only to say that it is there.
    fn change(&mut self, offer: &[u8], invites: bool, asked: timer::Asked, reply: Reply) {
        let now = Instant::now();
        let granted = match self.timer.asked(now, asked) {
            Ok(granted) => asked.expires.map(|_| granted),
            Err(small) => {
                reply.send(422, vec![("Min-SE", small.min_se.to_string())], Vec::new());
                return;
            }
        };
        let headers = granted.map(timer_headers).unwrap_or_default();
        if offer.is_empty() {
            // An INVITE without an offer is given the agreement that holds; an UPDATE nothing.
            let body = if invites {
                self.described.clone()
            } else {
                Vec::new()
            };
            reply.send(200, headers, body);
            return;
        }
        match describe(&mut self.negotiation, offer) {
            Ok(described) => {
                let agreed = self.negotiation.agreed();
                if let (Some(agreed), Some(sound)) = (agreed, &mut self.sound)
                    && let Err(error) = sound.agree(now, agreed)
                {
                    tracing::error!("a call cannot be changed: {error}");
                }
                self.described = described;
                reply.send(200, headers, self.described.clone());
            }
            Err(refusal) => reply.send(refusal.status, refusal.headers, Vec::new()),
        }
    }

    /// The session timer has something to say; whether it says that the call is over.
    pub(super) fn timed(&mut self) -> bool {
        match self.timer.poll(Instant::now()) {
            Some(Due::Refresh) => {
                let refresh = self
                    .dialog
                    .refresh(self.timer.ask(), self.described.clone());
                self.refreshing = Some(refresh);
                false
            }
            Some(Due::Bye) => true,
            None => false,
        }
    }
}

/// The description that answers an offer, or this end's own where there is none.
pub(super) fn describe(negotiation: &mut Negotiation, offer: &[u8]) -> Result<Vec<u8>, Refusal> {
    if offer.is_empty() {
        return Ok(negotiation.offer().to_string().into_bytes());
    }
    let offer = sdp::read(offer).map_err(|error| warning(400, 399, &error.to_string()))?;
    match negotiation.answer(&offer) {
        Ok((answer, _)) => Ok(answer.to_string().into_bytes()),
        Err(refusal) => Err(warning(
            refusal.status(),
            refusal.warning(),
            &refusal.to_string(),
        )),
    }
}

fn warning(status: u16, code: u16, text: &str) -> Refusal {
    Refusal::new(status).with("Warning", format!("{code} mumble-ai \"{text}\""))
}

/// What a 2xx says about the session timer.
fn timer_headers(granted: Granted) -> Vec<(&'static str, String)> {
    let mut headers = vec![("Session-Expires", granted.expires.to_string())];
    if granted.require {
        headers.push(("Require", "timer".to_owned()));
    }
    headers
}

pub(super) fn peer(invitation: &Invitation) -> Peer {
    Peer {
        signalling: invitation.source.ip(),
        allowed: invitation.believed,
    }
}
