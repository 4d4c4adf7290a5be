//! Typed questions: a message gets a typed answer, a private one a private answer.

use std::sync::PoisonError;
use std::time::Instant;

use mumble::{ChannelId, SessionId, To};
use tokio::sync::mpsc;

use crate::answer::Answerer;
use crate::discreet::Discreet as _;
use crate::errand::Errand;
use crate::history::Place;
use crate::sounds::Sound;

/// Typed questions that may wait. A further one is answered at once, by asking for patience.
const WAITING: usize = 8;

/// Longer questions are cut (characters): the model's context has an end.
const LONGEST_QUESTION: usize = 4_000;

/// A typed question.
#[derive(Debug)]
pub(crate) struct Typed {
    /// Who wrote.
    pub(crate) who: String,
    /// What they wrote, as plain text.
    pub(crate) text: String,
    /// Where the conversation takes place.
    pub(crate) place: Place,
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

/// Answers typed questions one after another, beside the spoken ones.
#[derive(Debug)]
pub(crate) struct TypedLane {
    questions: mpsc::Sender<Typed>,
    answerer: Answerer,
}

impl TypedLane {
    /// Starts the lane; it ends when it is dropped.
    pub(crate) fn new(answerer: Answerer) -> Self {
        let (questions, mut waiting) = mpsc::channel::<Typed>(WAITING);
        let worker = answerer.clone();
        tokio::spawn(async move {
            while let Some(question) = waiting.recv().await {
                let answer = match question.errand {
                    Some(Sent { errand, by, home }) => errand.run(&worker.client, by, home).await,
                    None => worker.write(&question).await,
                };
                worker.send(question.to, &answer);
            }
        });
        Self {
            questions,
            answerer,
        }
    }

    /// Takes a question.
    pub(crate) fn ask(&self, mut question: Typed) {
        if let Some((end, _)) = question.text.char_indices().nth(LONGEST_QUESTION) {
            question.text.truncate(end);
        }
        if let Err(mpsc::error::TrySendError::Full(question)) = self.questions.try_send(question) {
            tracing::info!(
                reason = "too many typed questions wait already",
                "question not answered"
            );
            let patience = "I am still answering earlier messages. Please ask again in a moment.";
            self.answerer.send(question.to, patience);
        }
    }
}

impl Answerer {
    /// Thinks the whole answer; what went wrong instead, in words for the person.
    async fn write(&self, question: &Typed) -> String {
        let Typed {
            who, text, place, ..
        } = question;
        let prompt = self
            .histories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .prompt(Instant::now(), place, &self.system, who, text);
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
                        return Sound::NoThought.sentence().to_owned();
                    }
                    break;
                }
            }
        }
        self.histories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(Instant::now(), place.clone(), who, text, &answer);
        answer
    }

    fn send(&self, to: To, text: &str) {
        if let Err(error) = self.client.send_text(to, text) {
            tracing::warn!(%error, "answer could not be typed");
        }
    }
}

/// The private place of a person: their certificate, or this visit when they have none.
pub(crate) fn private_place(session: SessionId, hash: Option<&str>) -> Place {
    Place::Private(hash.map_or_else(|| format!("session {}", session.0), str::to_owned))
}
