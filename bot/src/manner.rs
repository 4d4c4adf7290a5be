//! Aloud or whispered: a question is answered as it was asked.

use mumble::Scope;

/// How a turn was spoken, and so how it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// For others to hear as well.
    Aloud,
    /// To the assistant; nobody else is to hear of it.
    Whispered,
}

impl Manner {
    /// Two parts of one turn: what was whispered in it is not to be told, so all of it is not.
    pub(crate) fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Aloud, Self::Aloud) => Self::Aloud,
            (Self::Whispered, _) | (_, Self::Whispered) => Self::Whispered,
        }
    }
}

impl From<Scope> for Manner {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Whisper => Self::Whispered,
            Scope::Normal | Scope::Shout | Scope::Listened => Self::Aloud,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shout_is_aloud_and_a_whisper_is_not() {
        assert_eq!(Manner::from(Scope::Normal), Manner::Aloud);
        assert_eq!(Manner::from(Scope::Shout), Manner::Aloud);
        assert_eq!(Manner::from(Scope::Listened), Manner::Aloud);
        assert_eq!(Manner::from(Scope::Whisper), Manner::Whispered);
    }

    #[test]
    fn one_whispered_part_makes_the_whole_a_whisper() {
        use Manner::{Aloud, Whispered};
        assert_eq!(Aloud.with(Aloud), Aloud);
        assert_eq!(Aloud.with(Whispered), Whispered);
        assert_eq!(Whispered.with(Aloud), Whispered);
        assert_eq!(Whispered.with(Whispered), Whispered);
    }
}
