//! Who is answered: decides whether a turn was meant for the assistant. Pure; `now` is passed in.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use mumble::SessionId;
use serde::Deserialize;

use crate::manner::Manner;

/// When the assistant answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Alone with one person: every turn. With more: turns that name the assistant, or follow its
    /// answer to the same person closely.
    #[default]
    Auto,
    /// Every turn of everybody.
    Always,
    /// Only turns that name the assistant or follow its answer closely, even when alone.
    Named,
}

/// Why a turn is answered, or is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is for us.
    Ours,
    /// People talk to each other.
    NotNamed,
}

/// Knows the assistant's names and whom it answered last.
#[derive(Debug)]
pub(crate) struct Addressing {
    mode: Answer,
    /// Names, folded: lower case letters and digits only.
    names: Vec<String>,
    follow_up: Duration,
    answered: HashMap<SessionId, Instant>,
}

/// Names of up to this many spoken words are recognised ("A. I. Bot" is three).
const LONGEST_NAME_WORDS: usize = 4;

impl Addressing {
    /// `names` are spoken names, in any spelling; `follow_up` is how long after an answer the same
    /// person need not say the name again.
    pub(crate) fn new<'a>(
        mode: Answer,
        names: impl IntoIterator<Item = &'a str>,
        follow_up: Duration,
    ) -> Self {
        Self {
            mode,
            names: folded(names),
            follow_up,
            answered: HashMap::new(),
        }
    }

    /// Other rules; whom it answered last is not forgotten.
    pub(crate) fn tune<'a>(
        &mut self,
        mode: Answer,
        names: impl IntoIterator<Item = &'a str>,
        follow_up: Duration,
    ) {
        self.mode = mode;
        self.names = folded(names);
        self.follow_up = follow_up;
    }

    /// Is this turn, begun at `began`, for us? `people` counts everybody else in the channel.
    /// What is whispered to us is always ours: nobody else hears it.
    pub(crate) fn decide(
        &self,
        speaker: SessionId,
        began: Instant,
        manner: Manner,
        text: &str,
        people: usize,
    ) -> Verdict {
        let follows = self
            .answered
            .get(&speaker)
            .is_some_and(|&ended| began.saturating_duration_since(ended) <= self.follow_up);
        let ours = match self.mode {
            _ if manner == Manner::Whispered => true,
            Answer::Always => true,
            Answer::Auto if people <= 1 => true,
            Answer::Auto | Answer::Named => follows || self.is_named_in(text),
        };
        if ours {
            Verdict::Ours
        } else {
            Verdict::NotNamed
        }
    }

    /// An answer to `speaker` ended (or was broken off) at `now`.
    ///
    /// After a whispered one, what they say aloud is for those in the channel as it was before.
    pub(crate) fn answered(&mut self, speaker: SessionId, manner: Manner, now: Instant) {
        if manner == Manner::Aloud {
            self.answered.insert(speaker, now);
        }
    }

    /// Forgets a speaker who left: session numbers are given out again.
    pub(crate) fn forget(&mut self, speaker: SessionId) {
        self.answered.remove(&speaker);
    }

    /// Forgets everybody: the connection was lost.
    pub(crate) fn forget_all(&mut self) {
        self.answered.clear();
    }

    /// Recognisers write "AI-Bot", "A.I. Bot" or "aibot": runs of words are compared folded.
    fn is_named_in(&self, text: &str) -> bool {
        let words: Vec<String> = text
            .split(|c: char| !c.is_alphanumeric())
            .map(fold)
            .filter(|word| !word.is_empty())
            .collect();
        (0..words.len()).any(|start| {
            let mut run = String::new();
            words[start..].iter().take(LONGEST_NAME_WORDS).any(|word| {
                run.push_str(word);
                self.names.contains(&run)
            })
        })
    }
}

fn fold(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn folded<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let names = names.into_iter().map(fold);
    names.filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNA: SessionId = SessionId(7);
    const BEN: SessionId = SessionId(8);

    fn addressing(mode: Answer) -> Addressing {
        Addressing::new(mode, ["AI-Bot", "Jarvis"], Duration::from_secs(15))
    }

    #[test]
    fn alone_with_one_person_every_turn_is_ours() {
        let now = Instant::now();
        assert_eq!(
            addressing(Answer::Auto).decide(ANNA, now, Manner::Aloud, "what time is it", 1),
            Verdict::Ours
        );
        assert_eq!(
            addressing(Answer::Named).decide(ANNA, now, Manner::Aloud, "what time is it", 1),
            Verdict::NotNamed
        );
    }

    #[test]
    fn in_company_a_turn_must_name_us() {
        let (now, a) = (Instant::now(), addressing(Answer::Auto));
        for text in [
            "AI-Bot, hello",
            "hey A.I. bot what's up",
            "ok aibot.",
            "Jarvis?",
            "what do you think, AI bot",
        ] {
            assert_eq!(
                a.decide(ANNA, now, Manner::Aloud, text, 2),
                Verdict::Ours,
                "{text}"
            );
        }
        for text in [
            "I bought a robot",
            "jar vista",
            "hello Ben",
            "aibots are fun",
            "",
        ] {
            assert_eq!(
                a.decide(ANNA, now, Manner::Aloud, text, 2),
                Verdict::NotNamed,
                "{text}"
            );
        }
        assert_eq!(
            addressing(Answer::Always).decide(ANNA, now, Manner::Aloud, "hello Ben", 5),
            Verdict::Ours
        );
    }

    #[test]
    fn a_follow_up_needs_no_name_within_its_time_and_only_from_the_same_person() {
        let (now, mut a) = (Instant::now(), addressing(Answer::Auto));
        a.answered(ANNA, Manner::Aloud, now);
        let soon = now + Duration::from_secs(15);
        assert_eq!(
            a.decide(ANNA, soon, Manner::Aloud, "and of Spain?", 2),
            Verdict::Ours
        );
        assert_eq!(
            a.decide(BEN, soon, Manner::Aloud, "and of Spain?", 2),
            Verdict::NotNamed
        );
        assert_eq!(
            a.decide(
                ANNA,
                soon + Duration::from_millis(1),
                Manner::Aloud,
                "and of Spain?",
                2
            ),
            Verdict::NotNamed
        );
        a.forget(ANNA);
        assert_eq!(
            a.decide(ANNA, soon, Manner::Aloud, "and of Spain?", 2),
            Verdict::NotNamed
        );
    }

    #[test]
    fn a_whisper_is_ours_and_opens_no_way_for_what_is_said_aloud() {
        let now = Instant::now();
        for mode in [Answer::Auto, Answer::Always, Answer::Named] {
            let whispered = addressing(mode).decide(ANNA, now, Manner::Whispered, "hm?", 9);
            assert_eq!(whispered, Verdict::Ours);
        }
        let mut a = addressing(Answer::Auto);
        a.answered(ANNA, Manner::Whispered, now);
        let aloud = a.decide(ANNA, now, Manner::Aloud, "and of Spain?", 2);
        assert_eq!(aloud, Verdict::NotNamed);
    }
}
