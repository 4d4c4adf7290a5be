//! The one way in which a turn ended, as a word and as a reason.

use mumble::SessionId;
use service::health;

use super::{Fault, State};

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// The answer was spoken.
    Answered,
    /// The answer was written.
    Written,
    /// Somebody was told of what they wished to be told of.
    Reminded,
    /// Somebody who came was welcomed.
    Greeted,
    /// An engine failed, and the person was told.
    Apologised,
    /// The person spoke over the answer.
    Interrupted,
    /// What was said went on in the same speaker's next turn, and is answered with it.
    Joined,
    /// People talk to each other.
    NotAddressed,
    /// Nobody spoke, as it turned out.
    NoWords,
    /// The recogniser failed, and nobody knows whether it was for us.
    NotHeard,
    /// Too many turns are being written down.
    Overrun,
    /// Too many turns wait.
    Crowded,
    /// It waited longer than anyone wants an answer.
    Stale,
    /// The speaker has left.
    Left,
    /// The connection to the Mumble server was lost.
    LostConnection,
    /// A part of the program panicked.
    Broken,
    /// The watchdog of this state ended it.
    Stuck(State),
    /// The assistant ends.
    Ended,
}

impl Outcome {
    /// Why there was no answer, as it is logged; `None` when there was one.
    pub(crate) fn reason(self) -> Option<&'static str> {
        Some(match self {
            Self::Answered | Self::Written | Self::Reminded | Self::Greeted => return None,
            Self::Apologised => "an engine failed; the speaker was told",
            Self::Interrupted => "the speaker interrupted",
            Self::Joined => "it goes on in the speaker's next turn",
            Self::NotAddressed => "not addressed to the assistant",
            Self::NoWords => "no words in it",
            Self::NotHeard => "recogniser failed",
            Self::Overrun => "too many turns are being transcribed",
            Self::Crowded => "too many turns wait already",
            Self::Stale => "waited too long for the floor",
            Self::Left => "speaker left",
            Self::LostConnection => "the connection was lost",
            Self::Broken => "a part of the program broke down",
            Self::Stuck(state) => state.overstayed(),
            Self::Ended => "the assistant ends",
        })
    }

    /// The outcome in the words of the board.
    pub(crate) fn on_the_board(self) -> health::Outcome {
        match self {
            Self::Answered | Self::Written | Self::Reminded | Self::Greeted => {
                health::Outcome::Answered
            }
            Self::Apologised => health::Outcome::Apologised,
            Self::Interrupted => health::Outcome::Interrupted,
            _ => health::Outcome::Silent,
        }
    }

    /// Writes the end of a turn into the log: one line for each turn, of which those of spoken
    /// answers are written with their times ([`crate::report::log`]).
    pub(crate) fn log(self, speaker: SessionId) {
        let speaker = speaker.0;
        let reason = self.reason().unwrap_or_default();
        match self {
            Self::Answered => {}
            Self::Written => tracing::info!(speaker, "turn answered in writing"),
            Self::Reminded => tracing::info!(speaker, "reminder told"),
            Self::Greeted => tracing::info!(speaker, "caller welcomed"),
            Self::Interrupted => tracing::info!(speaker, "answer interrupted"),
            Self::Joined => tracing::info!(speaker, "turn goes on in the speaker's next one"),
            Self::Broken | Self::Stuck(_) => {
                tracing::error!(speaker, reason, "turn not answered");
            }
            _ => tracing::info!(speaker, reason, "turn not answered"),
        }
    }
}

impl From<Fault> for Outcome {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Broken => Self::Broken,
            Fault::Stuck(state) => Self::Stuck(state),
        }
    }
}

impl State {
    fn overstayed(self) -> &'static str {
        match self {
            Self::Recognising => "writing it down took too long",
            Self::Waiting => "it was forgotten while it waited",
            Self::Thinking => "no answer came in time",
            Self::Speaking => "the answer took too long",
            Self::Standing => "its speaker never came to an end",
            Self::Queued => "it was forgotten among the typed questions",
            Self::Writing => "writing an answer took too long",
            Self::Excusing => "the apology took too long",
        }
    }
}
