//! Gives the signs that are due and keeps them apart from answers: one voice, in order.
//!
//! Utterances sound in the order in which they were begun, so an answer's is begun with its
//! first sound and not before: until then a sign may go ahead of it. Both are begun under one
//! lock, so that no sign can come between an answer's beginning and its sound. An answer that is
//! ready while a sign sounds follows it without a pause.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mumble::{Client, SessionId, Speech, Target};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::filler::{Due, Fillers, Sign};
use crate::line::Line;
use crate::manner::Manner;
use crate::sounds::{Sound, Sounds};

/// The voice of the assistant, shared by answers and signs. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Signs {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: Client,
    sounds: Sounds,
    state: Mutex<State>,
    /// Told when the next sign may be due at another time.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    fillers: Fillers,
    /// What stops the last sign given to somebody.
    sounding: HashMap<SessionId, CancellationToken>,
}

impl Signs {
    /// Signs of these `sounds`, the first `after` the end of a question; none without it.
    pub(crate) fn new(client: Client, sounds: Sounds, after: Option<Duration>) -> Self {
        Self {
            shared: Arc::new(Shared {
                client,
                sounds,
                state: Mutex::new(State {
                    fillers: Fillers::new(after),
                    sounding: HashMap::new(),
                }),
                changed: Notify::new(),
            }),
        }
    }

    /// Another wait before the first sign.
    pub(crate) fn tune(&self, after: Option<Duration>) {
        self.lock().fillers.tune(after);
    }

    /// Gives signs when they are due, until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        loop {
            let deadline = self.lock().fillers.deadline();
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.shared.changed.notified() => {}
                () = sleep_until(deadline) => self.give(Instant::now()),
            }
        }
    }

    /// Somebody surely waits for an answer, since `since`.
    pub(crate) fn expect(&self, speaker: SessionId, manner: Manner, since: Instant) {
        self.lock().fillers.expect(speaker, manner, since);
        self.shared.changed.notify_one();
    }

    /// They wait no longer; a sign that sounds is said to its end.
    pub(crate) fn settle(&self, speaker: SessionId) {
        self.lock().fillers.settle(speaker);
    }

    /// They speak again, or are gone: a sign that sounds for them stops at once.
    pub(crate) fn hush(&self, speaker: SessionId) {
        let mut state = self.lock();
        state.fillers.settle(speaker);
        if let Some(sign) = state.sounding.remove(&speaker) {
            sign.cancel();
        }
    }

    /// The connection is gone, and everybody with it.
    pub(crate) fn forget_all(&self) {
        let mut state = self.lock();
        state.fillers.forget_all();
        state.sounding.drain().for_each(|(_, sign)| sign.cancel());
    }

    /// The way to those who are to hear an answer to `speaker`, for an answer still to come.
    pub(crate) fn line(&self, speaker: SessionId, manner: Manner) -> Line {
        Line::new(self.clone(), speaker, manner)
    }

    /// Begins an answer, whose first sound is there.
    pub(crate) fn begin_answer(&self, speaker: SessionId, manner: Manner) -> (Speech, Answering) {
        let mut state = self.lock();
        state.fillers.settle(speaker);
        state.fillers.voice_sounds();
        let speech = self.speech(speaker, manner);
        drop(state);
        let answering = Answering {
            signs: self.clone(),
        };
        (speech, answering)
    }

    fn give(&self, now: Instant) {
        let mut state = self.lock();
        for Due {
            speaker,
            manner,
            sign,
        } in state.fillers.due(now)
        {
            let sound = match sign {
                Sign::Heard => Sound::Moment,
                Sign::Still => Sound::StillBusy,
            };
            let Some(pcm) = self.shared.sounds.pcm(sound) else {
                continue;
            };
            let mut speech = self.speech(speaker, manner);
            let stop = CancellationToken::new();
            state.sounding.insert(speaker, stop.clone());
            tokio::spawn(stop.run_until_cancelled_owned(async move {
                // A sign that cannot be heard is nobody's error: the answer will be told of it.
                if speech.push(pcm).await.is_ok() {
                    speech.finish().done().await.ok();
                }
            }));
        }
    }

    fn speech(&self, speaker: SessionId, manner: Manner) -> Speech {
        match manner {
            Manner::Aloud => self.shared.client.speak(),
            Manner::Whispered => self.shared.client.speak_to(Target::Users(vec![speaker])),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

/// For as long as it lives an answer sounds, and no sign does.
#[derive(Debug)]
pub(crate) struct Answering {
    signs: Signs,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.signs.lock().fillers.voice_ends(Instant::now());
        self.signs.shared.changed.notify_one();
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
