//! The clock of speech: takes a frame out of the utterance in front every 20 ms.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use audio::{MUMBLE_HZ, opus::Encoder};
use bytes::Bytes;

use super::{
    SpeechQueue,
    utterance::{Ending, FRAME, Manner, Next, Sound, Utterance},
};
use crate::error::SpeechError;
use crate::target::Target;

/// How far the sequence number moves with a frame: it counts 10 ms.
const FRAME_UNITS: u64 = 2;

/// How many frames of silence bridge an utterance that has run dry (200 ms), so that a
/// synthesiser that stalls for a moment does not cut the voice in two.
const BRIDGE: u32 = 10;

/// A clock that is late by no more than this catches up: all frames that are due leave at once,
/// as they arrive after any stall of a network, and the listeners' buffers are filled again as
/// far as they were. What is due for longer would come too late for them, and such a burst would
/// only make them hold everything back from then on. So the clock skips whole frames then: the
/// sound goes on from where it was, behind a pause that its sequence numbers tell of.
const LATEST: Duration = Duration::from_millis(100);

/// By so much a frame that somebody is saying now may leave before its place on the clock: enough
/// for what was said just before a voice was noticed, and for whoever pushes a little unevenly.
const EARLIEST: Duration = Duration::from_millis(60);

/// How much of the last frame a stopped voice takes to fade (10 ms). An Opus packet holds back
/// its last 6.5 ms for the next one, and there is none.
const FADE: usize = 2;

/// One packet to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Whom it is for.
    pub(crate) target: Arc<Target>,
    /// Its place in the speaker's time, in units of 10 ms.
    pub(crate) sequence: u64,
    /// 20 ms of Opus.
    pub(crate) opus: Bytes,
    /// Whether the voice ends with it.
    pub(crate) last: bool,
}

/// Speaks the utterances of a queue, one after the other.
#[derive(Debug)]
pub(crate) struct Mouth {
    queue: Arc<SpeechQueue>,
    encoder: Option<Encoder>,
    bitrate: u32,
    /// How the present utterance is said.
    manner: Manner,
    voice: Voice,
    /// Whom the present talk-spurt is for.
    target: Arc<Target>,
    /// Before this moment no frame leaves.
    due: Instant,
    /// Sequence numbers count time from here, silence included, as Mumble's own clients do.
    epoch: Instant,
    sequence: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Voice {
    Silent,
    /// In a talk-spurt, of which the last so many frames were a bridge.
    Talking {
        bridged: u32,
    },
}

impl Mouth {
    /// A mouth that is silent. `bitrate` in bit/s.
    pub(crate) fn new(now: Instant, queue: Arc<SpeechQueue>, bitrate: u32) -> Self {
        Self {
            queue,
            encoder: encoder(MUMBLE_HZ, bitrate),
            bitrate,
            manner: Manner::MADE,
            voice: Voice::Silent,
            target: Arc::default(),
            due: now,
            epoch: now,
            sequence: 0,
        }
    }

    /// Changes the bit rate, in bit/s.
    pub(crate) fn set_bitrate(&mut self, bitrate: u32) {
        self.bitrate = bitrate;
        if let Some(encoder) = &mut self.encoder
            && let Err(error) = encoder.set_bitrate(bitrate)
        {
            tracing::warn!(%error, bitrate, "the encoder keeps its bit rate");
        }
    }

    /// The frame that is due, if one is. To be called when [`Mouth::deadline`] has come and
    /// when the queue's `wake` is told, until it gives none.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Frame> {
        loop {
            let utterance = self.queue.front()?;
            let mut state = utterance.lock();
            if now < self.earliest(utterance.manner) && state.ending != Ending::Stopped {
                return None;
            }
            self.take_up(&utterance);
            let (sound, last) = match state.next() {
                Next::Nothing if self.voice == Voice::Silent => {
                    drop(state);
                    utterance.end(Ok(()));
                    self.queue.pop();
                    continue;
                }
                Next::Nothing => (self.silence(), true),
                Next::Sound {
                    sound,
                    samples,
                    last,
                } => {
                    state.heard += samples as u64;
                    (sound, last)
                }
                Next::Stopped { rest } => {
                    drop(state);
                    self.queue.pop();
                    if self.voice == Voice::Silent {
                        continue;
                    }
                    let rest = self.faded(rest);
                    return self.frame(now, rest, true);
                }
                Next::Dry => {
                    let Voice::Talking { bridged } = self.voice else {
                        return None;
                    };
                    if self.manner.live && now < self.dried_up() {
                        return None;
                    }
                    let last = self.manner.live || bridged >= BRIDGE;
                    drop(state);
                    let frame = self.frame(now, self.silence(), last)?;
                    if !last {
                        self.voice = Voice::Talking {
                            bridged: bridged + 1,
                        };
                    }
                    return Some(frame);
                }
            };
            drop(state);
            let frame = self.frame(now, sound, last);
            if frame.is_none() {
                utterance.end(Err(SpeechError::Encoder));
                self.queue.pop();
                continue;
            }
            utterance.changed.notify_waiters();
            if last {
                utterance.end(Ok(()));
                self.queue.pop();
            }
            return frame;
        }
    }

