//! Speaking: sentences become sound one ahead of what is being heard, until told to stop.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use audio::Pcm;
use futures::StreamExt as _;
use mumble::SpeechError;
use speech::tts::{Tts, TtsError};
use tokio::sync::mpsc;

use crate::cues::Cues;
use crate::line::Line;
use crate::mind::{MindError, Sentence};
use crate::script::Script;
use crate::sentence::speakable;

/// Sound goes to the line in pieces of a fifth of a second: as finely can it be told, when the
/// assistant ends, whether a sentence has begun to sound.
const SPOONFULS_IN_A_SECOND: u32 = 5;

/// The synthesiser.
#[derive(Clone, Debug)]
pub(crate) struct Voice {
    tts: Arc<dyn Tts>,
}

/// How an answer ended.
#[derive(Debug)]
pub(crate) struct Said {
    /// The words that really left.
    pub(crate) heard: String,
    /// Why no more of it came.
    pub(crate) end: End,
    /// When things happened.
    pub(crate) times: Times,
}

/// Why an answer ended.
#[derive(Debug)]
pub(crate) enum End {
    /// All was said.
    Complete,
    /// The person spoke over it.
    Interrupted,
    /// The assistant ends; the sentence that sounded was said to its end.
    Closing,
    /// The model failed.
    NoThought(MindError),
    /// The synthesiser failed; `unsaid` is what it should have spoken.
    NoVoice {
        /// What was wrong.
        error: TtsError,
        /// The sentences that were not spoken, so far as the model had made them.
        unsaid: String,
    },
    /// The way to the channel was lost.
    NoLine(SpeechError),
}

/// Moments of an answer, each the first of its kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    /// The model's first token.
    pub(crate) first_token: Option<Instant>,
    /// The first sentence was complete.
    pub(crate) first_sentence: Option<Instant>,
    /// The synthesiser was asked.
    pub(crate) voice_asked: Option<Instant>,
    /// The synthesiser's first sound.
    pub(crate) first_sound: Option<Instant>,
    /// That sound was given to the line, whose clock sends it.
    pub(crate) first_sent: Option<Instant>,
}

/// What stopped the sentence loop early.
enum Stop {
    Interrupted,
    Closing,
    Voice(TtsError),
    Line(SpeechError),
}

impl Voice {
    /// Speaks with `tts`, which keeps its own deadlines.
    pub(crate) fn new(tts: Arc<dyn Tts>) -> Self {
        Self { tts }
    }

    /// Speaks sentences as they come, into `line`, until they end or are interrupted.
    ///
    /// While one sentence is heard the next is synthesised: the line holds a few seconds of sound
    /// and this only waits when it is full.
    pub(crate) async fn say(
        &self,
        mut sentences: mpsc::Receiver<Result<Sentence, MindError>>,
        mut line: Line,
        cues: &Cues,
    ) -> Said {
        let mut script = Script::default();
        let mut times = Times::default();
        let mut end = End::Complete;
        loop {
            let next = tokio::select! {
                biased;
                () = cues.interrupted.cancelled() => { end = End::Interrupted; break }
                () = cues.closing.cancelled() => { end = End::Closing; break }
                next = sentences.recv() => next,
            };
            let sentence = match next {
                None => break,
                Some(Err(error)) => {
                    end = End::NoThought(error);
                    break;
                }
                Some(Ok(sentence)) => sentence,
            };
            times.first_token.get_or_insert(sentence.first_token);
            times.first_sentence.get_or_insert(sentence.complete);
            let spoken = speakable(&sentence.text);
            if spoken.is_empty() {
                continue;
            }
            script.line(&sentence.text);
            let stop = tokio::select! {
                biased;
                () = cues.interrupted.cancelled() => Err(Stop::Interrupted),
                done = self.speak(&spoken, &mut line, &mut script, &mut times, cues) => done,
            };
            match stop {
                Ok(()) => {}
                Err(Stop::Interrupted) => {
                    end = End::Interrupted;
                    break;
                }
                Err(Stop::Closing) => {
                    end = End::Closing;
                    break;
                }
                Err(Stop::Line(error)) => {
                    end = End::NoLine(error);
                    break;
                }
                Err(Stop::Voice(error)) => {
                    let unsaid = remaining(sentence.text, &mut sentences, cues).await;
                    end = End::NoVoice { error, unsaid };
                    break;
                }
            }
        }
        let (sound, end) = match end {
            End::Interrupted => (line.stop(), End::Interrupted),
            end => play_out(line, end, &script, cues).await,
        };
        Said {
            heard: script.heard(sound),
            end,
            times,
        }
    }

