//! One answer's life: think, speak, and say how it ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use mumble::{Client, SessionId, SpeechError, To};
use service::health::Stages;
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use crate::ask::{Ask, Excuse, Question};
use crate::cues::Cues;
use crate::discreet::Discreet as _;
use crate::excuses::Excuses;
use crate::history::Histories;
use crate::manner::Manner;
use crate::mind::{Mind, MindError};
use crate::report;
use crate::signs::Signs;
use crate::sounds::{Quiet, Sound, Sounds};
use crate::turns::{Outcome, TurnId};
use crate::voice::{End, Said, Voice};

/// What one answer needs.
#[derive(Clone, Debug)]
pub(crate) struct Answerer {
    /// The way to the channel.
    pub(crate) client: Client,
    /// Thinks.
    pub(crate) mind: Mind,
    /// Speaks.
    pub(crate) voice: Voice,
    /// The way to be heard, and what is heard until an answer is.
    pub(crate) signs: Signs,
    /// What is said when an engine cannot.
    pub(crate) sounds: Sounds,
    /// What each person is told of an engine that is out.
    pub(crate) excuses: Excuses,
    /// Knows that an answer is being given.
    pub(crate) quiet: Quiet,
    /// What was said before; shared by spoken and typed answers.
    pub(crate) histories: Arc<Mutex<Histories>>,
    /// The system message.
    pub(crate) system: Arc<str>,
}

/// An answer that is being given. Dropping it cuts it off, sound and all.
#[derive(Debug)]
pub(crate) struct InHand {
    /// Which turn it ends.
    pub(crate) turn: TurnId,
    /// Whom it is for.
    pub(crate) speaker: SessionId,
    /// How it is given.
    pub(crate) manner: Manner,
    /// What it is told on its way, and tells.
    pub(crate) cues: Cues,
    told: Told,
    task: AbortOnDropHandle<Given>,
}

/// What the conversation knows of the answer in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Begun,
    Sounds,
}

/// What comes of an answer.
#[derive(Debug)]
pub(crate) enum News {
    /// It begins to sound.
    Sounds,
    /// It has ended; an error when it panicked.
    Ended(Result<Given, JoinError>),
}

/// How an answer ended.
#[derive(Debug)]
pub(crate) struct Given {
    /// What the conversation must know.
    pub(crate) ended: Ended,
    /// For those who measure: what took how long.
    pub(crate) stages: Option<Stages>,
}

/// The end of an answer, as the conversation sees it.
#[derive(Debug)]
pub(crate) enum Ended {
    /// In one of the ways in which a turn ends.
    With(Outcome),
    /// The person spoke over it before anything of it was heard: the question still stands.
    Unheard(Box<Question>),
}

impl InHand {
    /// Waits for what comes next of it. May be dropped and called again.
    pub(crate) async fn news(&mut self) -> News {
        tokio::select! {
            biased;
            ended = &mut self.task => News::Ended(ended),
            () = self.cues.sounding.cancelled(), if self.told == Told::Begun => {
                self.told = Told::Sounds;
                News::Sounds
            }
        }
    }
}

impl Answerer {
    /// Starts an answer.
    pub(crate) fn start(&self, ask: Ask) -> InHand {
        let answerer = self.clone();
        let (turn, speaker, manner) = (ask.turn(), ask.speaker(), ask.manner());
        let cues = Cues::default();
        let told = cues.clone();
        let task = tokio::spawn(async move {
            let _busy = answerer.quiet.busy();
            answerer.answer(ask, &told).await
        });
        InHand {
            turn,
            speaker,
            manner,
            cues,
            told: Told::Begun,
            task: AbortOnDropHandle::new(task),
        }
    }

    async fn answer(&self, ask: Ask, cues: &Cues) -> Given {
        let (ended, stages) = match ask {
            Ask::Excuse(excuse) => {
                let Excuse {
                    speaker,
                    manner,
                    sound,
                    ..
                } = excuse;
                let outcome = self.apologise(speaker, manner, sound, cues).await;
                (Ended::With(outcome), None)
            }
            Ask::Question(question) => self.reply(question, cues).await,
        };
        Given { ended, stages }
    }

