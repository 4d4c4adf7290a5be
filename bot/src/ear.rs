//! Hearing: one ear for each speaker finds their turns, and the recogniser writes them down.
//!
//! Recognition begins at each pause on what is there. When the turn then ends without another
//! word, that draft is the transcript; when the speaker goes on, it is thrown away.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use audio::Pcm;
use mumble::{Heard, SessionId};
use speech::stt::Transcript;
use speech::turn::{Endpointer, Event, Reason, Turn};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use crate::manner::Manner;
use crate::recogniser::{EarError, Recogniser, words};

/// Finished turns that may wait for their transcripts; a further one is dropped, and said so.
const TURNS_AT_ONCE: usize = 8;

/// Speakers listened to at once; a further one is not heard until another leaves.
const SPEAKERS: usize = 200;

/// Listens to everybody.
#[derive(Debug)]
pub(crate) struct Ears {
    ears: HashMap<SessionId, Ear>,
    turns: speech::turn::Config,
    recogniser: Recogniser,
    transcribing: JoinSet<()>,
    out: mpsc::Sender<Utterance>,
}

/// One speaker.
#[derive(Debug)]
struct Ear {
    endpointer: Endpointer,
    draft: Option<Draft>,
    /// How they speak in the present turn.
    manner: Manner,
}

/// A transcript begun at a pause.
#[derive(Debug)]
struct Draft {
    revision: u64,
    begun: Instant,
    task: JoinHandle<Result<Transcript, EarError>>,
}

/// What an ear notices before a turn is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noticed {
    /// Somebody began to speak.
    Started,
    /// It was no speech after all.
    Nothing,
    /// A turn has ended; its [`Utterance`] follows.
    Ended(Over),
    /// A turn has ended, but too many are being transcribed: it is lost.
    Overrun,
}

/// What is known of a turn that has ended before its words are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Over {
    /// When its speaker began.
    pub(crate) began: Instant,
    /// When the talk key's release arrived, or else the last voice.
    pub(crate) question_end: Instant,
    /// How they spoke.
    pub(crate) manner: Manner,
}

/// A turn, written down.
#[derive(Debug)]
pub(crate) struct Utterance {
    /// Who spoke.
    pub(crate) speaker: SessionId,
    /// When they began.
    pub(crate) began: Instant,
    /// How they spoke; whispered, when any of it was.
    pub(crate) manner: Manner,
    /// The words, or why there are none.
    pub(crate) text: Result<Option<String>, EarError>,
    /// When things happened.
    pub(crate) times: Times,
}

/// Moments of a turn's recognition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// The question was over: the talk key's release arrived, or else the last voice.
    pub(crate) question_end: Instant,
    /// The turn was known to be over.
    pub(crate) ended: Instant,
    /// How long that had to be waited for: silence, or a release that might not be meant.
    pub(crate) pause: Duration,
    /// The recogniser was asked (at a pause perhaps, before the end).
    pub(crate) asked: Instant,
    /// The recogniser answered.
    pub(crate) answered: Instant,
}

impl Ears {
    /// Ears that cut turns by `turns` and send what was said to `out`.
    pub(crate) fn new(
        turns: speech::turn::Config,
        recogniser: Recogniser,
        out: mpsc::Sender<Utterance>,
    ) -> Self {
        Self {
            ears: HashMap::new(),
            turns,
            recogniser,
            transcribing: JoinSet::new(),
            out,
        }
    }

    /// Takes sound of one speaker.
    pub(crate) fn hear(&mut self, now: Instant, heard: &Heard) -> Vec<Noticed> {
        if !self.ears.contains_key(&heard.speaker) && self.ears.len() >= SPEAKERS {
            return Vec::new();
        }
        let ear = self.ears.entry(heard.speaker).or_insert_with(|| Ear {
            endpointer: Endpointer::new(self.turns),
            draft: None,
            manner: Manner::Aloud,
        });
        let manner = Manner::from(heard.scope);
        // Without a deadline no turn is under way.
        ear.manner = match ear.endpointer.deadline() {
            Some(_) => ear.manner.with(manner),
            None => manner,
        };
        let mut events = ear.endpointer.hear(now, heard.pcm.samples());
        if heard.last {
            events.extend(ear.endpointer.release(now));
        }
        self.attend(heard.speaker, heard.received, events)
    }

