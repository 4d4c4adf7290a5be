//! The recogniser behind its breakers.

use std::sync::Arc;

use audio::Pcm;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{BoxStream, StreamExt as _, once};
use resilience::{Chain, Dependency};
use speech::stt::{Hints, Stt, SttError, Transcript, final_transcript};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::blame::{Blamed, Complaint as _};
use super::checkup::Listen;
use super::{Patience, Tuned, any_there, dependencies, tend_each};

/// The recogniser with its spares; a clone is the same one.
///
/// A transcript must come within the deadline and half the length of what was said. A spare is
/// tried while two of these have not passed.
#[derive(Clone, Debug)]
pub struct GuardedStt {
    chain: Arc<Chain<Arc<dyn Stt>>>,
    patience: Tuned<Patience>,
}

impl GuardedStt {
    pub(crate) fn new(chain: Chain<Arc<dyn Stt>>, patience: Patience) -> Self {
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

    /// Whether a request would begin at once.
    pub(crate) fn has_room(&self) -> bool {
        self.chain.has_room()
    }

    /// Changes its patience, and the breakers of all addresses.
    pub(crate) fn tune(&self, breaker: &resilience::Settings, patience: Patience) {
        self.patience.set(patience);
        for link in self.chain.links() {
            link.dependency.tune(breaker.clone());
        }
    }

    /// Looks after every address until `shutdown`; with `hints` as the turns give them.
    pub(crate) fn tend(
        &self,
        hints: &Hints,
        tasks: &mut JoinSet<()>,
        shutdown: &CancellationToken,
    ) {
        let deadline = self.patience.get().deadline;
        let checkup = |stt: &Arc<dyn Stt>| Listen::new(Arc::clone(stt), hints.clone(), deadline);
        tend_each(&self.chain, checkup, tasks, shutdown);
    }

    async fn written(self, speech: Pcm, hints: Hints) -> Result<Transcript, SttError> {
        if speech.is_empty() {
            return Err(SttError::EmptyAudio);
        }
        let more = speech.duration() / 2;
        let plan = self.patience.get().plan(more);
        let attempt = |stt: &Arc<dyn Stt>| {
            let answer = final_transcript(stt.transcribe(speech.clone(), &hints));
            answer.map(|result| result.map_err(Blamed::from)).boxed()
        };
        let written = self.chain.call(plan, attempt).await;
        written.map_err(SttError::out_of)
    }
}

impl Stt for GuardedStt {
    fn transcribe(
        &self,
        speech: Pcm,
        hints: &Hints,
    ) -> BoxStream<'static, Result<Transcript, SttError>> {
        once(self.clone().written(speech, hints.clone())).boxed()
    }

    /// Whether any address is there.
    fn check(&self) -> BoxFuture<'_, Result<(), SttError>> {
        any_there(&self.chain, |stt| stt.check()).boxed()
    }
}
