//! Writing what was learnt from turns.

use std::collections::HashSet;

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::Row as _;
use sqlx::error::Error;

use super::super::Learnt;
use super::super::rows::{self, LONGEST_NAME, LONGEST_TEXT};
use super::{AT_ONCE, find, outbox};
use crate::entry::{Entry, Kind};
use crate::turn::Id;

/// Writes it all, but for what was forgotten meanwhile.
pub(super) async fn learn(db: &mut AnyConnection, learnt: &Learnt) -> Result<(), Error> {
    let there = There::look(db, learnt).await?;
    let mut summary = None;
    for entry in &learnt.entries {
        // A summary holds words of every turn that it stands for.
        let whole =
            entry.kind != Kind::Summary || learnt.summarised.iter().all(|turn| there.turn(*turn));
        if !whole || !there.belongs(entry) {
            continue;
        }
        write(db, entry).await?;
        outbox::put(db, entry.id, &entry.person).await?;
        if entry.kind == Kind::Summary {
            summary = Some(entry.id);
        }
    }
    for (id, since) in &learnt.ended {
        let end = sqlx::query("UPDATE entries SET ended = $2 WHERE id = $1");
        let ended = end.bind(id.to_string()).bind(rows::time(*since));
        ended.execute(&mut *db).await?;
        let changed = rows::statement(outbox::put_all("id = $1"));
        changed.bind(id.to_string()).execute(&mut *db).await?;
    }
    for turns in learnt.read.chunks(AT_ONCE) {
        let mut read = rows::statement(format!(
            "UPDATE turns SET state = 'read' WHERE state = 'new' AND id IN ({})",
            rows::places(1, turns.len())
        ));
        for turn in turns {
            read = read.bind(turn.to_string());
        }
        read.execute(&mut *db).await?;
    }
    let left_out = summary.is_none() && learnt.entries.iter().any(|e| e.kind == Kind::Summary);
    if left_out {
        // The turns that are left are to be summed up anew.
        return Ok(());
    }
    for turns in learnt.summarised.chunks(AT_ONCE) {
        let mut summed = rows::statement(format!(
            "UPDATE turns SET state = 'summed', summary = $1 WHERE id IN ({})",
            rows::places(2, turns.len())
        ))
        .bind(summary.map(|id| id.to_string()));
        for turn in turns {
            summed = summed.bind(turn.to_string());
        }
        summed.execute(&mut *db).await?;
    }
    Ok(())
}

/// Their person was told of these.
pub(super) async fn told(db: &mut AnyConnection, ids: &[Id], at: Timestamp) -> Result<(), Error> {
    for ids in ids.chunks(AT_ONCE) {
        let mut told = rows::statement(format!(
            "UPDATE entries SET told = $1 WHERE id IN ({})",
            rows::places(2, ids.len())
        ))
        .bind(rows::time(at));
        for id in ids {
            told = told.bind(id.to_string());
        }
        told.execute(&mut *db).await?;
    }
    Ok(())
}

/// Writes one entry, or changes it. Nobody's entry becomes another's.
pub(super) async fn write(db: &mut AnyConnection, entry: &Entry) -> Result<(), Error> {
    let text = rows::clean(&entry.text, LONGEST_TEXT);
    sqlx::query(
        "INSERT INTO entries (id, person, kind, text, terms, at, audience, turn, slot, importance,
             due, due_names, ended, told)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, text = excluded.text,
             terms = excluded.terms, at = excluded.at, audience = excluded.audience,
             turn = excluded.turn, slot = excluded.slot, importance = excluded.importance,
             due = excluded.due, due_names = excluded.due_names, ended = excluded.ended,
             told = excluded.told
         WHERE entries.person = excluded.person",
    )
    .bind(entry.id.to_string())
    .bind(rows::key(&entry.person))
    .bind(entry.kind.word())
    .bind(text.clone())
    .bind(find::terms(&entry.person, &text))
    .bind(rows::time(entry.at))
    .bind(rows::audience_word(entry.audience))
    .bind(entry.turn.map(|turn| turn.to_string()))
    .bind(
        entry
            .slot
            .as_deref()
            .map(|slot| rows::clean(slot, LONGEST_NAME)),
    )
    .bind(i64::from(entry.importance))
    .bind(entry.due.map(rows::time))
    .bind(rows::due_word(entry.all_day))
    .bind(entry.ended.map(rows::time))
    .bind(entry.told.map(rows::time))
    .execute(db)
    .await?;
    Ok(())
}

/// What is still there of that from which something was learnt.
struct There {
    /// Turns and whose they are.
    turns: HashSet<(String, String)>,
    turn_ids: HashSet<String>,
    people: HashSet<String>,
}

impl There {
    async fn look(db: &mut AnyConnection, learnt: &Learnt) -> Result<Self, Error> {
        let of_entries = learnt.entries.iter().filter_map(|entry| entry.turn);
        let ids: HashSet<_> = of_entries
            .chain(learnt.summarised.iter().copied())
            .collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let mut turns: HashSet<(String, String)> = HashSet::new();
        for ids in ids.chunks(AT_ONCE) {
            let mut some = rows::statement(format!(
                "SELECT id, person FROM turns WHERE id IN ({})",
                rows::places(1, ids.len())
            ));
            for id in ids {
                some = some.bind(id.to_string());
            }
            for row in some.fetch_all(&mut *db).await? {
                turns.insert((row.try_get("id")?, row.try_get("person")?));
            }
        }
        let mut people = HashSet::new();
        let named: HashSet<_> = learnt
            .entries
            .iter()
            .map(|e| rows::key(&e.person))
            .collect();
        for person in named {
            let known = sqlx::query("SELECT person FROM people WHERE person = $1");
            if known
                .bind(person.clone())
                .fetch_optional(&mut *db)
                .await?
                .is_some()
            {
                people.insert(person);
            }
        }
        let turn_ids = turns.iter().map(|(id, _)| id.clone()).collect();
        Ok(Self {
            turns,
            turn_ids,
            people,
        })
    }

    fn turn(&self, turn: Id) -> bool {
        self.turn_ids.contains(&turn.to_string())
    }

    /// Whether the person of an entry is still known, and its turn is there and theirs.
    fn belongs(&self, entry: &Entry) -> bool {
        let person = rows::key(&entry.person);
        match entry.turn {
            Some(turn) => self.turns.contains(&(turn.to_string(), person)),
            None => self.people.contains(&person),
        }
    }
}
