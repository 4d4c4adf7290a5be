//! The engines behind their breakers: whoever asks is answered in time, by a spare if need be, or told that nobody can.
//!
//! Each address of an engine has a breaker of its own, and the addresses of one kind are a chain.
//! A [`Guarded`] chain is an engine again, so that whoever uses it need not know: it sets
//! the deadlines, tries the spares within the same request, and counts a late answer as a failed
//! one. All deadlines for engines stand in this room, and the wiring in [`crate::app`].

use resilience::{Dependency, Limits};

mod blame;
mod cache;
mod chat;
mod checkup;
mod embed;
mod guarded;
mod index;
mod piecemeal;
mod store;
mod stores;
mod stt;
mod tts;
mod whole;

pub use cache::GuardedCache;
pub use chat::{ChatPatience, GuardedChat};
pub use embed::GuardedEmbed;
pub use guarded::{Guarded, Patience};
pub use index::GuardedIndex;
pub use store::GuardedStore;
pub use stores::StoreGuards;
pub use stt::GuardedStt;
pub use tts::GuardedTts;

/// Requests to one recogniser. Most work through requests one after another, so more than two at
/// once would only make each other late; the finished turns of a full house may wait.
pub(crate) const RECOGNISER: Limits = Limits {
    in_flight: 2,
    queue: 8,
};

/// Requests to one model: a spoken answer, a written one, and a load of the model beside them.
/// Who waits longer than for a few of these has waited too long.
pub(crate) const MODEL: Limits = Limits {
    in_flight: 3,
    queue: 4,
};

/// Requests to one synthesiser: an answer, and one prepared sound that is made anew beside it.
pub(crate) const VOICE: Limits = Limits {
    in_flight: 2,
    queue: 4,
};

/// Every engine of the assistant; a clone guards the same ones.
#[derive(Clone, Debug)]
pub struct Guards {
    /// The recogniser.
    pub whisper: GuardedStt,
    /// The model.
    pub ollama: GuardedChat,
    /// The synthesiser.
    pub piper: GuardedTts,
}

impl Guards {
    /// Each kind of engine with the breakers of its addresses, in order.
    #[must_use]
    pub fn dependencies(&self) -> [(&'static str, Vec<Dependency>); 3] {
        [
            ("whisper", self.whisper.dependencies()),
            ("ollama", self.ollama.dependencies()),
            ("piper", self.piper.dependencies()),
        ]
    }
}

#[cfg(test)]
mod tests;
