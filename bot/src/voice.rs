//! Speaking: sentences become sound one ahead of what is being heard, until told to stop.

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
            end => play_out(line, end, cues).await,
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
        let pushed = tokio::select! {
            biased;
            () = cues.interrupted.cancelled() => return End::Interrupted,
            pushed = line.push(sound) => pushed,
        };
        match pushed {
            Err(error) => End::NoLine(error),
            Ok(()) => play_out(line, End::Complete, cues).await.1,
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
        let mut sound = self.tts.speak(text);
        while let Some(piece) = sound.next().await {
            let piece = piece.map_err(Stop::Voice)?;
            times.first_sound.get_or_insert_with(Instant::now);
            script.extend(piece.duration());
            line.push(piece).await.map_err(Stop::Line)?;
            times.first_sent.get_or_insert_with(Instant::now);
            cues.sounding.cancel();
        }
        Ok(())
    }
}

/// Lets the line play what it holds.
async fn play_out(line: Line, end: End, cues: &Cues) -> (Duration, End) {
    let mut tail = line.finish();
    tokio::select! {
        biased;
        () = cues.interrupted.cancelled() => {}
        done = tail.done() => {
            return match done {
                Ok(sound) => (sound, end),
                Err(error) => (tail.stop(), End::NoLine(error)),
            };
        }
    }
    (tail.stop(), End::Interrupted)
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
