//! One call's sound: what comes from the phone becomes PCM, and PCM becomes what goes to it.
//!
//! The contract: every 20 ms call [`Sound::hear`] for what the caller says and [`Sound::say`] for
//! what the caller gets to hear; give each datagram that comes to [`Sound::take`].

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use audio::opus::OpusError;

use crate::codec::Transcoder;
use crate::comfort::{self, Level, Noise};
use crate::dtmf::{self, Key};
use crate::latch::{self, Latch};
use crate::offer::{Agreed, Codec};
use crate::playout::{Content, Piece, Playout};
use crate::quality::{Reception, mos};
use crate::rtcp;
use crate::rtp::{self, Header};

mod outgoing;

pub use outgoing::{Outgoing, Start};

/// Pieces that one tick gives at most: after a stall the rest is given by the next ones.
const MOST_PIECES: usize = 16;

/// How often the phone is told how its sound arrives (RFC 3550 section 6.2).
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// What the bridge itself adds from mouth to ear beside the jitter buffer, for the estimate of
/// quality: a packet of the phone, one of Mumble, and what is stored of a speaker.
const OWN_DELAY: Duration = Duration::from_millis(80);

/// Who may be heard, and who is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The host that signals.
    pub signalling: IpAddr,
    /// Whether sound may go to an address that only a description names, before any came from it.
    pub allowed: bool,
}

/// How the line of a call is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// The share of packets lost on the way here, 0 to 1.
    pub loss: f64,
    /// How much the time between packets varies.
    pub jitter: Duration,
    /// How long sound waits to be played in order.
    pub depth: Duration,
    /// What people would say of it, 1 (bad) to 4.5.
    pub mos: f64,
    /// Packets that came from nobody who was agreed on.
    pub strangers: u64,
}

/// Both directions of one call.
pub struct Sound {
    peer: Peer,
    agreed: Agreed,
    latch: Option<Latch>,
    hearing: Hearing,
    outgoing: Outgoing,
    reports: Reports,
    /// When anything came last.
    last: Instant,
}

/// What comes from the phone.
struct Hearing {
    codec: Codec,
    transcoder: Box<dyn Transcoder>,
    playout: Playout,
    reception: Option<Reception>,
    keys: dtmf::Listener,
    noise: Noise,
}

struct Reports {
    next: Instant,
    /// Our own name in reports; says nothing about anybody.
    cname: String,
}

impl Sound {
    /// The sound that was agreed on at `now`; `start` is random.
    ///
    /// # Errors
    /// When a codec cannot be set up.
    pub fn new(now: Instant, agreed: &Agreed, peer: Peer, start: Start) -> Result<Self, OpusError> {
        let mut sound = Self {
            peer,
            agreed: agreed.clone(),
            latch: None,
            hearing: Hearing::new(agreed.codec)?,
            outgoing: Outgoing::new(agreed, start)?,
            reports: Reports {
                next: now + REPORT_EVERY,
                cname: format!("{:08x}@mumble-ai", start.ssrc),
            },
            last: now,
        };
        sound.point();
        Ok(sound)
    }

    /// Takes over another agreement: a hold, another codec, another address.
    ///
    /// # Errors
    /// When a codec cannot be set up; what was agreed before holds then.
    pub fn agree(&mut self, now: Instant, agreed: &Agreed) -> Result<(), OpusError> {
        self.hearing.become_of(agreed.codec)?;
        self.outgoing.agree(agreed)?;
        self.agreed = agreed.clone();
        self.last = now;
        self.point();
        Ok(())
    }

    /// Has the latch believe what is agreed now.
    fn point(&mut self) {
        let place = self.agreed.peer.map(|media| latch::Agreed {
            media,
            signalling: self.peer.signalling,
            allowed: self.peer.allowed,
        });
        match (place, &mut self.latch) {
            (Some(place), Some(latch)) => latch.agree(place),
            (Some(place), none) => *none = Some(Latch::new(place)),
            (None, latch) => *latch = None,
        }
    }

    /// The rate of what [`Sound::hear`] gives, in Hz. Changes only by [`Sound::agree`] and when
    /// the phone changes its codec by itself, as it may.
    pub fn hear_hz(&self) -> u32 {
        self.hearing.codec.pcm_hz()
    }

