//! Who waits for an answer and is due a sign that they were heard. Pure; `now` is passed in.
//!
//! A sign is short and says nothing of the answer: it only keeps the channel from being silent
//! while an engine is slow or hangs. Nobody is given one while the assistant's voice sounds, for
//! then it is not silent.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use mumble::SessionId;

use crate::manner::Manner;

/// From one sign to the next in the same wait: soon enough that nobody takes the line for dead,
/// not so soon that it nags.
const AGAIN_AFTER: Duration = Duration::from_secs(6);

/// The most signs for one question. Every wait has an end long before; should one be forgotten,
/// the voice does not go on for ever.
const MOST_SIGNS: u32 = 25;

/// People waited with at once; a further one gets no sign. It is as many as are listened to.
const MOST_WAITING: usize = 200;

/// Everybody who waits for a first sound of their answer.
#[derive(Debug)]
pub(crate) struct Fillers {
    after: Option<Duration>,
    waiting: HashMap<SessionId, Wait>,
    voice: Voice,
}

/// One person's wait.
#[derive(Debug)]
struct Wait {
    manner: Manner,
    due: Instant,
    given: u32,
}

/// What the assistant's own voice does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Voice {
    Silent,
    Answering,
}

/// A sign that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// Who waits.
    pub(crate) speaker: SessionId,
    /// How they asked.
    pub(crate) manner: Manner,
    /// Which sign.
    pub(crate) sign: Sign,
}

/// The signs of one wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// The first: the question was heard.
    Heard,
    /// Each later one: it is still being worked on.
    Still,
}

impl Fillers {
    /// The first sign comes `after` the end of a question; none ever without it.
    pub(crate) fn new(after: Option<Duration>) -> Self {
        Self {
            after,
            waiting: HashMap::new(),
            voice: Voice::Silent,
        }
    }

    /// Another wait before the first sign, for who begins to wait from now on.
    pub(crate) fn tune(&mut self, after: Option<Duration>) {
        self.after = after;
    }

    /// Somebody surely waits for an answer since `since`. Who waits already goes on waiting.
    pub(crate) fn expect(&mut self, speaker: SessionId, manner: Manner, since: Instant) {
        let Some(after) = self.after else {
            return;
        };
        if !self.waiting.contains_key(&speaker) && self.waiting.len() >= MOST_WAITING {
            return;
        }
        let wait = self.waiting.entry(speaker).or_insert(Wait {
            manner,
            due: since + after,
            given: 0,
        });
        wait.manner = wait.manner.with(manner);
    }

    /// They wait no longer: they speak again, are being answered, or there is nothing to answer.
    pub(crate) fn settle(&mut self, speaker: SessionId) {
        self.waiting.remove(&speaker);
    }

    /// Nobody waits any more: the connection was lost.
    pub(crate) fn forget_all(&mut self) {
        self.waiting.clear();
    }

    /// An answer begins to sound.
    pub(crate) fn voice_sounds(&mut self) {
        self.voice = Voice::Answering;
    }

    /// The answer sounds no more; the silence of those who wait begins now.
    pub(crate) fn voice_ends(&mut self, now: Instant) {
        self.voice = Voice::Silent;
        for wait in self.waiting.values_mut() {
            wait.due = wait.due.max(now + self.after.unwrap_or_default());
        }
    }