    async fn reply(&self, question: Question, cues: &Cues) -> (Ended, Option<Stages>) {
        let Question {
            turn: _,
            speaker,
            who,
            text,
            manner,
            place,
            times,
        } = &question;
        let (speaker, manner) = (*speaker, *manner);
        let asked = Instant::now();
        let prompt = self
            .histories()
            .prompt(asked, place, &self.system, who, text);
        let sentences = self.mind.think(prompt);
        let line = self.signs.line(speaker, manner);
        let Said {
            heard,
            end,
            times: spoken,
        } = self.voice.say(sentences, line, cues).await;
        let stages = report::stages(times, asked, &spoken);
        let remember = |heard: &str| {
            self.histories()
                .add(Instant::now(), place.clone(), who, text, heard);
        };
        let outcome = match end {
            // Nobody heard a word of it, so the question still stands.
            End::Interrupted if heard.is_empty() => {
                return (Ended::Unheard(Box::new(question)), stages);
            }
            End::Interrupted => {
                remember(&heard);
                Outcome::Interrupted
            }
            End::Complete => {
                remember(&heard);
                Outcome::Answered
            }
            End::Closing => {
                remember(&heard);
                Outcome::Ended
            }
            End::NoLine(error) => without_a_line(error),
            End::NoThought(error) => {
                tracing::warn!(error = error.for_the_log(), "model failed");
                // A question that was not answered at all must not be answered with a later one.
                if !heard.is_empty() {
                    remember(&heard);
                }
                let outcome = self
                    .apologise(speaker, manner, Sound::NoThought, cues)
                    .await;
                return (Ended::With(after(&error, outcome)), None);
            }
            End::NoVoice { error, unsaid } => {
                tracing::warn!(error = error.for_the_log(), "synthesiser failed");
                remember(format!("{heard} {unsaid}").trim());
                let outcome = self.apologise(speaker, manner, Sound::NoVoice, cues).await;
                self.type_out(speaker, manner, &unsaid);
                return (Ended::With(outcome), None);
            }
        };
        (Ended::With(outcome), stages)
    }

    /// Plays a prepared sound, or a short one for who knows it already; types its words when it
    /// cannot be played.
    async fn apologise(
        &self,
        speaker: SessionId,
        manner: Manner,
        sound: Sound,
        cues: &Cues,
    ) -> Outcome {
        let sound = self.excuses.fitting(speaker, sound);
        let Some(pcm) = self.sounds.pcm(sound) else {
            self.type_out(speaker, manner, sound.sentence());
            return Outcome::Apologised;
        };
        let line = self.signs.line(speaker, manner);
        match self.voice.play(pcm, line, cues).await {
            End::Interrupted => Outcome::Interrupted,
            End::NoLine(error) => without_a_line(error),
            End::Complete | End::Closing | End::NoThought(_) | End::NoVoice { .. } => {
                Outcome::Apologised
            }
        }
    }

    /// Types what could not be said, for those who should have heard it.
    fn type_out(&self, speaker: SessionId, manner: Manner, text: &str) {
        let to = match manner {
            Manner::Whispered => Some(To::User(speaker)),
            Manner::Aloud => {
                let roster = self.client.roster();
                roster.me().map(|me| To::Channel(me.channel))
            }
        };
        let Some(to) = to else {
            return;
        };
        if let Err(error) = self.client.send_text(to, text) {
            tracing::warn!(%error, "answer could not be typed");
        }
    }

    pub(crate) fn histories(&self) -> MutexGuard<'_, Histories> {
        self.histories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// How an answer ended that failed with `error`, when the attempt to tell the person so ended
/// with `told`.
pub(crate) fn after(error: &MindError, told: Outcome) -> Outcome {
    match error {
        MindError::Broken => Outcome::Broken,
        MindError::Chat(_) | MindError::Empty => told,
    }
}

/// The answer could not be sent on.
fn without_a_line(error: SpeechError) -> Outcome {
    if error == SpeechError::NobodyThere {
        return Outcome::Left;
    }
    tracing::warn!(%error, "answer cut off");
    Outcome::LostConnection
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_somebody_who_has_left_ends_as_every_such_turn() {
        assert_eq!(without_a_line(SpeechError::NobodyThere), Outcome::Left);
        let lost = without_a_line(SpeechError::NotJoined);
        assert_eq!(lost, Outcome::LostConnection);
    }
}
