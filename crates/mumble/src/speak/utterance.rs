//! One utterance: the sound that waits in it, and how it ends.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use audio::MUMBLE_HZ;
use bytes::Bytes;
use tokio::sync::Notify;

use super::{MOST_QUEUED, SpeechQueue};
use crate::error::SpeechError;
use crate::target::Target;

/// Sound in one packet: what Mumble clients send by default, and a fair trade between delay
/// and headers.
pub(super) const FRAME: Duration = Duration::from_millis(20);

/// What the caller and the mouth share about one utterance.
#[derive(Debug)]
pub(super) struct Utterance {
    pub(super) target: Arc<Target>,
    pub(super) manner: Manner,
    state: Mutex<State>,
    /// Told when there is room again, and at the end.
    pub(super) changed: Notify,
}

/// What an utterance is made of, and when it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    /// The rate of its sound, in Hz, which is the one that it is encoded at.
    pub(super) rate: u32,
    /// Whether somebody is saying it now: its frames leave when they are complete. All others
    /// leave on the clock.
    pub(super) live: bool,
}

impl Manner {
    /// What is made ahead of its time.
    pub(super) const MADE: Self = Self {
        rate: MUMBLE_HZ,
        live: false,
    };

    /// Samples in a frame.
    pub(super) fn frame(self) -> usize {
        in_samples(FRAME, self.rate)
    }
}

#[derive(Debug)]
pub(super) struct State {
    manner: Manner,
    /// What has not left yet.
    pieces: VecDeque<Piece>,
    /// Samples in `pieces`.
    queued: usize,
    /// The frame in front of `pieces`, encoded before it is due, and how much of it is sound.
    ready: Option<(Bytes, usize)>,
    pub(super) ending: Ending,
    /// Samples of the sound that have left.
    pub(super) heard: u64,
    /// Set when nothing more will happen.
    pub(super) outcome: Option<Result<(), SpeechError>>,
}

