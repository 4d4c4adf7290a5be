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
                    let frame = self.frame(now, &[0; FRAME_SAMPLES], last)?;
                    if !last {
                        self.voice = Voice::Talking {
                            bridged: bridged + 1,
                        };
                    }
                    return Some(frame);
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

    /// Encodes a frame and moves the clock on; none, and the voice is silent, when there is no
    /// encoder that can.
    fn frame(&mut self, now: Instant, samples: &[i16], last: bool) -> Option<Frame> {
        if self.voice == Voice::Silent {
            self.begin(now);
        }
        let encoder = self.encoder.as_mut();
        let Some(opus) = encoder.and_then(|encoder| encoder.encode(samples).ok()) else {
            self.voice = Voice::Silent;
            return None;
        };
        let frame = Frame {
            sequence: self.sequence,
            opus: opus.into(),
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

    /// Begins a talk-spurt.
    fn begin(&mut self, now: Instant) {
        if let Some(encoder) = &mut self.encoder {
            encoder.reset();
        }
        let silence = now.saturating_duration_since(self.epoch).as_millis() as u64 / 10;
        self.sequence = self.sequence.max(silence);
        self.due = self.due.max(now);
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

#[cfg(test)]
mod tests {
    use audio::{Pcm, opus::Decoder};
    use proptest::prelude::*;

    use super::*;
    use crate::speak::Speech;

    /// A mouth, its queue, and a clock that only the test moves.
    struct Talk {
        mouth: Mouth,
        queue: Arc<SpeechQueue>,
        now: Instant,
    }

    impl Talk {
        fn new() -> Self {
            let queue = Arc::new(SpeechQueue::default());
            queue.open();
            let now = Instant::now();
            Self {
                mouth: Mouth::new(now, Arc::clone(&queue), 40_000),
                queue,
                now,
            }
        }

        /// An utterance with this much of a loud sound in it.
        fn say(&self, length: Duration) -> Speech {
            let mut speech = self.queue.speak();
            let samples = length.as_millis() as usize * MUMBLE_HZ as usize / 1000;
            let sound = (0..samples).map(|at| if at / 100 % 2 == 0 { 9000 } else { -9000 });
            push(&mut speech, sound.collect());
            speech
        }

        fn poll(&mut self) -> Vec<Frame> {
            std::iter::from_fn(|| self.mouth.poll(self.now)).collect()
        }

        /// Lets time pass as the shell does; gives each frame with the moment it left.
        fn run(&mut self, length: Duration) -> Vec<(Duration, Frame)> {
            let start = self.now;
            let mut frames = Vec::new();
            loop {
                frames.extend(
                    self.poll()
                        .into_iter()
                        .map(|frame| (self.now - start, frame)),
                );
                match self
                    .mouth
                    .deadline()
                    .filter(|deadline| *deadline <= start + length)
                {
                    Some(deadline) => self.now = deadline.max(self.now),
                    None => break,
                }
            }
            self.now = start + length;
            frames
        }
    }

    /// A push that finds room at once, as these tests arrange it.
    fn push(speech: &mut Speech, samples: Vec<i16>) {
        let pushed = speech.push(Pcm::new(MUMBLE_HZ, samples));
        let mut pushed = std::pin::pin!(pushed);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let result = pushed.as_mut().poll(&mut context);
        assert!(matches!(result, std::task::Poll::Ready(Ok(()))));
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn lasts(frames: &[(Duration, Frame)]) -> Vec<usize> {
        let marked = frames
            .iter()
            .enumerate()
            .filter(|(_, (_, frame))| frame.last);
        marked.map(|(at, _)| at).collect()
    }

    #[test]
    fn frames_leave_every_20_ms_and_the_last_is_marked() {
        let mut talk = Talk::new();
        let playing = talk.say(ms(95)).finish();
        let frames = talk.run(ms(1000));
        let times: Vec<Duration> = frames.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [ms(0), ms(20), ms(40), ms(60), ms(80)]);
        let sequences: Vec<u64> = frames.iter().map(|(_, frame)| frame.sequence).collect();
        assert_eq!(sequences, [0, 2, 4, 6, 8]);
        assert_eq!(lasts(&frames), [4]);
        assert_eq!(playing.heard(), ms(95));
    }

    #[test]
    fn a_stopped_speech_ends_at_once_and_fades() {
        let mut talk = Talk::new();
        let speech = talk.say(ms(500));
        let mut frames = talk.run(ms(90));
        assert_eq!(speech.stop(), ms(100));
        // Not at the next tick: now.
        let end = talk.poll();
        assert_eq!(end.len(), 1);
        assert!(end[0].last);
        assert_eq!(talk.mouth.deadline(), None);
        // The codec is some ms behind, so not all of the fade is in these packets.
        let mut decoder = Decoder::new(MUMBLE_HZ).unwrap();
        frames.extend(end.into_iter().map(|frame| (ms(90), frame)));
        let sound: Vec<i16> = frames
            .iter()
            .flat_map(|(_, frame)| decoder.decode(&frame.opus).unwrap())
            .collect();
        let loudest = |samples: &[i16]| samples.iter().map(|s| s.unsigned_abs()).max();
        assert!(loudest(&sound[sound.len() - 60..]) < loudest(&sound[2000..4000]).map(|l| l / 2));
    }

    #[test]
    fn dropping_a_speech_or_its_playing_stops_it() {
        let mut talk = Talk::new();
        let speech = talk.say(ms(500));
        talk.run(ms(50));
        drop(speech);
        assert_eq!(lasts(&talk.run(ms(200))), [0]);
        let playing = talk.say(ms(500)).finish();
        talk.run(ms(50));
        drop(playing);
        assert_eq!(lasts(&talk.run(ms(200))), [0]);
    }

    #[test]
    fn utterances_follow_each_other_on_the_same_clock() {
        let mut talk = Talk::new();
        let (_first, _second) = (talk.say(ms(40)).finish(), talk.say(ms(40)).finish());
        let frames = talk.run(ms(500));
        let times: Vec<Duration> = frames.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [ms(0), ms(20), ms(40), ms(60)]);
        assert_eq!(lasts(&frames), [1, 3]);
    }

    #[test]
    fn a_stall_is_bridged_by_silence_and_then_closed() {
        let mut talk = Talk::new();
        let mut speech = talk.say(ms(40));
        let frames = talk.run(ms(1000));
        assert_eq!(frames.len(), 2 + BRIDGE as usize + 1);
        assert_eq!(lasts(&frames), [2 + BRIDGE as usize]);
        assert_eq!(speech.heard(), ms(40), "a bridge is no sound");
        push(&mut speech, vec![5000; 960]);
        let playing = speech.finish();
        let frames = talk.run(ms(100));
        assert_eq!(lasts(&frames), [0]);
        assert!(
            frames[0].1.sequence >= 100,
            "silence counts in the sequence"
        );
        assert_eq!(playing.heard(), ms(60));
    }

    #[test]
    fn a_late_clock_does_not_send_a_burst() {
        let mut talk = Talk::new();
        let _playing = talk.say(ms(2000)).finish();
        talk.run(ms(100));
        talk.now += ms(700);
        assert_eq!(talk.poll().len(), 1);
        talk.now += ms(20);
        assert_eq!(talk.poll().len(), 1);
    }

    #[tokio::test]
    async fn the_end_is_told_with_how_much_was_heard() {
        let mut talk = Talk::new();
        let mut playing = talk.say(ms(60)).finish();
        talk.run(ms(200));
        assert_eq!(playing.done().await, Ok(ms(60)));
        let mut empty = talk.queue.speak().finish();
        talk.run(ms(200));
        assert_eq!(empty.done().await, Ok(Duration::ZERO));
    }

    #[tokio::test]
    async fn a_broken_connection_fails_what_waits() {
        let talk = Talk::new();
        let (mut playing, mut speech) = (talk.say(ms(60)).finish(), talk.say(ms(60)));
        talk.queue.close();
        assert_eq!(playing.done().await, Err(SpeechError::NotJoined));
        let more = Pcm::silence(MUMBLE_HZ, ms(20));
        assert_eq!(speech.push(more.clone()).await, Err(SpeechError::NotJoined));
        assert_eq!(
            talk.queue.speak().push(more).await,
            Err(SpeechError::NotJoined)
        );
    }

    #[tokio::test]
    async fn a_push_waits_for_room_and_the_queue_of_speeches_has_an_end() {
        let mut talk = Talk::new();
        let mut speech = talk.say(ms(2990));
        let more = Pcm::new(MUMBLE_HZ, vec![1; 48_000]);
        let pushing = tokio::spawn(async move { speech.push(more).await.map(|()| speech) });
        tokio::task::yield_now().await;
        assert!(!pushing.is_finished());
        talk.run(ms(1500));
        let speech = pushing.await.unwrap().unwrap();
        let waiting: Vec<Speech> = (1..super::super::MOST_UTTERANCES)
            .map(|_| talk.queue.speak())
            .collect();
        let silence = Pcm::silence(MUMBLE_HZ, ms(20));
        assert_eq!(
            talk.queue.speak().push(silence).await,
            Err(SpeechError::Full)
        );
        drop((speech, waiting));
    }

    #[derive(Clone, Debug)]
    enum Act {
        Say(u64),
        Finish,
        Stop,
        Wait(u64),
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn frames_never_come_faster_than_time_and_every_spurt_ends(
            acts in prop::collection::vec(
                prop_oneof![
                    (1_u64..200).prop_map(Act::Say),
                    Just(Act::Finish),
                    Just(Act::Stop),
                    (0_u64..300).prop_map(Act::Wait),
                ],
                1..30,
            ),
        ) {
            let mut talk = Talk::new();
            let (start, mut open, mut playing) = (talk.now, None, Vec::new());
            let mut frames: Vec<(Duration, Frame)> = Vec::new();
            for act in acts {
                match act {
                    Act::Say(length) => open = Some(talk.say(ms(length))),
                    Act::Finish => playing.extend(open.take().map(Speech::finish)),
                    Act::Stop => drop(open.take()),
                    Act::Wait(length) => {
                        let begun = talk.now - start;
                        let left = talk.run(ms(length));
                        frames.extend(left.into_iter().map(|(at, frame)| (begun + at, frame)));
                    }
                }
            }
            drop(open);
            let begun = talk.now - start;
            frames.extend(talk.run(ms(20_000)).into_iter().map(|(at, frame)| (begun + at, frame)));
            prop_assert!(frames.last().is_none_or(|(_, frame)| frame.last));
            for pair in frames.windows(2) {
                prop_assert!(pair[0].1.sequence < pair[1].1.sequence);
                prop_assert!(pair[1].1.last || pair[1].0 - pair[0].0 >= FRAME || pair[0].1.last);
            }
            let regular = frames.iter().filter(|(_, frame)| !frame.last).count() as u32;
            let span = frames.last().map_or(Duration::ZERO, |(at, _)| *at);
            prop_assert!(FRAME * regular <= span + FRAME);
        }
    }
}
