//! What a call is held in: offers and answers (RFC 3264), from the first to the last of a call.
//!
//! A [`Negotiation`] is one call's. It answers offers, makes its own (a call that goes out, an
//! INVITE that came without one, a hold), and remembers what has to stay the same: its port, the
//! order of the streams, the numbers of the formats. An answer names one codec, so that nothing
//! else can arrive; the own order of codecs decides which.

use std::net::SocketAddr;

use crate::sdp::{Direction, Format, Kind, Media, Origin, Protocol, Session};

mod agreed;
mod codec;
mod stream;

pub use agreed::{Agreed, PayloadTypes, Refusal, TelephoneEvent};
pub use codec::Codec;

use agreed::{PTIME, inband_fec, place, ptime, speakable};
use stream::{KEYS_OFFERED, free, has_noise, keys, keys_format, noise, numbers, refused};

/// What this end of a call has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    /// The codecs spoken, the preferred one first; [`Codec::ALL`] by default.
    pub codecs: Vec<Codec>,
    /// Where this end awaits sound; stays the same for the whole call.
    pub media: SocketAddr,
    /// A random number by which the session is known.
    pub session_id: u64,
}

/// The offers and answers of one call.
#[derive(Clone, Debug)]
pub struct Negotiation {
    ours: Ours,
    /// The streams of the call, in their order; the sound that is used is at `audio`.
    streams: Vec<Media>,
    audio: usize,
    /// The description sent last, whose version the next one goes on from.
    sent: Option<Session>,
    offered: Option<Session>,
    agreed: Option<Agreed>,
}

impl Negotiation {
    /// A call about which nothing has been said yet.
    pub fn new(ours: Ours) -> Self {
        Self {
            ours,
            streams: Vec::new(),
            audio: 0,
            sent: None,
            offered: None,
            agreed: None,
        }
    }

    /// What holds now.
    pub fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    /// An offer of this end. It awaits [`answered`](Self::answered) or
    /// [`withdrawn`](Self::withdrawn).
    pub fn offer(&mut self) -> Session {
        let mut streams = self.streams.clone();
        let audio = self.offered_audio();
        match streams.get_mut(self.audio) {
            Some(place) => *place = audio,
            None => streams.push(audio),
        }
        let session = self.description(streams);
        self.offered = Some(session.clone());
        session
    }

    /// The offer was refused or came to nothing: what was agreed before holds.
    pub fn withdrawn(&mut self) {
        self.offered = None;
    }

    /// Reads what the answer to the offer of this end will be, as a provisional response has it
    /// (RFC 3261 section 13.2.1): the offer still awaits the real one, which may differ.
    ///
    /// # Errors
    ///
    /// Why it would be no agreement.
    pub fn forecast(&mut self, answer: &Session) -> Result<&Agreed, Refusal> {
        let offered = self.offered.clone();
        let read = self.answered(answer).map(drop);
        self.offered = offered;
        read?;
        self.agreed.as_ref().ok_or(Refusal::NothingOffered)
    }

