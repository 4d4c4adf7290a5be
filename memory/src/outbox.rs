//! What the index has yet to learn: from the store, through the embedder, into the index.
//!
//! A change leaves the outbox only after the index has it. Whoever is killed in between does the
//! same again, and an index that is told twice holds it once.

use std::collections::HashSet;

use llm::{ChatError, Purpose};

use crate::entry::Entry;
use crate::index::Point;
use crate::memory::Parts;
use crate::person::Person;
use crate::store::{Change, StoreError};
use crate::turn::Id;

/// Texts that the embedder is given at once: half a second of its time on a small machine, so that
/// it is soon free for somebody's question.
const TEXTS: usize = 16;

/// Bytes of a text that are embedded. Models read some hundred words and leave out the rest, and
/// some refuse more.
const MOST_BYTES: usize = 2_000;

/// Changes of one step of [`reindex`].
const STEP: usize = 256;

/// What the embedder is asked to find out whether a refusal was about the text.
const PLAIN: &str = "hello";

/// Why a step came to no end; what was done until then stays done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    /// The store.
    #[error("the store: {0}")]
    Store(StoreError),
    /// The index.
    #[error("the index: {0}")]
    Index(StoreError),
    /// The cache.
    #[error("the cache: {0}")]
    Cache(StoreError),
    /// The embedder.
    #[error("{0}")]
    Embed(ChatError),
}

/// How far [`reindex`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Entries that the index has learnt.
    pub done: u64,
    /// Entries in all.
    pub all: u64,
}

/// Tells the index about at most `limit` changes, oldest first, and gives how many those were; 0 is
/// the end. An index that has lost everything is cleared, and the outbox filled with all there is.
/// What is to be taken out is taken out also while there is no embedder.
///
/// # Errors
/// [`Stuck`]; the same step can be tried again at any time.
pub async fn drain(parts: &Parts, limit: usize) -> Result<usize, Stuck> {
    let changes = parts.store.outbox(limit).await.map_err(Stuck::Store)?;
    if changes.is_empty() {
        scrub(parts).await;
    }
    let mut done = 0;
    for changes in changes.chunks(TEXTS) {
        match carry(parts, changes).await {
            Err(Stuck::Index(StoreError::Lost { reason })) => {
                tracing::warn!(reason, "the index is taught anew");
                relearn(parts).await?;
                return Ok(done);
            }
            Err(stuck @ Stuck::Embed(_)) => {
                take_out(parts).await?;
                return Err(stuck);
            }
            other => other?,
        }
        done += changes.len();
    }
    Ok(done)
}

/// Tells the index of all entries that are to be taken out, which needs no embedder, and has the
/// store overwrite what it held of them. Any process may do so, also while the assistant runs.
///
/// # Errors
/// [`Stuck`], when the store or the index is away; the outbox keeps what was not done.
pub async fn take_out(parts: &Parts) -> Result<(), Stuck> {
    loop {
        let gone = parts.store.gone(STEP).await.map_err(Stuck::Store)?;
        if gone.is_empty() {
            break;
        }
        delete(parts, &gone).await?;
    }
    scrub(parts).await;
    Ok(())
}

/// What is left undone is noted in the store, and done the next time.
async fn scrub(parts: &Parts) {
    if let Err(error) = parts.store.scrub().await {
        tracing::debug!(%error, "what was forgotten is overwritten later");
    }
}

/// Has an index that is empty learn everything, if there is anything: it may be new, or of another
/// model than before. Meant for the start; gives how many entries it is to learn.
///
/// # Errors
/// [`Stuck`], when the store or the index is away.
pub async fn compare(parts: &Parts) -> Result<u64, Stuck> {
    match parts.index.count(None).await {
        Ok(0) => {}
        Ok(_) => return Ok(0),
        Err(StoreError::Lost { .. }) => return relearn(parts).await,
        Err(error) => return Err(Stuck::Index(error)),
    }
    if parts.store.people().await.map_err(Stuck::Store)?.is_empty() {
        return Ok(0);
    }
    parts.store.relearn().await.map_err(Stuck::Store)
}