    /// Encodes the frame that will be due next, so that nothing but the sending is left to do
    /// then. To be called when there is time for it; a voice can still be stopped at once.
    pub(crate) fn prepare(&mut self) {
        // The first frame of a talk-spurt is due at once anyway.
        let (Voice::Talking { .. }, Some(utterance)) = (self.voice, self.queue.front()) else {
            return;
        };
        if utterance.manner != self.manner {
            return;
        }
        let Some((samples, sound)) = utterance.lock().take_ahead() else {
            return;
        };
        match self.encoded(Sound::Samples(samples)) {
            Some(opus) => utterance.lock().put_ready(opus, sound),
            None => utterance.end(Err(SpeechError::Encoder)),
        }
    }

    /// Ends the talk-spurt, whatever was still to come; gives the frame that says so, if one
    /// has to.
    pub(crate) fn shut(&mut self, now: Instant) -> Option<Frame> {
        match self.voice {
            Voice::Silent => None,
            Voice::Talking { .. } => self.frame(now, self.silence(), true),
        }
    }

    /// When the next frame is due; none while there is nothing to say.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let utterance = self.queue.front()?;
        let dry = utterance.lock().is_dry();
        match (self.voice, dry) {
            (Voice::Silent, true) => None,
            (Voice::Talking { .. }, true) if utterance.manner.live => Some(self.dried_up()),
            _ => Some(self.earliest(utterance.manner)),
        }
    }

    /// Before this moment no frame of such an utterance leaves.
    fn earliest(&self, manner: Manner) -> Instant {
        let early = if manner.live {
            EARLIEST
        } else {
            Duration::ZERO
        };
        self.due.checked_sub(early).unwrap_or(self.due)
    }

    /// When a voice has ended of which nothing comes any more, where nothing is sent meanwhile.
    fn dried_up(&self) -> Instant {
        self.due + FRAME * BRIDGE
    }

    /// Readies itself for the next frame of an utterance.
    fn take_up(&mut self, utterance: &Utterance) {
        self.target = Arc::clone(&utterance.target);
        if self.manner.rate != utterance.manner.rate {
            self.encoder = encoder(utterance.manner.rate, self.bitrate);
        }
        self.manner = utterance.manner;
    }

    /// Encodes a frame and moves the clock on; none, and the voice is silent, when there is no
    /// encoder that can.
    fn frame(&mut self, now: Instant, sound: Sound, last: bool) -> Option<Frame> {
        if self.voice == Voice::Silent {
            self.begin(now);
        }
        let late = now.saturating_duration_since(self.due);
        if late > LATEST {
            let skipped = (late.as_millis() / FRAME.as_millis()) as u32;
            self.sequence += u64::from(skipped) * FRAME_UNITS;
            self.due += FRAME * skipped;
        }
        let Some(opus) = self.encoded(sound) else {
            self.voice = Voice::Silent;
            return None;
        };
        let frame = Frame {
            target: Arc::clone(&self.target),
            sequence: self.sequence,
            opus,
            last,
        };
        self.sequence += FRAME_UNITS;
        self.voice = if last {
            Voice::Silent
        } else {
            Voice::Talking { bridged: 0 }
        };
        self.due += FRAME;
        Some(frame)
    }

    fn encoded(&mut self, sound: Sound) -> Option<Bytes> {
        match sound {
            Sound::Packet(packet) => Some(packet),
            Sound::Samples(samples) => {
                let encoder = self.encoder.as_mut()?;
                encoder.encode(&samples).ok().map(Bytes::from)
            }
        }
    }

    /// Begins a talk-spurt.
    fn begin(&mut self, now: Instant) {
        if let Some(encoder) = &mut self.encoder {
            encoder.reset();
        }
        let silence = now.saturating_duration_since(self.epoch).as_millis() as u64 / 10;
        self.sequence = self.sequence.max(silence);
        self.due = self.due.max(now);
    }

    fn silence(&self) -> Sound {
        Sound::Samples(vec![0; self.manner.frame()])
    }

    /// A frame that takes a voice down to silence, for a voice cut off clicks.
    fn faded(&self, mut samples: Vec<i16>) -> Sound {
        samples.resize(self.manner.frame(), 0);
        let fade = samples.len() / FADE;
        for (at, sample) in samples.iter_mut().enumerate() {
            let left = fade.saturating_sub(at) as i32;
            *sample = (i32::from(*sample) * left / fade as i32) as i16;
        }
        Sound::Samples(samples)
    }
}

fn encoder(rate: u32, bitrate: u32) -> Option<Encoder> {
    Encoder::at(rate, bitrate)
        .inspect_err(|error| tracing::error!(%error, bitrate, "no encoder for the own voice"))
        .ok()
}

#[cfg(test)]
mod tests;