    /// The rate of what [`Sound::say`] takes, in Hz. Changes only by [`Sound::agree`].
    pub fn say_hz(&self) -> u32 {
        self.agreed.codec.pcm_hz()
    }

    /// Takes a datagram that came from `from`; gives a key if one was pressed.
    pub fn take(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Option<Key> {
        match rtp::kind(datagram) {
            rtp::Kind::Rtp => self.take_packet(now, from, datagram),
            rtp::Kind::Rtcp => {
                self.take_reports(now, from, datagram);
                None
            }
            rtp::Kind::Other => None,
        }
    }

    fn take_packet(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Option<Key> {
        let rtp::Packet { header, payload } = rtp::read(datagram).ok()?;
        let meaning = self.meaning(&header, payload)?;
        match self.latch.as_mut()?.admit(now, from, &header) {
            latch::Verdict::Dropped => return None,
            latch::Verdict::NewStream => self.hearing.restart(&header),
            latch::Verdict::Heard => {}
        }
        self.last = now;
        if !self.agreed.direction.receives() {
            return None;
        }
        let is_key = meaning == Meaning::Key;
        if let Meaning::Sound(codec) = meaning {
            self.hearing.become_of(codec).ok()?;
        }
        let timestamp = (!is_key).then_some(header.timestamp);
        let clock = self.hearing.codec.clock();
        let reception = &mut self.hearing.reception;
        let reception = reception.get_or_insert_with(|| Reception::new(header.ssrc, clock));
        reception.arrived(now, header.sequence, timestamp);
        let content = match meaning {
            Meaning::Sound(codec) => Content::Sound(codec.duration(payload)?),
            Meaning::Noise => Content::Noise,
            Meaning::Key => Content::Other,
        };
        self.hearing.playout.insert(now, &header, content, payload);
        if is_key {
            return self.hearing.keys.hear(now, header.timestamp, payload);
        }
        None
    }

    /// What a packet is by its number; `None` for a number nobody agreed on.
    fn meaning(&self, header: &Header, payload: &[u8]) -> Option<Meaning> {
        let number = header.payload_type;
        let agreed = &self.agreed;
        if number == agreed.payload_types.received {
            agreed.codec.duration(payload)?;
            return Some(Meaning::Sound(agreed.codec));
        }
        if agreed
            .telephone_event
            .is_some_and(|event| event.payload_types.received == number)
        {
            return Some(Meaning::Key);
        }
        if number == comfort::PAYLOAD_TYPE && agreed.codec != Codec::Opus {
            return Some(Meaning::Noise);
        }
        let other = agreed.others.iter();
        let mut other = other.filter(|(_, numbers)| numbers.received == number);
        let (codec, _) = other.next()?;
        codec.duration(payload)?;
        Some(Meaning::Sound(*codec))
    }

    fn take_reports(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let admitted = self
            .latch
            .as_mut()
            .is_some_and(|latch| latch.admits_reports(from));
        if admitted && rtcp::read(datagram).is_ok_and(|reports| !reports.is_empty()) {
            self.last = now;
        }
    }

    /// What the caller says in the next 20 ms, at [`Sound::hear_hz`]: more after a stall, a little
    /// more or less where clocks differ.
    pub fn hear(&mut self, now: Instant) -> Vec<i16> {
        let mut pcm = Vec::new();
        for _ in 0..MOST_PIECES {
            let Some(piece) = self.hearing.playout.poll(now) else {
                break;
            };
            pcm.extend(self.hearing.play(piece));
        }
        pcm
    }

    /// Packets for the phone of 20 ms of sound at [`Sound::say_hz`], and where they go. While
    /// there is nowhere, or the call is on hold, only time goes on: packets that nobody sends have
    /// no numbers, and no report counts them.
    pub fn say(&mut self, pcm: &[i16]) -> Option<(SocketAddr, Vec<Vec<u8>>)> {
        let to = self.latch.as_ref().and_then(Latch::destination);
        let Some(to) = to.filter(|_| self.agreed.direction.sends()) else {
            self.outgoing.pass(pcm.len());
            return None;
        };
        Some((to, self.outgoing.say(pcm)))
    }

    /// Presses keys that the phone gets to hear in place of sound. Whether it takes them.
    pub fn press(&mut self, keys: &dtmf::Keys) -> bool {
        self.outgoing.press(keys)
    }

    /// Leaves so much time out of what the phone gets to hear: its next packet says that it
    /// belongs later.
    pub fn skip(&mut self, time: Duration) {
        self.outgoing.skip(time);
    }

    /// A report for the phone, when one is due; `wall` is what clocks on walls show at `now`.
    pub fn report(&mut self, now: Instant, wall: SystemTime) -> Option<(SocketAddr, Vec<u8>)> {
        if now < self.reports.next {
            return None;
        }
        self.reports.next = now + REPORT_EVERY;
        if !self.agreed.rtcp_mux {
            return None;
        }
        self.tell(wall)
    }

    fn tell(&mut self, wall: SystemTime) -> Option<(SocketAddr, Vec<u8>)> {
        let to = self.latch.as_ref()?.destination()?;
        let block = self.hearing.reception.as_mut().map(Reception::block);
        let report = self.outgoing.report(wall, block);
        Some((to, rtcp::write(&report, &self.reports.cname)))
    }

    /// What tells the phone that nothing more follows (RFC 3550 section 6.6), and where it goes;
    /// none where nothing was sent.
    pub fn goodbye(&mut self, wall: SystemTime) -> Option<(SocketAddr, Vec<u8>)> {
        if !self.agreed.rtcp_mux || !self.outgoing.has_sent() {
            return None;
        }
        let (to, mut datagram) = self.tell(wall)?;
        rtcp::write_goodbye(&mut datagram, self.outgoing.ssrc());
        Some((to, datagram))
    }

    /// When anything came from the phone last: sound, keys or reports.
    pub fn last_came(&self) -> Instant {
        self.last
    }

    /// How the line is.
    pub fn quality(&self) -> Quality {
        let (loss, jitter) = match &self.hearing.reception {
            Some(reception) => (reception.loss(), reception.jitter()),
            None => (0.0, Duration::ZERO),
        };
        let depth = self.hearing.playout.target();
        let strangers = self
            .latch
            .as_ref()
            .map_or(0, |latch| latch.stats().strangers);
        Quality {
            loss,
            jitter,
            depth,
            mos: mos(loss, depth + OWN_DELAY),
            strangers,
        }
    }
}

/// What a packet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Sound(Codec),
    Noise,
    Key,
}

impl Hearing {
    fn new(codec: Codec) -> Result<Self, OpusError> {
        Ok(Self {
            codec,
            transcoder: codec.open()?,
            playout: Playout::new(codec.clock()),
            reception: None,
            keys: dtmf::Listener::new(),
            noise: Noise::new(codec.pcm_hz()),
        })
    }

