//! What wants to be said: the answer to a question, an apology that is due, a reminder.

use memory::{Id, Who};
use mumble::SessionId;

use crate::ear;
use crate::manner::Manner;
use crate::past::Begun;
use crate::sounds::Sound;
use crate::turns::TurnId;

/// What wants to be said.
#[derive(Debug)]
pub(crate) enum Ask {
    /// A question that was understood.
    Question(Box<Question>),
    /// Somebody spoke to us, and it came to nothing: they are told so by this sound.
    Excuse(Excuse),
    /// Somebody is to be told of something now.
    Reminder(Reminder),
    /// Somebody has come who is welcomed.
    Greeting(Greeting),
}

/// A welcome.
#[derive(Clone, Debug)]
pub(crate) struct Greeting {
    /// Its turn.
    pub(crate) turn: TurnId,
    /// Who has come.
    pub(crate) speaker: SessionId,
    /// What they are told.
    pub(crate) text: String,
}

/// Something that somebody is to be told of.
#[derive(Clone, Debug)]
pub(crate) struct Reminder {
    /// Its turn.
    pub(crate) turn: TurnId,
    /// Whom it is for.
    pub(crate) speaker: SessionId,
    /// What they are told.
    pub(crate) text: String,
    /// The entries that this tells.
    pub(crate) ids: Vec<Id>,
}

/// An apology that is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Excuse {
    /// Which turn came to nothing.
    pub(crate) turn: TurnId,
    /// Whose it was.
    pub(crate) speaker: SessionId,
    /// How they spoke, and so how they are told.
    pub(crate) manner: Manner,
    /// What they are told.
    pub(crate) sound: Sound,
}

/// A spoken question.
#[derive(Debug)]
pub(crate) struct Question {
    /// Which turn it is.
    pub(crate) turn: TurnId,
    /// Who asked, by session.
    pub(crate) speaker: SessionId,
    /// Who that is.
    pub(crate) who: Who,
    /// Their name.
    pub(crate) name: String,
    /// What they said.
    pub(crate) text: String,
    /// How, and so how it is answered.
    pub(crate) manner: Manner,
    /// When.
    pub(crate) times: ear::Times,
    /// What is recalled for it, since its words were known.
    pub(crate) recall: Option<Begun>,
}

impl Question {
    /// The same speaker said more before they were answered: it is one question from now on,
    /// in the later turn.
    fn join(&mut self, later: Self) {
        self.turn = later.turn;
        self.text.push(' ');
        self.text.push_str(&later.text);
        self.manner = self.manner.with(later.manner);
        self.times = later.times;
        // It was begun for other words.
        self.recall = None;
    }
}

impl Ask {
    /// Which turn it is.
    pub(crate) fn turn(&self) -> TurnId {
        match self {
            Self::Question(question) => question.turn,
            Self::Excuse(excuse) => excuse.turn,
            Self::Reminder(reminder) => reminder.turn,
            Self::Greeting(greeting) => greeting.turn,
        }
    }

    /// Whom the answer is for.
    pub(crate) fn speaker(&self) -> SessionId {
        match self {
            Self::Question(question) => question.speaker,
            Self::Excuse(excuse) => excuse.speaker,
            Self::Reminder(reminder) => reminder.speaker,
            Self::Greeting(greeting) => greeting.speaker,
        }
    }

    /// How it is given.
    pub(crate) fn manner(&self) -> Manner {
        match self {
            Self::Question(question) => question.manner,
            Self::Excuse(excuse) => excuse.manner,
            Self::Reminder(_) | Self::Greeting(_) => Manner::Aloud,
        }
    }

    /// A later turn of the same speaker, who is still waiting. What was understood outweighs an
    /// apology for what was not, either a reminder, which comes again, and all of them a welcome. Gives the turn that
    /// goes on in the other one.
    pub(crate) fn join(&mut self, later: Self) -> TurnId {
        let earlier = self.turn();
        match (&mut *self, later) {
            (Self::Question(question), Self::Question(later)) => question.join(*later),
            (Self::Greeting(_), later) => *self = later,
            (_, Self::Greeting(later)) => return later.turn,
            (Self::Reminder(_), later) => *self = later,
            (_, Self::Reminder(later)) => return later.turn,
            (Self::Excuse(_), later) => *self = later,
            (Self::Question(_), Self::Excuse(later)) => return later.turn,
        }
        earlier
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::turns::Numbers;

    const ANN: SessionId = SessionId(3);

    fn question(text: &str, manner: Manner) -> Ask {
        let now = Instant::now();
        Ask::Question(Box::new(Question {
            turn: Numbers::default().next(),
            speaker: ANN,
            who: Who::Visitor(ANN.0),
            name: "Ann".into(),
            text: text.into(),
            manner,
            recall: None,
            times: ear::Times {
                question_end: now,
                ended: now,
                pause: Duration::ZERO,
                asked: now,
                answered: now,
            },
        }))
    }

    fn joined(mut earlier: Ask, later: Ask) -> (String, Manner) {
        earlier.join(later);
        match earlier {
            Ask::Question(question) => (question.text, question.manner),
            other => panic!("the question was lost: {other:?}"),
        }
    }

    #[test]
    fn a_question_whispered_in_part_stays_out_of_the_channel() {
        use Manner::{Aloud, Whispered};
        for (earlier, later) in [
            (Aloud, Whispered),
            (Whispered, Aloud),
            (Whispered, Whispered),
        ] {
            let joined = joined(question("Who", earlier), question("is it?", later));
            assert_eq!(joined, ("Who is it?".into(), Whispered));
        }
        let aloud = joined(question("Who", Aloud), question("is it?", Aloud));
        assert_eq!(aloud, ("Who is it?".into(), Aloud));
    }

    #[test]
    fn what_was_understood_is_answered_in_its_own_manner() {
        use Manner::{Aloud, Whispered};
        let unheard = |manner| {
            Ask::Excuse(Excuse {
                turn: Numbers::default().next(),
                speaker: ANN,
                manner,
                sound: Sound::NotHeard,
            })
        };
        for manner in [Aloud, Whispered] {
            for other in [Aloud, Whispered] {
                assert_eq!(joined(unheard(other), question("Q", manner)).1, manner);
                assert_eq!(joined(question("Q", manner), unheard(other)).1, manner);
            }
        }
    }

    #[test]
    fn a_reminder_gives_way_to_whatever_its_person_says() {
        let reminder = || {
            Ask::Reminder(Reminder {
                turn: Numbers::default().next(),
                speaker: ANN,
                text: "The dentist.".into(),
                ids: Vec::new(),
            })
        };
        let ask = || question("Q", Manner::Aloud);
        assert_eq!(joined(reminder(), ask()).0, "Q");
        assert_eq!(joined(ask(), reminder()).0, "Q");
    }
}