/// Sound of one kind.
#[derive(Debug)]
enum Piece {
    /// At the utterance's rate, to be cut into frames; never empty.
    Samples(VecDeque<i16>),
    /// A frame that is encoded already.
    Packet(Bytes),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ending {
    /// More sound may come.
    #[default]
    Open,
    /// What is queued is all.
    Finished,
    /// What is queued shall not be heard.
    Stopped,
}

/// What an utterance has for this moment.
#[derive(Debug)]
pub(super) enum Next {
    /// A frame, of which so many samples are sound, and whether it is the last.
    Sound {
        sound: Sound,
        samples: usize,
        last: bool,
    },
    /// It ended without more sound than has left.
    Nothing,
    /// It was stopped; the beginning of what it would have gone on to say.
    Stopped { rest: Vec<i16> },
    /// Its sound has not come yet.
    Dry,
}

/// A frame of sound.
#[derive(Debug)]
pub(super) enum Sound {
    /// To be encoded.
    Samples(Vec<i16>),
    /// To be sent as it is.
    Packet(Bytes),
}

impl Utterance {
    pub(super) fn new(target: Target, manner: Manner) -> Self {
        Self {
            target: Arc::new(target),
            manner,
            state: Mutex::new(State::new(manner)),
            changed: Notify::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn heard(&self) -> Duration {
        Duration::from_micros(self.lock().heard * 1_000_000 / u64::from(self.manner.rate))
    }

    /// Ends it from the caller's side; does nothing when it has ended.
    pub(super) fn stop(&self, queue: &SpeechQueue) {
        self.fail(SpeechError::Stopped, queue);
    }

    /// Ends it because it cannot be said; does nothing when it has ended.
    pub(super) fn fail(&self, error: SpeechError, queue: &SpeechQueue) {
        let mut state = self.lock();
        if state.outcome.is_none() {
            state.ending = Ending::Stopped;
            state.outcome = Some(Err(error));
            drop(state);
            self.changed.notify_waiters();
            queue.wake.notify_one();
        }
    }

    /// Ends it from the mouth's side.
    pub(super) fn end(&self, outcome: Result<(), SpeechError>) {
        self.lock().outcome.get_or_insert(outcome);
        self.changed.notify_waiters();
    }
}

impl State {
    fn new(manner: Manner) -> Self {
        Self {
            manner,
            pieces: VecDeque::new(),
            queued: 0,
            ready: None,
            ending: Ending::Open,
            heard: 0,
            outcome: None,
        }
    }

    /// How many more samples may be queued.
    pub(super) fn room(&self) -> usize {
        in_samples(MOST_QUEUED, self.manner.rate).saturating_sub(self.queued)
    }

    /// How many more packets may be queued.
    pub(super) fn room_for_packets(&self) -> usize {
        self.room() / self.manner.frame()
    }

    /// Adds samples at the utterance's rate.
    pub(super) fn push_samples(&mut self, samples: &[i16]) {
        if samples.is_empty() {
            return;
        }
        self.queued += samples.len();
        if let Some(Piece::Samples(queued)) = self.pieces.back_mut() {
            queued.extend(samples);
        } else {
            let samples = samples.iter().copied().collect();
            self.pieces.push_back(Piece::Samples(samples));
        }
    }

    /// Adds a frame that is encoded already.
    pub(super) fn push_packet(&mut self, packet: Bytes) {
        self.queued += self.manner.frame();
        self.pieces.push_back(Piece::Packet(packet));
    }

    /// Takes out the samples that are to be heard next, to be encoded before they are due; none
    /// when there is nothing to encode. To be given back by [`State::put_ready`].
    pub(super) fn take_ahead(&mut self) -> Option<(Vec<i16>, usize)> {
        let encoded = matches!(self.pieces.front(), None | Some(Piece::Packet(_)));
        if encoded || self.ready.is_some() || self.ending == Ending::Stopped || self.is_dry() {
            return None;
        }
        match self.take()? {
            (Sound::Samples(samples), sound) => Some((samples, sound)),
            (Sound::Packet(_), _) => None,
        }
    }

    /// Gives back the frame that was taken ahead, encoded.
    pub(super) fn put_ready(&mut self, opus: Bytes, sound: usize) {
        self.ready = Some((opus, sound));
    }

    /// Takes out what is to be heard next.
    pub(super) fn next(&mut self) -> Next {
        if self.ending == Ending::Stopped {
            // What was encoded ahead is left out: it was encoded at full loudness. The fade is
            // made from what follows it.
            let rest = match self.take() {
                Some((Sound::Samples(samples), _)) => samples,
                Some((Sound::Packet(_), _)) | None => Vec::new(),
            };
            return Next::Stopped { rest };
        }
        if self.is_dry() {
            return Next::Dry;
        }
        let ready = self.ready.take();
        let ready = ready.map(|(opus, samples)| (Sound::Packet(opus), samples));
        match ready.or_else(|| self.take()) {
            None => Next::Nothing,
            Some((sound, samples)) => Next::Sound {
                sound,
                samples,
                last: self.ending == Ending::Finished && self.pieces.is_empty(),
            },
        }
    }

    /// Whether the next frame is not complete yet.
    pub(super) fn is_dry(&self) -> bool {
        let complete = match self.pieces.front() {
            _ if self.ready.is_some() => true,
            None => false,
            Some(Piece::Packet(_)) => true,
            Some(Piece::Samples(samples)) => {
                samples.len() >= self.manner.frame() || self.pieces.len() > 1
            }
        };
        self.ending == Ending::Open && !complete
    }

    /// The frame in front, filled up with silence, and how many of its samples are sound.
    fn take(&mut self) -> Option<(Sound, usize)> {
        let frame = self.manner.frame();
        let (sound, taken) = match self.pieces.front_mut()? {
            Piece::Packet(packet) => {
                let packet = std::mem::take(packet);
                self.pieces.pop_front();
                (Sound::Packet(packet), frame)
            }
            Piece::Samples(queued) => {
                let taken = queued.len().min(frame);
                let mut samples: Vec<i16> = queued.drain(..taken).collect();
                samples.resize(frame, 0);
                if queued.is_empty() {
                    self.pieces.pop_front();
                }
                (Sound::Samples(samples), taken)
            }
        };
        self.queued -= taken;
        Some((sound, taken))
    }
}

fn in_samples(duration: Duration, rate: u32) -> usize {
    duration.as_millis() as usize * rate as usize / 1000
}
