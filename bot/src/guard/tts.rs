//! The synthesiser behind its breakers.

use std::sync::Arc;
use std::time::Duration;

use audio::Pcm;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{BoxStream, Stream, StreamExt as _, TryStreamExt as _, empty, once};
use resilience::{Chain, Dependency, Fault};
use speech::tts::{Tts, TtsError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::blame::{Blamed, Complaint as _};
use super::checkup::Speak;
use super::piecemeal::{Pieces, first, going_on};
use super::{Patience, Tuned, any_there, dependencies, tend_each};

/// The synthesiser with its spares; a clone is the same one.
///
/// Each piece of sound must come within the deadline, and the sound as a whole must not come
/// more slowly than it is heard. A spare is tried while nothing of the text
/// was heard, and two deadlines have not passed.
#[derive(Clone, Debug)]
pub struct GuardedTts {
    chain: Arc<Chain<Arc<dyn Tts>>>,
    patience: Tuned<Patience>,
}

impl GuardedTts {
    pub(crate) fn new(chain: Chain<Arc<dyn Tts>>, patience: Patience) -> Self {
        Self {
            chain: Arc::new(chain),
            patience: Tuned::new(patience),
        }
    }

    /// The breakers of its addresses, in order.
    #[must_use]
    pub fn dependencies(&self) -> Vec<Dependency> {
        dependencies(&self.chain)
    }

    /// The number of the present outage, while no address is well.
    #[must_use]
    pub fn outage(&self) -> Option<u64> {
        self.chain.outage()
    }

    /// Changes its patience, and the breakers of all addresses.
    pub(crate) fn tune(&self, breaker: &resilience::Settings, patience: Patience) {
        self.patience.set(patience);
        for link in self.chain.links() {
            link.dependency.tune(breaker.clone());
        }
    }

    /// Looks after every address until `shutdown`.
    pub(crate) fn tend(&self, tasks: &mut JoinSet<()>, shutdown: &CancellationToken) {
        let deadline = self.patience.get().deadline;
        let checkup = |tts: &Arc<dyn Tts>| Speak::new(Arc::clone(tts), deadline);
        tend_each(&self.chain, checkup, tasks, shutdown);
    }

    async fn begun(
        self,
        text: String,
    ) -> Result<impl Stream<Item = Result<Pcm, TtsError>>, TtsError> {
        let plan = self.patience.get().plan(Duration::ZERO);
        let attempt = |tts: &Arc<dyn Tts>| opened(tts.speak(&text), &text).boxed();
        let begun = self.chain.begin(plan, attempt).await;
        let ((piece, rest), call) = begun.map_err(TtsError::out_of)?;
        Ok(going_on(piece, rest, call, plan.deadline, Pcm::duration))
    }
}

/// The beginning of a text's sound.
async fn opened(
    sound: Pieces<Pcm, TtsError>,
    text: &str,
) -> Result<(Pcm, Pieces<Pcm, TtsError>), Blamed<TtsError>> {
    let silent = match first(sound, |piece: &Pcm| !piece.is_empty()).await {
        Ok(Some(opened)) => return Ok(opened),
        Ok(None) => TtsError::EmptyAudio { url: String::new() },
        Err(error) => error,
    };
    let mut blamed = Blamed::from(silent);
    // Signs alone make no sound with any voice.
    let has_words = text.chars().any(char::is_alphanumeric);
    if !has_words && matches!(blamed.error, TtsError::EmptyAudio { .. }) {
        blamed.fault = Fault::Request;
    }
    Err(blamed)
}

impl Tts for GuardedTts {
    fn speak(&self, text: &str) -> BoxStream<'static, Result<Pcm, TtsError>> {
        let text = text.trim();
        if text.is_empty() {
            return empty().boxed();
        }
        once(self.clone().begun(text.to_owned()))
            .try_flatten()
            .boxed()
    }

    /// Whether any address is there.
    fn check(&self) -> BoxFuture<'_, Result<(), TtsError>> {
        any_there(&self.chain, |tts| tts.check()).boxed()
    }
}
