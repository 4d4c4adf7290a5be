//! When does a speaker's turn begin, pause and end? The endpointing of one speaker, without
//! input or output.
//!
//! The contract: give every piece of the speaker's sound to [`Endpointer::hear`], the release of
//! the talk key to [`Endpointer::release`], and call [`Endpointer::handle_timeout`] when
//! [`Endpointer::deadline`] has come; a client in voice activity mode sends nothing in silence,
//! so time that passes without sound counts as silence.
//!
//! Every [`Event::Started`] is followed by exactly one [`Event::Ended`] or
//! [`Discard::TooShort`]. Between them, a transcript begun at [`Event::Paused`] is that of the
//! whole turn if the turn ends with the same revision: then only silence was added.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use audio::SPEECH_HZ;

use self::evidence::{Evidence, ONSET_WINDOW};
use self::speech::{Frame, PRE_ROLL, Speech};
use crate::vad::{Detect, FRAME, Frames, Vad};

mod event;
mod evidence;
mod speech;
#[cfg(test)]
mod tests;

pub use event::{Config, Discard, Event, Reason, Turn};

/// The shortest maximum of a turn, in frames: a second.
const MIN_MAX: usize = 63;

/// Sound that comes this much later than the sound before it lasted came after a real gap, which
/// is filled with silence so that words do not run together. The longest packet is 120 ms, so
/// shorter gaps are the network's.
const GAP: Duration = Duration::from_millis(120);

/// Finds the turns of one speaker. Holds at most [`Config::max`] of sound.
#[derive(Debug)]
pub struct Endpointer<D = Vad> {
    config: Config,
    evidence: Evidence<D>,
    frames: Frames,
    state: State,
    /// When sound last arrived; none since the talk key was released.
    last_heard: Option<Instant>,
    /// When the turn ends because the talk key was released, unless the speaker goes on.
    release_due: Option<Instant>,
    since_release: SinceRelease,
    revision: u64,
}

/// What came since the talk key was last released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SinceRelease {
    Nothing,
    Sound,
    Turn,
}

#[derive(Debug)]
enum State {
    /// Nobody speaks; the latest frames are kept for the beginning of a turn.
    Idle(VecDeque<Frame>),
    Speaking(Speech),
}

impl Endpointer {
    /// For a speaker who has said nothing yet.
    pub fn new(config: Config) -> Self {
        Self::with_detector(config, Vad::default())
    }
}

impl<D: Detect> Endpointer<D> {
    /// Like [`Endpointer::new`], with another detector of voice.
    pub fn with_detector(config: Config, detector: D) -> Self {
        Self {
            config,
            evidence: Evidence::new(detector),
            frames: Frames::default(),
            state: State::Idle(VecDeque::new()),
            last_heard: None,
            release_due: None,
            since_release: SinceRelease::Nothing,
            revision: 0,
        }
    }

    /// Takes sound at [`SPEECH_HZ`] that arrived at `now`.
    pub fn hear(&mut self, now: Instant, samples: &[i16]) -> Vec<Event> {
        let mut events = self.handle_timeout(now);
        if samples.is_empty() {
            return events;
        }
        self.release_due = None;
        if let Some(gap) = self.gap_before(now, samples.len()) {
            let silence = vec![0; samples_in(gap.min(self.config.silence))];
            self.take_all(now, &silence, &mut events);
        }
        self.last_heard = Some(now);
        if self.since_release == SinceRelease::Nothing {
            self.since_release = SinceRelease::Sound;
        }
        self.take_all(now, samples, &mut events);
        events
    }

    /// The talk key was released at `now`: a turn ends at once, or after
    /// [`Config::after_release`].
    pub fn release(&mut self, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        if let Some(frame) = self.frames.flush() {
            self.take(now, frame, &mut events);
        }
        if matches!(self.state, State::Speaking(_)) && !self.config.after_release.is_zero() {
            self.pause(&mut events);
            self.release_due
                .get_or_insert(now + self.config.after_release);
        } else {
            self.end_released(now, &mut events);
        }
        events
    }

