//! What an answer is told while it is given, and what it tells.

use tokio_util::sync::CancellationToken;

/// The cues between the conversation and the answer it has in hand. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cues {
    /// To the answer: stop at once, somebody speaks over it.
    pub(crate) interrupted: CancellationToken,
    /// To the answer: finish the sentence that sounds and begin no other, the assistant ends.
    pub(crate) closing: CancellationToken,
    /// From the answer: its sound goes out.
    pub(crate) sounding: CancellationToken,
}