    /// Reads the answer to the offer of this end. After an error the offer has come to nothing.
    ///
    /// # Errors
    ///
    /// Why it is no agreement; the call has to be ended unless an earlier one holds.
    pub fn answered(&mut self, answer: &Session) -> Result<&Agreed, Refusal> {
        let offered = self.offered.take().ok_or(Refusal::NothingOffered)?;
        if answer.media.len() != offered.media.len() {
            return Err(Refusal::Streams);
        }
        let (Some(theirs), Some(ours)) =
            (answer.media.get(self.audio), offered.media.get(self.audio))
        else {
            return Err(Refusal::Streams);
        };
        speakable(theirs, &self.ours.codecs)?;
        let (peer, direction) = place(answer, theirs, self.ours.media.ip())?;
        let both = |codec: Codec| {
            let find = |media: &Media| {
                let mut formats = media.formats.iter();
                formats
                    .find(|format| Codec::of(format) == Some(codec))
                    .cloned()
            };
            Some((find(theirs)?, find(ours)?))
        };
        let mut preferred = theirs.formats.iter().filter_map(Codec::of);
        let chosen = preferred.find_map(|codec| Some((codec, both(codec)?)));
        let (codec, (sent, received)) = chosen.ok_or(Refusal::NoCodec)?;
        let others = Codec::ALL.into_iter().filter(|other| *other != codec);
        let others = others.filter_map(|other| {
            let (sent, received) = both(other)?;
            Some((other, numbers(&sent, &received)?))
        });
        let allowed = ours.direction.unwrap_or_default();
        let agreed = Agreed {
            peer,
            codec,
            payload_types: numbers(&sent, &received).ok_or(Refusal::NoCodec)?,
            others: others.collect(),
            telephone_event: keys(theirs, Some(ours), codec),
            comfort_noise: has_noise(theirs) && codec != Codec::Opus,
            inband_fec: codec == Codec::Opus && inband_fec(sent.fmtp.as_deref()),
            direction: direction.reversed().and(allowed),
            ptime: ptime(theirs),
            rtcp_mux: theirs.rtcp_mux && ours.rtcp_mux,
        };
        self.streams = offered.media;
        Ok(self.agreed.insert(agreed))
    }

    /// Answers an offer of the other end: with the description to send.
    ///
    /// # Errors
    ///
    /// Why it cannot be accepted, with the status to answer; what was agreed before holds.
    pub fn answer(&mut self, offer: &Session) -> Result<(Session, &Agreed), Refusal> {
        if self.offered.is_some() {
            return Err(Refusal::Glare);
        }
        if offer.media.len() < self.streams.len() {
            return Err(Refusal::Streams);
        }
        let (audio, answer, agreed) = match self.chosen(offer) {
            Err(Refusal::NoAudio) => self.ended(offer)?,
            chosen => {
                let (audio, theirs) = chosen?;
                let (answer, agreed) = self.accept(offer, theirs)?;
                (audio, answer, agreed)
            }
        };
        let mut streams: Vec<Media> = offer.media.iter().map(refused).collect();
        let place = streams.get_mut(audio).ok_or(Refusal::Streams)?;
        *place = answer;
        self.audio = audio;
        self.streams.clone_from(&streams);
        let session = self.description(streams);
        Ok((session, self.agreed.insert(agreed)))
    }