    /// Lets time pass: silence may have ended a turn.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<(SessionId, Noticed)> {
        let due: Vec<SessionId> = self
            .ears
            .iter()
            .filter(|(_, ear)| ear.endpointer.deadline().is_some_and(|at| at <= now))
            .map(|(&speaker, _)| speaker)
            .collect();
        let mut noticed = Vec::new();
        for speaker in due {
            let Some(ear) = self.ears.get_mut(&speaker) else {
                continue;
            };
            let events = ear.endpointer.handle_timeout(now);
            noticed.extend(
                self.attend(speaker, now, events)
                    .into_iter()
                    .map(|n| (speaker, n)),
            );
        }
        noticed
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.ears
            .values()
            .filter_map(|ear| ear.endpointer.deadline())
            .min()
    }

    /// How many people are in the middle of a turn.
    pub(crate) fn speaking(&self) -> usize {
        let speaking = |ear: &&Ear| ear.endpointer.deadline().is_some();
        self.ears.values().filter(speaking).count()
    }

    /// A speaker has left; an unfinished turn is gone with them.
    pub(crate) fn forget(&mut self, speaker: SessionId) {
        if let Some(Ear {
            draft: Some(draft), ..
        }) = self.ears.remove(&speaker)
        {
            draft.task.abort();
        }
    }

    /// Forgets everybody: the connection was lost, and session numbers with it.
    pub(crate) fn forget_all(&mut self) {
        let speakers: Vec<SessionId> = self.ears.keys().copied().collect();
        speakers
            .into_iter()
            .for_each(|speaker| self.forget(speaker));
    }

    /// `arrived` is when the packet came that brought the events about.
    fn attend(&mut self, speaker: SessionId, arrived: Instant, events: Vec<Event>) -> Vec<Noticed> {
        let mut noticed = Vec::new();
        for event in events {
            let Some(ear) = self.ears.get_mut(&speaker) else {
                break;
            };
            match event {
                Event::Started => noticed.push(Noticed::Started),
                Event::Paused { revision, pcm } => {
                    // A draft is a gamble: it must not make a finished turn wait.
                    if self.recogniser.has_room() {
                        let old = ear.draft.replace(draft(&self.recogniser, revision, pcm));
                        old.inspect(|old| old.task.abort());
                    }
                }
                Event::Resumed => {
                    ear.draft.take().inspect(|draft| draft.task.abort());
                }
                Event::Ended(turn) => {
                    let (draft, manner) = (ear.draft.take(), ear.manner);
                    noticed.push(self.write_down(speaker, manner, arrived, turn, draft));
                }
                Event::Discarded(_) => {
                    ear.draft.take().inspect(|draft| draft.task.abort());
                    noticed.push(Noticed::Nothing);
                }
            }
        }
        noticed
    }

    /// Starts the transcript of a finished turn, or goes on with its draft.
    fn write_down(
        &mut self,
        speaker: SessionId,
        manner: Manner,
        arrived: Instant,
        turn: Turn,
        draft_made: Option<Draft>,
    ) -> Noticed {
        while self.transcribing.try_join_next().is_some() {}
        let fitting = match draft_made {
            Some(draft) if draft.revision == turn.revision => Some(draft),
            Some(draft) => {
                draft.task.abort();
                None
            }
            None => None,
        };
        if self.transcribing.len() >= TURNS_AT_ONCE {
            fitting.inspect(|draft| draft.task.abort());
            return Noticed::Overrun;
        }
        let Turn {
            revision,
            pcm,
            began,
            last_voice,
            ended,
            reason,
            ..
        } = turn;
        let after_release = self.turns.after_release;
        let (question_end, pause) = match reason {
            Reason::Released => {
                let released = arrived.checked_sub(after_release).unwrap_or(arrived);
                (released, after_release)
            }
            Reason::Silence => (last_voice, ended.saturating_duration_since(last_voice)),
            Reason::TooLong => (ended, Duration::ZERO),
        };
        let draft = fitting.unwrap_or_else(|| draft(&self.recogniser, revision, pcm));
        let out = self.out.clone();
        self.transcribing.spawn(async move {
            let result = draft.task.await.unwrap_or(Err(EarError::CutOff));
            let answered = Instant::now();
            let times = Times {
                question_end,
                ended,
                pause,
                asked: draft.begun,
                answered,
            };
            let utterance = Utterance {
                speaker,
                began,
                manner,
                text: result.map(words),
                times,
            };
            // The conversation has ended: nobody is there to hear it.
            out.send(utterance).await.ok();
        });
        Noticed::Ended(Over {
            began,
            question_end,
            manner,
        })
    }
}

fn draft(recogniser: &Recogniser, revision: u64, pcm: Pcm) -> Draft {
    let recogniser = recogniser.clone();
    let task = tokio::spawn(async move { recogniser.transcribe(pcm).await });
    Draft {
        revision,
        begun: Instant::now(),
        task,
    }
}
