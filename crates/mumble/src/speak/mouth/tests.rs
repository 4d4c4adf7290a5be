//! The clock of speech, with a clock of the test's own.

use audio::{MUMBLE_HZ, Pcm, opus::Decoder};
use futures::FutureExt;
use proptest::prelude::*;

use super::*;
use crate::speak::Speech;

mod live;
mod stored;

/// Samples in a frame at 48 kHz.
const FRAME_SAMPLES: usize = 960;

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
        let mut speech = self.queue.speak(Target::Normal);
        let samples = length.as_millis() as usize * MUMBLE_HZ as usize / 1000;
        let sound = (0..samples).map(|at| if at / 100 % 2 == 0 { 9000 } else { -9000 });
        push(&mut speech, sound.collect());
        speech
    }

    /// All that is due, and the next frame made ready, as the shell does it.
    fn poll(&mut self) -> Vec<Frame> {
        let due = std::iter::from_fn(|| self.mouth.poll(self.now)).collect();
        self.mouth.prepare();
        due
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
    let mut decoder = Decoder::new(MUMBLE_HZ).unwrap();
    frames.extend(end.into_iter().map(|frame| (ms(90), frame)));
    let sound: Vec<i16> = frames
        .iter()
        .flat_map(|(_, frame)| decoder.decode(&frame.opus).unwrap())
        .collect();
    let loudest = |samples: &[i16]| samples.iter().map(|s| s.unsigned_abs()).max();
    assert!(loudest(&sound[sound.len() - 60..]) < loudest(&sound[2000..4000]).map(|l| l / 4));
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
fn a_clock_that_is_a_little_late_catches_up() {
    let mut talk = Talk::new();
    let _playing = talk.say(ms(2000)).finish();
    talk.run(ms(100));
    talk.now += ms(95);
    let sequences: Vec<u64> = talk.poll().iter().map(|frame| frame.sequence).collect();
    assert_eq!(sequences, [12, 14, 16, 18]);
    assert_eq!(talk.mouth.deadline(), Some(talk.now + ms(5)));
}

#[test]
fn a_clock_that_is_much_too_late_does_not_send_a_burst() {
    let mut talk = Talk::new();
    let playing = talk.say(ms(2000)).finish();
    talk.run(ms(100));
    talk.now += ms(705);
    let frames = talk.poll();
    let sequences: Vec<u64> = frames.iter().map(|frame| frame.sequence).collect();
    assert_eq!(sequences, [80], "the pause is in the sequence");
    assert_eq!(playing.heard(), ms(140), "but no sound is lost");
    assert_eq!(talk.mouth.deadline(), Some(talk.now + ms(15)));
}

#[test]
fn a_frame_made_ready_is_the_one_that_would_have_been_encoded_then() {
    let sent = |prepare: bool| {
        let mut talk = Talk::new();
        let _playing = talk.say(ms(150)).finish();
        let mut sent = Vec::new();
        for _ in 0..10 {
            sent.extend(talk.mouth.poll(talk.now));
            if prepare {
                talk.mouth.prepare();
            }
            talk.now += ms(20);
        }
        sent
    };
    assert_eq!(sent(true), sent(false));
}

#[test]
fn the_end_that_is_known_late_is_marked_on_a_frame_made_ready() {
    let mut talk = Talk::new();
    let speech = talk.say(ms(40));
    talk.run(ms(10));
    let _playing = speech.finish();
    assert_eq!(lasts(&talk.run(ms(100))), [0]);
}

#[tokio::test]
async fn the_end_is_told_with_how_much_was_heard() {
    let mut talk = Talk::new();
    let mut playing = talk.say(ms(60)).finish();
    talk.run(ms(200));
    assert_eq!(playing.done().await, Ok(ms(60)));
    let mut empty = talk.queue.speak(Target::Normal).finish();
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
        talk.queue.speak(Target::Normal).push(more).await,
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
    let waiting: Vec<Speech> = (1..crate::speak::MOST_UTTERANCES)
        .map(|_| talk.queue.speak(Target::Normal))
        .collect();
    let silence = Pcm::silence(MUMBLE_HZ, ms(20));
    assert_eq!(
        talk.queue.speak(Target::Normal).push(silence).await,
        Err(SpeechError::Full)
    );
    drop((speech, waiting));
}

/// Wakes the mouth as a busy machine does: each time so much too late. Gives each frame with
/// the moment it left, counted from the first.
fn run_late(lateness: &[u64], length: Duration) -> (Vec<(Duration, Frame)>, Duration) {
    let mut talk = Talk::new();
    let playing = talk.say(length).finish();
    let (start, mut frames) = (talk.now, Vec::new());
    let mut lateness = lateness.iter().cycle();
    while let Some(deadline) = talk.mouth.deadline() {
        let late = lateness.next().copied().unwrap_or_default();
        talk.now = talk.now.max(deadline) + Duration::from_micros(late);
        let at = talk.now - start;
        frames.extend(talk.poll().into_iter().map(|frame| (at, frame)));
    }
    let first = frames[0].0;
    frames.iter_mut().for_each(|(at, _)| *at -= first);
    (frames, playing.heard())
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
    fn late_wake_ups_neither_shift_the_clock_nor_lose_sound(
        lateness in prop::collection::vec(
            prop_oneof![8 => 0_u64..2_000, 2 => 0_u64..60_000, 1 => 0_u64..400_000],
            1..40,
        ),
        length in 100_u64..2_500,
    ) {
        let (frames, heard) = run_late(&lateness, ms(length));
        prop_assert_eq!(heard, ms(length));
        prop_assert_eq!(lasts(&frames), [frames.len() - 1]);
        for (at, frame) in &frames {
            // A frame leaves at its place on the clock, or behind it by what can be caught up.
            let due = ms(10) * (frame.sequence - frames[0].1.sequence) as u32;
            prop_assert!(due <= *at && *at <= due + LATEST, "due {due:?}, left {at:?}");
        }
        for moment in frames.chunk_by(|a, b| a.0 == b.0) {
            prop_assert!(FRAME * moment.len() as u32 <= LATEST + FRAME, "a burst of {}", moment.len());
        }
    }

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