    /// The stream of sound to accept: the one in use, else the first that can be spoken.
    fn chosen<'a>(&self, offer: &'a Session) -> Result<(usize, &'a Media), Refusal> {
        let mut why = Refusal::NoAudio;
        let used = self.agreed.as_ref().map(|_| self.audio);
        let mut order: Vec<_> = offer.media.iter().enumerate().collect();
        order.sort_by_key(|(index, _)| Some(*index) != used);
        for (index, media) in order {
            match speakable(media, &self.ours.codecs) {
                Ok(()) => return Ok((index, media)),
                Err(Refusal::NoAudio) => {}
                Err(refusal) => why = refusal,
            }
        }
        Err(why)
    }

    /// The other end takes the sound out of a call that goes on (RFC 3264 section 8.2): it may
    /// come back with its next offer.
    fn ended(&self, offer: &Session) -> Result<(usize, Media, Agreed), Refusal> {
        let mut agreed = self.agreed.clone().ok_or(Refusal::NoAudio)?;
        agreed.peer = None;
        agreed.direction = Direction::Inactive;
        let media = offer.media.get(self.audio).ok_or(Refusal::Streams)?;
        Ok((self.audio, refused(media), agreed))
    }

    fn accept(&self, offer: &Session, theirs: &Media) -> Result<(Media, Agreed), Refusal> {
        let (peer, direction) = place(offer, theirs, self.ours.media.ip())?;
        let named = |codec: &Codec| {
            let mut formats = theirs.formats.iter();
            let format = formats.find(|format| Codec::of(format) == Some(*codec))?;
            Some((*codec, format))
        };
        let chosen = self.ours.codecs.iter().find_map(named);
        let (codec, format) = chosen.ok_or(Refusal::NoCodec)?;
        let agreed = Agreed {
            peer,
            codec,
            payload_types: numbers(format, format).ok_or(Refusal::NoCodec)?,
            others: Vec::new(),
            telephone_event: keys(theirs, None, codec),
            comfort_noise: has_noise(theirs) && codec != Codec::Opus,
            inband_fec: codec == Codec::Opus && inband_fec(format.fmtp.as_deref()),
            direction: direction.reversed(),
            ptime: ptime(theirs),
            rtcp_mux: theirs.rtcp_mux,
        };
        let mut formats = vec![Format {
            fmtp: codec.fmtp(),
            ..format.clone()
        }];
        if agreed.comfort_noise {
            formats.push(noise());
        }
        if let Some(event) = agreed.telephone_event {
            formats.push(keys_format(event.payload_types.received, event.clock));
        }
        let answer = Media {
            // In the word of the offer (RFC 3264 section 6).
            protocol: theirs.protocol.clone(),
            ..self.audio_stream(formats, agreed.direction, agreed.rtcp_mux)
        };
        Ok((answer, agreed))
    }

    fn offered_audio(&self) -> Media {
        let mut codecs = self.ours.codecs.clone();
        if let Some(agreed) = &self.agreed {
            // What is spoken already comes first, so that a hold does not change the codec.
            codecs.sort_by_key(|codec| *codec != agreed.codec);
        }
        let mut taken = self.numbers_taken();
        let mut formats = Vec::new();
        for codec in &codecs {
            let number = match &self.agreed {
                _ if codec.is_static() => codec.payload_type(),
                Some(agreed) if agreed.codec == *codec => agreed.payload_types.received,
                _ => free(codec.payload_type(), &mut taken),
            };
            let fmtp = codec.fmtp();
            formats.push(Format {
                fmtp,
                ..Format::mapped(number, codec.map())
            });
        }
        if codecs.iter().any(|codec| *codec != Codec::Opus) {
            formats.push(noise());
        }
        let event = self
            .agreed
            .as_ref()
            .and_then(|agreed| agreed.telephone_event);
        for (clock, number) in KEYS_OFFERED {
            if !codecs.iter().any(|codec| codec.clock() == clock) {
                continue;
            }
            let number = match event {
                Some(event) if event.clock == clock => event.payload_types.received,
                _ => free(number, &mut taken),
            };
            formats.push(keys_format(number, clock));
        }
        let mux = self.agreed.as_ref().is_none_or(|agreed| agreed.rtcp_mux);
        self.audio_stream(formats, Direction::SendRecv, mux)
    }

    /// Numbers that have a meaning in this call, which they keep (RFC 3264 section 8.3.2).
    fn numbers_taken(&self) -> Vec<u8> {
        let Some(agreed) = &self.agreed else {
            return Vec::new();
        };
        let event = agreed
            .telephone_event
            .map(|event| event.payload_types.received);
        let audio = agreed.payload_types.received;
        event.into_iter().chain([audio]).collect()
    }

    fn audio_stream(&self, formats: Vec<Format>, direction: Direction, rtcp_mux: bool) -> Media {
        Media {
            kind: Kind::Audio,
            port: self.ours.media.port(),
            protocol: Protocol::RtpAvp,
            formats,
            connection: None,
            direction: Some(direction),
            ptime: Some(PTIME),
            maxptime: None,
            rtcp_mux,
        }
    }

    /// The streams as a description, with a new version if they have changed.
    fn description(&mut self, media: Vec<Media>) -> Session {
        let address = self.ours.media.ip();
        let id = self.ours.session_id;
        let before = self.sent.take();
        let version = match &before {
            Some(sent) if sent.media == media => sent.origin.version,
            Some(sent) => sent.origin.version.wrapping_add(1),
            None => id,
        };
        let origin = Origin {
            user: "-".to_owned(),
            id,
            version,
            host: address.to_string(),
        };
        let session = Session {
            origin,
            connection: Some(address),
            direction: None,
            media,
        };
        self.sent.insert(session).clone()
    }
}

#[cfg(test)]
mod tests;
