//! From sound to packets: utterances in a queue, one packet every 20 ms, the last one marked.
//!
//! [`Speech`] and [`Playing`] are what a caller holds; the mouth takes frames out of the same
//! utterance on an even clock. An utterance that runs dry is filled with silence for a moment;
//! then its talk-spurt is closed, and another one begins when more sound comes.

mod mouth;
mod utterance;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use audio::{
    MUMBLE_HZ, Pcm,
    opus::{RATES, packet_duration},
    resample::Resampler,
};
use bytes::Bytes;
use tokio::sync::Notify;

use crate::error::SpeechError;
use crate::target::Target;

pub(crate) use mouth::{Frame, Mouth};
use utterance::{Ending, FRAME, Manner, State, Utterance};

/// How much sound may lie queued in an utterance before [`Speech::push`] waits: enough to
/// synthesise a sentence ahead, little enough to hold in memory for every caller.
pub const MOST_QUEUED: Duration = Duration::from_secs(3);

/// How many utterances may wait for their turn; one more fails with [`SpeechError::Full`].
pub const MOST_UTTERANCES: usize = 16;

/// The longest Opus packet that can be sent, in bytes: a datagram has at most 1024, of which
/// sealing takes 4 and what is around the sound up to 20.
const LONGEST_PACKET: usize = 1000;

/// An utterance that is being said. Dropping it stops the sound at once, with the end marked.
#[derive(Debug)]
#[must_use = "dropping it stops the sound"]
pub struct Speech {
    utterance: Arc<Utterance>,
    queue: Arc<SpeechQueue>,
    resampler: Option<(u32, Resampler)>,
}

impl Speech {
    /// Adds sound of any rate.
    ///
    /// Waits while [`MOST_QUEUED`] lie queued. A push that is dropped before it is done has
    /// added the beginning of its sound.
    ///
    /// # Errors
    /// The utterance will not be spoken (further): see [`SpeechError`].
    pub async fn push(&mut self, pcm: Pcm) -> Result<(), SpeechError> {
        let samples = self.resample(pcm);
        self.push_samples(&samples).await
    }

    /// Adds sound that is encoded already: packets of 20 ms each, which are sent as they are.
    /// Nothing is decoded or encoded for it, so it costs next to nothing.
    ///
    /// Waits as [`Speech::push`] does. The server's limit is the caller's to keep: packets of
    /// a higher bit rate than [`ServerInfo::max_bandwidth`](crate::ServerInfo::max_bandwidth)
    /// allows are dropped there. Sound that was pushed before is filled up with silence to a
    /// whole packet; at the seam the listeners' decoders may click.
    ///
    /// # Errors
    /// [`SpeechError::NotAFrame`] when one of the packets is not 20 ms of Opus or does not fit
    /// into a datagram: none of them is added. Else as [`Speech::push`].
    pub async fn push_opus<P>(&mut self, packets: &[P]) -> Result<(), SpeechError>
    where
        P: AsRef<[u8]> + Sync,
    {
        let is_frame = |packet: &[u8]| {
            packet.len() <= LONGEST_PACKET && packet_duration(packet) == Some(FRAME)
        };
        if !packets.iter().all(|packet| is_frame(packet.as_ref())) {
            return Err(SpeechError::NotAFrame);
        }
        let tail = self.flush();
        self.push_samples(&tail).await?;
        let mut rest = packets;
        self.fill(|state| {
            let (now, later) = rest.split_at(rest.len().min(state.room_for_packets()));
            for packet in now {
                state.push_packet(Bytes::copy_from_slice(packet.as_ref()));
            }
            rest = later;
            rest.is_empty()
        })
        .await
    }

    async fn push_samples(&mut self, samples: &[i16]) -> Result<(), SpeechError> {
        let mut rest = samples;
        self.fill(|state| {
            let (now, later) = rest.split_at(rest.len().min(state.room()));
            state.push_samples(now);
            rest = later;
            rest.is_empty()
        })
        .await
    }

    /// Lets `add` add what there is room for, and again each time there may be more room,
    /// until it says that it is done.
    async fn fill(&self, mut add: impl FnMut(&mut State) -> bool) -> Result<(), SpeechError> {
        loop {
            let changed = self.utterance.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let done = {
                let mut state = self.utterance.lock();
                if let Some(Err(error)) = state.outcome {
                    return Err(error);
                }
                add(&mut state)
            };
            self.queue.wake.notify_one();
            if done {
                return Ok(());
            }
            changed.await;
        }
    }

    /// Says that no more sound comes: the last packet will be marked.
    pub fn finish(mut self) -> Playing {
        let tail = self.flush();
        let mut state = self.utterance.lock();
        state.push_samples(&tail);
        if state.ending == Ending::Open {
            state.ending = Ending::Finished;
        }
        drop(state);
        self.queue.wake.notify_one();
        Playing {
            utterance: Arc::clone(&self.utterance),
            queue: Arc::clone(&self.queue),
        }
    }

    /// How much of the sound has left so far.
    pub fn heard(&self) -> Duration {
        self.utterance.heard()
    }

