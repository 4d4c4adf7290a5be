//! One answer's life: think, speak, and say how it ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mumble::{Client, SessionId, SpeechError, To};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::discreet::Discreet as _;
use crate::ear;
use crate::history::{Histories, Place};
use crate::manner::Manner;
use crate::mind::Mind;
use crate::report::{Report, Stages};
use crate::signs::Signs;
use crate::sounds::{Quiet, Sound, Sounds};
use crate::voice::{End, Said, Voice};

/// No answer holds the floor longer than this: the last resort behind every deadline.
const LONGEST_ANSWER: Duration = Duration::from_secs(300);

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
    /// Knows that an answer is being given.
    pub(crate) quiet: Quiet,
    /// What was said before; shared by spoken and typed answers.
    pub(crate) histories: Arc<Mutex<Histories>>,
    /// The system message.
    pub(crate) system: Arc<str>,
}

/// What wants an answer.
#[derive(Debug)]
pub(crate) enum Ask {
    /// A question that was understood.
    Question(Question),
    /// Somebody spoke to us, but the recogniser failed.
    Unheard(SessionId, Manner),
}

/// A spoken question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Who asked.
    pub(crate) speaker: SessionId,
    /// Their name.
    pub(crate) who: String,
    /// What they said.
    pub(crate) text: String,
    /// How, and so how it is answered.
    pub(crate) manner: Manner,
    /// Where it is remembered; what is whispered is not remembered in the channel.
    pub(crate) place: Place,
    /// When.
    pub(crate) times: ear::Times,
}

impl Question {
    /// The same speaker said more before they were answered.
    pub(crate) fn join(&mut self, later: Self) {
        self.text.push(' ');
        self.text.push_str(&later.text);
        if later.manner == Manner::Whispered {
            self.place = later.place;
        }
        self.manner = self.manner.with(later.manner);
        self.times = later.times;
    }
}

impl Ask {
    /// Whom the answer is for.
    pub(crate) fn speaker(&self) -> SessionId {
        match self {
            Self::Question(question) => question.speaker,
            Self::Unheard(speaker, _) => *speaker,
        }
    }

    fn manner(&self) -> Manner {
        match self {
            Self::Question(question) => question.manner,
            Self::Unheard(_, manner) => *manner,
        }
    }

    /// A later turn of the same speaker, who is still waiting. What was understood outweighs an
    /// apology for what was not.
    pub(crate) fn join(&mut self, later: Self) {
        match (&mut *self, later) {
            (Self::Question(question), Self::Question(later)) => question.join(later),
            (Self::Unheard(..), later) => *self = later,
            (Self::Question(_), Self::Unheard(..)) => {}
        }
    }
}

/// How an answer ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What the conversation must know.
    pub(crate) ended: Ended,
    /// How it was given.
    pub(crate) manner: Manner,
    /// For those who measure; names whom the answer was for.
    pub(crate) report: Report,
}

/// The end of an answer, as the conversation sees it.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Something was said, or typed instead.
    Answered,
    /// The person spoke over it.
    Interrupted {
        /// The question, when none of the answer had been heard yet: it still stands.
        unanswered: Option<Question>,
    },
    /// Nothing could be said, for this one reason.
    Silent(&'static str),
}

impl Answerer {
    /// Starts an answer. Its outcome always comes, also when it is cancelled.
    pub(crate) fn start(
        &self,
        ask: Ask,
        interrupted: CancellationToken,
        out: mpsc::Sender<Outcome>,
    ) {
        let answerer = self.clone();
        let (speaker, manner) = (ask.speaker(), ask.manner());
        tokio::spawn(async move {
            let _busy = answerer.quiet.busy();
            let (ended, stages) = timeout(LONGEST_ANSWER, answerer.answer(ask, &interrupted))
                .await
                .unwrap_or((Ended::Silent("the answer took too long"), None));
            let outcome = Outcome {
                ended,
                manner,
                report: Report { speaker, stages },
            };
            // The conversation has ended: nobody waits for the outcome.
            out.send(outcome).await.ok();
        });
    }

    async fn answer(&self, ask: Ask, interrupted: &CancellationToken) -> (Ended, Option<Stages>) {
        match ask {
            Ask::Unheard(speaker, manner) => {
                let ended = self.apologise(speaker, manner, Sound::NotHeard, interrupted);
                (ended.await, None)
            }
            Ask::Question(question) => self.reply(question, interrupted).await,
        }
    }

