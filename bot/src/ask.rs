//! What wants an answer: a question, or an apology that is due.

use mumble::SessionId;

use crate::ear;
use crate::history::Place;
use crate::manner::Manner;
use crate::sounds::Sound;
use crate::turns::TurnId;

/// What wants an answer.
#[derive(Debug)]
pub(crate) enum Ask {
    /// A question that was understood.
    Question(Question),
    /// Somebody spoke to us, and it came to nothing: they are told so by this sound.
    Excuse(Excuse),
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
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Which turn it is.
    pub(crate) turn: TurnId,
    /// Who asked.
    pub(crate) speaker: SessionId,
    /// Their name.
    pub(crate) who: String,
    /// What they said.
    pub(crate) text: String,
    /// How, and so how it is answered.
    pub(crate) manner: Manner,
    /// Where it is remembered; what is whispered is not remembered in the channel.
    pub(crate) place: Place,
    /// When.
    pub(crate) times: ear::Times,
}

impl Question {
    /// The same speaker said more before they were answered: it is one question from now on,
    /// in the later turn.
    fn join(&mut self, later: Self) {
        self.turn = later.turn;
        self.text.push(' ');
        self.text.push_str(&later.text);
        if later.manner == Manner::Whispered {
            self.place = later.place;
        }
        self.manner = self.manner.with(later.manner);
        self.times = later.times;
    }
}

impl Ask {
    /// Which turn it is.
    pub(crate) fn turn(&self) -> TurnId {
        match self {
            Self::Question(question) => question.turn,
            Self::Excuse(excuse) => excuse.turn,
        }
    }

    /// Whom the answer is for.
    pub(crate) fn speaker(&self) -> SessionId {
        match self {
            Self::Question(question) => question.speaker,
            Self::Excuse(excuse) => excuse.speaker,
        }
    }

    /// How it is given.
    pub(crate) fn manner(&self) -> Manner {
        match self {
            Self::Question(question) => question.manner,
            Self::Excuse(excuse) => excuse.manner,
        }
    }

    /// A later turn of the same speaker, who is still waiting. What was understood outweighs an
    /// apology for what was not. Gives the turn that goes on in the other one.
    pub(crate) fn join(&mut self, later: Self) -> TurnId {
        let earlier = self.turn();
        match (&mut *self, later) {
            (Self::Question(question), Self::Question(later)) => question.join(later),
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
        Ask::Question(Question {
            turn: Numbers::default().next(),
            speaker: ANN,
            who: "Ann".into(),
            text: text.into(),
            manner,
            place: match manner {
                Manner::Aloud => Place::Channel,
                Manner::Whispered => Place::Private("ann".into()),
            },
            times: ear::Times {
                question_end: now,
                ended: now,
                pause: Duration::ZERO,
                asked: now,
                answered: now,
            },
        })
    }

    fn joined(mut earlier: Ask, later: Ask) -> (String, Manner, Place) {
        earlier.join(later);
        match earlier {
            Ask::Question(question) => (question.text, question.manner, question.place),
            Ask::Excuse(_) => panic!("the question was lost"),
        }
    }

    #[test]
    fn a_question_whispered_in_part_stays_out_of_the_channel() {
        use Manner::{Aloud, Whispered};
        let private = Place::Private("ann".into());
        for (earlier, later) in [
            (Aloud, Whispered),
            (Whispered, Aloud),
            (Whispered, Whispered),
        ] {
            let joined = joined(question("Who", earlier), question("is it?", later));
            assert_eq!(joined, ("Who is it?".into(), Whispered, private.clone()));
        }
        let aloud = joined(question("Who", Aloud), question("is it?", Aloud));
        assert_eq!(aloud, ("Who is it?".into(), Aloud, Place::Channel));
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
}
