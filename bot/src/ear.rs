//! Hearing: one ear for each speaker finds their turns, and the recogniser writes them down.
//!
//! Recognition begins at each pause on what is there. When the turn then ends without another
//! word, that draft is the transcript; when the speaker goes on, it is thrown away.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use audio::Pcm;
use mumble::{Heard, SessionId};
use speech::stt::Hints;
use speech::turn::{Endpointer, Event, Reason, Turn};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::manner::Manner;
use crate::recogniser::{EarError, Recogniser, words};
use crate::turns::{About, Numbers, TurnId, Way};

/// Finished turns that may wait for their transcripts; a further one is dropped, and said so.
const TURNS_AT_ONCE: usize = 8;

/// Speakers listened to at once; a further one is not heard until another leaves.
const SPEAKERS: usize = 200;

/// Listens to everybody.
#[derive(Debug)]
pub(crate) struct Ears {
    ears: HashMap<SessionId, Ear>,
    turns: speech::turn::Config,
    /// Which one of all that were in force; an ear keeps its own to the end of a turn.
    edition: u64,
    recogniser: Recogniser,
    numbers: Numbers,
    /// The turns being written down. Taking one out gives it up.
    transcribing: BTreeMap<TurnId, AbortOnDropHandle<()>>,
    out: mpsc::Sender<Utterance>,
    drafts: mpsc::Sender<Drafted>,
}

/// One speaker.
#[derive(Debug)]
struct Ear {
    edition: u64,
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
    task: AbortOnDropHandle<Result<Option<String>, EarError>>,
}

/// What an ear notices before a turn is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noticed {
    /// Somebody began to speak.
    Started,
    /// It was no speech after all.
    Nothing,
    /// Somebody has had their turn; its [`Utterance`] follows.
    Ended(TurnId, About),
    /// Somebody has had their turn, but too many are being transcribed: it is lost.
    Overrun(TurnId, About),
}

/// What somebody has said up to a pause, written down; they may go on.
#[derive(Debug)]
pub(crate) struct Drafted {
    /// Whose it is, and how they spoke so far.
    pub(crate) about: About,
    /// The words.
    pub(crate) text: String,
}

/// A turn, written down.
#[derive(Debug)]
pub(crate) struct Utterance {
    /// Which turn it is.
    pub(crate) turn: TurnId,
    /// Whose, and how they spoke; whispered, when any of it was.
    pub(crate) about: About,
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
    /// Ears that cut turns by `turns`, number them, and send what was said to `out`; what was
    /// said up to a pause goes to `drafts`, and is lost when that is full.
    pub(crate) fn new(
        turns: speech::turn::Config,
        recogniser: Recogniser,
        numbers: Numbers,
        out: mpsc::Sender<Utterance>,
        drafts: mpsc::Sender<Drafted>,
    ) -> Self {
        Self {
            ears: HashMap::new(),
            turns,
            edition: 0,
            recogniser,
            numbers,
            transcribing: BTreeMap::new(),
            out,
            drafts,
        }
    }

    /// Cuts turns by other rules, from each speaker's next turn on, and gives the recogniser
    /// other hints.
    pub(crate) fn tune(&mut self, turns: speech::turn::Config, hints: Hints) {
        self.turns = turns;
        self.edition += 1;
        self.recogniser.hint(hints);
    }

    /// Takes sound of one speaker.
    pub(crate) fn hear(&mut self, now: Instant, heard: &Heard) -> Vec<Noticed> {
        if !self.ears.contains_key(&heard.speaker) && self.ears.len() >= SPEAKERS {
            return Vec::new();
        }
        // Without a deadline no turn is under way.
        let outdated =
            |ear: &Ear| ear.edition != self.edition && ear.endpointer.deadline().is_none();
        if self.ears.get(&heard.speaker).is_some_and(outdated) {
            self.ears.remove(&heard.speaker);
        }
        let ear = self.ears.entry(heard.speaker).or_insert_with(|| Ear {
            edition: self.edition,
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
        self.ears.remove(&speaker);
    }

    /// A turn is not to be written down any more.
    pub(crate) fn give_up(&mut self, turn: TurnId) {
        self.transcribing.remove(&turn);
    }

    /// Forgets everybody: the connection was lost, and session numbers with it.
    pub(crate) fn forget_all(&mut self) {
        self.ears.clear();
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
                        let about = so_far(speaker, ear.manner, arrived, &pcm);
                        let drafts = Some((self.drafts.clone(), about));
                        ear.draft = Some(draft(&self.recogniser, revision, pcm, drafts));
                    }
                }
                Event::Resumed => ear.draft = None,
                Event::Ended(turn) => {
                    let (draft, manner) = (ear.draft.take(), ear.manner);
                    noticed.push(self.write_down(speaker, manner, arrived, turn, draft));
                }
                Event::Discarded(_) => {
                    ear.draft = None;
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
        let turn = self.numbers.next();
        let about = About {
            speaker,
            way: Way::Spoken,
            manner,
            began,
            over: question_end,
        };
        self.transcribing.retain(|_, task| !task.is_finished());
        if self.transcribing.len() >= TURNS_AT_ONCE {
            return Noticed::Overrun(turn, about);
        }
        let fitting = draft_made.filter(|draft| draft.revision == revision);
        let draft = fitting.unwrap_or_else(|| draft(&self.recogniser, revision, pcm, None));
        let out = self.out.clone();
        let task = tokio::spawn(async move {
            let text = draft.task.await.unwrap_or_else(|error| Err(error.into()));
            let answered = Instant::now();
            let times = Times {
                question_end,
                ended,
                pause,
                asked: draft.begun,
                answered,
            };
            let utterance = Utterance {
                turn,
                about,
                text,
                times,
            };
            // The conversation has ended: nobody is there to hear it.
            out.send(utterance).await.ok();
        });
        let task = AbortOnDropHandle::new(task);
        self.transcribing.insert(turn, task);
        Noticed::Ended(turn, about)
    }
}

/// A turn as it is at a pause.
fn so_far(speaker: SessionId, manner: Manner, now: Instant, said: &Pcm) -> About {
    About {
        speaker,
        way: Way::Spoken,
        manner,
        began: now.checked_sub(said.duration()).unwrap_or(now),
        over: now,
    }
}

/// Begins a transcript; its words are told to `tell` as well, as what was said so far.
fn draft(
    recogniser: &Recogniser,
    revision: u64,
    pcm: Pcm,
    tell: Option<(mpsc::Sender<Drafted>, About)>,
) -> Draft {
    let recogniser = recogniser.clone();
    let task = tokio::spawn(async move {
        let said = recogniser.transcribe(pcm).await.map(words);
        if let (Some((drafts, about)), Ok(Some(text))) = (tell, &said) {
            let text = text.clone();
            // Without it, what is known is recalled when the turn has ended.
            drafts.try_send(Drafted { about, text }).ok();
        }
        said
    });
    Draft {
        revision,
        begun: Instant::now(),
        task: AbortOnDropHandle::new(task),
    }
}
