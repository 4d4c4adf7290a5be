//! Forgetting, in every place where something is kept.

use jiff::{SignedDuration, Timestamp};

use crate::entry::Entry;
use crate::journal::{JournalError, Record};
use crate::memory::Memory;
use crate::store::{Forget, Forgotten, StoreError};

/// Why something is not yet forgotten everywhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// It is on the list of the forgotten and is not recalled any more; the database forgets it
    /// as soon as it is back.
    #[error("the database will forget it as soon as it is back: {0}")]
    Later(StoreError),
    /// The database refuses.
    #[error("the database does not forget: {0}")]
    Refused(StoreError),
    /// It is forgotten now, but the list of the forgotten could not be written: a restored backup
    /// would bring it back.
    #[error("it is forgotten, but a restored backup would bring it back: {}: {error}", path.display())]
    List {
        /// The list.
        path: std::path::PathBuf,
        /// What the disk says.
        error: std::io::Error,
    },
    /// The list of the forgotten cannot be read: nothing is recalled until it can.
    #[error("nobody knows whom to forget: {0}")]
    Unread(String),
    /// Lines of the list cannot be read; all others are forgotten.
    #[error(
        "{lines} lines of {} cannot be read: whoever they name may be remembered again (of the others, {found} turns and entries are forgotten)",
        path.display()
    )]
    Damaged {
        /// The list.
        path: std::path::PathBuf,
        /// How many lines.
        lines: usize,
        /// How many turns and entries of the others were there.
        found: u64,
    },
    /// The program ends; it is on the list and is forgotten at the next start.
    #[error("the program ends; it is forgotten at the next start")]
    BrokenOff,
}

/// Whether this is the first time that something is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// Nothing that is not meant was said since.
    First,
    /// There may be later words, which stay.
    Later,
}

impl Memory {
    /// Forgets: on the list of the forgotten first, so that nothing of it is recalled or comes
    /// back from then on; then in the sessions, the journal, the store, the index and the cache.
    ///
    /// The store and the index each have what their guards allow for work that grows with what is
    /// remembered, in the bot 15 of their deadlines: 30 s for the database as it is delivered, of
    /// which 10,000 turns in a file take about one. Who asked may go away meanwhile.
    ///
    /// # Errors
    /// [`MemoryError::Later`] when the store is away; the rest is done, and the store follows.
    pub async fn forget(&self, what: Forget) -> Result<Forgotten, MemoryError> {
        let memory = self.clone();
        // On a task of its own: who asked may go away, and it is done all the same.
        let done = tokio::spawn(async move { memory.forget_everywhere(what).await });
        done.await.unwrap_or(Err(MemoryError::BrokenOff))
    }

    async fn forget_everywhere(&self, what: Forget) -> Result<Forgotten, MemoryError> {
        let listed = self.keeping().note(&what).await;
        self.forget_talk(&what);
        if let Err(error) = self.forget_in_journal().await {
            self.journal_cannot_forget(&error);
        }
        let told = {
            let _alone = self.keeping().alone().await;
            self.forget_in_stores(&what, Again::First).await
        };
        match told {
            Ok(forgotten) => listed
                .map(|()| forgotten)
                .map_err(|error| MemoryError::List {
                    path: self.keeping().list_path().to_owned(),
                    error,
                }),
            Err(error @ StoreError::Refused { .. }) => Err(MemoryError::Refused(error)),
            Err(error) => {
                self.forget_later(what).await;
                Err(MemoryError::Later(error))
            }
        }
    }

    /// Whether an entry is on the list of the forgotten: the store may still have it, because it
    /// was away or a backup was restored. While the list cannot be read, every entry may be.
    #[must_use]
    pub fn is_forgotten(&self, entry: &Entry) -> bool {
        self.keeping().list_unread().is_some()
            || self.keeping().with_list(|list| list.covers(entry))
    }

    /// Forgets what is older than people are remembered, if that has a bound.
    ///
    /// # Errors
    /// As [`Memory::forget`].
    pub async fn expire(&self, now: Timestamp) -> Result<Forgotten, MemoryError> {
        let Some(retention) = self.settings().retention else {
            return Ok(Forgotten::default());
        };
        let age = SignedDuration::try_from(retention).unwrap_or(SignedDuration::MAX);
        // Longer than time itself is for ever.
        let Ok(before) = now.checked_sub(age) else {
            return Ok(Forgotten::default());
        };
        let _alone = self.keeping().alone().await;
        let told = self
            .forget_in_stores(&Forget::Before(before), Again::Later)
            .await;
        // Not later: it is asked for again tomorrow.
        told.map_err(MemoryError::Refused)
    }

