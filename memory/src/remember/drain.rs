//! The second worker: from the journal to the store, and what others have forgotten meanwhile.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::forget::Again;
use crate::journal::{Journal, JournalError, Record};
use crate::memory::Memory;
use crate::store::StoreError;
use crate::turn::Turn;

/// Between two looks at a store that took nothing, and at the list of the forgotten, to which
/// another process may have added.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a store that is well must refuse a record before it is set aside.
const REFUSALS: u32 = 3;

/// What came of one step.
enum Step {
    /// There may be more at once.
    Done,
    /// Nothing waits.
    Idle,
    /// Not now.
    Later,
}

impl Memory {
    /// Brings what is in the journal to the store, in its order, until `shutdown`.
    pub(super) async fn drain(&self, shutdown: &CancellationToken) {
        let work = async {
            // Before anything else is written: a backup may have been restored.
            self.read_the_list().await;
            let mut journal = self.forget_again_in_journal().await;
            while self.forget_again_in_stores().await.is_err() {
                tokio::time::sleep(PAUSE).await;
                journal = self.again_unless(journal).await;
            }
            let mut refusals = 0;
            loop {
                journal = self.again_unless(journal).await;
                self.learn_of_others().await;
                while let Step::Done = self.step(&mut refusals).await {}
                tokio::select! {
                    () = self.wait_for_more() => {}
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        };
        // Broken off in the middle of a call, a record is told again after the next start.
        shutdown.run_until_cancelled(work).await;
    }

    /// Whoever held the journal, or whatever was wrong with it, may be gone.
    async fn again_unless(&self, forgotten: Result<(), JournalError>) -> Result<(), JournalError> {
        match forgotten {
            Ok(()) => Ok(()),
            Err(_) => self.forget_again_in_journal().await,
        }
    }

    /// Until it is known who is forgotten; meanwhile what people say waits in the journal.
    async fn read_the_list(&self) {
        while let Some(reason) = self.keeping().list_unread() {
            self.keeping().store_fares(Some(reason));
            tokio::time::sleep(PAUSE).await;
            self.keeping().news();
            if self.keeping().list_unread().is_none() {
                self.keeping().store_fares(None);
            }
        }
    }

    /// Until there is something new and the store took the last.
    async fn wait_for_more(&self) {
        if self.backlog().store.is_some() {
            return std::future::pending().await;
        }
        self.keeping().more.notified().await;
    }

    /// Tells the store of the oldest thing that it has not got.
    async fn step(&self, refusals: &mut u32) -> Step {
        let next = match self.keeping().with_journal(|journal| journal.next()).await {
            Ok(next) => next,
            Err(error) => {
                self.keeping().journal_fares(Some(error.to_string()));
                None
            }
        };
        let Some(record) = next else {
            return self.pay().await;
        };
        let told = match self.tell_store(record).await {
            Err(StoreError::Refused { reason }) if self.parts().store.check().await.is_ok() => {
                *refusals += 1;
                if *refusals < REFUSALS {
                    return Step::Later;
                }
                self.keeping().refuse();
                tracing::error!(%reason, "the database refuses a turn for ever: it is set aside beside the journal");
                self.keeping().with_journal(Journal::set_aside).await
            }
            Err(_) => return Step::Later,
            Ok(()) => self.keeping().with_journal(Journal::done).await,
        };
        *refusals = 0;
        match told {
            Ok(()) => Step::Done,
            Err(error) => {
                self.keeping().journal_fares(Some(error.to_string()));
                Step::Later
            }
        }
    }

    /// Forgets what could be written nowhere when it was to be forgotten.
    async fn pay(&self) -> Step {
        let Some(what) = self.keeping().owed() else {
            return Step::Idle;
        };
        if self.tell_store(Record::Forget(what)).await.is_err() {
            return Step::Later;
        }
        self.keeping().paid();
        Step::Done
    }

    /// Tells the store of one thing. Turns that were forgotten meanwhile are not told.
    pub(crate) async fn tell_store(&self, record: Record) -> Result<(), StoreError> {
        let _alone = self.keeping().alone().await;
        let told = match record {
            Record::Turn(turn) => match self.keeping().with_list(|list| list.left_of(turn)) {
                Some(turn) => self.record(&turn).await,
                None => Ok(()),
            },
            Record::Forget(what) => self.forget_in_stores(&what, Again::Later).await.map(drop),
        };
        let trouble = told.as_ref().err().map(ToString::to_string);
        self.keeping().store_fares(trouble);
        told
    }

    /// Records a turn, and what it states plainly: a reminder may be due before any model reads it.
    async fn record(&self, turn: &Turn) -> Result<(), StoreError> {
        self.parts().store.record(turn).await?;
        if let Err(error) = self.learn_at_once(turn).await {
            tracing::debug!(%error, "what a turn states is learnt when it is read");
        }
        Ok(())
    }

    /// Forgets here what another process has put on the list.
    async fn learn_of_others(&self) {
        for what in self.keeping().news() {
            self.forget_talk(&what);
            if let Err(error) = self.forget_in_journal().await
                && !matches!(error, JournalError::InUse(_))
            {
                self.keeping().journal_fares(Some(error.to_string()));
            }
            if self.tell_store(Record::Forget(what.clone())).await.is_err() {
                self.keeping().owe(what);
            }
        }
    }
}
