//! One answer's life: think, speak, and say how it ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mumble::{Client, SessionId, To};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::discreet::Discreet as _;
use crate::ear;
use crate::history::{Histories, Place};
use crate::mind::Mind;
use crate::report::{Report, Stages};
use crate::sounds::Sound;
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
    Unheard(SessionId),
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
    /// When.
    pub(crate) times: ear::Times,
}

impl Question {
    /// The same speaker said more before they were answered.
    pub(crate) fn join(&mut self, later: Self) {
        self.text.push(' ');
        self.text.push_str(&later.text);
        self.times = later.times;
    }
}

impl Ask {
    /// Whom the answer is for.
    pub(crate) fn speaker(&self) -> SessionId {
        match self {
            Self::Question(question) => question.speaker,
            Self::Unheard(speaker) => *speaker,
        }
    }

    /// A later turn of the same speaker, who is still waiting. What was understood outweighs an
    /// apology for what was not.
    pub(crate) fn join(&mut self, later: Self) {
        match (&mut *self, later) {
            (Self::Question(question), Self::Question(later)) => question.join(later),
            (Self::Unheard(_), later) => *self = later,
            (Self::Question(_), Self::Unheard(_)) => {}
        }
    }
}

/// How an answer ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What the conversation must know.
    pub(crate) ended: Ended,
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
        let speaker = ask.speaker();
        tokio::spawn(async move {
            let outcome = timeout(LONGEST_ANSWER, answerer.answer(ask, &interrupted))
                .await
                .unwrap_or_else(|_| Outcome::silent(speaker, "the answer took too long"));
            // The conversation has ended: nobody waits for the outcome.
            out.send(outcome).await.ok();
        });
    }

    async fn answer(&self, ask: Ask, interrupted: &CancellationToken) -> Outcome {
        match ask {
            Ask::Unheard(speaker) => self.apologise(speaker, Sound::NotHeard, interrupted).await,
            Ask::Question(question) => self.reply(question, interrupted).await,
        }
    }

    async fn reply(&self, question: Question, interrupted: &CancellationToken) -> Outcome {
        let Question {
            speaker,
            who,
            text,
            times,
        } = &question;
        let asked = Instant::now();
        let prompt = self
            .histories()
            .prompt(asked, &Place::Channel, &self.system, who, text);
        let sentences = self.mind.think(prompt);
        let said = self
            .voice
            .say(sentences, self.client.speak(), interrupted)
            .await;
        let Said {
            heard,
            end,
            times: spoken,
        } = said;
        let report = Report {
            speaker: *speaker,
            stages: Stages::new(times, asked, &spoken),
        };
        let remember = |heard: &str| {
            self.histories()
                .add(Instant::now(), Place::Channel, who, text, heard);
        };
        match end {
            // Nobody heard a word of it, so the question still stands.
            End::Interrupted if heard.is_empty() => Outcome {
                ended: Ended::Interrupted {
                    unanswered: Some(question),
                },
                report,
            },
            End::Interrupted => {
                remember(&heard);
                Outcome {
                    ended: Ended::Interrupted { unanswered: None },
                    report,
                }
            }
            End::Complete => {
                remember(&heard);
                Outcome {
                    ended: Ended::Answered,
                    report,
                }
            }
            End::NoLine(error) => {
                tracing::warn!(%error, "answer cut off");
                Outcome {
                    ended: Ended::Silent("the connection was lost"),
                    report,
                }
            }
            End::NoThought(error) => {
                tracing::warn!(error = error.for_the_log(), "model failed");
                remember(&heard);
                self.apologise(*speaker, Sound::NoThought, interrupted)
                    .await
            }
            End::NoVoice { error, unsaid } => {
                tracing::warn!(error = error.for_the_log(), "synthesiser failed");
                remember(format!("{heard} {unsaid}").trim());
                let outcome = self.apologise(*speaker, Sound::NoVoice, interrupted).await;
                self.type_out(&unsaid);
                outcome
            }
        }
    }

    /// Plays a prepared sound, or types its words when it cannot be played.
    async fn apologise(
        &self,
        speaker: SessionId,
        sound: Sound,
        interrupted: &CancellationToken,
    ) -> Outcome {
        let report = Report {
            speaker,
            stages: None,
        };
        let Some(pcm) = sound.pcm() else {
            self.type_out(sound.sentence());
            return Outcome {
                ended: Ended::Answered,
                report,
            };
        };
        let ended = match self.voice.play(pcm, self.client.speak(), interrupted).await {
            End::Interrupted => Ended::Interrupted { unanswered: None },
            End::NoLine(_) => Ended::Silent("the connection was lost"),
            End::Complete | End::NoThought(_) | End::NoVoice { .. } => Ended::Answered,
        };
        Outcome { ended, report }
    }

    fn type_out(&self, text: &str) {
        let Some(channel) = self.client.roster().me().map(|me| me.channel) else {
            return;
        };
        if let Err(error) = self.client.send_text(To::Channel(channel), text) {
            tracing::warn!(%error, "answer could not be typed");
        }
    }

    fn histories(&self) -> MutexGuard<'_, Histories> {
        self.histories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outcome {
    fn silent(speaker: SessionId, reason: &'static str) -> Self {
        Self {
            ended: Ended::Silent(reason),
            report: Report {
                speaker,
                stages: None,
            },
        }
    }
}