    /// Stops the sound at once; gives how much of it had left.
    pub fn stop(self) -> Duration {
        self.utterance.stop(&self.queue);
        self.utterance.heard()
    }

    /// It cannot be said at all.
    pub(crate) fn fail(&self, error: SpeechError) {
        self.utterance.fail(error, &self.queue);
    }

    fn resample(&mut self, pcm: Pcm) -> Vec<i16> {
        let (rate, wanted) = (pcm.rate(), self.utterance.manner.rate);
        let mut samples = Vec::new();
        if self
            .resampler
            .as_ref()
            .is_some_and(|(from, _)| *from != rate)
        {
            samples = self.flush();
        }
        if rate == wanted {
            samples.extend(pcm.into_samples());
        } else {
            let (_, resampler) = self
                .resampler
                .get_or_insert_with(|| (rate, Resampler::new(rate, wanted)));
            samples.extend(resampler.push(pcm.samples()));
        }
        samples
    }

    fn flush(&mut self) -> Vec<i16> {
        self.resampler
            .take()
            .map_or_else(Vec::new, |(_, mut resampler)| resampler.flush())
    }
}

impl Drop for Speech {
    fn drop(&mut self) {
        let unfinished = self.utterance.lock().ending == Ending::Open;
        if unfinished {
            self.utterance.stop(&self.queue);
        }
    }
}

/// An utterance whose sound is complete. Dropping it stops the sound at once.
#[derive(Debug)]
#[must_use = "dropping it stops the sound"]
pub struct Playing {
    utterance: Arc<Utterance>,
    queue: Arc<SpeechQueue>,
}

impl Playing {
    /// How much of the sound has left so far.
    pub fn heard(&self) -> Duration {
        self.utterance.heard()
    }

    /// Stops the sound at once; gives how much of it had left.
    pub fn stop(self) -> Duration {
        self.utterance.stop(&self.queue);
        self.utterance.heard()
    }

    /// Waits until the last packet has left; gives how long the sound was.
    ///
    /// # Errors
    /// The sound did not leave wholly: see [`SpeechError`].
    pub async fn done(&mut self) -> Result<Duration, SpeechError> {
        loop {
            let changed = self.utterance.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            // The lock must be free again before `heard` takes it.
            let outcome = self.utterance.lock().outcome;
            if let Some(outcome) = outcome {
                return outcome.map(|()| self.utterance.heard());
            }
            changed.await;
        }
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.utterance.stop(&self.queue);
    }
}

/// The utterances of a user, the one that is being said in front.
#[derive(Debug, Default)]
pub(crate) struct SpeechQueue {
    waiting: Mutex<Waiting>,
    /// Told when there may be something to say, or to stop.
    pub(crate) wake: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    joined: bool,
    utterances: VecDeque<Arc<Utterance>>,
}

impl SpeechQueue {
    /// Begins an utterance behind those that wait.
    pub(crate) fn speak(self: &Arc<Self>, target: Target) -> Speech {
        self.begin(target, Manner::MADE)
    }

    /// Begins one that somebody is saying now, at `rate` Hz if Opus knows that rate.
    pub(crate) fn speak_live(self: &Arc<Self>, rate: u32) -> Speech {
        let rate = if RATES.contains(&rate) {
            rate
        } else {
            MUMBLE_HZ
        };
        self.begin(Target::Normal, Manner { rate, live: true })
    }

    fn begin(self: &Arc<Self>, target: Target, manner: Manner) -> Speech {
        let utterance = Arc::new(Utterance::new(target, manner));
        {
            let mut waiting = self.lock();
            if !waiting.joined {
                utterance.end(Err(SpeechError::NotJoined));
            } else if waiting.utterances.len() >= MOST_UTTERANCES {
                utterance.end(Err(SpeechError::Full));
            } else {
                waiting.utterances.push_back(Arc::clone(&utterance));
            }
        }
        Speech {
            utterance,
            queue: Arc::clone(self),
            resampler: None,
        }
    }

    /// From now on utterances are taken.
    pub(crate) fn open(&self) {
        self.lock().joined = true;
    }

    /// There is no connection any more: everything that waits has failed.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        waiting.joined = false;
        for utterance in waiting.utterances.drain(..) {
            utterance.end(Err(SpeechError::NotJoined));
        }
    }

    /// Whom those utterances are for that are not normal speech.
    pub(crate) fn targets(&self) -> Vec<Arc<Target>> {
        let waiting = self.lock();
        let targets = waiting.utterances.iter().map(|utterance| &utterance.target);
        targets
            .filter(|target| ***target != Target::Normal)
            .cloned()
            .collect()
    }

    /// Whom the utterance in front is for.
    pub(crate) fn front_target(&self) -> Option<Arc<Target>> {
        self.front().map(|utterance| Arc::clone(&utterance.target))
    }

    fn front(&self) -> Option<Arc<Utterance>> {
        self.lock().utterances.front().cloned()
    }

    fn pop(&self) {
        self.lock().utterances.pop_front();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
