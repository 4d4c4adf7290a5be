//! What goes to the phone: sound in packets of the agreed length, or keys in its place, on a clock
//! that never stands still.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use audio::opus::OpusError;

use crate::codec::Transcoder;
use crate::dtmf::{self, Dialling, Keys};
use crate::offer::{Agreed, Codec, TelephoneEvent};
use crate::rtcp::{Block, Report, Sent};
use crate::rtp::{self, Header};

/// Where a stream begins: random numbers, so that nobody can guess them (RFC 3550 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The name of the stream.
    pub ssrc: u32,
    /// The first sequence number.
    pub sequence: u16,
    /// The first timestamp.
    pub timestamp: u32,
}

/// The stream to the phone.
pub struct Outgoing {
    codec: Codec,
    payload_type: u8,
    /// Samples and ticks of one packet.
    frame: usize,
    ticks: u32,
    transcoder: Box<dyn Transcoder>,
    pending: Vec<i16>,
    dialling: Dialling,
    /// How keys are sent, if the phone takes them, and the timestamp at which the one that is
    /// pressed began.
    keys: Option<TelephoneEvent>,
    pressed: u32,
    start: Start,
    sequence: u16,
    timestamp: u32,
    /// Whether the next packet of sound follows a time without any.
    resumes: bool,
    packets: u32,
    octets: u32,
}

impl Outgoing {
    /// A stream of what was agreed, from `start` on.
    ///
    /// # Errors
    /// When the codec cannot be set up.
    pub fn new(agreed: &Agreed, start: Start) -> Result<Self, OpusError> {
        let codec = agreed.codec;
        let (frame, ticks) = lengths(agreed);
        Ok(Self {
            codec,
            payload_type: agreed.payload_types.sent,
            frame,
            ticks,
            transcoder: codec.open()?,
            pending: Vec::new(),
            dialling: Dialling::default(),
            keys: agreed.telephone_event,
            pressed: start.timestamp,
            start,
            sequence: start.sequence,
            timestamp: start.timestamp,
            resumes: true,
            packets: 0,
            octets: 0,
        })
    }

    /// Goes on under another agreement: the stream stays the same.
    ///
    /// # Errors
    /// When the codec cannot be set up.
    pub fn agree(&mut self, agreed: &Agreed) -> Result<(), OpusError> {
        if agreed.codec != self.codec {
            self.transcoder = agreed.codec.open()?;
            self.leave_pending_out();
            self.codec = agreed.codec;
        }
        self.payload_type = agreed.payload_types.sent;
        self.keys = agreed.telephone_event;
        (self.frame, self.ticks) = lengths(agreed);
        Ok(())
    }

    /// Presses keys, from the next packet on. Whether the phone takes them.
    pub fn press(&mut self, keys: &Keys) -> bool {
        if self.keys.is_some() {
            self.dialling.press(keys);
        }
        self.keys.is_some()
    }

    /// Takes 20 ms of sound at the codec's rate and gives the packets that are full; those of a
    /// key in place of the sound while one is pressed.
    pub fn say(&mut self, pcm: &[i16]) -> Vec<Vec<u8>> {
        // Where the phone has another clock for keys than for sound, it reads their durations by
        // that one; the stream has but one clock.
        if let Some(keys) = self.keys
            && let Some(event) = self.dialling.step(keys.clock)
        {
            return vec![self.event(keys.payload_types.sent, event)];
        }
        self.pending.extend(pcm);
        let mut packets = Vec::new();
        while self.pending.len() >= self.frame {
            let frame: Vec<i16> = self.pending.drain(..self.frame).collect();
            let payload = self.transcoder.encode(&frame);
            let marker = std::mem::take(&mut self.resumes);
            packets.push(self.packet(marker, self.payload_type, self.timestamp, &payload));
            self.timestamp = self.timestamp.wrapping_add(self.ticks);
        }
        packets
    }

    /// One packet of a key that is pressed: all of a key have the timestamp of its first (RFC 4733
    /// section 2.5.1.1), while the clock of the stream goes on.
    fn event(&mut self, number: u8, event: dtmf::Outgoing) -> Vec<u8> {
        // Half a packet of sound from before the key would come too late after it.
        self.leave_pending_out();
        if event.marker {
            self.pressed = self.timestamp;
        }
        let timestamp = self.pressed.wrapping_add(event.timestamp_offset);
        self.timestamp = self.timestamp.wrapping_add(self.codec.clock() / 50);
        self.packet(event.marker, number, timestamp, &event.event.write())
    }

    fn packet(&mut self, marker: bool, number: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let header = Header {
            marker,
            payload_type: number,
            sequence: self.sequence,
            timestamp,
            ssrc: self.start.ssrc,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        rtp::write(header, payload)
    }

    /// Lets the time of so many samples pass without a packet. Keys wait until there are packets.
    pub fn pass(&mut self, samples: usize) {
        self.leave_pending_out();
        self.timestamp = self.timestamp.wrapping_add(self.ticks_of(samples));
        self.resumes = true;
    }

    /// The next packet is by this time later than it would have been.
    pub fn skip(&mut self, time: Duration) {
        let ticks = time.as_micros() * u128::from(self.codec.clock()) / 1_000_000;
        self.timestamp = self.timestamp.wrapping_add(ticks as u32);
    }

    /// What waits for the rest of its packet is not sent; its time passes.
    fn leave_pending_out(&mut self) {
        let ticks = self.ticks_of(self.pending.len());
        self.timestamp = self.timestamp.wrapping_add(ticks);
        self.pending.clear();
    }

    fn ticks_of(&self, samples: usize) -> u32 {
        let (clock, hz) = (self.codec.clock(), self.codec.pcm_hz());
        (samples as u64 * u64::from(clock) / u64::from(hz)) as u32
    }

    /// The name of the stream.
    pub fn ssrc(&self) -> u32 {
        self.start.ssrc
    }

    /// Whether there was any packet.
    pub fn has_sent(&self) -> bool {
        self.packets > 0
    }

    /// A report of what was sent, and of what was heard.
    pub fn report(&self, wall: SystemTime, heard: Option<Block>) -> Report {
        Report {
            ssrc: self.start.ssrc,
            sent: (self.packets > 0).then(|| Sent {
                ntp: ntp(wall),
                timestamp: self.timestamp,
                packets: self.packets,
                octets: self.octets,
            }),
            heard: heard.into_iter().collect(),
        }
    }
}

/// Samples and ticks of one packet.
fn lengths(agreed: &Agreed) -> (usize, u32) {
    let ms = u32::from(agreed.ptime.max(10));
    let frame = agreed.codec.pcm_hz() / 1000 * ms;
    (frame as usize, agreed.codec.clock() / 1000 * ms)
}

/// Seconds between the beginning of NTP's time (1900) and that of Unix's.
const NTP_OFFSET: u64 = 2_208_988_800;

fn ntp(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (since.as_secs() + NTP_OFFSET) << 32 | fraction
}