/// Builds index and cache anew from the store. `progress` is told before the first step and after
/// each.
///
/// # Errors
/// [`Stuck`]; `mumble-ai memory reindex` or the assistant itself goes on where it ended.
pub async fn reindex(
    parts: &Parts,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Progress, Stuck> {
    parts.cache.clear().await.map_err(Stuck::Cache)?;
    let all = relearn(parts).await?;
    let mut now = Progress { done: 0, all };
    loop {
        progress(now);
        match drain(parts, STEP).await? {
            0 => return Ok(now),
            step => now.done += step as u64,
        }
        // People go on talking meanwhile.
        now.all = now.all.max(now.done);
    }
}

async fn relearn(parts: &Parts) -> Result<u64, Stuck> {
    parts.index.clear().await.map_err(Stuck::Index)?;
    parts.store.relearn().await.map_err(Stuck::Store)
}

/// Tells the index about some changes, and then the store that it knows them.
async fn carry(parts: &Parts, changes: &[Change]) -> Result<(), Stuck> {
    let gone = changes.iter().filter(|change| change.entry.is_none());
    let gone: Vec<Change> = gone.cloned().collect();
    delete(parts, &gone).await?;
    let entries: Vec<&Entry> = changes.iter().filter_map(|c| c.entry.as_ref()).collect();
    let (points, without) = points(parts, &entries).await?;
    // An entry that has no vector any more must not be found by an old one either.
    let without = without.iter().map(|entry| (&entry.person, entry.id));
    delete_points(parts, without.collect()).await?;
    if !points.is_empty() {
        let told: Vec<(Person, Id)> = points.iter().map(|p| (p.person.clone(), p.id)).collect();
        parts.index.upsert(points).await.map_err(Stuck::Index)?;
        still_there(parts, &told).await?;
    }
    let there = changes.iter().filter(|change| change.entry.is_some());
    let numbers: Vec<i64> = there.map(|change| change.number).collect();
    parts.store.settled(&numbers).await.map_err(Stuck::Store)
}

/// Takes out of the index again what was forgotten while it was being told: whoever forgets may be
/// another process, which told the index before this one did.
async fn still_there(parts: &Parts, told: &[(Person, Id)]) -> Result<(), Stuck> {
    let ids: Vec<Id> = told.iter().map(|(_, id)| *id).collect();
    let there = parts.store.entries(&ids).await.map_err(Stuck::Store)?;
    let there: HashSet<Id> = there.iter().map(|entry| entry.id).collect();
    let gone = told.iter().filter(|(_, id)| !there.contains(id));
    delete_points(parts, gone.map(|(person, id)| (person, *id)).collect()).await
}

/// Takes entries out of the index, and then their changes out of the outbox.
async fn delete(parts: &Parts, gone: &[Change]) -> Result<(), Stuck> {
    if gone.is_empty() {
        return Ok(());
    }
    let points = gone.iter().map(|change| (&change.person, change.id));
    delete_points(parts, points.collect()).await?;
    let numbers: Vec<i64> = gone.iter().map(|change| change.number).collect();
    parts.store.settled(&numbers).await.map_err(Stuck::Store)
}

async fn delete_points(parts: &Parts, mut points: Vec<(&Person, Id)>) -> Result<(), Stuck> {
    points.sort();
    for of_person in points.chunk_by(|a, b| a.0 == b.0) {
        let ids: Vec<Id> = of_person.iter().map(|(_, id)| *id).collect();
        let deleted = parts.index.delete(of_person[0].0, &ids).await;
        deleted.map_err(Stuck::Index)?;
    }
    Ok(())
}

/// The points of entries, and those entries that the embedder refuses for themselves: they are
/// found by their words alone.
async fn points<'a>(
    parts: &Parts,
    entries: &[&'a Entry],
) -> Result<(Vec<Point>, Vec<&'a Entry>), Stuck> {
    if entries.is_empty() {
        return Ok(Default::default());
    }
    match embed(parts, entries).await {
        Ok(points) => return Ok((points, Vec::new())),
        Err(error) if !may_be_the_text(&error) => return Err(Stuck::Embed(error)),
        Err(_) => {}
    }
    let (mut points, mut without) = (Vec::new(), Vec::new());
    for entry in entries {
        match embed(parts, &[entry]).await {
            Ok(found) => points.extend(found),
            Err(error) if !may_be_the_text(&error) => return Err(Stuck::Embed(error)),
            Err(error) => {
                // One that takes no plain word either is ill, and the text is not to blame.
                let plain = parts.embed.embed(vec![PLAIN.to_owned()], Purpose::Document);
                if plain.await.is_err() {
                    return Err(Stuck::Embed(error));
                }
                tracing::warn!(entry = %entry.id, "an entry has no vector: its text is refused");
                without.push(*entry);
            }
        }
    }
    Ok((points, without))
}

async fn embed(parts: &Parts, entries: &[&Entry]) -> Result<Vec<Point>, ChatError> {
    let texts = entries.iter().map(|entry| cut(&entry.text).to_owned());
    let asked = parts.embed.embed(texts.collect(), Purpose::Document);
    let vectors = asked.await?;
    let sane = vectors.len() == entries.len()
        && vectors.iter().all(|one| crate::index::has_direction(one));
    if !sane {
        return Err(ChatError::Garbage {
            url: parts.embed.model().to_owned(),
            reason: "a text has no vector".to_owned(),
        });
    }
    let point = |(entry, vector): (&&Entry, _)| Point {
        id: entry.id,
        person: entry.person.clone(),
        kind: entry.kind,
        audience: entry.audience,
        vector,
    };
    Ok(entries.iter().zip(vectors).map(point).collect())
}

/// Whether another text might have been taken. All else concerns every text.
fn may_be_the_text(error: &ChatError) -> bool {
    matches!(
        error,
        ChatError::Status { .. }
            | ChatError::Failed { .. }
            | ChatError::Garbage { .. }
            | ChatError::HalfAnswer { .. }
            | ChatError::Empty
    )
}

/// The beginning of a text, as far as it is embedded.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MOST_BYTES)]
}

#[cfg(test)]
mod tests;
