//! The way of one answer to those who are to hear it, begun with its first sound.

use std::time::Duration;

use audio::Pcm;
use mumble::{Playing, SessionId, Speech, SpeechError};

use crate::manner::Manner;
use crate::signs::{Answering, Signs};

/// An answer that may be said. Dropping it stops the sound at once.
#[derive(Debug)]
#[must_use = "dropping it stops the sound"]
pub(crate) struct Line {
    signs: Signs,
    speaker: SessionId,
    manner: Manner,
    /// None until there is sound.
    begun: Option<(Speech, Answering)>,
}

impl Line {
    /// For an answer to `speaker`; nothing is begun yet.
    pub(crate) fn new(signs: Signs, speaker: SessionId, manner: Manner) -> Self {
        Self {
            signs,
            speaker,
            manner,
            begun: None,
        }
    }

    /// Adds sound; waits while seconds of it are queued.
    pub(crate) async fn push(&mut self, sound: Pcm) -> Result<(), SpeechError> {
        if sound.is_empty() {
            return Ok(());
        }
        let begin = || self.signs.begin_answer(self.speaker, self.manner);
        let (speech, _) = self.begun.get_or_insert_with(begin);
        speech.push(sound).await
    }

    /// How much of the sound has left so far.
    pub(crate) fn heard(&self) -> Duration {
        let begun = self.begun.as_ref();
        begun.map_or(Duration::ZERO, |(speech, _)| speech.heard())
    }

    /// Says that no more sound comes.
    pub(crate) fn finish(self) -> Tail {
        Tail {
            playing: self
                .begun
                .map(|(speech, answering)| (speech.finish(), answering)),
        }
    }

    /// Stops the sound at once; gives how much of it had left.
    pub(crate) fn stop(self) -> Duration {
        self.begun
            .map_or(Duration::ZERO, |(speech, _)| speech.stop())
    }
}

/// The rest of an answer's sound. Dropping it stops the sound at once.
#[derive(Debug)]
#[must_use = "dropping it stops the sound"]
pub(crate) struct Tail {
    playing: Option<(Playing, Answering)>,
}

impl Tail {
    /// How much of the sound has left so far.
    pub(crate) fn heard(&self) -> Duration {
        let playing = self.playing.as_ref();
        playing.map_or(Duration::ZERO, |(playing, _)| playing.heard())
    }

    /// Waits until the last of the sound has left; gives how long it was.
    pub(crate) async fn done(&mut self) -> Result<Duration, SpeechError> {
        match &mut self.playing {
            Some((playing, _)) => playing.done().await,
            None => Ok(Duration::ZERO),
        }
    }

    /// Stops the sound at once; gives how much of it had left.
    pub(crate) fn stop(self) -> Duration {
        self.playing
            .map_or(Duration::ZERO, |(playing, _)| playing.stop())
    }
}
