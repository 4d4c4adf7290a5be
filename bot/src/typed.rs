//! Typed questions: a message gets a typed answer, a private one a private answer.

use std::collections::VecDeque;
use std::time::Instant;

use memory::Who;
use mumble::{ChannelId, SessionId, To};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use crate::answer::{Answerer, after};
use crate::discreet::Discreet as _;
use crate::errand::Errand;
use crate::person::{Scene, Spot};
use crate::sounds::Sound;
use crate::turns::{Outcome, TurnId};

/// Typed questions that may wait. A further one is answered at once, by asking for patience.
pub(crate) const MOST_QUEUED: u32 = 8;

/// Longer questions are cut (characters): the model's context has an end.
const LONGEST_QUESTION: usize = 4_000;

/// A typed question.
#[derive(Debug)]
pub(crate) struct Typed {
    /// Which turn it is.
    pub(crate) turn: TurnId,
    /// Who wrote, by session.
    pub(crate) by: SessionId,
    /// Who that is.
    pub(crate) who: Who,
    /// Their name.
    pub(crate) name: String,
    /// What they wrote, as plain text.
    pub(crate) text: String,
    /// Where the conversation takes place.
    pub(crate) spot: Spot,
    /// Where the answer goes.
    pub(crate) to: To,
    /// What is to be done instead of answering, and for whom.
    pub(crate) errand: Option<Sent>,
}

/// An errand with all that it needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// What to do.
    pub(crate) errand: Errand,
    /// Who asked.
    pub(crate) by: SessionId,
    /// The channel that the assistant was set up for.
    pub(crate) home: ChannelId,
}

/// Whose turn it is among the typed questions: one after another, beside the spoken ones.
#[derive(Debug, Default)]
pub(crate) struct TypedLane {
    waiting: VecDeque<Typed>,
    in_hand: Option<InHand>,
}

/// The question that is being answered.
#[derive(Debug)]
struct InHand {
    turn: TurnId,
    to: To,
    task: AbortOnDropHandle<Outcome>,
}

/// The end of a typed answer.
#[derive(Debug)]
pub(crate) struct Written {
    /// Which turn it ends.
    pub(crate) turn: TurnId,
    /// Where the answer was to go.
    pub(crate) to: To,
    /// How it ended; an error when it panicked.
    pub(crate) outcome: Result<Outcome, JoinError>,
}

impl TypedLane {
    /// Takes a question, or gives it back when too many wait already.
    pub(crate) fn ask(&mut self, mut question: Typed) -> Option<Typed> {
        if self.waiting.len() >= MOST_QUEUED as usize {
            return Some(question);
        }
        if let Some((end, _)) = question.text.char_indices().nth(LONGEST_QUESTION) {
            question.text.truncate(end);
        }
        self.waiting.push_back(question);
        None
    }

    /// Begins the next answer, when none is in hand; gives its turn.
    pub(crate) fn next(&mut self, answerer: &Answerer) -> Option<TurnId> {
        if self.in_hand.is_some() {
            return None;
        }
        let question = self.waiting.pop_front()?;
        let (turn, to, answerer) = (question.turn, question.to, answerer.clone());
        let task = tokio::spawn(async move { answerer.answer_in_writing(question).await });
        self.in_hand = Some(InHand {
            turn,
            to,
            task: AbortOnDropHandle::new(task),
        });
        Some(turn)
    }

    /// Waits for the end of the answer in hand. May be dropped and called again.
    pub(crate) async fn written(&mut self) -> Written {
        let Some(in_hand) = &mut self.in_hand else {
            return std::future::pending().await;
        };
        let outcome = (&mut in_hand.task).await;
        let (turn, to) = (in_hand.turn, in_hand.to);
        self.in_hand = None;
        Written { turn, to, outcome }
    }

    /// Takes out a question, in whatever state; gives where its answer was to go.
    pub(crate) fn give_up(&mut self, turn: TurnId) -> Option<To> {
        if let Some(in_hand) = self.in_hand.take_if(|in_hand| in_hand.turn == turn) {
            return Some(in_hand.to);
        }
        let at = self.waiting.iter().position(|typed| typed.turn == turn)?;
        self.waiting.remove(at).map(|typed| typed.to)
    }
}

impl Answerer {
    async fn answer_in_writing(&self, question: Typed) -> Outcome {
        let _busy = self.quiet.busy();
        let (answer, outcome) = match question.errand {
            Some(Sent { errand, by, home }) => {
                let answer = errand.run(&self.client, by, home).await;
                (answer, Outcome::Written)
            }
            None => self.write(&question).await,
        };
        if self.send(question.to, &answer) {
            outcome
        } else {
            Outcome::LostConnection
        }
    }

    /// Thinks the whole answer; what went wrong instead, in words for the person.
    async fn write(&self, question: &Typed) -> (String, Outcome) {
        let Typed { by, who, text, .. } = question;
        let began = self.scene_of(question);
        if let Some(wish) = self.wishes.read(Instant::now(), who, text) {
            let answer = self.granted(wish, &began, *by).await;
            return (answer, Outcome::Written);
        }
        let past = &self.past;
        let prompt = past.prompt(None, &began.asker, text, &self.system).await;
        let mut sentences = self.mind.think(prompt);
        let mut answer = String::new();
        while let Some(sentence) = sentences.recv().await {
            match sentence {
                Ok(sentence) => {
                    if !answer.is_empty() {
                        answer.push(' ');
                    }
                    answer.push_str(&sentence.text);
                }
                Err(error) => {
                    tracing::warn!(error = error.for_the_log(), "model failed");
                    if answer.is_empty() {
                        let sound = self.excuses.fitting(question.by, Sound::NoThought);
                        let apology = sound.sentence().to_owned();
                        return (apology, after(&error, Outcome::Apologised));
                    }
                    break;
                }
            }
        }
        self.remember(&began, &self.scene_of(question), text, &answer);
        (answer, Outcome::Written)
    }

    /// Sends a text; whether it is on its way. Why it is not, is logged here.
    pub(crate) fn send(&self, to: To, text: &str) -> bool {
        let sent = self.client.send_text(to, text);
        if let Err(error) = &sent {
            tracing::warn!(%error, "answer could not be typed");
        }
        sent.is_ok()
    }

    fn scene_of(&self, question: &Typed) -> Scene {
        let Typed {
            by,
            who,
            name,
            spot,
            ..
        } = question;
        let roster = self.client.roster();
        self.past.scene(&roster, *by, (who, name), *spot)
    }
}