    /// Takes out the signs that are due, the one that is due for longest first.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Due> {
        if self.voice == Voice::Answering {
            return Vec::new();
        }
        let mut due: Vec<(Instant, Due)> = Vec::new();
        for (&speaker, wait) in self.waiting.iter_mut().filter(|(_, wait)| wait.due <= now) {
            let sign = match wait.given {
                0 => Sign::Heard,
                _ => Sign::Still,
            };
            let manner = wait.manner;
            due.push((
                wait.due,
                Due {
                    speaker,
                    manner,
                    sign,
                },
            ));
            wait.given += 1;
            wait.due = now + AGAIN_AFTER;
        }
        self.waiting.retain(|_, wait| wait.given < MOST_SIGNS);
        due.sort_by_key(|(at, due)| (*at, due.speaker.0));
        due.into_iter().map(|(_, due)| due).collect()
    }

    /// When [`Self::due`] has something to give.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.voice {
            Voice::Answering => None,
            Voice::Silent => self.waiting.values().map(|wait| wait.due).min(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANN: SessionId = SessionId(3);
    const BEN: SessionId = SessionId(4);
    const AFTER: Duration = Duration::from_millis(1_200);

    fn fillers() -> (Instant, Fillers) {
        (Instant::now(), Fillers::new(Some(AFTER)))
    }

    fn due_to(speaker: SessionId, manner: Manner, sign: Sign) -> Due {
        Due {
            speaker,
            manner,
            sign,
        }
    }

    #[test]
    fn who_waits_gets_a_sign_and_then_another_now_and_then() {
        let (now, mut f) = fillers();
        f.expect(ANN, Manner::Whispered, now);
        assert_eq!(f.deadline(), Some(now + AFTER));
        assert!(f.due(now + AFTER - Duration::from_millis(1)).is_empty());
        let mut at = now + AFTER;
        assert_eq!(f.due(at), [due_to(ANN, Manner::Whispered, Sign::Heard)]);
        assert!(f.due(at).is_empty(), "once");
        for _ in 1..MOST_SIGNS {
            at += AGAIN_AFTER;
            assert_eq!(f.deadline(), Some(at));
            assert_eq!(f.due(at), [due_to(ANN, Manner::Whispered, Sign::Still)]);
        }
        assert_eq!(f.deadline(), None, "not for ever");
    }

    #[test]
    fn who_is_answered_or_speaks_again_gets_none() {
        let (now, mut f) = fillers();
        f.expect(ANN, Manner::Aloud, now);
        f.settle(ANN);
        assert_eq!(f.deadline(), None);
        assert!(f.due(now + AFTER).is_empty());
    }

    #[test]
    fn the_words_of_a_question_do_not_make_its_speaker_wait_anew() {
        let (now, mut f) = fillers();
        f.expect(ANN, Manner::Aloud, now);
        f.expect(ANN, Manner::Aloud, now + AFTER / 2);
        assert_eq!(f.deadline(), Some(now + AFTER));
        let late = now + AFTER * 2;
        f.expect(BEN, Manner::Aloud, now);
        let signs = [ANN, BEN].map(|who| due_to(who, Manner::Aloud, Sign::Heard));
        assert_eq!(f.due(late), signs);
    }

    #[test]
    fn nobody_is_spoken_to_while_another_is_being_answered() {
        let (now, mut f) = fillers();
        f.expect(BEN, Manner::Aloud, now);
        f.voice_sounds();
        assert_eq!(f.deadline(), None);
        assert!(f.due(now + AFTER * 4).is_empty());
        f.voice_ends(now + AFTER * 4);
        assert_eq!(f.deadline(), Some(now + AFTER * 5), "silence begins anew");
    }

    #[test]
    fn without_a_time_nobody_gets_a_sign() {
        let mut f = Fillers::new(None);
        f.expect(ANN, Manner::Aloud, Instant::now());
        assert_eq!(f.deadline(), None);
    }

    #[test]
    fn a_crowd_beyond_all_bounds_is_not_kept() {
        let (now, mut f) = fillers();
        for n in 0..1_000 {
            f.expect(SessionId(n), Manner::Aloud, now);
        }
        assert_eq!(f.due(now + AFTER).len(), MOST_WAITING);
    }

    proptest! {
        /// While the voice is silent nobody waits longer than they should for a sign, and nobody
        /// gets one who does not wait.
        #[test]
        fn who_waits_in_silence_is_never_left_without_a_sign(
            steps in prop::collection::vec((0u8..5, 0u32..4, 0u64..3_000), 1..40))
        {
            let (mut now, mut f) = fillers();
            // Since when each of them has had neither voice nor sign.
            let mut silent: HashMap<SessionId, Instant> = HashMap::new();
            let mut answering = false;
            for (step, who, millis) in steps {
                let who = SessionId(who);
                let end = now + Duration::from_millis(millis);
                while let Some(at) = f.deadline().filter(|at| *at <= end) {
                    prop_assert!(!answering);
                    now = now.max(at);
                    for due in f.due(now) {
                        let since = silent.insert(due.speaker, now);
                        prop_assert!(since.is_some(), "{due:?} does not wait");
                    }
                }
                now = end;
                for since in silent.values().filter(|_| !answering) {
                    prop_assert!(now.saturating_duration_since(*since) <= AGAIN_AFTER.max(AFTER));
                }
                match step {
                    0 | 1 => {
                        f.expect(who, Manner::Aloud, now);
                        silent.entry(who).or_insert(now);
                    }
                    2 => {
                        f.settle(who);
                        silent.remove(&who);
                    }
                    3 => {
                        f.voice_sounds();
                        answering = true;
                    }
                    _ => {
                        f.voice_ends(now);
                        answering = false;
                        silent.values_mut().for_each(|since| *since = now);
                    }
                }
            }
        }
    }
}
