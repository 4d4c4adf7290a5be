//! The clock of speech: takes a frame out of the utterance in front every 20 ms.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use audio::{MUMBLE_HZ, opus::Encoder};
use bytes::Bytes;

use super::{Ending, SpeechQueue, State};
use crate::error::SpeechError;

/// Sound in one packet: what Mumble clients send by default, and a fair trade between delay
/// and headers.
const FRAME: Duration = Duration::from_millis(20);

/// Samples in a frame.
const FRAME_SAMPLES: usize = MUMBLE_HZ as usize / 50;

/// How far the sequence number moves with a frame: it counts 10 ms.
const FRAME_UNITS: u64 = 2;

/// How many frames of silence bridge an utterance that has run dry (200 ms), so that a
/// synthesiser that stalls for a moment does not cut the voice in two.
const BRIDGE: u32 = 10;

/// When the clock is late by more than this, it starts anew instead of catching up: a burst of
/// packets would overflow the listeners' buffers.
const LATEST: Duration = Duration::from_millis(100);

/// One packet to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
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
    voice: Voice,
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

/// What the utterance in front has for this moment.
enum Next {
    /// Samples, of which so many are sound, and whether they are the last.
    Sound {
        samples: Vec<i16>,
        sound: usize,
        last: bool,
    },
    /// It ended without more sound than has left.
    Nothing,
    /// It was stopped; the beginning of what it would have gone on to say.
    Stopped { rest: Vec<i16> },
    /// Its sound has not come yet.
    Dry,
}

impl Mouth {
    /// A mouth that is silent. `bitrate` in bit/s.
    pub(crate) fn new(now: Instant, queue: Arc<SpeechQueue>, bitrate: u32) -> Self {
        let encoder = Encoder::new(bitrate)
            .inspect_err(|error| tracing::error!(%error, bitrate, "no encoder for the own voice"))
            .ok();
        Self {
            queue,
            encoder,
            voice: Voice::Silent,
            due: now,
            epoch: now,
            sequence: 0,
        }
    }

    /// Changes the bit rate, in bit/s.
    pub(crate) fn set_bitrate(&mut self, bitrate: u32) {
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
            if now < self.due && state.ending != Ending::Stopped {
                return None;
            }
            let (samples, last) = match state.next() {
                Next::Nothing if self.voice == Voice::Silent => {
                    drop(state);
                    utterance.end(Ok(()));
                    self.queue.pop();
                    continue;
                }
                Next::Nothing => (vec![0; FRAME_SAMPLES], true),
                Next::Sound {
                    samples,
                    sound,
                    last,
                } => {
                    state.heard += sound as u64;
                    (samples, last)
                }
                Next::Stopped { rest } => {
                    drop(state);
                    self.queue.pop();
                    if self.voice == Voice::Silent {
                        continue;
                    }
                    return self.frame(now, &faded(rest), true);
                }
                Next::Dry => {
                    let Voice::Talking { bridged } = self.voice else {
                        return None;
                    };
                    let last = bridged >= BRIDGE;
                    drop(state);
                    let frame = self.frame(now, &[0; FRAME_SAMPLES], last);
                    if !last {
                        self.voice = Voice::Talking {
                            bridged: bridged + 1,
                        };
                    }
                    return frame;
                }
            };
            drop(state);
            let frame = self.frame(now, &samples, last);
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

    /// Ends the talk-spurt, whatever was still to come; gives the frame that says so, if one
    /// has to.
    pub(crate) fn shut(&mut self, now: Instant) -> Option<Frame> {
        match self.voice {
            Voice::Silent => None,
            Voice::Talking { .. } => self.frame(now, &[0; FRAME_SAMPLES], true),
        }
    }

    /// When the next frame is due; none while there is nothing to say.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let utterance = self.queue.front()?;
        let waits = self.voice == Voice::Silent && utterance.lock().is_dry();
        (!waits).then_some(self.due)
    }

    /// Encodes a frame and moves the clock on.
    fn frame(&mut self, now: Instant, samples: &[i16], last: bool) -> Option<Frame> {
        let encoder = self.encoder.as_mut()?;
        if self.voice == Voice::Silent {
            encoder.reset();
            let silence = now.saturating_duration_since(self.epoch).as_millis() as u64 / 10;
            self.sequence = self.sequence.max(silence);
        }
        let opus = encoder.encode(samples).ok()?.into();
        let frame = Frame {
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
        let late = now.saturating_duration_since(self.due);
        self.due = if late > LATEST { now } else { self.due } + FRAME;
        Some(frame)
    }
}

impl State {
    fn next(&mut self) -> Next {
        let take = self.samples.len().min(FRAME_SAMPLES);
        if self.ending == Ending::Stopped {
            return Next::Stopped {
                rest: self.samples.drain(..take).collect(),
            };
        }
        if self.is_dry() {
            return Next::Dry;
        }
        if take == 0 {
            return Next::Nothing;
        }
        let mut samples: Vec<i16> = self.samples.drain(..take).collect();
        samples.resize(FRAME_SAMPLES, 0);
        let last = self.ending == Ending::Finished && self.samples.is_empty();
        Next::Sound {
            samples,
            sound: take,
            last,
        }
    }

    /// Whether the next frame is not complete yet.
    fn is_dry(&self) -> bool {
        self.ending == Ending::Open && self.samples.len() < FRAME_SAMPLES
    }
}

/// A frame that takes a voice down to silence, for a voice cut off clicks.
fn faded(mut samples: Vec<i16>) -> Vec<i16> {
    samples.resize(FRAME_SAMPLES, 0);
    for (at, sample) in samples.iter_mut().enumerate() {
        let left = (FRAME_SAMPLES - at) as i32;
        *sample = (i32::from(*sample) * left / FRAME_SAMPLES as i32) as i16;
    }
    samples
}