    /// The phone speaks in another codec from here on. It is the same stream: what is known of
    /// how it arrives goes on, by the codec's clock.
    fn become_of(&mut self, codec: Codec) -> Result<(), OpusError> {
        if codec != self.codec {
            let mut other = Self::new(codec)?;
            other.reception = self.reception.take();
            if let Some(reception) = &mut other.reception {
                reception.tick_at(codec.clock());
            }
            *self = other;
        }
        Ok(())
    }

    fn restart(&mut self, header: &Header) {
        self.reception = Some(Reception::new(header.ssrc, self.codec.clock()));
        self.keys = dtmf::Listener::new();
        self.transcoder.restart();
    }

    fn play(&mut self, piece: Piece) -> Vec<i16> {
        match piece {
            Piece::Packet(packet) => {
                let mut pcm = self.transcoder.decode(&packet.payload);
                self.playout.fit(&mut pcm, self.codec.pcm_hz());
                pcm
            }
            Piece::Lost { units, next } => {
                let samples = self.samples(units);
                match next {
                    Some(next) => self.transcoder.recover(&next, samples),
                    None => self.transcoder.conceal(samples),
                }
            }
            Piece::Silence(units) => {
                self.noise.set(Level::NOTHING);
                self.noise.make(self.samples(units))
            }
            Piece::ComfortNoise { units, level } => {
                if let Some(level) = level.as_deref().and_then(Level::read) {
                    self.noise.set(level);
                }
                self.noise.make(self.samples(units))
            }
        }
    }

    fn samples(&self, units: u32) -> usize {
        let units = u64::from(units) * u64::from(self.codec.pcm_hz());
        (units / u64::from(self.codec.clock())) as usize
    }
}

#[cfg(test)]
mod tests;
