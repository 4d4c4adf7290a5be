//! What a person is told when an engine failed: why, once in each outage, and then only that it
//! fails still.
//!
//! [`Told`] decides it, and is pure. An outage has a number that no other has. A failure without
//! one was not the engine's (it gave an empty answer, say): it is explained whenever it comes.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mumble::SessionId;

use crate::guard::Guards;
use crate::sounds::Sound;

/// People remembered in one outage: as many as are listened to. Who comes after them has it
/// explained at every turn, which is a nuisance and no silence.
const MOST_PEOPLE: usize = 200;

/// The engines with those who were told of their failures. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Excuses {
    engines: Guards,
    told: Arc<Mutex<Told>>,
}

impl Excuses {
    /// Nobody was told anything of these engines yet.
    pub(crate) fn new(engines: Guards) -> Self {
        Self {
            engines,
            told: Arc::default(),
        }
    }

    /// The sound for `speaker`, where an engine failed and `explanation` tells so: that one, or
    /// the short one when they know it already.
    pub(crate) fn fitting(&self, speaker: SessionId, explanation: Sound) -> Sound {
        let outage = match explanation {
            Sound::NotHeard => self.engines.whisper.outage(),
            Sound::NoThought => self.engines.ollama.outage(),
            Sound::NoVoice => self.engines.piper.outage(),
            Sound::Moment | Sound::StillBusy | Sound::StillOut => None,
        };
        self.told().fitting(speaker, explanation, outage)
    }

    /// Forgets a speaker who left: session numbers are given out again.
    pub(crate) fn forget(&self, speaker: SessionId) {
        self.told().forget(speaker);
    }

    /// Forgets everybody: the connection was lost.
    pub(crate) fn forget_all(&self) {
        *self.told() = Told::default();
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who was told what, by the sound that explained it.
#[derive(Debug, Default)]
struct Told {
    outages: HashMap<Sound, Outage>,
}

/// The last outage of an engine that anybody was told of.
#[derive(Debug, Default)]
struct Outage {
    number: u64,
    people: HashSet<SessionId>,
}

impl Told {
    /// The sound for `speaker`, where `explanation` is to be told of an engine whose present
    /// outage is `outage`.
    fn fitting(&mut self, speaker: SessionId, explanation: Sound, outage: Option<u64>) -> Sound {
        let Some(number) = outage else {
            return explanation;
        };
        let known = self.outages.entry(explanation).or_default();
        if known.number != number {
            known.number = number;
            known.people.clear();
        }
        if known.people.contains(&speaker) {
            return Sound::StillOut;
        }
        if known.people.len() < MOST_PEOPLE {
            known.people.insert(speaker);
        }
        explanation
    }

    fn forget(&mut self, speaker: SessionId) {
        for outage in self.outages.values_mut() {
            outage.people.remove(&speaker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: SessionId = SessionId(3);
    const BEN: SessionId = SessionId(4);

    const EXPLANATIONS: [Sound; 3] = [Sound::NotHeard, Sound::NoThought, Sound::NoVoice];

    #[test]
    fn each_person_hears_each_explanation_once_in_an_outage() {
        let mut told = Told::default();
        for outage in [Some(1), Some(5)] {
            for explanation in EXPLANATIONS {
                for who in [ANN, BEN] {
                    assert_eq!(told.fitting(who, explanation, outage), explanation);
                    for _ in 0..3 {
                        let again = told.fitting(who, explanation, outage);
                        assert_eq!(again, Sound::StillOut);
                    }
                }
            }
        }
    }

    #[test]
    fn what_was_no_outage_is_explained_each_time() {
        let mut told = Told::default();
        for _ in 0..3 {
            let sound = told.fitting(ANN, Sound::NoThought, None);
            assert_eq!(sound, Sound::NoThought);
        }
    }

    #[test]
    fn who_left_is_a_stranger() {
        let mut told = Told::default();
        told.fitting(ANN, Sound::NoVoice, Some(1));
        told.fitting(BEN, Sound::NoVoice, Some(1));
        told.forget(ANN);
        assert_eq!(told.fitting(ANN, Sound::NoVoice, Some(1)), Sound::NoVoice);
        assert_eq!(told.fitting(BEN, Sound::NoVoice, Some(1)), Sound::StillOut);
    }

    #[test]
    fn a_crowd_beyond_all_bounds_is_told_and_not_kept() {
        let mut told = Told::default();
        for n in 0..10_000 {
            let sound = told.fitting(SessionId(n), Sound::NotHeard, Some(1));
            assert_eq!(sound, Sound::NotHeard);
        }
        assert_eq!(told.outages[&Sound::NotHeard].people.len(), MOST_PEOPLE);
    }
}
