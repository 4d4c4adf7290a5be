//! One answer's life: think, speak, and say how it ended.

use std::sync::Arc;
use std::time::Instant;

use memory::{Asker, Who};
use mumble::{Client, SessionId, SpeechError, To};
use service::health::Stages;
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use crate::ask::{Ask, Excuse, Greeting, Question, Reminder};
use crate::cues::Cues;
use crate::discreet::Discreet as _;
use crate::excuses::Excuses;
use crate::manner::Manner;
use crate::mind::{self, Mind, MindError};
use crate::past::Past;
use crate::person::{Scene, Spot};
use crate::quiet::Quiet;
use crate::reminders::Reminders;
use crate::report;
use crate::signs::Signs;
use crate::sounds::{Sound, Sounds};
use crate::turns::{Outcome, TurnId};
use crate::voice::{self, End, Said, Voice};
use crate::wish::Wish;
use crate::wishes::{Granted, Wishes};

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
    /// What was said before.
    pub(crate) past: Past,
    /// What may be wished of it.
    pub(crate) wishes: Wishes,
    /// What people are to be told of.
    pub(crate) reminders: Reminders,
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

/// What became of a text of our own.
struct Recited {
    outcome: Outcome,
    /// The words that really left.
    heard: String,
    times: voice::Times,
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
            Ask::Reminder(reminder) => {
                let outcome = self.remind(&reminder, cues).await;
                (Ended::With(outcome), None)
            }
            Ask::Greeting(greeting) => {
                let Greeting { speaker, text, .. } = greeting;
                let recited = self.recite(&text, speaker, Manner::Aloud, cues).await;
                let outcome = match recited.outcome {
                    Outcome::Answered => Outcome::Greeted,
                    outcome => outcome,
                };
                (Ended::With(outcome), None)
            }
            Ask::Question(question) => self.reply(*question, cues).await,
        };
        Given { ended, stages }
    }

    async fn reply(&self, mut question: Question, cues: &Cues) -> (Ended, Option<Stages>) {
        let begun = question.recall.take();
        let Question {
            turn: _,
            speaker,
            who,
            name,
            text,
            manner,
            times,
            recall: _,
        } = &question;
        let (speaker, manner) = (*speaker, *manner);
        let scene = || self.scene(speaker, (who, name), manner);
        let began = scene();
        if let Some(wish) = self.wishes.read(Instant::now(), who, text) {
            return self.grant(wish, &question, &began, cues).await;
        }
        let past = &self.past;
        let prompt = past.prompt(begun, &began.asker, text, &self.system).await;
        let asked = Instant::now();
        let sentences = self.mind.think(prompt);
        let line = self.signs.line(speaker, manner);
        let Said {
            heard,
            end,
            times: spoken,
        } = self.voice.say(sentences, line, cues).await;
        let stages = report::stages(times, asked, &spoken);
        let remember = |heard: &str| self.remember(&began, &scene(), text, heard);
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

    /// Does what somebody wishes of the memory, and says so. It is done once, whatever is heard
    /// of the answer, and nothing of it is remembered.
    async fn grant(
        &self,
        wish: Wish,
        question: &Question,
        scene: &Scene,
        cues: &Cues,
    ) -> (Ended, Option<Stages>) {
        let (speaker, manner) = (question.speaker, question.manner);
        let answer = self.granted(wish, scene, speaker).await;
        let asked = Instant::now();
        let Recited { outcome, times, .. } = self.recite(&answer, speaker, manner, cues).await;
        let stages = report::stages(&question.times, asked, &times);
        (Ended::With(outcome), stages)
    }

    /// Tells somebody what they wished to be told now. It comes again unless something of it was
    /// heard, or can be read.
    async fn remind(&self, reminder: &Reminder, cues: &Cues) -> Outcome {
        let Reminder {
            turn: _,
            speaker,
            text,
            ids,
        } = reminder;
        let recited = self.recite(text, *speaker, Manner::Aloud, cues).await;
        let read = recited.outcome == Outcome::Apologised;
        if read || !recited.heard.is_empty() {
            self.reminders.told(ids);
        }
        match recited.outcome {
            Outcome::Answered => Outcome::Reminded,
            outcome => outcome,
        }
    }

    /// Says a text of our own. What has no voice is typed.
    async fn recite(&self, text: &str, speaker: SessionId, manner: Manner, cues: &Cues) -> Recited {
        let line = self.signs.line(speaker, manner);
        let Said { heard, end, times } = self.voice.say(mind::recited(text), line, cues).await;
        let outcome = match end {
            End::Complete => Outcome::Answered,
            End::Interrupted => Outcome::Interrupted,
            End::Closing => Outcome::Ended,
            End::NoLine(error) => without_a_line(error),
            End::NoVoice { error, unsaid } => {
                tracing::warn!(error = error.for_the_log(), "synthesiser failed");
                let outcome = self.apologise(speaker, manner, Sound::NoVoice, cues).await;
                self.type_out(speaker, manner, &unsaid);
                outcome
            }
            End::NoThought(_) => Outcome::Broken,
        };
        Recited {
            outcome,
            heard,
            times,
        }
    }

    /// Remembers an exchange, and has the model read how the next prompt will begin.
    pub(crate) fn remember(&self, began: &Scene, ended: &Scene, said: &str, heard: &str) {
        self.past.remember(began, ended, said, heard);
        self.read_ahead(&began.asker);
    }

    /// Does what somebody wishes of the memory; gives what to tell them, when the list that
    /// belongs to it is on its way to them in private.
    pub(crate) async fn granted(&self, wish: Wish, scene: &Scene, by: SessionId) -> String {
        let Granted { answer, list } = self.wishes.grant(wish, &scene.asker).await;
        // The talk may have become shorter by what was forgotten.
        self.read_ahead(&scene.asker);
        if let Some(list) = list {
            self.send(To::User(by), &list);
        }
        answer
    }

    /// Has the model read how the next prompt will begin, if whoever was answered asks again.
    fn read_ahead(&self, answered: &Asker) {
        let answerer = (
            self.past.clone(),
            answered.clone(),
            Arc::clone(&self.system),
        );
        self.mind.ahead().read(move || {
            let (past, asker, system) = answerer.clone();
            async move { past.beginning(&asker, &system).await }
        });
    }

    /// The scene of somebody who asks in this manner now.
    pub(crate) fn scene(&self, by: SessionId, person: (&Who, &str), manner: Manner) -> Scene {
        let roster = self.client.roster();
        let channel = roster.me().map(|me| me.channel).unwrap_or_default();
        let spot = Spot::of(manner, channel);
        self.past.scene(&roster, by, person, spot)
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