    /// Forgets everything that is on the list of the forgotten, which a restored backup has
    /// brought back. Gives how many turns and entries that were.
    ///
    /// # Errors
    /// When the store is away or refuses, and when the list, or a line of it, cannot be read: that is
    /// never taken for a list of nobody.
    pub async fn apply_forgotten(&self) -> Result<u64, MemoryError> {
        if let Some(reason) = self.keeping().list_unread() {
            return Err(MemoryError::Unread(reason));
        }
        // What is left there is told to no store: the list is asked before.
        let _ = self.forget_again_in_journal().await;
        let told = self.forget_again_in_stores().await;
        let found = told.map_err(|error| match error {
            StoreError::Refused { .. } => MemoryError::Refused(error),
            _ => MemoryError::Later(error),
        })?;
        match self.keeping().list_damaged() {
            0 => Ok(found),
            lines => Err(MemoryError::Damaged {
                path: self.keeping().list_path().to_owned(),
                lines,
                found,
            }),
        }
    }

    /// In the journal, if there is anything.
    pub(crate) async fn forget_again_in_journal(&self) -> Result<(), JournalError> {
        let list = self.keeping().with_list(Clone::clone);
        let back = move |record: Record| match record {
            Record::Turn(turn) => list.left_of(turn.clone()) != Some(turn),
            Record::Forget(_) => false,
        };
        let brings_back = self
            .keeping()
            .with_journal(move |journal| journal.any(back))
            .await;
        let done = match brings_back {
            Ok(false) => Ok(()),
            Ok(true) => self.forget_in_journal().await,
            Err(error) => Err(error),
        };
        done.inspect_err(|error| self.journal_cannot_forget(error))
    }

    pub(crate) async fn forget_again_in_stores(&self) -> Result<u64, StoreError> {
        let mut found = 0;
        for what in self.keeping().with_list(crate::forgotten::List::orders) {
            let _alone = self.keeping().alone().await;
            let told = self.forget_in_stores(&what, Again::Later).await;
            self.keeping()
                .store_fares(told.as_ref().err().map(ToString::to_string));
            let forgotten = told?;
            found += forgotten.turns + forgotten.count;
        }
        Ok(found)
    }

    /// In the journal: it is written anew without what is on the list.
    pub(crate) async fn forget_in_journal(&self) -> Result<(), JournalError> {
        let list = self.keeping().with_list(Clone::clone);
        let keep = move |record| match record {
            Record::Turn(turn) => list.left_of(turn).map(Record::Turn),
            Record::Forget(what) => Some(Record::Forget(what)),
        };
        self.keeping()
            .with_journal(move |journal| journal.rewrite(keep))
            .await
    }

    /// In the store, and then in what is derived from it, even if the store is away: what those do
    /// not do now is done by the outbox, and by the list at the next start.
    pub(crate) async fn forget_in_stores(
        &self,
        what: &Forget,
        again: Again,
    ) -> Result<Forgotten, StoreError> {
        let parts = self.parts();
        let told = parts.store.forget(what).await;
        if told.is_err() && again == Again::Later {
            // What is derived has forgotten what it could when it was asked first.
            return told;
        }
        let entries = told.as_ref().map(|forgotten| &*forgotten.entries);
        let entries = entries.unwrap_or_default();
        let in_index = match (what, again) {
            (Forget::Person(person, _), Again::First) => parts.index.delete_person(person).await,
            (Forget::Everything(_), Again::First) => parts.index.clear().await,
            (
                Forget::Turns(person, _)
                | Forget::Entries(person, _)
                | Forget::Since(person, ..)
                | Forget::Person(person, _),
                _,
            ) => parts.index.delete(person, entries).await,
            // They are of many people; the outbox names each.
            (Forget::Before(_) | Forget::Everything(_), _) => Ok(()),
        };
        // Others' sessions hold what somebody said before them, so all rooms are emptied.
        let in_cache = parts.cache.clear().await;
        for (part, done) in [("index", in_index), ("cache", in_cache)] {
            if let Err(error) = done {
                tracing::warn!(part, %error, "it is forgotten there later");
            }
        }
        if told.is_ok()
            && let Err(error) = parts.store.scrub().await
        {
            tracing::warn!(%error, "what was forgotten is overwritten later");
        }
        told
    }

    /// Has the store forget as soon as it is back.
    async fn forget_later(&self, what: Forget) {
        let record = Record::Forget(what.clone());
        let written = self
            .keeping()
            .with_journal(move |journal| journal.append(&[record]))
            .await;
        match written {
            Ok(()) => self.keeping().there_is_more(),
            Err(error) => {
                self.journal_cannot_forget(&error);
                self.keeping().owe(what);
            }
        }
    }

    fn journal_cannot_forget(&self, error: &JournalError) {
        // Another process's journal is its own business: it reads the same list.
        if !matches!(error, JournalError::InUse(_)) {
            self.keeping().journal_fares(Some(error.to_string()));
        }
    }
}

#[cfg(test)]
mod tests;
