//! What the workers share: the line, the journal, the list of the forgotten, and how they fare.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};

use super::Item;
use crate::forgotten::{File, List, Seen};
use crate::journal::{Journal, JournalError, Record};
use crate::store::Forget;
use crate::turn::Turn;

/// How many turns are on their way to the store, and what holds them up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Turns and wishes to forget that the store has not got, in the line and in the journal.
    pub waiting: u64,
    /// Turns that were lost since the start, because nobody took them.
    pub lost: u64,
    /// Records that the store refused for ever since the start; they are set aside on the disk.
    pub refused: u64,
    /// Why the journal takes none, without what people said.
    pub journal: Option<String>,
    /// Why the store takes none, without what people said.
    pub store: Option<String>,
}

/// What the workers share.
#[derive(Debug)]
pub(crate) struct Keeping {
    folder: PathBuf,
    most: u64,
    line: mpsc::Sender<Item>,
    /// The other end, until a worker takes it.
    items: Mutex<Option<mpsc::Receiver<Item>>>,
    /// Open once it was needed; closed by an error, to be opened anew.
    journal: Arc<Mutex<Option<Journal>>>,
    /// What waits in it, for those who must not wait themselves: a disk that hangs holds the journal.
    journalled: Arc<AtomicU64>,
    /// Held while the store is told of one thing, so that what is being remembered cannot slip
    /// past what is being forgotten.
    storing: tokio::sync::Mutex<()>,
    list: Arc<Mutex<Listed>>,
    file: File,
    /// To be forgotten as soon as the store is back, where the journal did not take it either.
    owed: Mutex<VecDeque<Forget>>,
    /// The journal has something for the store.
    pub(super) more: Notify,
    fares: Mutex<Backlog>,
    held: AtomicU64,
}

#[derive(Debug, Default)]
struct Listed {
    list: List,
    seen: Seen,
    /// What this process added since it last looked.
    own: Vec<Forget>,
    /// Why the file was never read yet: nobody knows whom it names.
    unread: Option<String>,
}

impl Keeping {
    /// With a journal of at most `most` bytes in this folder. The list of the forgotten is read
    /// at once, so that nothing on it is ever recalled.
    pub(crate) fn new(folder: &Path, most: u64) -> Self {
        let (line, items) = super::line();
        let file = File::in_folder(folder);
        let mut unread = None;
        let (list, seen) = file.load().unwrap_or_else(|error| {
            let path = file.path().display();
            tracing::error!(%error, "the list of the forgotten cannot be read: {path}");
            unread = Some(format!("{path} cannot be read: {error}"));
            Default::default()
        });
        Self {
            folder: folder.to_owned(),
            most,
            line,
            items: Mutex::new(Some(items)),
            journal: Arc::default(),
            storing: tokio::sync::Mutex::new(()),
            list: Arc::new(Mutex::new(Listed {
                list,
                seen,
                own: Vec::new(),
                unread,
            })),
            file,
            owed: Mutex::default(),
            more: Notify::new(),
            fares: Mutex::default(),
            journalled: Arc::default(),
            held: AtomicU64::new(0),
        }
    }

    pub(super) fn line(&self) -> &mpsc::Sender<Item> {
        &self.line
    }

    pub(super) fn items(&self) -> Option<mpsc::Receiver<Item>> {
        locked(&self.items).take()
    }