    async fn reply(
        &self,
        question: Question,
        interrupted: &CancellationToken,
    ) -> (Ended, Option<Stages>) {
        let Question {
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
        } = self.voice.say(sentences, line, interrupted).await;
        let stages = Stages::new(times, asked, &spoken);
        let remember = |heard: &str| {
            self.histories()
                .add(Instant::now(), place.clone(), who, text, heard);
        };
        match end {
            // Nobody heard a word of it, so the question still stands.
            End::Interrupted if heard.is_empty() => {
                let unanswered = Some(question);
                (Ended::Interrupted { unanswered }, stages)
            }
            End::Interrupted => {
                remember(&heard);
                (Ended::Interrupted { unanswered: None }, stages)
            }
            End::Complete => {
                remember(&heard);
                (Ended::Answered, stages)
            }
            End::NoLine(error) => (Ended::without_a_line(error), stages),
            End::NoThought(error) => {
                tracing::warn!(error = error.for_the_log(), "model failed");
                remember(&heard);
                let ended = self.apologise(speaker, manner, Sound::NoThought, interrupted);
                (ended.await, None)
            }
            End::NoVoice { error, unsaid } => {
                tracing::warn!(error = error.for_the_log(), "synthesiser failed");
                remember(format!("{heard} {unsaid}").trim());
                let ended = self.apologise(speaker, manner, Sound::NoVoice, interrupted);
                let ended = ended.await;
                self.type_out(speaker, manner, &unsaid);
                (ended, None)
            }
        }
    }

    /// Plays a prepared sound, or types its words when it cannot be played.
    async fn apologise(
        &self,
        speaker: SessionId,
        manner: Manner,
        sound: Sound,
        interrupted: &CancellationToken,
    ) -> Ended {
        let Some(pcm) = self.sounds.pcm(sound) else {
            self.type_out(speaker, manner, sound.sentence());
            return Ended::Answered;
        };
        let line = self.signs.line(speaker, manner);
        match self.voice.play(pcm, line, interrupted).await {
            End::Interrupted => Ended::Interrupted { unanswered: None },
            End::NoLine(error) => Ended::without_a_line(error),
            End::Complete | End::NoThought(_) | End::NoVoice { .. } => Ended::Answered,
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

    fn histories(&self) -> MutexGuard<'_, Histories> {
        self.histories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ended {
    /// The answer could not be sent on.
    fn without_a_line(error: SpeechError) -> Self {
        if error == SpeechError::NobodyThere {
            return Self::Silent("speaker left");
        }
        tracing::warn!(%error, "answer cut off");
        Self::Silent("the connection was lost")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: SessionId = SessionId(3);

    fn question(text: &str, manner: Manner) -> Ask {
        let now = Instant::now();
        Ask::Question(Question {
            speaker: ANN,
            who: "Ann".into(),
            text: text.into(),
            manner,
            place: match manner {
                Manner::Aloud => Place::Channel,
                Manner::Whispered => Place::Private("ann".into()),
            },
            times: ear::Times {
                question_end: now,
                ended: now,
                pause: Duration::ZERO,
                asked: now,
                answered: now,
            },
        })
    }

    fn joined(mut earlier: Ask, later: Ask) -> (String, Manner, Place) {
        earlier.join(later);
        match earlier {
            Ask::Question(question) => (question.text, question.manner, question.place),
            Ask::Unheard(..) => panic!("the question was lost"),
        }
    }

    #[test]
    fn a_question_whispered_in_part_stays_out_of_the_channel() {
        use Manner::{Aloud, Whispered};
        let private = Place::Private("ann".into());
        for (earlier, later) in [
            (Aloud, Whispered),
            (Whispered, Aloud),
            (Whispered, Whispered),
        ] {
            let joined = joined(question("Who", earlier), question("is it?", later));
            assert_eq!(joined, ("Who is it?".into(), Whispered, private.clone()));
        }
        let aloud = joined(question("Who", Aloud), question("is it?", Aloud));
        assert_eq!(aloud, ("Who is it?".into(), Aloud, Place::Channel));
    }

    #[test]
    fn what_was_understood_is_answered_in_its_own_manner() {
        use Manner::{Aloud, Whispered};
        let unheard = |manner| Ask::Unheard(ANN, manner);
        for manner in [Aloud, Whispered] {
            for other in [Aloud, Whispered] {
                assert_eq!(joined(unheard(other), question("Q", manner)).1, manner);
                assert_eq!(joined(question("Q", manner), unheard(other)).1, manner);
            }
        }
    }

    #[test]
    fn an_answer_to_somebody_who_has_left_ends_as_every_such_turn() {
        let reason = |error| match Ended::without_a_line(error) {
            Ended::Silent(reason) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(SpeechError::NobodyThere), "speaker left");
        assert_eq!(reason(SpeechError::NotJoined), "the connection was lost");
    }
}
