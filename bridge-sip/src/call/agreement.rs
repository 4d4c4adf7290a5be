//! What the two ends of a call say to each other while it lasts: answers, changes, signs of life.

use std::time::Instant;

use super::taking::random;
use super::{Call, End};
use crate::dtmf::{By, Info, InfoError};
use crate::offer::{self, Agreed, Negotiation};
use crate::phone::{Event, Invitation, Refusal, Reply, Request};
use crate::sdp::{self, Session};
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
            Event::Acknowledged { answer } => {
                let is_first = self.sound.is_none();
                if answer.is_empty() && !is_first {
                    self.negotiation.withdrawn();
                    return None;
                }
                // What a later INVITE without an offer comes to is no reason to end the call.
                let agreed = self.agree(&answer, Negotiation::answered);
                (is_first && !agreed).then_some(End::Broken)
            }
            Event::Answered {
                answer,
                early: true,
            } => {
                self.agree(&answer, Negotiation::forecast);
                None
            }
            Event::Answered {
                answer,
                early: false,
            } => {
                self.answered = true;
                // A forecast that was not taken back holds.
                let heard = self.agree(&answer, Negotiation::answered) || self.sound.is_some();
                self.press_keys();
                (!heard).then_some(End::Broken)
            }
            Event::Asked(request, reply) => {
                self.asked(request, reply);
                None
            }
            Event::Ended(ending) => Some(End::Theirs(ending)),
        }
    }

    /// The answer to this end's offer has come; whether it is one.
    fn agree(
        &mut self,
        answer: &[u8],
        read: for<'a> fn(&'a mut Negotiation, &Session) -> Result<&'a Agreed, offer::Refusal>,
    ) -> bool {
        let Ok(answer) = sdp::read(answer) else {
            return false;
        };
        let peer = peer(&self.invitation);
        let (Ok(agreed), Some(random)) = (read(&mut self.negotiation, &answer), random()) else {
            return false;
        };
        let now = Instant::now();
        match &mut self.sound {
            Some(sound) => sound.agree(now, agreed).is_ok(),
            none => {
                *none = Sound::new(now, agreed, peer, random).ok();
                none.is_some()
            }
        }
    }

    fn asked(&mut self, request: Request, reply: Reply) {
        match request {
            Request::Change {
                offer,
                invites,
                timer,
            } => self.change(&offer, invites, timer, reply),
            Request::Info { content_type, body } => {
                let status = self.informed(&content_type, &body);
                reply.send(status, Vec::new(), Vec::new());
            }
            Request::Options => reply.send(200, Vec::new(), Vec::new()),
            Request::Other => reply.send(405, Vec::new(), Vec::new()),
        }
    }

    /// What the other end is told of a piece of information.
    fn informed(&mut self, content_type: &str, body: &[u8]) -> u16 {
        match Info::read(content_type, body) {
            // A sign of life (RFC 2976 section 2.2).
            Err(_) if body.is_empty() => 200,
            Err(InfoError::ContentType) => 415,
            Err(InfoError::NoKey | InfoError::Duration) => 400,
            Ok(info) => {
                if self.once.is_new(Instant::now(), info.key, By::Info) {
                    self.pressed(info.key);
                }
                200
            }
        }
    }

    /// The other end wants to change what was agreed, or only to say that it is there.
    fn change(&mut self, offer: &[u8], invites: bool, asked: timer::Asked, reply: Reply) {
        let now = Instant::now();
        let granted = match self.timer.asked(now, asked) {
            Ok(granted) => asked.is_told().then_some(granted),
            Err(small) => {
                reply.send(422, vec![("Min-SE", small.min_se.to_string())], Vec::new());
                return;
            }
        };
        let headers = granted.map(timer_headers).unwrap_or_default();
        if offer.is_empty() {
            // An INVITE without an offer asks for all that this end can do: its acknowledgement
            // has the answer, by which a call is resumed or goes somewhere else (RFC 3261 section
            // 14.2). An UPDATE without one only is a sign of life.
            if invites {
                self.described = self.negotiation.offer().to_string().into_bytes();
            }
            let body = invites.then(|| self.described.clone());
            reply.send(200, headers, body.unwrap_or_default());
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