    /// Does something with the journal, on a thread that may wait for a disk.
    pub(crate) async fn with_journal<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut Journal) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let (journal, folder, most) = (self.journal.clone(), self.folder.clone(), self.most);
        let journalled = self.journalled.clone();
        let work = move || {
            let mut slot = locked(&journal);
            let open = match slot.take() {
                Some(open) => Ok(open),
                None => Journal::open(&folder, most),
            };
            let mut open = open?;
            let done = what(&mut open);
            journalled.store(open.waiting() as u64, Ordering::Relaxed);
            // After the disk failed nobody knows what it holds: it is read anew.
            if !matches!(done, Err(JournalError::Disk { .. })) {
                *slot = Some(open);
            }
            done
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|_| Err(JournalError::Interrupted))
    }

    /// Looks at the list of the forgotten.
    pub(crate) fn with_list<T>(&self, look: impl FnOnce(&List) -> T) -> T {
        look(&locked(&self.list).list)
    }

    /// Why the list was never read yet. Until it is, nothing from any store may be recalled, and
    /// none is told anything.
    pub(crate) fn list_unread(&self) -> Option<String> {
        locked(&self.list).unread.clone()
    }

    /// Lines of the list that cannot be read.
    pub(crate) fn list_damaged(&self) -> usize {
        locked(&self.list).seen.damaged
    }

    /// Adds to the list, here at once and on the disk before this returns.
    pub(crate) async fn note(&self, what: &Forget) -> std::io::Result<()> {
        if matches!(what, Forget::Before(_)) {
            return Ok(());
        }
        {
            let mut listed = locked(&self.list);
            listed.list.add(what);
            listed.own.push(what.clone());
        }
        let (file, what) = (self.file.clone(), what.clone());
        let added = tokio::task::spawn_blocking(move || file.add(&what)).await;
        added.unwrap_or_else(|error| Err(std::io::Error::other(error)))
    }

    /// What others added to the list since the last look.
    pub(super) fn news(&self) -> Vec<Forget> {
        let mut listed = locked(&self.list);
        match self.file.read(listed.seen) {
            Ok((added, seen)) => {
                listed.seen = seen;
                let mut own = std::mem::take(&mut listed.own);
                let of_others = added.into_iter().filter(|what| {
                    let ours = own.iter().position(|other| other == what);
                    ours.map(|at| own.swap_remove(at)).is_none()
                });
                let of_others: Vec<Forget> = of_others.collect();
                of_others.iter().for_each(|what| listed.list.add(what));
                // What is not in the file yet is there at the next look.
                listed.own = own;
                listed.unread = None;
                of_others
            }
            Err(error) => {
                tracing::debug!(%error, "the list of the forgotten cannot be read");
                Vec::new()
            }
        }
    }

    /// While this is held, the store is told of nothing else.
    pub(crate) async fn alone(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.storing.lock().await
    }

    /// Brings turns to the journal, but for those that are on the list by then; whoever writes
    /// the journal anew has added to the list before.
    pub(super) async fn journal(&self, turns: Vec<Turn>) -> Result<(), JournalError> {
        let list = self.list.clone();
        self.with_journal(move |journal| {
            let turns = {
                let listed = locked(&list);
                let left = turns
                    .into_iter()
                    .filter_map(|turn| listed.list.left_of(turn));
                left.map(Record::Turn).collect::<Vec<_>>()
            };
            journal.append(&turns)
        })
        .await
    }

    /// Where the list of the forgotten is.
    pub(crate) fn list_path(&self) -> &Path {
        self.file.path()
    }

    /// The journal has something for the store.
    pub(crate) fn there_is_more(&self) {
        self.more.notify_one();
    }

    pub(crate) fn owe(&self, what: Forget) {
        locked(&self.owed).push_back(what);
        self.more.notify_one();
    }

    pub(super) fn owed(&self) -> Option<Forget> {
        locked(&self.owed).front().cloned()
    }

    pub(super) fn paid(&self) {
        locked(&self.owed).pop_front();
    }

    // --- how they fare -----------------------------------------------------------------------

    pub(super) fn lose(&self) -> u64 {
        let mut fares = locked(&self.fares);
        fares.lost += 1;
        fares.lost
    }

    pub(super) fn refuse(&self) {
        locked(&self.fares).refused += 1;
    }

    /// Turns that the first worker holds because nobody takes them.
    pub(super) fn hold(&self, turns: usize) {
        self.held.store(turns as u64, Ordering::Relaxed);
    }

    /// How the journal fares; a change is logged.
    pub(crate) fn journal_fares(&self, trouble: Option<String>) {
        let mut fares = locked(&self.fares);
        match (&fares.journal, &trouble) {
            (None, Some(reason)) => tracing::error!(%reason, "the memory's journal takes nothing"),
            (Some(_), None) => tracing::info!("the memory's journal is written again"),
            _ => {}
        }
        fares.journal = trouble;
    }

    /// How the store fares; a change is logged.
    pub(crate) fn store_fares(&self, trouble: Option<String>) {
        let mut fares = locked(&self.fares);
        match (&fares.store, &trouble) {
            (None, Some(reason)) => {
                tracing::warn!(%reason, "the memory's database takes nothing: turns wait in the journal");
            }
            (Some(_), None) => tracing::info!("the memory's database takes turns again"),
            _ => {}
        }
        fares.store = trouble;
    }

    pub(super) fn backlog(&self) -> Backlog {
        let line = self.line.max_capacity() - self.line.capacity();
        let owed = locked(&self.owed).len();
        Backlog {
            waiting: (line + owed) as u64
                + self.journalled.load(Ordering::Relaxed)
                + self.held.load(Ordering::Relaxed),
            ..locked(&self.fares).clone()
        }
    }
}

/// What is behind these locks is whole between any two statements.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