    /// Plays one prepared sound.
    pub(crate) async fn play(&self, sound: Pcm, mut line: Line, cues: &Cues) -> End {
        cues.sounding.cancel();
        let mut script = Script::default();
        script.line("");
        script.extend(sound.duration());
        let pushed = tokio::select! {
            biased;
            () = cues.interrupted.cancelled() => return End::Interrupted,
            pushed = line.push(sound) => pushed,
        };
        match pushed {
            Err(error) => End::NoLine(error),
            Ok(()) => play_out(line, End::Complete, &script, cues).await.1,
        }
    }

    async fn speak(
        &self,
        text: &str,
        line: &mut Line,
        script: &mut Script,
        times: &mut Times,
        cues: &Cues,
    ) -> Result<(), Stop> {
        times.voice_asked.get_or_insert_with(Instant::now);
        let begins = script.sound();
        let sounds = |line: &Line| line.heard() > begins;
        let mut sound = self.tts.speak(text);
        loop {
            let mut next = pin!(sound.next());
            let piece = tokio::select! {
                biased;
                () = cues.closing.cancelled(), if !sounds(line) => {
                    if !sounds(line) {
                        return Err(Stop::Closing);
                    }
                    next.await
                }
                piece = &mut next => piece,
            };
            let Some(piece) = piece else { return Ok(()) };
            let piece = piece.map_err(Stop::Voice)?;
            times.first_sound.get_or_insert_with(Instant::now);
            for spoonful in spoonfuls(&piece) {
                script.extend(spoonful.duration());
                line.push(spoonful).await.map_err(Stop::Line)?;
                times.first_sent.get_or_insert_with(Instant::now);
                cues.sounding.cancel();
                if cues.closing.is_cancelled() && !sounds(line) {
                    return Err(Stop::Closing);
                }
            }
        }
    }
}

/// The sound in pieces that the line takes quickly, also when it is full.
fn spoonfuls(sound: &Pcm) -> impl Iterator<Item = Pcm> {
    let rate = sound.rate();
    let samples = (rate / SPOONFULS_IN_A_SECOND).max(1) as usize;
    let spoonfuls = sound.samples().chunks(samples);
    spoonfuls.map(move |spoonful| Pcm::new(rate, spoonful.to_vec()))
}

/// Lets the line play what it holds; only the sentence that sounds, when the assistant ends.
async fn play_out(line: Line, end: End, script: &Script, cues: &Cues) -> (Duration, End) {
    let mut tail = line.finish();
    let mut last = None;
    loop {
        let rest = last.map(|last: Duration| last.saturating_sub(tail.heard()));
        if rest.is_some_and(|rest| rest.is_zero()) {
            return (tail.stop(), End::Closing);
        }
        tokio::select! {
            biased;
            () = cues.interrupted.cancelled() => return (tail.stop(), End::Interrupted),
            done = tail.done() => {
                return match done {
                    Ok(sound) => (sound, end),
                    Err(error) => (tail.stop(), End::NoLine(error)),
                };
            }
            () = cues.closing.cancelled(), if last.is_none() => {
                last = Some(script.end_of_sentence(tail.heard()));
            }
            () = tokio::time::sleep(rest.unwrap_or_default()), if rest.is_some() => {}
        }
    }
}

/// The sentences that can no longer be spoken: they are typed instead.
async fn remaining(
    first: String,
    sentences: &mut mpsc::Receiver<Result<Sentence, MindError>>,
    cues: &Cues,
) -> String {
    let mut text = first;
    loop {
        // The model keeps its own deadlines, so this ends.
        let next = tokio::select! {
            biased;
            () = cues.interrupted.cancelled() => return text,
            next = sentences.recv() => next,
        };
        let Some(Ok(sentence)) = next else {
            return text;
        };
        text.push(' ');
        text.push_str(&sentence.text);
    }
}
