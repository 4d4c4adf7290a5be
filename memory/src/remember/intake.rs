//! The first worker: from memory to the journal.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Item;
use crate::journal::{JournalError, Record};
use crate::memory::Memory;
use crate::turn::Turn;

/// Turns that are written with one wait for the disk.
const BATCH: usize = 64;

/// Between two tries to write what the journal did not take.
const RETRY: Duration = Duration::from_secs(1);

impl Memory {
    /// Brings every turn to the journal until `shutdown`, and then those that are there still.
    pub(super) async fn take_in(&self, shutdown: &CancellationToken) {
        let Some(mut items) = self.keeping().items() else {
            return;
        };
        loop {
            let mut batch = Vec::with_capacity(BATCH);
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                _ = items.recv_many(&mut batch, BATCH) => {}
            }
            self.keep(batch, shutdown).await;
        }
        items.close();
        let mut rest = Vec::new();
        while let Ok(item) = items.try_recv() {
            rest.push(item);
        }
        self.keep(rest, shutdown).await;
    }

    /// Writes these, and tells those who wait for them. It does not return before the journal or
    /// the store has them, except when the process must end.
    async fn keep(&self, batch: Vec<Item>, shutdown: &CancellationToken) {
        let mut turns = Vec::new();
        let mut marks = Vec::new();
        for item in batch {
            match item {
                Item::Turn(turn) => turns.extend(for_the_disk(*turn)),
                Item::Mark(mark) => marks.push(mark),
            }
        }
        while !turns.is_empty() {
            let Err(error) = self.journal_turns(&mut turns).await else {
                break;
            };
            self.keeping().journal_fares(Some(error.to_string()));
            self.store_at_once(&mut turns).await;
            self.keeping().hold(turns.len());
            if turns.is_empty() {
                // The store is only told when the journal has brought it all that was there.
                if matches!(error, JournalError::Full(_)) {
                    self.keeping().journal_fares(None);
                }
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = shutdown.cancelled() => {
                    for turn in turns.drain(..) {
                        let lost = self.keeping().lose();
                        tracing::error!(id = %turn.id, lost, "a turn is not remembered: neither the journal nor the database takes any, and the program ends");
                    }
                }
            }
        }
        self.keeping().hold(0);
        for mark in marks {
            // Who does not wait any more need not be told.
            let _ = mark.send(());
        }
    }

    /// Brings turns to the journal, and takes out those that are there.
    async fn journal_turns(&self, turns: &mut Vec<Turn>) -> Result<(), JournalError> {
        while !turns.is_empty() {
            // All of them with one wait for the disk, or the first alone where there is no room.
            let written = match self.keeping().journal(turns.clone()).await {
                Ok(()) => turns.len(),
                Err(JournalError::Full(_)) if turns.len() > 1 => {
                    self.keeping().journal(vec![turns[0].clone()]).await?;
                    1
                }
                Err(error) => return Err(error),
            };
            turns.drain(..written);
            self.keeping().there_is_more();
        }
        self.keeping().journal_fares(None);
        Ok(())
    }

    /// Tells the store of turns that the journal does not take; what waits there comes first.
    async fn store_at_once(&self, turns: &mut Vec<Turn>) {
        let waiting = self.keeping().with_journal(|journal| Ok(journal.waiting()));
        if waiting.await.is_ok_and(|waiting| waiting > 0) {
            return;
        }
        while let Some(turn) = turns.first() {
            if self.tell_store(Record::Turn(turn.clone())).await.is_err() {
                return;
            }
            turns.remove(0);
        }
    }
}

/// A turn as it may stand on a disk: only people who are known are in it.
fn for_the_disk(mut turn: Turn) -> Option<Turn> {
    turn.who.person()?;
    turn.witnesses.retain(|who| who.person().is_some());
    Some(turn)
}