    /// Lets time pass: silence may have paused or ended the turn.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        if self.release_due.is_some_and(|due| due <= now) {
            self.end_released(now, &mut events);
        }
        let Some(last) = self.last_heard else {
            return events;
        };
        let waited = now.saturating_duration_since(last);
        // What comes after a gap does not belong to the same frame.
        if waited > GAP
            && let Some(frame) = self.frames.flush()
        {
            self.take(last, frame, &mut events);
        }
        let unframed = time_of(self.frames.pending());
        self.handle_silence(now, unframed + waited, &mut events);
        events
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do if no sound comes.
    pub fn deadline(&self) -> Option<Instant> {
        let State::Speaking(speech) = &self.state else {
            return None;
        };
        let limit = if speech.draft_end.is_none() {
            self.config.pause.min(self.config.silence)
        } else {
            self.config.silence
        };
        let heard = speech.silence() + time_of(self.frames.pending());
        let silent = self.last_heard? + limit.saturating_sub(heard);
        Some(self.release_due.map_or(silent, |due| due.min(silent)))
    }

    fn gap_before(&self, now: Instant, samples: usize) -> Option<Duration> {
        let waited = now.saturating_duration_since(self.last_heard?);
        waited
            .checked_sub(time_of(samples))
            .filter(|gap| *gap > GAP)
    }

    fn take_all(&mut self, now: Instant, samples: &[i16], events: &mut Vec<Event>) {
        for frame in self.frames.push(samples) {
            self.take(now, frame, events);
        }
    }

    fn take(&mut self, now: Instant, samples: [i16; FRAME], events: &mut Vec<Event>) {
        let verdict = self.evidence.weigh(&samples);
        let frame = Frame {
            samples,
            voiced: verdict.voiced,
            arrived: now,
        };
        match &mut self.state {
            State::Idle(recent) => {
                recent.push_back(frame);
                if verdict.starts {
                    let speech = Speech::begin(recent);
                    self.begin(speech, events);
                } else if recent.len() > PRE_ROLL + ONSET_WINDOW {
                    recent.pop_front();
                }
            }
            State::Speaking(speech) => {
                speech.frames.push(frame);
                if verdict.goes_on {
                    speech.speech_end = speech.frames.len();
                    if let Some(end) = speech.draft_end.take() {
                        self.revision += 1;
                        if speech.voiced(end) >= self.config.min_voiced {
                            events.push(Event::Resumed);
                        }
                    }
                }
            }
        }
        self.handle_silence(now, Duration::ZERO, events);
        self.handle_length(now, events);
    }

    fn begin(&mut self, speech: Speech, events: &mut Vec<Event>) {
        self.revision += 1;
        self.state = State::Speaking(speech);
        events.push(Event::Started);
    }

    /// `beyond` is the silence after the last whole frame.
    fn handle_silence(&mut self, now: Instant, beyond: Duration, events: &mut Vec<Event>) {
        let State::Speaking(speech) = &mut self.state else {
            return;
        };
        let silence = speech.silence() + beyond;
        if silence >= self.config.pause {
            self.pause(events);
        }
        if silence >= self.config.silence {
            self.end(now, Reason::Silence, events);
        }
    }

    /// Gives the turn so far, once for each silence.
    fn pause(&mut self, events: &mut Vec<Event>) {
        let State::Speaking(speech) = &mut self.state else {
            return;
        };
        if speech.draft_end.is_some() {
            return;
        }
        let end = speech.trimmed_end();
        speech.draft_end = Some(end);
        if speech.voiced(end) >= self.config.min_voiced {
            events.push(Event::Paused {
                revision: self.revision,
                pcm: speech.pcm(end),
            });
        }
    }

    fn handle_length(&mut self, now: Instant, events: &mut Vec<Event>) {
        let max = frames_in(self.config.max).max(MIN_MAX);
        let State::Speaking(speech) = &mut self.state else {
            return;
        };
        if speech.frames.len() < max {
            return;
        }
        // Who is silent just now has nothing to lose by a cut.
        let rest = if speech.draft_end.is_none() {
            speech.cut_at_quietest()
        } else {
            None
        };
        self.end(now, Reason::TooLong, events);
        if let Some(rest) = rest {
            self.begin(rest, events);
        }
    }

    fn end_released(&mut self, now: Instant, events: &mut Vec<Event>) {
        self.end(now, Reason::Released, events);
        if self.since_release == SinceRelease::Sound {
            events.push(Event::Discarded(Discard::NoVoice));
        }
        self.since_release = SinceRelease::Nothing;
        self.state = State::Idle(VecDeque::new());
        self.last_heard = None;
        self.release_due = None;
        self.evidence.reset();
    }

    fn end(&mut self, now: Instant, reason: Reason, events: &mut Vec<Event>) {
        let idle = State::Idle(VecDeque::new());
        let State::Speaking(speech) = std::mem::replace(&mut self.state, idle) else {
            return;
        };
        self.since_release = SinceRelease::Turn;
        let end = speech.draft_end.unwrap_or_else(|| speech.trimmed_end());
        let voiced = speech.voiced(end);
        events.push(if voiced < self.config.min_voiced {
            Event::Discarded(Discard::TooShort)
        } else {
            Event::Ended(Turn {
                revision: self.revision,
                pcm: speech.pcm(end),
                voiced,
                reason,
                began: speech
                    .frames
                    .iter()
                    .find(|f| f.voiced)
                    .map_or(now, |f| f.arrived),
                last_voice: speech.frames[..speech.speech_end]
                    .last()
                    .map_or(now, |f| f.arrived),
                ended: now,
            })
        });
        self.evidence.close();
    }
}

fn time_of(samples: usize) -> Duration {
    Duration::from_micros(samples as u64 * 1_000_000 / u64::from(SPEECH_HZ))
}

fn samples_in(time: Duration) -> usize {
    (time.as_micros() as u64 * u64::from(SPEECH_HZ) / 1_000_000) as usize
}

fn frames_in(time: Duration) -> usize {
    samples_in(time).div_ceil(FRAME)
}
